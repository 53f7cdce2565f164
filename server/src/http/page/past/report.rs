//! The report: what a time came to, to be read and printed.

use std::ops::Deref;
use std::time::Duration;

use askama::Template;
use status_core::{Wall, printable};

use super::super::filters;
use super::super::who::Who;
use super::super::words::{percent, span, stamp};
use super::{History, Refused};
use crate::http::asked::{self, Pairs};
use crate::http::gather::{self, Asked};
use crate::http::{self, AppState};
use crate::observers::uptime::Span;
use crate::past::report::{Figures, Report};
use crate::view::system::SystemView;

const STYLE: &str = include_str!("../assets/report.css");
/// How far back a report goes if nobody says how far.
const USUAL: Duration = Duration::from_secs(30 * 24 * 3600);

#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage<'a> {
    system: &'a SystemView,
    who: &'a Who,
    choices: Vec<super::Choice>,
    /// The present month and the one before, and whether it is the one that is shown.
    months: [(String, bool); 2],
    report: Shown<'a>,
}

#[derive(Template)]
#[template(path = "report-document.html")]
struct Document<'a> {
    style: &'static str,
    report: Shown<'a>,
}

/// A report as it is shown.
struct Shown<'a> {
    report: &'a Report,
    history: History,
}

impl Deref for Shown<'_> {
    type Target = Report;

    fn deref(&self) -> &Report {
        self.report
    }
}

/// A report as a document of its own, for whoever has no server to ask.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn document(report: &Report) -> askama::Result<String> {
    let report = Shown { report, history: History::Kept };
    Document { style: STYLE, report }.render()
}

pub(super) async fn render(
    app: &AppState,
    who: &Who,
    pairs: &Pairs,
    now: Wall,
) -> Result<askama::Result<String>, Refused> {
    let (asked, chosen) = match (pairs.get("month"), pairs.get("since")) {
        (Some(_), Some(_)) => {
            let both = "month and since are both there: one of them was expected";
            return Err(Refused::Wrong(both.to_owned()));
        }
        (Some(month), None) => (Asked::Between(asked::past_month(month, now)?), Duration::ZERO),
        (None, _) => {
            let length = asked::length(pairs.get("since"), USUAL, now)?;
            (Asked::Last(length), length)
        }
    };
    let past = gather::past(app, asked).await?;
    let groups = app.groups().clone();
    let made = tokio::task::spawn_blocking(move || Report::of(&past, &groups)).await;
    let Ok(report) = made else { return Err(Refused::Wrong("there is no report of this time".to_owned())) };
    let system = http::api::system::view(app);
    let choices = super::choices(chosen);
    let months = months(now, pairs.get("month"));
    let report = Shown { report: &report, history: History::of(app) };
    Ok(ReportPage { system: &system, who, choices, months, report }.render())
}

/// The present month and the one before, with whether it is chosen.
fn months(now: Wall, chosen: Option<&str>) -> [(String, bool); 2] {
    let month = |at: Wall| at.to_string().get(..7).unwrap_or_default().to_owned();
    let present = month(now);
    let begun = asked::past_month(&present, now).map_or(now, |span| span.from);
    [present, month(begun - Duration::from_secs(1))].map(|text| {
        let is_chosen = chosen == Some(text.as_str());
        (text, is_chosen)
    })
}

/// Cells of a row of figures.
struct Cells {
    uptime: String,
    down: String,
    outages: String,
    longest: String,
    repair: String,
    between: String,
    maintenance: String,
    unknown: String,
}

impl Cells {
    fn of(figures: &Figures) -> Self {
        let or_dash = |time: Duration| if time.is_zero() { "–".to_owned() } else { span(time) };
        let maybe = |time: Option<Duration>| time.map_or_else(|| "–".to_owned(), span);
        Self {
            uptime: percent(figures.tally.share()),
            down: or_dash(figures.tally.unhealthy),
            outages: figures.outages.to_string(),
            longest: or_dash(figures.longest),
            repair: maybe(figures.time_to_repair()),
            between: maybe(figures.time_between_failures()),
            maintenance: or_dash(figures.tally.maintenance),
            unknown: or_dash(figures.unknown),
        }
    }
}

impl Figures {
    fn cells(&self) -> Cells {
        Cells::of(self)
    }
}

impl Report {
    /// From when to when, for people.
    fn time(&self) -> String {
        let Span { from, to } = self.window;
        let minute = |at: Wall| stamp(&at.to_string()).get(..16).unwrap_or_default().to_owned();
        format!("{} to {} UTC", minute(from), minute(to))
    }

    /// The system alerts in words.
    fn services(&self) -> Vec<String> {
        let told = |(alert, count, time): &(status_core::SystemAlert, usize, Duration)| {
            let times = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
            format!("{alert}: {times}, {} in all", span(*time))
        };
        self.alerts.iter().map(told).collect()
    }
}

impl Shown<'_> {
    /// The mails in words.
    fn mailed(&self) -> String {
        match (self.mails, self.mails_in_trouble) {
            (0, _) if self.history == History::NotKept => {
                "Which mails were sent is not known, since nothing is kept.".to_owned()
            }
            (0, _) => "No mail was sent.".to_owned(),
            (1, 0) => "One mail was sent, and everybody has it.".to_owned(),
            (all, 0) => format!("{all} mails were sent, and everybody has them."),
            (all, some) => format!("{all} mails were sent; {some} of them somebody did not get."),
        }
    }
}

impl crate::past::report::Row {
    fn shown(&self) -> String {
        printable(self.name.as_str()).into_owned()
    }
}
