//! What a store does, without a file: the meaning of each change.

use std::collections::BTreeMap;

use status_core::{
    Change, Event, EventKey, ExperimentName, ExperimentRecord, MaintenanceRecord, News, Now, OutboxRecord,
    PastAlert, QueuedMailRecord, Remark, Saved, SavedAlert, SavedExperiment, SavedMail, SavedManifest, Wall,
};

/// A store in memory. The simulator's world has one, and the real store is tested against it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// In the order in which they came.
    events: BTreeMap<u64, Entry>,
    keys: BTreeMap<EventKey, u64>,
    numbered: u64,
    experiments: BTreeMap<ExperimentName, ExperimentRecord>,
    manifest: Option<SavedManifest>,
    alerts: Vec<SavedAlert>,
    news: BTreeMap<u64, News>,
    outbox: Option<OutboxRecord>,
    queued: Vec<QueuedMailRecord>,
    /// In the order in which they ended.
    past_alerts: Vec<PastAlert>,
    maintenance: MaintenanceRecord,
    remarks: Vec<Remark>,
    clock: Option<Now>,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    key: EventKey,
    experiment: ExperimentName,
    event: Event,
    forgotten: bool,
}

impl Model {
    /// Takes in a change.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::ReplaceAll => self.forget_what_is_not_over(),
            Change::Event { key, experiment, event } => {
                let entry = Entry { key: key.clone(), experiment, event, forgotten: false };
                // An event that is written again moves to the end: a save writes older events of its experiment first.
                if let Some(at) = self.keys.insert(key, self.numbered) {
                    self.events.remove(&at);
                }
                self.events.insert(self.numbered, entry);
                self.numbered += 1;
            }
            Change::Experiment { name, record } => {
                self.experiments.insert(name, record);
            }
            Change::Forgotten { name } => {
                self.experiments.remove(&name);
                let own = self.events.values_mut().filter(|entry| entry.experiment == name);
                own.for_each(|entry| entry.forgotten = true);
            }
            Change::Manifest(manifest) => self.manifest = Some(manifest),
            Change::Alerts(alerts) => self.alerts = alerts,
            Change::AlertEnded(past) => {
                let same = |known: &PastAlert| (known.alert, known.since) == (past.alert, past.since);
                self.past_alerts.retain(|known| !same(known));
                self.past_alerts.push(past);
                self.past_alerts.sort_by_key(|known| (known.until, known.since));
            }
            Change::Maintenance(windows) => self.maintenance = windows,
            Change::Remark(remark) => {
                if !self.remarks.contains(&remark) {
                    self.remarks.push(remark);
                }
            }
            Change::News(news) => drop(self.news.insert(news.number, news)),
            Change::NewsTold { up_to } => self.news.retain(|number, _| *number > up_to),
            Change::NewsMerged { numbers } => {
                for number in numbers {
                    self.news.remove(&number);
                }
            }
            Change::Outbox(outbox) => self.outbox = Some(outbox),
            Change::QueuedMail(queued) => {
                match self.queued.iter_mut().find(|known| known.mail.id == queued.mail.id) {
                    Some(known) => *known = queued,
                    None => self.queued.push(queued),
                }
            }
            Change::MailDone { id, .. } | Change::MailMerged { id } => {
                self.queued.retain(|queued| queued.mail.id != id);
            }
            Change::Clock(stamp) => self.clock = Some(stamp),
            Change::Prune { before, keep } => self.prune(before, keep),
        }
    }

    fn forget_what_is_not_over(&mut self) {
        let Self { experiments, manifest, alerts, clock, .. } = self;
        experiments.clear();
        *manifest = None;
        alerts.clear();
        *clock = None;
        self.news.clear();
        self.maintenance = MaintenanceRecord::default();
        self.outbox = None;
        self.queued.clear();
    }

    /// What the next life of the server gets, with the newest `keep` events of each experiment.
    #[must_use]
    pub fn saved(&self, keep: usize) -> Saved {
        let mut newest: BTreeMap<&ExperimentName, Vec<(EventKey, Event)>> = BTreeMap::new();
        for entry in self.events.values().rev().filter(|entry| !entry.forgotten) {
            let own = newest.entry(&entry.experiment).or_default();
            if own.len() < keep {
                own.push((entry.key.clone(), entry.event.clone()));
            }
        }
        let experiments = self.experiments.iter().map(|(name, record)| {
            let (keys, events) = newest.remove(name).unwrap_or_default().into_iter().rev().unzip();
            (name.clone(), SavedExperiment { record: record.clone(), events, keys })
        });
        Saved {
            experiments: experiments.collect(),
            manifest: self.manifest.clone(),
            alerts: self.alerts.clone(),
            mail: SavedMail {
                news: self.news.values().cloned().collect(),
                outbox: self.outbox.clone(),
                queued: self.queued.clone(),
                letters: Vec::new(),
            },
            past_alerts: self.past_alerts[self.past_alerts.len().saturating_sub(100)..].to_vec(),
            maintenance: self.maintenance.clone(),
            remarks: self.remarks[self.remarks.len().saturating_sub(200)..].to_vec(),
            clock: self.clock,
        }
    }

    /// The mails that somebody may have got.
    #[must_use]
    pub fn queued_mails(&self) -> &[QueuedMailRecord] {
        &self.queued
    }

    /// What this recipient is owed, and no mail tells it that may be on its way to it.
    pub fn owed<'a>(&'a self, address: &'a str) -> impl Iterator<Item = &'a News> {
        let known = self.outbox.iter().flat_map(|outbox| &outbox.recipients);
        let known = known.filter(move |one| one.address == address);
        let told_up_to = known.clone().map(|one| one.told_up_to).max().unwrap_or(0);
        let mine = move |mail: &&QueuedMailRecord| mail.mail.recipients.iter().any(|to| to == address);
        self.news.values().filter(move |news| {
            let again = known.clone().any(|one| one.again.iter().any(|span| span.holds(news.number)));
            let queued = || self.queued.iter().filter(mine).flat_map(|mail| &mail.covers);
            (news.number > told_up_to || again) && !queued().any(|span| span.holds(news.number))
        })
    }

    /// Every event from a time on, in the order in which they happened.
    pub fn history(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
    ) -> impl Iterator<Item = (&ExperimentName, &Event)> {
        let wanted = move |entry: &&Entry| {
            entry.event.when >= since && experiment.is_none_or(|name| *name == entry.experiment)
        };
        self.events.values().filter(wanted).map(|entry| (&entry.experiment, &entry.event))
    }

    /// The events of one experiment or all that are not forgotten, in the order in which they happened.
    pub fn remembered(
        &self,
        experiment: Option<&ExperimentName>,
    ) -> impl Iterator<Item = (&ExperimentName, &Event)> {
        let wanted =
            move |entry: &&Entry| !entry.forgotten && experiment.is_none_or(|name| *name == entry.experiment);
        self.events.values().filter(wanted).map(|entry| (&entry.experiment, &entry.event))
    }

    /// What people did, and what began and ended beside the changes in health, from a time on, in its order.
    pub fn remarks(&self, since: Wall) -> impl Iterator<Item = &Remark> {
        self.remarks.iter().filter(move |remark| remark.at >= since)
    }

    /// The system alerts that ended at a time or later, in the order in which they ended.
    pub fn past_alerts(&self, since: Wall) -> impl Iterator<Item = &PastAlert> {
        self.past_alerts.iter().filter(move |past| past.until >= since)
    }

    fn prune(&mut self, before: Wall, keep: usize) {
        let mut newer: BTreeMap<ExperimentName, usize> = BTreeMap::new();
        let mut old = Vec::new();
        for (number, entry) in self.events.iter().rev() {
            let newer = newer.entry(entry.experiment.clone()).or_default();
            if entry.event.when < before && (entry.forgotten || *newer >= keep) {
                old.push(*number);
            }
            *newer += usize::from(!entry.forgotten);
        }
        old.iter().for_each(|number| drop(self.events.remove(number)));
        self.keys.retain(|_, number| self.events.contains_key(number));
        self.past_alerts.retain(|past| past.until >= before);
        self.remarks.retain(|remark| remark.at >= before);
    }
}
