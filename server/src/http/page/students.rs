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
    for is in [Use::Out, Use::Broken, Use::Maintenance, Use::Unknown] {
        match (count(is), is) {
            (0, _) => {}
            (several @ 2.., Use::Broken) => text.push_str(&format!(", {several} do not work")),
            (count, is) => text.push_str(&format!(", {count} {}", is.as_str())),
        }
    }
    text
}

impl StudentView {
    /// Its style.
    fn class(&self) -> &'static str {
        match self.is {
            Use::Works => "o",
            Use::Out | Use::Broken => "u",
            Use::Maintenance => "w",
            Use::Unknown => "d",
        }
    }

    fn mark(&self) -> &'static str {
        match self.is {
            Use::Works => "✓",
            Use::Out | Use::Broken => "✕",
            Use::Maintenance => "⚒",
            Use::Unknown => "…",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_booked_and_does_not_work_is_said_to_be_just_that() {
        let of = |all: &[Use]| {
            let view = |is: &Use| StudentView { name: String::new(), is: *is, text: String::new() };
            summary(&all.iter().map(view).collect::<Vec<_>>())
        };
        let (works, broken) = (Use::Works, Use::Broken);
        assert_eq!(of(&[works, works, works, broken, broken, broken]), "3 of 6 work, 3 do not work");
        assert_eq!(
            of(&[works, Use::Out, broken, Use::Maintenance, Use::Unknown]),
            "1 of 5 work, 1 not bookable, 1 does not work, 1 in maintenance, 1 not known"
        );
        assert_eq!(of(&[works, works]), "All 2 work");
    }
}
