//! The first page: how everything stands, and every experiment, problems first.

use askama::Template;
use status_core::{Book, Experiment, ExperimentName, Monitor, Now, Resource, Standing};

use super::bar::Bar;
use super::filters;
use super::words::Ago;
use crate::api::{self, App};
use crate::view::experiment::{since, state};
use crate::view::set_by;
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
/// How long a person's reason may be in the table.
const REASON_CHARACTERS: usize = 60;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview<'a> {
    system: &'a SystemView,
    q: &'a str,
    filters: Vec<(&'static str, &'static str, bool)>,
    rows: Vec<Row>,
}

/// One experiment.
struct Row {
    rank: u8,
    name: String,
    /// Its style, and what a reader reads.
    class: &'static str,
    /// Whether book says that all that books it can be booked.
    bookable: bool,
    mark: &'static str,
    state: &'static str,
    since: Option<Ago>,
    streams: String,
    booking: String,
    bar: Bar,
}

pub(super) fn render(app: &App, q: &str, show: &str) -> askama::Result<String> {
    let mut system = api::system::view(app);
    let now = app.now();
    let mut rows = {
        let monitor = app.shared().monitor();
        show_mail(&mut system, &monitor);
        rows(&monitor, now, q, show)
    };
    let names: Vec<ExperimentName> = rows.iter().map(|row| row.name.as_str().into()).collect();
    for (row, days) in rows.iter_mut().zip(app.uptime().all_days(names.iter(), now.wall)) {
        row.bar = Bar(days);
    }
    let filters = FILTERS.iter().map(|(value, text)| (*value, *text, *value == show)).collect();
    Overview { system: &system, q, filters, rows }.render()
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
        .map(|(name, known)| Row::of(name, known, monitor.book(), now))
        .filter(|row| row.is_shown(show))
        .collect();
    rows.sort_by_key(|row| row.rank);
    rows
}

impl Row {
    fn of(name: &ExperimentName, known: &Experiment, book: &Book, now: Now) -> Self {
        let verdict = known.verdict();
        let mut resources = book.resources_of(name);
        let is_out = resources.clone().any(|resource| {
            resource.said().is_some_and(|said| !said.available) || resource.wanted() == Some(false)
        });
        let (rank, class, mark) = match (state(known), is_out) {
            ("unhealthy", is_out) if is_out || !verdict.available => (0, "u", "✕"),
            ("unhealthy", _) => (1, "u", "✕"),
            ("undecided", _) => (3, "d", "…"),
            (_, true) => (2, "o", "✓"),
            (_, false) => (4, "o", "✓"),
        };
        Self {
            rank,
            name: name.to_string(),
            class,
            bookable: resources.len() > 0
                && resources.all(|resource| resource.said().is_some_and(|said| said.available)),
            mark,
            state: state(known),
            since: since(known).map(|event| Ago::new(event.when, now.wall)),
            streams: streams(known),
            booking: booking(book.resources_of(name)),
            bar: Bar(None),
        }
    }

    fn is_shown(&self, show: &str) -> bool {
        match show {
            "problems" => self.rank < 3,
            "unhealthy" => self.class == "u",
            "unbookable" => !self.bookable,
            "healthy" => self.class == "o",
            _ => true,
        }
    }
}

/// Its streams in a few words: what is wrong, or how many there are.
fn streams(known: &Experiment) -> String {
    let mut words = Vec::new();
    if !known.verdict().jump_ok {
        words.push("no jump".to_owned());
    }
    for stream in known.streams() {
        let name = stream.topic().split().map_or(stream.topic().as_str(), |(_, stream)| stream);
        match stream.standing() {
            Standing::Ok => {}
            Standing::Silent => words.push(format!("{name} silent")),
            Standing::Missing => words.push(format!("{name} missing")),
        }
    }
    if words.is_empty() { format!("{} streams ok", known.streams().len()) } else { words.join(", ") }
}

/// Whether it can be booked, and who has decided that.
fn booking<'a>(resources: impl Iterator<Item = &'a Resource>) -> String {
    let told = |resource: &Resource| {
        let Some(said) = resource.said() else { return (1, "book not asked yet".to_owned()) };
        match (said.available, resource.wanted()) {
            (true, Some(false)) => (3, "bookable, to be taken out".to_owned()),
            (true, _) => (0, format!("bookable, by {}", set_by(said))),
            (false, wanted) => match set_by(said) {
                "status" if wanted == Some(true) => (2, "out, to be put back".to_owned()),
                "status" => (4, "out, by status".to_owned()),
                "book" => (4, "out, by book".to_owned()),
                _ => (5, format!("out, by a person: {}", cut(&said.reason))),
            },
        }
    };
    // Of several resources, the one in the greatest trouble is told.
    let worst = resources.map(told).max_by_key(|(rank, _)| *rank);
    worst.map_or_else(|| "in no manifest".to_owned(), |(_, text)| text)
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(REASON_CHARACTERS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
