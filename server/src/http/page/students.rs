//! The page for students: whether each experiment works, in plain words.

use std::collections::BTreeMap;

use askama::Template;
use axum::http::StatusCode;

use super::filters;
use super::who::Who;
use crate::http::{self, AppState};
use crate::view::students::{StudentView, Use};
use crate::view::system::SystemView;

#[derive(Template)]
#[template(path = "students.html")]
struct Students<'a> {
    system: &'a SystemView,
    who: &'a Who,
    zone: String,
    /// How they are together.
    summary: String,
    groups: Vec<(String, Vec<StudentView>)>,
    /// Whether it is about one alone.
    is_one: bool,
    /// What was asked for and cannot be booked.
    unknown: Option<&'a str>,
}

/// The page of all, or of one if it has a name.
pub(super) fn render(app: &AppState, who: &Who, name: &str) -> (StatusCode, askama::Result<String>) {
    let system = http::api::system::view(app);
    let now = app.now();
    let (mut views, zone) = {
        let monitor = app.shared().monitor();
        (StudentView::all(&monitor, now), monitor.config().zone.name().to_owned())
    };
    let is_one = !name.is_empty();
    views.retain(|view| !is_one || view.name == name);
    let unknown = (is_one && views.is_empty()).then_some(name);
    let status = if unknown.is_some() { StatusCode::NOT_FOUND } else { StatusCode::OK };
    let summary = summary(&views);
    let mut groups: BTreeMap<String, Vec<StudentView>> = BTreeMap::new();
    for view in views {
        groups.entry(app.groups().of(&view.name).to_owned()).or_default().push(view);
    }
    let groups = groups.into_iter().collect();
    (status, Students { system: &system, who, zone, summary, groups, is_one, unknown }.render())
}

/// How many work, and how many of the rest are what.
pub(crate) fn summary(views: &[StudentView]) -> String {
    let count = |is: Use| views.iter().filter(|view| view.is == is).count();
    let works = count(Use::Works);
    if views.is_empty() {
        return "No experiments are known at the moment".to_owned();
    }
    if works == views.len() {
        return format!("All {works} work");
    }
    let mut text = format!("{works} of {} work", views.len());
    for is in [Use::Out, Use::Maintenance, Use::Unknown] {
        if count(is) > 0 {
            text.push_str(&format!(", {} {}", count(is), is.as_str()));
        }
    }
    text
}

impl StudentView {
    /// Its style.
    fn class(&self) -> &'static str {
        match self.is {
            Use::Works => "o",
            Use::Out => "u",
            Use::Maintenance => "w",
            Use::Unknown => "d",
        }
    }

    fn mark(&self) -> &'static str {
        match self.is {
            Use::Works => "✓",
            Use::Out => "✕",
            Use::Maintenance => "⚒",
            Use::Unknown => "…",
        }
    }
}
