//! What a time came to: figures of each experiment, of each group and of the whole.

use std::collections::BTreeMap;
use std::time::Duration;

use status_core::{ExperimentName, RemarkKind, SystemAlert};

use super::{Past, Track};
use crate::observers::uptime::{Outage, Span, State, Tally};
use crate::settings::Groups;

/// How many of the worst are listed.
pub const WORST: usize = 10;

/// What a time came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// The time.
    pub window: Span,
    /// Whether its beginning is left out, since more happened than can be told.
    pub is_cut: bool,
    /// Everything together.
    pub whole: Figures,
    /// Each group, by name.
    pub groups: Vec<Group>,
    /// The experiments that did worst, the worst first.
    pub worst: Vec<Row>,
    /// The experiments that flapped, the worst first.
    pub flappers: Vec<Row>,
    /// The system alerts that stood: which, how often, and for how long.
    pub alerts: Vec<(SystemAlert, usize, Duration)>,
    /// How many mails were sent.
    pub mails: usize,
    /// How many of these somebody did not get.
    pub mails_in_trouble: usize,
}

/// Experiments that belong together.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// What they come to.
    pub figures: Figures,
    /// Each of them.
    pub rows: Vec<Row>,
}

/// One experiment.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub name: ExperimentName,
    /// What it comes to.
    pub figures: Figures,
    /// How often it began to flap.
    pub flapped: usize,
}

/// How one experiment did, or several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many experiments.
    pub experiments: usize,
    /// For how long healthy, not healthy, and in maintenance.
    pub tally: Tally,
    /// For how much of the time that it was not healthy it could not be booked.
    pub out: Duration,
    /// For how long nobody knows, startup included.
    pub unknown: Duration,
    /// How many outages began.
    pub outages: usize,
    /// How many more lasted that had begun before.
    pub earlier: usize,
    /// How many of all these are not over.
    pub open: usize,
    /// The longest one, with all of it.
    pub longest: Duration,
    /// How many of those that began are over.
    over: u32,
    /// For how long these lasted.
    repaired: Duration,
}

impl Figures {
    fn of(track: &Track, window: Span) -> Self {
        let mut figures = Self { experiments: 1, tally: Tally::of(&track.stretches), ..Self::default() };
        for stretch in &track.stretches {
            match stretch.state {
                State::Out => figures.out += stretch.span.length(),
                State::Startup | State::Unknown => figures.unknown += stretch.span.length(),
                State::Healthy | State::Unhealthy | State::Maintenance => {}
            }
        }
        for Outage { from, down, is_open, .. } in track.outages.iter().map(|one| one.outage) {
            figures.open += usize::from(is_open);
            figures.longest = figures.longest.max(down);
            // Each is counted in the one time in which it began.
            if from < window.from {
                figures.earlier += 1;
                continue;
            }
            figures.outages += 1;
            if !is_open {
                figures.over += 1;
                figures.repaired += down;
            }
        }
        figures
    }

    fn add(&mut self, other: &Self) {
        self.experiments += other.experiments;
        self.tally.healthy += other.tally.healthy;
        self.tally.unhealthy += other.tally.unhealthy;
        self.tally.maintenance += other.tally.maintenance;
        self.out += other.out;
        self.unknown += other.unknown;
        self.outages += other.outages;
        self.earlier += other.earlier;
        self.over += other.over;
        self.open += other.open;
        self.longest = self.longest.max(other.longest);
        self.repaired += other.repaired;
    }

    /// The mean time to repair, of the outages that began and are over; `None` if there are none.
    #[must_use]
    pub fn time_to_repair(&self) -> Option<Duration> {
        self.repaired.checked_div(self.over)
    }

    /// The mean time between failures: for how long it was healthy for each outage; `None` if there was none.
    #[must_use]
    pub fn time_between_failures(&self) -> Option<Duration> {
        self.tally.healthy.checked_div(u32::try_from(self.outages).unwrap_or(u32::MAX))
    }
}

impl Report {
    /// Returns what a time came to, with the groups that were chosen.
    #[must_use]
    pub fn of(past: &Past, chosen: &Groups) -> Self {
        let flapped = flapped(past);
        let row = |(name, track): (&ExperimentName, &Track)| Row {
            name: name.clone(),
            figures: Figures::of(track, past.window),
            flapped: flapped.get(name).copied().unwrap_or(0),
        };
        let rows: Vec<Row> = past.experiments.iter().map(row).collect();
        let (mut whole, mut groups) = (Figures::default(), BTreeMap::<&str, Group>::new());
        for row in &rows {
            let name = chosen.of(row.name.as_str());
            let group = groups.entry(name).or_insert_with(|| Group {
                name: name.to_owned(),
                figures: Figures::default(),
                rows: Vec::new(),
            });
            whole.add(&row.figures);
            group.figures.add(&row.figures);
            group.rows.push(row.clone());
        }
        let mails = past.mails.iter().filter(|mail| past.window.from <= mail.at && mail.at < past.window.to);
        Self {
            window: past.window,
            is_cut: past.is_cut,
            whole,
            groups: groups.into_values().collect(),
            worst: worst(&rows),
            flappers: flappers(&rows),
            alerts: alerts(past),
            mails: mails.clone().count(),
            mails_in_trouble: mails.filter(|mail| mail.trouble.is_some()).count(),
        }
    }
}

/// Those that were not healthy for the longest.
fn worst(rows: &[Row]) -> Vec<Row> {
    let mut worst: Vec<Row> =
        rows.iter().filter(|row| row.figures.outages + row.figures.earlier > 0).cloned().collect();
    worst.sort_by_key(|row| std::cmp::Reverse((row.figures.tally.unhealthy, row.figures.outages)));
    worst.truncate(WORST);
    worst
}

fn flappers(rows: &[Row]) -> Vec<Row> {
    let mut flappers: Vec<Row> = rows.iter().filter(|row| row.flapped > 0).cloned().collect();
    flappers.sort_by_key(|row| std::cmp::Reverse((row.flapped, row.figures.outages)));
    flappers
}

/// How often each experiment began to flap.
fn flapped(past: &Past) -> BTreeMap<&ExperimentName, usize> {
    let mut flapped = BTreeMap::new();
    for remark in past.remarks.iter().filter(|one| past.window.from <= one.at && one.at < past.window.to) {
        if let RemarkKind::FlappingBegan { experiment, .. } = &remark.what {
            *flapped.entry(experiment).or_default() += 1;
        }
    }
    flapped
}

fn alerts(past: &Past) -> Vec<(SystemAlert, usize, Duration)> {
    let of = |alert: &SystemAlert| {
        let own = past.alerts.iter().filter(|one| one.alert == *alert);
        let spans: Vec<Span> = own.filter_map(|one| one.span(past.window)).collect();
        (*alert, spans.len(), spans.iter().map(|span| span.length()).sum())
    };
    SystemAlert::ALL.iter().map(of).filter(|(_, count, _)| *count > 0).collect()
}
