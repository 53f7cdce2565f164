//! A small picture that says how one experiment is, for other pages.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use status_core::{ExperimentName, printable};

use super::{AppState, Problem, etag, no_such_path};
use crate::view::standing::Health;
use crate::view::students::{StudentView, Use};

/// How wide a character is, more or less, in a font of 11 pixels.
const CHARACTER: usize = 7;

const GOOD: &str = "#1a7f37";
const BAD: &str = "#b3261e";
const QUIET: &str = "#5f6368";

/// One experiment's health as a picture.
#[utoipa::path(
    get,
    path = "/badge/{name}.svg",
    operation_id = "badge",
    params(("name" = String, Path, description = "The experiment's topic stub, such as pend00")),
    responses(
        (status = 200, description = "A picture that says how it is", body = str, content_type = "image/svg+xml"),
        (status = 304, description = "Nothing has changed since the answer with this ETag"),
        (status = 404, description = "No experiment of that name is known; the answer is a picture, too", body = str, content_type = "image/svg+xml"),
        (status = 405, description = "Only GET and HEAD are allowed", body = Problem)
    )
)]
pub(super) async fn show(
    State(app): State<AppState>,
    file: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Ok(Path(file)) = file else { return no_such_path(uri).await };
    let Some(name) = file.strip_suffix(".svg") else { return no_such_path(uri).await };
    let health = app.shared().monitor().experiment(name).map(Health::of);
    answer(&headers, draw(name, health.map_or("unknown", Health::as_str)), health.is_some())
}

/// Whether one experiment can be booked, for students, as a picture.
#[utoipa::path(
    get,
    path = "/badge/{name}/booking.svg",
    operation_id = "booking_badge",
    params(("name" = String, Path, description = "The experiment's topic stub, such as pend00")),
    responses(
        (status = 200, description = "A picture that says bookable, not bookable, does not work, in maintenance or not known", body = str, content_type = "image/svg+xml"),
        (status = 304, description = "Nothing has changed since the answer with this ETag"),
        (status = 404, description = "No experiment of that name can be booked; the answer is a picture, too", body = str, content_type = "image/svg+xml"),
        (status = 405, description = "Only GET and HEAD are allowed", body = Problem)
    )
)]
pub(super) async fn booking(
    State(app): State<AppState>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Ok(Path(name)) = name else { return no_such_path(uri).await };
    let view = {
        let (monitor, name) = (app.shared().monitor(), ExperimentName::from(name.as_str()));
        let known = monitor.experiment(name.as_str());
        known.and_then(|known| StudentView::of(&monitor, &name, known, app.now()))
    };
    let is = view.as_ref().map_or(Use::Unknown, |view| view.is);
    answer(&headers, draw(&name, is.as_str()), view.is_some())
}

/// How many of all experiments that can be booked work, as a picture.
#[utoipa::path(
    get,
    path = "/badges/lab.svg",
    operation_id = "lab_badge",
    responses(
        (status = 200, description = "A picture that says how many work", body = str, content_type = "image/svg+xml"),
        (status = 304, description = "Nothing has changed since the answer with this ETag"),
        (status = 405, description = "Only GET and HEAD are allowed", body = Problem)
    )
)]
pub(super) async fn lab(State(app): State<AppState>, headers: HeaderMap) -> Response {
    let (views, name) = {
        let monitor = app.shared().monitor();
        (StudentView::all(&monitor, app.now()), monitor.config().name.clone())
    };
    let name = if name.is_empty() { "lab" } else { &name };
    let works = views.iter().filter(|view| view.is == Use::Works).count();
    let (state, colour) = match (works, views.len()) {
        (_, 0) => ("not known".to_owned(), QUIET),
        (works, all) if works == all => (format!("all {all} work"), GOOD),
        (works, all) => (format!("{works} of {all} work"), if works == 0 { BAD } else { QUIET }),
    };
    answer(&headers, coloured(name, &state, colour), true)
}

/// A picture of something that is known, or one that says that it is not.
fn answer(headers: &HeaderMap, picture: String, is_known: bool) -> Response {
    let picture = picture.into_bytes();
    if is_known {
        etag::by_content(headers, "image/svg+xml", picture)
    } else {
        (StatusCode::NOT_FOUND, [("content-type", "image/svg+xml")], picture).into_response()
    }
}

fn draw(name: &str, state: &str) -> String {
    let colour = match state {
        "healthy" | "bookable" => GOOD,
        "unhealthy" | "not bookable" | "does not work" => BAD,
        _ => QUIET,
    };
    coloured(name, state, colour)
}

fn coloured(name: &str, state: &str, colour: &str) -> String {
    let shown: String = printable(name).chars().take(40).collect();
    let (left, right) = (shown.chars().count() * CHARACTER + 12, state.len() * CHARACTER + 12);
    let (width, middle, second) = (left + right, left / 2, left + right / 2);
    let name = escape(&shown);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{name}: {state}">
<title>{name}: {state}</title>
<rect width="{left}" height="20" fill="#3c4043"/>
<rect x="{left}" width="{right}" height="20" fill="{colour}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
<text x="{middle}" y="14">{name}</text>
<text x="{second}" y="14">{state}</text>
</g>
</svg>
"##
    )
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            // XML has no way to write these.
            '\u{FFFE}' | '\u{FFFF}' => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_work_is_as_red_as_what_cannot_be_booked() {
        let colour =
            |is: Use| [GOOD, BAD, QUIET].into_iter().find(|one| draw("a", is.as_str()).contains(one));
        let all = [Use::Works, Use::Out, Use::Broken, Use::Maintenance, Use::Unknown];
        assert_eq!(all.map(colour), [Some(GOOD), Some(BAD), Some(BAD), Some(QUIET), Some(QUIET)]);
    }

    #[test]
    fn names_cannot_write_markup() {
        let picture = draw("<script>\"&\n", "healthy");
        assert!(!picture.contains("<script"), "{picture}");
        assert!(!draw("a\u{FFFF}", "healthy").contains('\u{FFFF}'));
        assert!(picture.contains(r"&lt;script&gt;&quot;&amp;\u{A}: healthy"), "{picture}");
    }
}
