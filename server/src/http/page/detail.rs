//! The page of one experiment.

use askama::Template;
use axum::http::StatusCode;
use status_core::{Acknowledgement, Event, Experiment, Monitor, Now, Zone};

use super::bar::DayStatus;
use super::change::page_of;
use super::filters;
use super::story::{self, Entry};
use super::strips::{self, Strip};
use super::typed::{AckForm, WindowForm};
use super::who::Who;
use super::windows::{self, RemarkRow, Row};
use super::words::{lasting, percent, seconds};
use crate::http::{self, AppState};
use crate::past::Past;
use crate::view::experiment::DetailView;
use crate::view::system::SystemView;
use crate::view::uptime::{DayView, WindowView};

#[derive(Template)]
#[template(path = "detail.html")]
struct Detail<'a> {
    system: &'a SystemView,
    who: &'a Who,
    view: &'a DetailView,
    windows: [(&'static str, WindowView); 3],
    days: Vec<DayCell>,
    strips: Vec<Strip>,
    /// How many outages are known of the last 30 days.
    outages: usize,
    story: Vec<Entry>,
    /// The windows of maintenance that name it.
    maintenance: Vec<Row>,
    remarks: Vec<RemarkRow>,
    known: Option<Known>,
    zone: String,
    ack: &'a AckForm,
    form: WindowForm,
}

/// That somebody knows of its problem, with times of the zone.
struct Known {
    by: String,
    note: String,
    at: String,
    until: Option<String>,
}

impl Known {
    fn of(known: &Acknowledgement, zone: &Zone) -> Self {
        Self {
            by: known.by.clone(),
            note: known.note.clone(),
            at: zone.to_minute(known.at),
            until: known.until.map(|until| zone.to_minute(until)),
        }
    }
}

/// A day of the bar.
struct DayCell {
    class: &'static str,
    title: String,
}

#[derive(Template)]
#[template(path = "unknown.html")]
struct Unknown<'a> {
    system: &'a SystemView,
    who: &'a Who,
    name: &'a str,
}

/// The page of the experiment with this name, or the one that says that there is none.
pub(super) async fn render(
    app: &AppState,
    who: &Who,
    name: &str,
    ack: &AckForm,
) -> (StatusCode, askama::Result<String>) {
    match http::api::detail::with_past(app, name).await {
        Some((view, past)) => (StatusCode::OK, render_known(app, who, &view, past, ack).await),
        None => {
            let system = http::api::system::view(app);
            (StatusCode::NOT_FOUND, Unknown { system: &system, who, name }.render())
        }
    }
}

/// What the monitor knows of it, copied: the driver waits for each input while somebody else has the monitor.
struct Copied {
    events: Vec<Event>,
    today: DayStatus,
    /// The windows of maintenance that name it.
    maintenance: Vec<Row>,
    remarks: Vec<RemarkRow>,
    known: Option<Known>,
    zone: String,
}

impl Copied {
    fn of(monitor: &Monitor, name: &str, now: Now) -> Self {
        let zone = &monitor.config().zone;
        let experiment = monitor.experiment(name);
        let known = experiment.and_then(Experiment::acknowledgement);
        Self {
            events: experiment.map(|known| known.events().cloned().collect()).unwrap_or_default(),
            today: experiment.map_or(DayStatus::Unknown, DayStatus::now),
            maintenance: windows::rows(monitor, now.wall, Some(name)),
            remarks: windows::remarks(monitor, Some(name)),
            known: known.map(|known| Known::of(known, zone)),
            zone: zone.name().to_owned(),
        }
    }
}

async fn render_known(
    app: &AppState,
    who: &Who,
    view: &DetailView,
    past: Past,
    ack: &AckForm,
) -> askama::Result<String> {
    let system = http::api::system::view(app);
    let uptime = &view.uptime;
    let name = view.topic_name.as_str();
    let now = app.now();
    let Copied { events, today, maintenance, remarks, known, zone } =
        Copied::of(&app.shared().monitor(), name, now);
    let watched = app.uptime().watched(now.wall);
    // It takes its time where there are thousands of events.
    let told = tokio::task::spawn_blocking(move || {
        (strips::of(&events, &watched, now.wall), story::of(&events, &past, now.wall))
    });
    let (strips, story) = told.await.map_err(|error| askama::Error::Custom(error.into()))?;
    let form = WindowForm { names: name.to_owned(), back: page_of(name), ..WindowForm::default() };
    let page = Detail {
        system: &system,
        who,
        view,
        windows: [("24 hours", uptime.last_24h), ("7 days", uptime.last_7d), ("30 days", uptime.last_30d)],
        days: days(view, today),
        strips,
        outages: uptime.outages.len() + uptime.more_outages,
        story,
        maintenance,
        remarks,
        known,
        zone,
        ack,
        form,
    };
    page.render()
}

/// The days of the bar; the last cell is as it is now.
fn days(view: &DetailView, today: DayStatus) -> Vec<DayCell> {
    let last = view.uptime.days.len().saturating_sub(1);
    let cell = |(at, day): (usize, &DayView)| {
        let (class, now) = if at == last {
            (today.class(), format!("; now {}", today.words()))
        } else {
            (day.class(), String::new())
        };
        DayCell { class, title: format!("{}{now}", day.told()) }
    };
    view.uptime.days.iter().enumerate().map(cell).collect()
}

impl DetailView {
    /// The style of its heading.
    fn class(&self) -> &'static str {
        match self.state {
            "undecided" => "d",
            _ => self.class_of(&self.healthy),
        }
    }

    fn mark(&self) -> &'static str {
        match self.state {
            "undecided" => "…",
            _ => self.mark_of(&self.healthy),
        }
    }

    /// The style of what works or does not: as it was before a restart is not as it is.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
    fn class_of(&self, ok: &bool) -> &'static str {
        match (ok, self.restored) {
            (false, _) => "u",
            (true, true) => "d",
            (true, false) => "o",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "templates pass references")]
    fn mark_of(&self, ok: &bool) -> &'static str {
        match (ok, self.restored) {
            (false, _) => "✕",
            (true, true) => "…",
            (true, false) => "✓",
        }
    }
}

impl WindowView {
    fn percent(&self) -> String {
        percent(self.healthy_share)
    }

    fn told(&self) -> String {
        let mut text = lasting(self.unhealthy_seconds) + " unhealthy";
        if self.unknown_seconds >= 60.0 {
            text = format!("{text}, {} unknown", lasting(self.unknown_seconds));
        }
        text
    }
}

impl DayView {
    fn class(&self) -> &'static str {
        let spans = [self.healthy_seconds, self.unhealthy_seconds, self.maintenance_seconds].map(seconds);
        DayStatus::with_maintenance(spans[0], spans[1], spans[2]).class()
    }

    fn told(&self) -> String {
        let kept = if self.maintenance_seconds < 60.0 {
            String::new()
        } else {
            format!(", {} in maintenance", lasting(self.maintenance_seconds))
        };
        let known = self.healthy_seconds + self.unhealthy_seconds;
        if known < 1.0 {
            return format!("{}: unknown{kept}", self.date);
        }
        let share = percent(Some(self.healthy_seconds / known));
        format!("{}: {share} healthy of {} that are known{kept}", self.date, lasting(known))
    }
}
