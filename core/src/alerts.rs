//! What is wrong with the services themselves.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use crate::ages::Ages;
use crate::context::Cx;
use crate::flap::FlapDetector;
use crate::protocol::{Change, EndedAlert, Note, Now, PastAlert, SavedAlert, SystemAlert, Time, Timer, Wall};
use crate::unsaved::Key;

/// What a part of the server says of an alert that is its to raise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AlertCondition {
    /// It is so.
    Raised {
        /// What exactly is the matter.
        detail: String,
        /// The last good sign.
        since: Time,
    },
    /// It is not so.
    Clear,
    /// Nothing shows whether it is so: what stands, stands, and what does not, does not.
    Unknown,
}

/// The system alerts that stand, and those that are over.
#[derive(Debug, Default)]
pub struct Alerts {
    active: BTreeMap<SystemAlert, ActiveAlert>,
    /// The newest that are over, the oldest first.
    past: VecDeque<PastAlert>,
    /// What maintainers know of each that ever stood.
    known: BTreeMap<SystemAlert, Known>,
}

/// How many alerts that are over are remembered.
const PAST_AT_MOST: usize = 100;

/// What maintainers know of one alert, and what is still to be told.
#[derive(Debug, Default)]
struct Known {
    /// Since when it stands, as they were told; `None` if they believe that all is well.
    told: Option<Wall>,
    told_of_flapping: bool,
    /// Whether it was ever found not to be so: before that, nothing was lost.
    was_clear: bool,
    flap: FlapDetector<()>,
    /// How often it had come when it became calm, if that is still to be told.
    calmed: Option<u64>,
}

/// What is news of the system alerts.
#[derive(Debug, Default)]
pub(crate) struct AlertNews {
    /// Whether one stands that maintainers do not know of, or comes and goes, or is calm again.
    pub(crate) raised: bool,
    /// Those that are over.
    pub(crate) cleared: Vec<EndedAlert>,
}

#[derive(Debug)]
struct ActiveAlert {
    detail: String,
    since: Wall,
}

impl Alerts {
    /// Each that stands, what exactly is the matter, and since when: the last good sign.
    pub fn iter(&self) -> impl Iterator<Item = (SystemAlert, &str, Wall)> {
        self.active.iter().map(|(alert, active)| (*alert, active.detail.as_str(), active.since))
    }

    /// The newest that are over, the oldest first, also of earlier processes.
    pub fn past(&self) -> impl ExactSizeIterator<Item = &PastAlert> + DoubleEndedIterator {
        self.past.iter()
    }

    /// Whether this one stands.
    #[must_use]
    pub fn stands(&self, alert: SystemAlert) -> bool {
        self.active.contains_key(&alert)
    }

    /// How often this one came so far, if it comes and goes.
    #[must_use]
    pub fn flapping(&self, alert: SystemAlert) -> Option<u64> {
        self.known.get(&alert)?.flap.flapping().map(|flapping| flapping.times)
    }

    /// How often this one came while it came and went, if it stands steadily since.
    #[must_use]
    pub fn calmed(&self, alert: SystemAlert) -> Option<u64> {
        self.known.get(&alert)?.calmed
    }

    /// The alerts that stood before the server was restarted, and those that were over by then, as a record with this stamp
    /// has them.
    pub(crate) fn restored(
        saved: Vec<SavedAlert>,
        past: Vec<PastAlert>,
        stamp: Option<Now>,
        ages: &Ages,
    ) -> Self {
        let mut alerts = Self { past: past.into(), ..Self::default() };
        for SavedAlert { alert, detail, since, stands, told, told_of_flapping, flap, calmed } in saved {
            let flap = FlapDetector::restored(flap, stamp, ages);
            let told = told.then_some(since);
            let known = Known { told, told_of_flapping, was_clear: true, flap, calmed };
            alerts.known.insert(alert, known);
            if stands {
                alerts.active.insert(alert, ActiveAlert { detail, since });
            }
        }
        alerts
    }

    /// As they are written down.
    pub(crate) fn record(&self, now: Now) -> Vec<SavedAlert> {
        let saved = |(alert, known): (&SystemAlert, &Known)| {
            let active = self.active.get(alert);
            if active.is_none() && known.told.is_none() && known.flap.is_idle() && known.calmed.is_none() {
                return None;
            }
            Some(SavedAlert {
                alert: *alert,
                detail: active.map(|active| active.detail.clone()).unwrap_or_default(),
                since: active.map(|active| active.since).or(known.told).unwrap_or(now.wall),
                stands: active.is_some(),
                told: known.told.is_some(),
                told_of_flapping: known.told_of_flapping,
                flap: known.flap.record(now),
                calmed: known.calmed,
            })
        };
        self.known.iter().filter_map(saved).collect()
    }

    /// Raises or clears an alert. What is said while it stands is what was said when it was raised.
    pub(crate) fn update(&mut self, alert: SystemAlert, condition: AlertCondition, cx: &mut Cx<'_>) {
        match condition {
            AlertCondition::Raised { detail, since } if !self.stands(alert) => {
                cx.note(Note::AlertRaised { alert, detail: detail.clone() });
                self.active.insert(alert, ActiveAlert { detail, since: cx.now.wall_at(since) });
                let known = self.known.entry(alert).or_default();
                if known.was_clear {
                    known.flap.lost(&(), cx.now, &cx.config.flap);
                }
                cx.mark_dirty(Key::Alerts);
            }
            AlertCondition::Clear => {
                self.known.entry(alert).or_default().was_clear = true;
                let Some(ActiveAlert { detail, since }) = self.active.remove(&alert) else { return };
                cx.note(Note::AlertCleared { alert });
                let over = PastAlert { alert, detail, since, until: cx.now.wall };
                cx.write_down(Change::AlertEnded(over.clone()));
                self.keep(over);
                cx.mark_dirty(Key::Alerts);
            }
            AlertCondition::Raised { .. } | AlertCondition::Unknown => {}
        }
    }

    fn keep(&mut self, over: PastAlert) {
        if self.past.len() == PAST_AT_MOST {
            self.past.pop_front();
        }
        self.past.push_back(over);
    }

    /// Finds which are calm again: that comes before the check looks at what they do to experiments.
    pub(crate) fn let_time_pass(&mut self, cx: &mut Cx<'_>) {
        for known in self.known.values_mut() {
            if let Some(over) = known.flap.end_if_calm(cx.now.time, &cx.config.flap) {
                known.calmed = Some(over.times).filter(|_| known.told_of_flapping);
                cx.mark_dirty(Key::Alerts);
            }
        }
    }

    /// Returns what is news since this was last asked. Of what `mutes` says is none, it is what differs from what was told once it
    /// is news again.
    pub(crate) fn take_news(&mut self, mutes: impl Fn(SystemAlert) -> bool, cx: &mut Cx<'_>) -> AlertNews {
        let mut news = AlertNews::default();
        for (alert, known) in &mut self.known {
            if let Some(at) = known.flap.calm_at(&cx.config.flap) {
                cx.wake_by(at, Timer::Calm);
            }
            let flaps = known.flap.flapping().is_some();
            if mutes(*alert) || (flaps && known.told_of_flapping) {
                continue;
            }
            let since = self.active.get(alert).map(|active| active.since);
            let before = (known.told.is_some(), known.told_of_flapping);
            known.tell(*alert, since, &mut news);
            if before != (known.told.is_some(), known.told_of_flapping) {
                cx.mark_dirty(Key::Alerts);
            }
        }
        news
    }

    /// The alerts that are no news since they come and go, and maintainers know that.
    pub(crate) fn is_known_to_flap(&self, alert: SystemAlert) -> bool {
        self.known.get(&alert).is_some_and(|known| known.told_of_flapping && known.flap.flapping().is_some())
    }
}

impl Known {
    /// Adds what is news of an alert that stands since `since`, if it does. From then on maintainers know it.
    fn tell(&mut self, alert: SystemAlert, since: Option<Wall>, news: &mut AlertNews) {
        let flaps = self.flap.flapping().is_some();
        match (since, self.told) {
            (None, Some(told)) => {
                news.cleared.push(EndedAlert { alert, since: told, flapped: self.calmed.take() });
            }
            (Some(_), None) => news.raised = true,
            (Some(_), Some(_)) => news.raised |= flaps != self.told_of_flapping,
            (None, None) => self.calmed = None,
        }
        // That it flaps is told of what stands, or stood when that was last told.
        self.told_of_flapping = flaps && (since.is_some() || self.told.is_some());
        self.told = since;
    }
}
