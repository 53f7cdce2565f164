//! How many names there may be: a feed that is broken, or hostile, must not fill the memory.

use alloc::string::String;

use smol_str::SmolStr;

use crate::alert::Condition;
use crate::config::Config;
use crate::experiment::Experiment;
use crate::name::Feed;
use crate::time::Time;

/// So many streams may an experiment have, on average.
const STREAMS_EACH: usize = 10;
/// So many may one have. Each of its events names them all.
const STREAMS_OF_ONE: usize = 1_000;

/// What was refused because there is too much already.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    /// How many streams the last check counted, and those that came since.
    streams: usize,
    /// What the newest snapshot of relay and jump and the newest manifest named in vain.
    refused: [Refused; 3],
}

#[derive(Debug, Default)]
struct Refused {
    count: usize,
    first: SmolStr,
}

/// Who names something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Relay or jump, in a snapshot.
    Feed(Feed),
    /// Book, in its manifest.
    Manifest,
}

impl Crowd {
    /// A source names everything anew.
    pub(crate) fn listens(&mut self, source: Source) {
        *self.of(source) = Refused::default();
    }

    /// Whether one more stream may come.
    pub(crate) fn has_room(&self, config: &Config) -> bool {
        self.streams < config.max_experiments.saturating_mul(STREAMS_EACH)
    }

    /// Whether an experiment may have one more stream.
    pub(crate) fn has_room_in(experiment: &Experiment) -> bool {
        experiment.streams().len() < STREAMS_OF_ONE
    }

    /// So many streams have come.
    pub(crate) fn came(&mut self, streams: usize) {
        self.streams += streams;
    }

    /// A name is refused.
    pub(crate) fn refuses(&mut self, source: Source, name: &str) {
        let refused = self.of(source);
        if refused.count == 0 {
            refused.first = SmolStr::new(name);
        }
        refused.count += 1;
    }

    /// Whether names are refused. At first nobody has named anything yet.
    pub(crate) fn condition(&self, config: &Config, now: Time, startup_is_over: bool) -> Condition {
        match self.refused(config) {
            Some(detail) => Condition::Raised { detail, since: now },
            None if startup_is_over => Condition::Clear,
            None => Condition::Unknown,
        }
    }

    /// What is refused, if anything is.
    fn refused(&self, config: &Config) -> Option<String> {
        let count: usize = self.refused.iter().map(|refused| refused.count).sum();
        let first = &self.refused.iter().find(|refused| refused.count > 0)?.first;
        let most = config.max_experiments;
        Some(alloc::format!(
            "{count} new names are refused, such as {}: STATUS_MAX_EXPERIMENTS is {most}, and an experiment has \
             {STREAMS_OF_ONE} streams at most",
            first.chars().take(60).collect::<String>()
        ))
    }

    /// The check begins to count.
    pub(crate) fn counted_anew(&mut self) {
        self.streams = 0;
    }

    /// The check counts what an experiment has.
    pub(crate) fn counts(&mut self, experiment: &Experiment) {
        self.streams += experiment.streams().len();
    }

    fn of(&mut self, source: Source) -> &mut Refused {
        match source {
            Source::Feed(Feed::Relay) => &mut self.refused[0],
            Source::Feed(Feed::Jump) => &mut self.refused[1],
            Source::Manifest => &mut self.refused[2],
        }
    }
}
