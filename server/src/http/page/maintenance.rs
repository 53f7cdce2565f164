//! The page of all windows of maintenance.

use askama::Template;

use super::filters;
use super::typed::WindowForm;
use super::who::Who;
use super::windows::{self, RemarkRow, Row};
use crate::http::{self, AppState};
use crate::view::system::SystemView;

#[derive(Template)]
#[template(path = "maintenance.html")]
struct Maintenance<'a> {
    system: &'a SystemView,
    who: &'a Who,
    zone: String,
    windows: Vec<Row>,
    remarks: Vec<RemarkRow>,
    form: &'a WindowForm,
    /// What is wrong with ending a window.
    problem: Option<&'a str>,
}

pub(super) fn render(
    app: &AppState,
    who: &Who,
    form: &WindowForm,
    problem: Option<&str>,
) -> askama::Result<String> {
    let system = http::api::system::view(app);
    let now = app.now().wall;
    let (zone, windows, remarks) = {
        let monitor = app.shared().monitor();
        let zone = monitor.config().zone.name().to_owned();
        (zone, windows::rows(&monitor, now, None), windows::remarks(&monitor, None))
    };
    Maintenance { system: &system, who, zone, windows, remarks, form, problem }.render()
}
