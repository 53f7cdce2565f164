//! How many names there may be: a feed that is broken, or hostile, must not fill the memory.

use alloc::string::String;
use alloc::vec::Vec;

use smol_str::SmolStr;

use super::experiment::Experiment;
use crate::alerts::AlertCondition;
use crate::protocol::{Config, Feed, Time};

/// How many streams the feeds may name in all, for each experiment that there may be.
const STREAMS_EACH: usize = 10;
/// How many streams one experiment may have. Each of its events tells of them all.
pub(crate) const STREAMS_OF_ONE: usize = 1_000;
/// How many characters of a refused name are shown.
const SHOWN: usize = 60;

/// How many names there are, and which were rejected because there are too many already.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// How many streams the last check counted, and those that came since.
    streams: usize,
    /// What relay's newest snapshot named in vain.
    by_relay: Rejected,
    /// What jump's newest snapshot named in vain.
    by_jump: Rejected,
    /// Which resources of the newest manifest there is no room for.
    by_manifest: Rejected,
}

/// Names that one source gave in vain: how many, and the first.
#[derive(Debug, Default)]
struct Rejected {
    count: usize,
    first: SmolStr,
}

/// What names something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Relay or jump, in a snapshot.
    Feed(Feed),
    /// Book, in its manifest.
    Manifest,
}

impl Limits {
    /// Forgets what a source named in vain: it names everything anew.
    pub(crate) fn begin(&mut self, source: Source) {
        *self.of(source) = Rejected::default();
    }

    /// Whether a feed may name one more stream.
    pub(crate) fn has_room(&self, config: &Config) -> bool {
        self.streams < config.max_experiments.saturating_mul(STREAMS_EACH)
    }

    /// Whether a feed may name one more stream of this experiment.
    pub(crate) fn has_room_in(experiment: &Experiment) -> bool {
        experiment.streams().len() < STREAMS_OF_ONE
    }

    /// Counts new streams.
    pub(crate) fn add(&mut self, streams: usize) {
        self.streams += streams;
    }

    /// Counts a name of a feed, or a resource of the manifest, that is rejected.
    pub(crate) fn reject(&mut self, source: Source, name: &str) {
        let rejected = self.of(source);
        if rejected.count == 0 {
            rejected.first = name.chars().take(SHOWN).collect();
        }
        rejected.count += 1;
    }

    /// Whether names are rejected. At first nothing has been named yet.
    pub(crate) fn condition(&self, config: &Config, now: Time, startup_is_over: bool) -> AlertCondition {
        match self.alert(config) {
            Some(detail) => AlertCondition::Raised { detail, since: now },
            None if startup_is_over => AlertCondition::Clear,
            None => AlertCondition::Unknown,
        }
    }

    /// What is rejected, for the alert, if anything is.
    fn alert(&self, config: &Config) -> Option<String> {
        let mut texts: Vec<String> = Vec::new();
        let Rejected { count, first } = &self.by_manifest;
        if *count > 0 {
            let resources = if *count == 1 { "resource" } else { "resources" };
            texts.push(alloc::format!(
                "{count} {resources} of book's manifest cannot be watched and will not be set, such as {first}"
            ));
        }
        for (feed, Rejected { count, first }) in [(Feed::Relay, &self.by_relay), (Feed::Jump, &self.by_jump)]
        {
            if *count > 0 {
                texts.push(alloc::format!("{count} new names of {feed} are refused, such as {first}"));
            }
        }
        let most = config.max_experiments;
        (!texts.is_empty()).then(|| {
            alloc::format!(
                "{}: STATUS_MAX_EXPERIMENTS is {most}, and an experiment has {STREAMS_OF_ONE} streams at most",
                texts.join("; ")
            )
        })
    }

    /// Sets how many streams there are, as a check counted.
    pub(crate) fn recount(&mut self, streams: usize) {
        self.streams = streams;
    }

    fn of(&mut self, source: Source) -> &mut Rejected {
        match source {
            Source::Feed(Feed::Relay) => &mut self.by_relay,
            Source::Feed(Feed::Jump) => &mut self.by_jump,
            Source::Manifest => &mut self.by_manifest,
        }
    }
}
