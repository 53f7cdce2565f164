//! What maintainers know of an experiment, and what of it is still to be told.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::ages::Ages;
use crate::context::Cx;
use crate::feed::Silence;
use crate::flap::{FlapDetector, Flapping};
use crate::protocol::{
    Acknowledgement, AcknowledgementEnd, AttentionRecord, Event, ExperimentName, Feed, FlapLine, Issue,
    Mailed, Now, RecoveryRecord, RemarkKind, Time, Timer, Told, Wall,
};

/// An outage is no more put down to a feed's silence once the feed has been back for so long.
const BLAMED_FOR: Duration = Duration::from_secs(60);

/// What maintainers know of one experiment, and what of it is still to be told.
#[derive(Debug, Default)]
pub(crate) struct Attention {
    /// Since when it has not been well.
    outage: Option<Outage>,
    /// How its last outage ended.
    recovery: Option<Recovery>,
    /// What people were last told; the newest event is compared with it once its events are news again.
    told: Told,
    told_of_flapping: bool,
    flap: FlapDetector<Issue>,
    /// What came and went until just now, if maintainers were not told yet that it is calm.
    calmed: Option<Flapping<Issue>>,
    acknowledgement: Option<Acknowledgement>,
    /// Why its events were no news at the last check, if they were none.
    muted: Option<Muted>,
    /// What became of the mails with its newest news.
    mailed: Option<Arc<Mailed>>,
}

/// A time in which it is not well.
#[derive(Debug)]
struct Outage {
    since: Wall,
    began: Time,
    /// The feeds whose silence is all that has been wrong.
    cause: Vec<Feed>,
    /// Those whose silence is all that is wrong now.
    cause_now: Vec<Feed>,
    /// Since when those feeds are back, though it is not well yet.
    feeds_back: Option<Time>,
    /// When a mail first told of it.
    told_at: Option<Wall>,
}

/// How an outage ended.
#[derive(Debug)]
struct Recovery {
    after: Duration,
    /// The feeds whose silence was all that had been wrong.
    cause: Vec<Feed>,
}

impl Recovery {
    fn record(&self) -> RecoveryRecord {
        let after_millis = u64::try_from(self.after.as_millis()).unwrap_or(u64::MAX);
        RecoveryRecord { after_millis, cause: self.cause.clone() }
    }

    fn restored(record: RecoveryRecord) -> Self {
        Self { after: Duration::from_millis(record.after_millis), cause: record.cause }
    }
}

/// Why what happens to an experiment is no news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Muted {
    /// Something of it comes and goes, and maintainers know that.
    Flapping,
    /// A window of maintenance names it.
    Maintenance,
    /// All that is wrong with it comes from a feed's silence, which is no news itself.
    SilentFeed,
}

/// An event that came just now.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) event: Event,
    /// The event before it.
    pub(crate) before: Option<Event>,
    /// What was lost since then, but for what only a feed's silence hides.
    pub(crate) lost: Vec<Issue>,
    /// The feeds whose silence is all that is wrong.
    pub(crate) cause: Vec<Feed>,
}

impl Came {
    /// Whether something is well again that was not at the event before.
    pub(crate) fn has_gained(&self) -> bool {
        self.before.as_ref().is_some_and(|before| !before.lost_since(&self.event).is_empty())
    }
}

/// What a line of a mail says beside the verdict.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) since: Option<Wall>,
    pub(crate) after: Option<Duration>,
    pub(crate) cause: Vec<Feed>,
    pub(crate) flapping: Option<FlapLine>,
}

impl Attention {
    /// Returns the acknowledgement of its problem, if there is one.
    pub(crate) fn acknowledgement(&self) -> Option<&Acknowledgement> {
        self.acknowledgement.as_ref()
    }

    /// What comes and goes.
    pub(crate) fn flapping(&self) -> Option<&Flapping<Issue>> {
        self.flap.flapping()
    }

    /// The feeds whose silence is all that is wrong with it, or was before it recovered.
    pub(crate) fn cause(&self) -> &[Feed] {
        match (&self.outage, &self.recovery) {
            (Some(outage), _) => &outage.cause,
            (None, Some(recovery)) => &recovery.cause,
            (None, None) => &[],
        }
    }

    /// Since when it has not been well.
    pub(crate) fn unhealthy_since(&self) -> Option<Wall> {
        self.outage.as_ref().map(|outage| outage.since)
    }

    /// Why its last event is no news so far, if it is none.
    pub(crate) fn last_muted(&self) -> Option<Muted> {
        self.muted.filter(|_| self.told != Told::Newest)
    }

    /// What became of the mails with its newest news.
    pub(crate) fn mailed(&self) -> Option<&Mailed> {
        self.mailed.as_deref()
    }

    /// When a mail first told of what is wrong with it; `None` if none has, or nothing is.
    pub(crate) fn told_at(&self) -> Option<Wall> {
        self.outage.as_ref().and_then(|outage| outage.told_at)
    }

    /// The mail server has answered about a mail with its news. Returns whether that is to be written down.
    pub(crate) fn was_mailed(&mut self, mailed: &Arc<Mailed>) -> bool {
        self.mailed = Some(match self.mailed.take() {
            None => Arc::clone(mailed),
            Some(before) => Arc::new(before.and(mailed)),
        });
        let is_first = |outage: &&mut Outage| outage.told_at.is_none() && mailed.at >= outage.since;
        let outage = self.outage.as_mut().filter(|_| !mailed.taken.is_empty()).filter(is_first);
        outage.map(|outage| outage.told_at = Some(mailed.at)).is_some()
    }

    /// Whether nothing of it changes while there is no event.
    pub(crate) fn is_quiet(&self) -> bool {
        self.outage.is_none()
            && self.flap.is_idle()
            && self.calmed.is_none()
            && self.told == Told::Newest
            && self.acknowledgement.is_none()
    }

    /// Takes in an event. Returns what is to be remembered of it.
    pub(crate) fn on_event(&mut self, came: &Came, cx: &Cx<'_>) -> Vec<Remarkable> {
        let mut remarks = Vec::new();
        if came.event.healthy {
            self.recover(cx.now);
        } else {
            self.go_on(came, cx.now);
        }
        // What only a feed hides got no worse, as far as anybody knows.
        let is_hidden = came.lost.is_empty() && !came.event.cause().is_empty();
        let is_worse = |before: &Event| !is_hidden && came.event.is_worse_than(before);
        let worse = came.before.as_ref().is_some_and(is_worse);
        let end = if came.event.healthy {
            Some(AcknowledgementEnd::Recovered)
        } else {
            worse.then_some(AcknowledgementEnd::Worse)
        };
        remarks.extend(end.and_then(|why| self.end_acknowledgement(why)));
        for what in &came.lost {
            if self.flap.lost(what, cx.now, &cx.config.flap)
                && let Some(flapping) = self.flap.flapping()
            {
                remarks.push(Remarkable::FlappingBegan(flapping.clone()));
            }
        }
        remarks
    }

    fn recover(&mut self, now: Now) {
        self.recovery = self
            .outage
            .take()
            .map(|outage| Recovery { after: now.time.since(outage.began), cause: outage.cause });
    }

    fn go_on(&mut self, came: &Came, now: Now) {
        self.recovery = None;
        match &mut self.outage {
            None => {
                let cause = came.cause.clone();
                let cause_now = cause.clone();
                let (since, began) = (now.wall, now.time);
                self.outage =
                    Some(Outage { since, began, cause, cause_now, feeds_back: None, told_at: None });
            }
            // What had trouble of its own in this outage has it still, most likely.
            Some(outage) if outage.cause.is_empty() => {}
            Some(outage) if came.cause.is_empty() && outage.feeds_back.is_none() => outage.cause.clear(),
            Some(outage) => {
                outage.cause.extend(&came.cause);
                outage.cause.sort();
                outage.cause.dedup();
                outage.cause_now.clone_from(&came.cause);
            }
        }
    }

    /// Whether a feed's silence is all that its outage is put down to.
    pub(crate) fn blames_a_feed(&self) -> bool {
        self.outage.as_ref().is_some_and(|outage| !outage.cause.is_empty())
    }

    /// Something is wrong with it that no silence explains.
    pub(crate) fn blame_itself(&mut self) {
        if let Some(outage) = &mut self.outage {
            outage.cause.clear();
        }
    }

    /// What has passed by itself: the end of flapping, of an acknowledgement, and of a feed's silence as what is to blame.
    /// Returns what is to be remembered of it.
    pub(crate) fn let_time_pass(&mut self, silence: Silence, cx: &mut Cx<'_>) -> Vec<Remarkable> {
        let now = cx.now;
        if let Some(outage) = self.outage.as_mut().filter(|outage| !outage.cause.is_empty()) {
            if silence.feeds().any(|feed| outage.cause.contains(&feed)) {
                outage.feeds_back = None;
            } else if now.time.since(*outage.feeds_back.get_or_insert(now.time)) > BLAMED_FOR {
                outage.cause.clear();
            }
        }
        let mut remarks = Vec::new();
        if let Some(over) = self.flap.end_if_calm(now.time, &cx.config.flap) {
            remarks.push(Remarkable::FlappingEnded(over.clone()));
            self.calmed = Some(over);
        } else if let Some(at) = self.flap.calm_at(&cx.config.flap) {
            cx.wake_by(at, Timer::Calm);
        }
        if let Some(until) = self.acknowledgement.as_ref().and_then(|known| known.until) {
            if until <= now.wall {
                remarks.extend(self.end_acknowledgement(AcknowledgementEnd::Expired));
            } else {
                cx.wake_at_wall(until, Timer::Acknowledgement);
            }
        }
        remarks
    }

    /// Returns what a line of a mail says beside the verdict, if there is news. `came` is the event that came just now, with the one
    /// before it, and `muted` is why it would be none.
    pub(crate) fn take_news(
        &mut self,
        last: Option<&Event>,
        came: Option<&Came>,
        muted: Option<Muted>,
    ) -> Option<Story> {
        if let (Some(came), Some(_), Told::Newest) = (came, muted, &self.told) {
            self.told = came.before.clone().map_or(Told::Nothing, Told::Older);
        }
        self.muted = muted;
        if muted.is_some() {
            return None;
        }
        let flapping = self.flapping_line();
        let has_news = match (&self.told, last) {
            _ if flapping.is_some() => true,
            (Told::Newest, _) => came.is_some(),
            (_, None) => false,
            (Told::Nothing, Some(last)) => !last.healthy,
            (Told::Older(told), Some(last)) => differs(told, last),
        };
        self.told = Told::Newest;
        self.told_of_flapping = self.flap.flapping().is_some();
        self.calmed = None;
        if has_news {
            self.mailed = None;
        }
        has_news.then(|| Story { flapping, ..self.story() })
    }

    /// That something began to flap, or is calm again, if that is to be told.
    fn flapping_line(&self) -> Option<FlapLine> {
        let line = |flapping: &Flapping<Issue>, is_over| FlapLine {
            what: flapping.what.clone(),
            times: flapping.times,
            is_over,
        };
        match (self.flap.flapping(), &self.calmed) {
            (Some(flapping), _) if !self.told_of_flapping => Some(line(flapping, false)),
            (None, Some(over)) if self.told_of_flapping => Some(line(over, true)),
            _ => None,
        }
    }

    /// What is to be said of it in a list of problems.
    pub(crate) fn story(&self) -> Story {
        Story {
            since: self.unhealthy_since(),
            after: self.recovery.as_ref().filter(|_| self.outage.is_none()).map(|recovery| recovery.after),
            cause: match &self.outage {
                Some(outage) if outage.cause.is_empty() => Vec::new(),
                Some(outage) => outage.cause_now.clone(),
                None => self.cause().to_vec(),
            },
            flapping: None,
        }
    }

    /// Why its events are no news, but for maintenance: `muted_feeds` are those whose silence is none.
    pub(crate) fn why_muted(&self, muted_feeds: &[Feed]) -> Option<Muted> {
        let cause = self.cause();
        if !cause.is_empty() && cause.iter().all(|feed| muted_feeds.contains(feed)) {
            return Some(Muted::SilentFeed);
        }
        (self.flap.flapping().is_some() && self.told_of_flapping).then_some(Muted::Flapping)
    }

    /// Takes in that somebody knows of its problem.
    pub(crate) fn acknowledge(&mut self, acknowledgement: Acknowledgement) {
        self.acknowledgement = Some(acknowledgement);
    }

    /// Ends an acknowledgement, if there is one.
    pub(crate) fn end_acknowledgement(&mut self, why: AcknowledgementEnd) -> Option<Remarkable> {
        self.acknowledgement.take().map(|known| Remarkable::AcknowledgementEnded(known, why))
    }

    /// As it is written down; `None` if there is nothing to write.
    pub(crate) fn record(&self, now: Now) -> Option<AttentionRecord> {
        let record = AttentionRecord {
            since: self.unhealthy_since(),
            cause: self.outage.as_ref().map(|outage| outage.cause.clone()).unwrap_or_default(),
            told_at: self.told_at(),
            told: self.told.clone(),
            told_of_flapping: self.told_of_flapping,
            flap: self.flap.record(now),
            calmed: self.calmed.as_ref().map(|calmed| calmed.record(now)),
            recovery: self.recovery.as_ref().filter(|_| self.told != Told::Newest).map(Recovery::record),
            acknowledgement: self.acknowledgement.clone(),
        };
        Some(record).filter(|record| *record != AttentionRecord::default())
    }

    /// What was written down, in a record with this stamp.
    pub(crate) fn restored(record: AttentionRecord, stamp: Option<Now>, ages: &Ages) -> Self {
        let cause = record.cause;
        let outage = record.since.map(|since| Outage {
            since,
            began: ages.restored(since, stamp),
            cause_now: cause.clone(),
            cause,
            feeds_back: None,
            told_at: record.told_at,
        });
        Self {
            outage,
            recovery: record.recovery.map(Recovery::restored),
            told: record.told,
            told_of_flapping: record.told_of_flapping,
            flap: FlapDetector::restored(record.flap, stamp, ages),
            calmed: record.calmed.map(|calmed| Flapping::restored(calmed, stamp, ages)),
            acknowledgement: record.acknowledgement,
            muted: None,
            mailed: None,
        }
    }
}

/// What is to be remembered of an experiment, without its name.
#[derive(Debug)]
pub(crate) enum Remarkable {
    AcknowledgementEnded(Acknowledgement, AcknowledgementEnd),
    FlappingBegan(Flapping<Issue>),
    FlappingEnded(Flapping<Issue>),
}

impl Remarkable {
    /// The same of the experiment with this name.
    pub(crate) fn of(self, experiment: &ExperimentName) -> RemarkKind {
        let experiment = experiment.clone();
        match self {
            Self::AcknowledgementEnded(acknowledgement, why) => {
                RemarkKind::AcknowledgementEnded { experiment, acknowledgement, why }
            }
            Self::FlappingBegan(Flapping { what, times, .. }) => {
                RemarkKind::FlappingBegan { experiment, what, times }
            }
            Self::FlappingEnded(Flapping { what, times, .. }) => {
                RemarkKind::FlappingEnded { experiment, what, times }
            }
        }
    }
}

/// Whether a maintainer who knows the one is to be told of the other: what is not well, and what is well again.
fn differs(told: &Event, last: &Event) -> bool {
    if last.healthy {
        return !told.healthy;
    }
    told.healthy || told.issues() != last.issues() || !told.resources().eq(last.resources())
}
