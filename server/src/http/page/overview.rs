//! The first page: how everything stands, and every experiment, problems first.

use askama::Template;
use status_core::{ExperimentName, Monitor, Wall};

use super::bar;
use super::choices::{self, Choice, Column};
use super::filters;
use super::groups::{self, Group};
use super::listing::{Listing, Look};
use super::rows::{self, Row};
use super::tiles::{self, Tile};
use super::who::Who;
use super::windows;
use crate::http::{self, AppState};
use crate::view::system::{SystemView, WithheldView};

/// How long a mail may be that is shown, in bytes.
const LONGEST_MAIL: usize = 10_000;
/// How many windows of maintenance are listed.
const WINDOWS: usize = 5;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview<'a> {
    system: &'a SystemView,
    who: &'a Who,
    tiles: [Tile; 3],
    listing: &'a Listing,
    /// What the address of an experiment ends with.
    suffix: String,
    /// In which order they are, as the address has it.
    order: String,
    shows: Vec<Choice>,
    sorts: Vec<Choice>,
    columns: [Column; 6],
    look: Choice,
    are_tiles: bool,
    words: &'static str,
    shown: usize,
    groups: Vec<Group>,
    /// The windows of maintenance that are on, the first of them.
    on: Vec<windows::Row>,
    more_on: usize,
    planned: usize,
}

pub(super) fn render(app: &AppState, who: &Who, listing: &Listing) -> askama::Result<String> {
    let mut system = http::api::system::view(app);
    let now = app.now();
    let (found, all, maintenance) = {
        let monitor = app.shared().monitor();
        show_mail(&mut system, &monitor);
        let all: Vec<ExperimentName> = monitor.experiments().map(|(name, _)| name.clone()).collect();
        (rows::found(&monitor, now, &listing.q), all, windows::rows(&monitor, now.wall, None))
    };
    let (mut on, planned): (Vec<_>, Vec<_>) = maintenance.into_iter().partition(|window| window.on);
    let (more_on, planned) = (on.len().saturating_sub(WINDOWS), planned.len());
    on.truncate(WINDOWS);
    let shows = choices::shows(listing, &found);
    let rows = listed(app, found, listing, now.wall);
    let shown = rows.len();
    let groups = groups::of(rows, app.groups(), &all);
    let page = Overview {
        system: &system,
        who,
        tiles: tiles::of(&system),
        listing,
        suffix: listing.suffix(),
        order: listing.order(),
        shows,
        sorts: choices::sorts(listing),
        columns: choices::columns(listing),
        look: choices::look(listing),
        are_tiles: listing.look == Look::Tiles,
        words: listing.sort.words(listing.is_reversed),
        shown,
        groups,
        on,
        more_on,
        planned,
    };
    page.render()
}

/// Those that are shown, with their bars, in their order.
fn listed(app: &AppState, found: Vec<Row>, listing: &Listing, now: Wall) -> Vec<Row> {
    let mut rows: Vec<Row> = found.into_iter().filter(|row| row.is_shown(listing.show)).collect();
    let names: Vec<ExperimentName> = rows.iter().map(|row| row.name.as_str().into()).collect();
    let days = app.uptime().all_days(names.iter(), now);
    bar::fill(rows.iter_mut().map(|row| (row.today, &mut row.bar)), days, now);
    rows::sort(&mut rows, listing);
    rows
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
