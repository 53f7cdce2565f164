//! What the tiles of the page say of experiments, bookings and mails: a tick only for what is known and well.

use super::listing::Show;
use crate::view::system::SystemView;

/// One tile.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) name: &'static str,
    /// Its style: `good`, `bad`, or `dull` for what is not known.
    pub(super) class: &'static str,
    pub(super) text: String,
    pub(super) detail: String,
    /// Which experiments it leads to.
    pub(super) show: Option<Show>,
}

impl Tile {
    fn good(name: &'static str, text: &str, detail: String) -> Self {
        Self { name, class: "good", text: format!("✓ {text}"), detail, show: None }
    }

    fn unknown(name: &'static str, text: &str, detail: String) -> Self {
        Self { name, class: "dull", text: format!("… {text}"), detail, show: None }
    }

    fn bad(name: &'static str, text: &str, detail: String) -> Self {
        Self { name, class: "bad", text: format!("✕ {text}"), detail, show: None }
    }

    /// It leads to these, if there are any at all.
    fn leading_to(self, show: Show, all: usize) -> Self {
        Self { show: (all > 0).then_some(show), ..self }
    }
}

/// Returns the tiles of experiments, bookings and mails.
pub(super) fn of(system: &SystemView) -> [Tile; 3] {
    let (counts, bookable) = (&system.counts, system.bookings.bookable);
    let unhealthy = if counts.unhealthy > 0 { Show::Unhealthy } else { Show::All };
    let unbookable = if bookable < counts.resources { Show::Unbookable } else { Show::All };
    [
        experiments(system).leading_to(unhealthy, counts.experiments),
        bookings(system).leading_to(unbookable, counts.resources),
        mail(system),
    ]
}

fn experiments(system: &SystemView) -> Tile {
    const NAME: &str = "experiments";
    let counts = &system.counts;
    let mut detail = format!("{} of {} healthy", counts.healthy, counts.experiments);
    if counts.undecided > 0 {
        detail.push_str(&format!(", {} undecided", counts.undecided));
    }
    if counts.restored > 0 {
        detail.push_str(&format!(", {} as before the restart", counts.restored));
    }
    if counts.unhealthy > 0 {
        Tile::bad(NAME, &format!("{} unhealthy", counts.unhealthy), detail)
    } else if counts.experiments == 0 {
        Tile::unknown(NAME, "none known", "no feed and no manifest has named one".to_owned())
    } else if counts.undecided > 0 || counts.restored > 0 || !system.judging {
        Tile::unknown(NAME, "not known yet", detail)
    } else {
        Tile::good(NAME, "all healthy", detail)
    }
}

fn bookings(system: &SystemView) -> Tile {
    const NAME: &str = "bookings";
    let (counts, is) = (&system.counts, &system.bookings);
    let mut detail = format!("{} of {} bookable", is.bookable, counts.resources);
    if counts.held > 0 {
        detail.push_str(&format!(", {} taken out by a person", counts.held));
    }
    if is.not_asked > 0 {
        detail.push_str(&format!(", {} not known", is.not_asked));
    }
    if system.mode == "observe" {
        detail.push_str(&format!("; would be: {} out", is.would_be_out));
    } else if is.would_be_out != is.out {
        detail.push_str(&format!("; to be: {} out", is.would_be_out));
    }
    if is.out > 0 {
        Tile::bad(NAME, &format!("{} out", is.out), detail)
    } else if counts.resources == 0 {
        Tile::unknown(NAME, "none known", "no manifest lists one".to_owned())
    } else if is.not_asked > 0 {
        Tile::unknown(NAME, "not known yet", detail)
    } else {
        Tile::good(NAME, "none out", detail)
    }
}

fn mail(system: &SystemView) -> Tile {
    const NAME: &str = "mail";
    let mail = &system.mail;
    let mut detail = Vec::new();
    if let Some(since) = &mail.oldest {
        detail.push(format!("since {}", super::words::stamp(since)));
    }
    if mail.kept > 0 {
        let until = if system.mode == "observe" { "it acts" } else { "mail is set up" };
        let wait = if mail.kept == 1 { "waits" } else { "wait" };
        detail.push(format!("{} of an earlier run {wait} until {until} again", mail.kept));
    }
    if mail.given_up > 0 {
        detail.push(format!("{} given up", mail.given_up));
    }
    let detail = detail.join("; ");
    match mail.state {
        "ok" => Tile::good(NAME, "none waits", detail),
        "off" => Tile { name: NAME, class: "dull", text: "– none is sent".to_owned(), detail, show: None },
        _ => Tile::bad(NAME, &format!("{} waiting", mail.undelivered), detail),
    }
}
