//! The first page: how everything stands, and every experiment, problems first.

use askama::Template;
use status_core::{Experiment, ExperimentName, Monitor, Now, Resource, StreamStatus, printable};

use super::bar::Bar;
use super::filters;
use super::tiles::{self, Tile};
use super::who::Who;
use super::windows;
use super::words::Ago;
use crate::http::{self, AppState};
use crate::view::experiment::since;
use crate::view::set_by;
use crate::view::standing::{Health, acts, is_available, says, would_be};
use crate::view::system::{SystemView, WithheldView};

/// Which experiments are shown: the name in the address, and what people read.
const FILTERS: [(&str, &str); 5] = [
    ("", "all"),
    ("problems", "with a problem"),
    ("unhealthy", "unhealthy"),
    ("unbookable", "not bookable"),
    ("healthy", "healthy"),
];

/// How long a mail may be that is shown, in bytes.
const LONGEST_MAIL: usize = 10_000;
/// How many windows of maintenance are listed.
const WINDOWS: usize = 5;
/// How long a person's reason may be in the table.
const REASON_CHARACTERS: usize = 60;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview<'a> {
    system: &'a SystemView,
    who: &'a Who,
    tiles: [Tile; 3],
    q: &'a str,
    filters: Vec<(&'static str, &'static str, bool)>,
    rows: Vec<Row>,
    /// The windows of maintenance that are on, the first of them.
    on: Vec<windows::Row>,
    more_on: usize,
    planned: usize,
}

/// One experiment.
struct Row {
    rank: u8,
    name: String,
    /// Its style, and what a reader reads.
    class: &'static str,
    health: Health,
    /// Whether book says that all that books it can be booked.
    bookable: bool,
    mark: &'static str,
    since: Option<Ago>,
    streams: String,
    /// What people are to know beside its health.
    marks: Vec<String>,
    booking: String,
    bar: Bar,
}

pub(super) fn render(app: &AppState, who: &Who, q: &str, show: &str) -> askama::Result<String> {
    let mut system = http::api::system::view(app);
    let now = app.now();
    let (mut rows, maintenance) = {
        let monitor = app.shared().monitor();
        show_mail(&mut system, &monitor);
        (rows(&monitor, now, q, show), windows::rows(&monitor, now.wall, None))
    };
    let (mut on, planned): (Vec<_>, Vec<_>) = maintenance.into_iter().partition(|window| window.on);
    let (more_on, planned) = (on.len().saturating_sub(WINDOWS), planned.len());
    on.truncate(WINDOWS);
    let names: Vec<ExperimentName> = rows.iter().map(|row| row.name.as_str().into()).collect();
    for (row, days) in rows.iter_mut().zip(app.uptime().all_days(names.iter(), now.wall)) {
        row.bar = Bar(days);
    }
    let filters = FILTERS.iter().map(|(value, text)| (*value, *text, *value == show)).collect();
    Overview { system: &system, who, tiles: tiles::of(&system), q, filters, rows, on, more_on, planned }
        .render()
}

/// The text of the newest mail that was withheld, if it is not too long for a page.
fn show_mail(system: &mut SystemView, monitor: &Monitor) {
    let texts = WithheldView::newest(monitor, usize::MAX, true);
    let Some(newest) = texts.into_iter().find(|one| one.mail.is_some()) else { return };
    let is_same = |one: &&mut WithheldView| one.when == newest.when && one.text == newest.text;
    if let Some(shown) = system.withheld.iter_mut().find(is_same) {
        shown.mail = newest.mail.filter(|text| text.len() <= LONGEST_MAIL);
    }
}

/// The experiments that are wanted, problems first, and else by name.
fn rows(monitor: &Monitor, now: Now, q: &str, show: &str) -> Vec<Row> {
    let q = q.trim().to_lowercase();
    let mut rows: Vec<Row> = monitor
        .experiments()
        .filter(|(name, _)| name.as_str().to_lowercase().contains(&q))
        .map(|(name, known)| Row::of(monitor, name, known, now))
        .filter(|row| row.is_shown(show))
        .collect();
    rows.sort_by_key(|row| row.rank);
    rows
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
        Self {
            rank,
            name: name.to_string(),
            class,
            health,
            bookable: resources.len() > 0 && resources.all(|resource| says(resource) == Some(true)),
            mark,
            since: since(known).map(|event| Ago::new(event.when, now.wall)),
            streams: streams(known),
            marks: marks(known),
            booking: booking(monitor, name),
            bar: Bar(None),
        }
    }

    fn is_shown(&self, show: &str) -> bool {
        match show {
            "problems" => self.rank < 3,
            "unhealthy" => self.health == Health::Unhealthy,
            "unbookable" => !self.bookable,
            "healthy" => self.health == Health::Healthy,
            _ => true,
        }
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
