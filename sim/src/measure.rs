//! What a run comes to, in numbers: what maintainers weigh against each other when they choose limits.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use status_core::{ResourceName, Time};

/// What a run comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Mails that arrived, each counted once.
    pub mails: usize,
    /// How often book was asked to change an availability.
    pub changes: usize,
    /// How long it took until a resource that had ceased to work could not be booked any more, on average.
    pub time_to_detect: Option<Duration>,
    /// How often a resource that had ceased to work worked again before anybody had noticed.
    pub unnoticed: usize,
    /// For how long resources could be booked that did not work, added up.
    pub wrongly_bookable: Duration,
    /// For how long resources could not be booked that worked and that no person had taken out, added up.
    pub wrongly_unavailable: Duration,
}

/// Adds up what is right and wrong about every resource, from the world's point of view.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    resources: BTreeMap<ResourceName, Standing>,
    detected: Vec<Duration>,
    figures: Figures,
}

#[derive(Clone, Copy, Debug)]
struct Standing {
    since: Time,
    works: bool,
    available: bool,
    held: bool,
    /// When it ceased to work, while it can still be booked.
    broke: Option<Time>,
}

impl Meter {
    /// A resource stands so from now on.
    pub(crate) fn stands(
        &mut self,
        resource: &ResourceName,
        now: Time,
        works: bool,
        available: bool,
        held: bool,
    ) {
        let broke = (!works && available).then_some(now);
        let Some(before) = self.resources.get_mut(resource) else {
            self.resources.insert(resource.clone(), Standing { since: now, works, available, held, broke });
            return;
        };
        let spent = now.since(before.since);
        match (before.works, before.available) {
            (false, true) => self.figures.wrongly_bookable += spent,
            (true, false) if !before.held => self.figures.wrongly_unavailable += spent,
            (true, _) | (false, false) => {}
        }
        match before.broke {
            // That a person took it out is no detection.
            Some(since) if !available && !held => self.detected.push(now.since(since)),
            Some(_) if works => self.figures.unnoticed += 1,
            Some(_) | None => {}
        }
        let broke = if works || !available { None } else { before.broke.or(broke) };
        *before = Standing { since: now, works, available, held, broke };
    }

    pub(crate) fn figures(&self, mails: usize, changes: usize) -> Figures {
        let count = u32::try_from(self.detected.len()).unwrap_or(u32::MAX);
        let total: Duration = self.detected.iter().sum();
        Figures { mails, changes, time_to_detect: total.checked_div(count), ..self.figures }
    }
}
