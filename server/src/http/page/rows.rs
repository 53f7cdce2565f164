//! The experiments as the first page lists them.

use status_core::{Experiment, ExperimentName, Monitor, Now, Resource, StreamStatus, Wall, printable};

use super::bar::{Bar, DayStatus};
use super::listing::{Listing, Show, Sort};
use super::words::Ago;
use crate::view::experiment::since;
use crate::view::set_by;
use crate::view::standing::{Health, acts, is_available, says, would_be};

/// How long a person's reason may be in the table.
const REASON_CHARACTERS: usize = 60;

/// One experiment.
pub(super) struct Row {
    /// What is worst has the least: below 3 it is a problem.
    pub(super) rank: u8,
    pub(super) name: String,
    /// Its style, and what a reader reads.
    pub(super) class: &'static str,
    pub(super) health: Health,
    /// Whether book says that all that books it can be booked.
    pub(super) bookable: bool,
    pub(super) mark: &'static str,
    pub(super) since: Option<Ago>,
    changed: Option<Wall>,
    pub(super) streams: String,
    /// What people are to know beside its health.
    pub(super) marks: Vec<String>,
    is_flapping: bool,
    is_acknowledged: bool,
    in_maintenance: bool,
    pub(super) booking: String,
    /// How the bar has today.
    pub(super) today: DayStatus,
    pub(super) bar: Bar,
}

/// The experiments in which every word that is searched for is found, by name.
pub(super) fn found(monitor: &Monitor, now: Now, q: &str) -> Vec<Row> {
    let q = q.to_lowercase();
    let words: Vec<&str> = q.split_whitespace().collect();
    monitor
        .experiments()
        .filter(|(name, known)| words.is_empty() || is_found(monitor, name, known, &words))
        .map(|(name, known)| Row::of(monitor, name, known, now))
        .collect()
}

/// Whether every word is in its name, its streams, its issues, or the reasons that people and book give.
fn is_found(monitor: &Monitor, name: &ExperimentName, known: &Experiment, words: &[&str]) -> bool {
    let mut texts = vec![name.to_string()];
    texts.extend(known.streams().iter().map(|stream| stream.topic().to_string()));
    texts.extend(crate::view::experiment::issues(known).iter().map(ToString::to_string));
    for resource in monitor.book().resources_of(name) {
        texts.push(resource.name().to_string());
        texts.extend(resource.observed().filter(|said| !said.available).map(|said| said.reason.clone()));
        texts.extend(resource.held().map(ToOwned::to_owned));
    }
    texts.extend(known.acknowledgement().map(|known| format!("{}\n{}", known.by, known.note)));
    let window = known.window().and_then(|id| monitor.maintenance().on().find(|window| window.id == id));
    texts.extend(window.map(|window| window.reason.clone()));
    let text = texts.join("\n").to_lowercase();
    words.iter().all(|word| text.contains(word))
}

/// Puts them into the order that is asked for; those that are alike stay as they are.
pub(super) fn sort(rows: &mut [Row], listing: &Listing) {
    match listing.sort {
        Sort::State => rows.sort_by_key(|row| row.rank),
        Sort::Name => {}
        Sort::Since => rows.sort_by_key(|row| std::cmp::Reverse(row.changed.map(Wall::as_millis))),
        Sort::Uptime => rows.sort_by_key(|row| row.bar.share().unwrap_or(u64::MAX)),
    }
    if listing.is_reversed {
        rows.reverse();
    }
}

impl Row {
    fn of(monitor: &Monitor, name: &ExperimentName, known: &Experiment, now: Now) -> Self {
        let health = Health::of(known);
        let mut resources = monitor.book().resources_of(name);
        let is_out = resources
            .clone()
            .any(|resource| says(resource) == Some(false) || would_be(monitor, resource) == Some(false));
        let (rank, class, mark) = match health {
            Health::Unhealthy if is_out || !is_available(monitor, name, known) => (0, "u", "✕"),
            Health::Unhealthy => (1, "u", "✕"),
            Health::Undecided => (3, "d", "…"),
            // As it was before a restart is not as it is.
            Health::Healthy if known.is_restored() => (3, "d", "…"),
            Health::Healthy if is_out => (2, "o", "✓"),
            Health::Healthy => (4, "o", "✓"),
        };
        let changed = since(known).map(|event| event.when);
        Self {
            rank,
            name: name.to_string(),
            class,
            health,
            bookable: resources.len() > 0 && resources.all(|resource| says(resource) == Some(true)),
            mark,
            since: changed.map(|when| Ago::new(when, now.wall)),
            changed,
            streams: streams(known),
            marks: marks(known),
            is_flapping: known.flapping().is_some(),
            is_acknowledged: known.acknowledgement().is_some(),
            in_maintenance: known.window().is_some(),
            booking: booking(monitor, name),
            today: DayStatus::now(known),
            bar: Bar::default(),
        }
    }

    pub(super) fn is_problem(&self) -> bool {
        self.rank < 3
    }

    pub(super) fn is_shown(&self, show: Show) -> bool {
        match show {
            Show::All => true,
            Show::Problems => self.is_problem(),
            Show::Unhealthy => self.health == Health::Unhealthy,
            Show::Unbookable => !self.bookable,
            Show::Maintenance => self.in_maintenance,
            Show::Flapping => self.is_flapping,
            Show::Acknowledged => self.is_acknowledged,
            Show::Healthy => self.health == Health::Healthy,
        }
    }

    /// What a tile says of it when it is pointed at.
    pub(super) fn told(&self) -> String {
        format!("{}: {}; {}", self.health.as_str(), self.streams, self.booking)
    }
}

/// Its streams in a few words: what is wrong, or how many there are.
fn streams(known: &Experiment) -> String {
    let mut words = Vec::new();
    if known.is_restored() {
        words.push("as before the restart".to_owned());
    }
    if !known.verdict().jump_ok {
        words.push("no jump".to_owned());
    }
    for stream in known.streams() {
        let name = printable(stream.topic().split().map_or(stream.topic().as_str(), |(_, stream)| stream));
        match stream.status() {
            StreamStatus::Ok => {}
            StreamStatus::Silent => words.push(format!("{name} silent")),
            StreamStatus::Missing => words.push(format!("{name} missing")),
        }
    }
    if words.is_empty() {
        return format!("{} streams ok", known.streams().len());
    }
    words.join(", ")
}

/// What people are to know of it beside its health.
fn marks(known: &Experiment) -> Vec<String> {
    let mut marks = Vec::new();
    if known.flapping().is_some() {
        marks.push("flapping".to_owned());
    }
    if let Some(acknowledged) = known.acknowledgement() {
        marks.push(format!("acknowledged by {}", cut(&printable(&acknowledged.by))));
    }
    if known.window().is_some() {
        marks.push("in maintenance".to_owned());
    }
    marks
}

/// Whether it can be booked as book says, who has decided that, and what would be.
fn booking(monitor: &Monitor, name: &ExperimentName) -> String {
    let told = |resource: &Resource| {
        let (rank, is) = booking_is(resource);
        let would =
            would_be(monitor, resource).filter(|would| says(resource).is_some_and(|says| says != *would));
        match (would, acts(monitor)) {
            (None, _) => (rank, is),
            (Some(false), true) => (3, format!("{is}, to be taken out")),
            (Some(true), true) => (2, format!("{is}, to be put back")),
            (Some(false), false) => (3, format!("{is}; would be: out")),
            (Some(true), false) => (2, format!("{is}; would be: bookable")),
        }
    };
    // Of several resources, the one in the greatest trouble is told.
    let worst = monitor.book().resources_of(name).map(told).max_by_key(|(rank, _)| *rank);
    worst.map_or_else(|| "in no manifest".to_owned(), |(_, text)| text)
}

fn booking_is(resource: &Resource) -> (u8, String) {
    if resource.is_unknown_to_book() {
        return (6, "book does not know it".to_owned());
    }
    let Some(said) = resource.observed() else { return (1, "book not asked yet".to_owned()) };
    match (said.available, set_by(said)) {
        (true, by) => (0, format!("bookable, by {by}")),
        (false, "person") => (5, format!("out, by a person: {}", cut(&printable(&said.reason)))),
        (false, by) => (4, format!("out, by {by}")),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(REASON_CHARACTERS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
