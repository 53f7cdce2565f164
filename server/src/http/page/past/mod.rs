//! The pages of what happened: the time line, the incidents and the report.

mod incidents;
mod report;
mod ticks;
mod timeline;
mod told;

use std::time::Duration;

use askama::Template;
use axum::http::StatusCode;
use status_core::Wall;

pub(crate) use self::report::document;
use self::timeline::Timeline;
use super::filters;
use super::who::Who;
use crate::http::asked::{self, Named, Pairs, Wrong};
use crate::http::gather::{self, Asked, Unread};
use crate::http::{self, AppState};
use crate::view::system::SystemView;

/// A page of what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// A row for each experiment, time to the right.
    Timeline,
    /// Each outage once.
    Incidents,
    /// What a time came to.
    Report,
}

/// The pages, by what asks for them: a path of its own, or a query at the first page.
const PAGES: [(&str, Page); 3] =
    [("timeline", Page::Timeline), ("incidents", Page::Incidents), ("report", Page::Report)];

impl Page {
    /// What the query of the first page asks for it.
    pub(super) fn word(self) -> &'static str {
        PAGES.iter().find(|(_, page)| *page == self).map_or("", |(word, _)| *word)
    }

    /// The one that is asked for, if one is.
    pub(super) fn asked(path: &str, pairs: &Pairs) -> Option<Self> {
        let is_asked = |(word, _): &&(&str, Self)| path.trim_matches('/') == *word || pairs.has(word);
        PAGES.iter().find(is_asked).map(|(_, page)| *page)
    }
}

/// Why there is no such page.
enum Refused {
    /// The address makes no sense.
    Wrong(Wrong),
    /// The store cannot be read.
    Unread(Unread),
}

impl From<Wrong> for Refused {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong)
    }
}

impl From<Unread> for Refused {
    fn from(unread: Unread) -> Self {
        Self::Unread(unread)
    }
}

/// What is wrong with an address.
#[derive(Template)]
#[template(path = "wrong.html")]
struct WrongPage<'a> {
    system: &'a SystemView,
    who: &'a Who,
    wrong: &'a str,
}

#[derive(Template)]
#[template(path = "timeline.html")]
struct TimelinePage<'a> {
    system: &'a SystemView,
    who: &'a Who,
    /// The times that can be chosen: the query, what people read, and whether it is chosen.
    choices: Vec<Choice>,
    /// From when to when it goes.
    time: String,
    timeline: &'a Timeline,
    name: Option<String>,
}

/// A time that can be chosen.
struct Choice {
    since: &'static str,
    text: &'static str,
    is_chosen: bool,
}

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The times that a page offers.
const CHOICES: [(&str, &str, u32); 3] = [("24h", "24 hours", 1), ("7d", "7 days", 7), ("30d", "30 days", 30)];

fn choices(chosen: Duration) -> Vec<Choice> {
    let choice = |(since, text, days)| Choice { since, text, is_chosen: DAY * days == chosen };
    CHOICES.map(choice).into()
}

/// The page that is asked for.
pub(super) async fn render(
    app: &AppState,
    who: &Who,
    page: Page,
    pairs: &Pairs,
) -> (StatusCode, askama::Result<String>) {
    let now = app.now().wall;
    let made = match page {
        Page::Timeline => timeline(app, who, pairs, now).await,
        Page::Incidents => incidents::render(app, who, pairs, now).await,
        Page::Report => report::render(app, who, pairs, now).await,
    };
    match made {
        Ok(html) => (StatusCode::OK, html),
        Err(refused) => {
            let (status, wrong) = match refused {
                Refused::Wrong(wrong) => (StatusCode::BAD_REQUEST, wrong),
                Refused::Unread(Unread(why)) => (StatusCode::SERVICE_UNAVAILABLE, why),
            };
            let system = http::api::system::view(app);
            (status, WrongPage { system: &system, who, wrong: &wrong }.render())
        }
    }
}

async fn timeline(
    app: &AppState,
    who: &Who,
    pairs: &Pairs,
    now: Wall,
) -> Result<askama::Result<String>, Refused> {
    let since = asked::length(pairs.get("since"), DAY, now)?;
    let name = Named::read(pairs.get("name"))?;
    let past = gather::past(app, Asked::Last(since)).await?;
    let root = who.root();
    let (told, window) = (name.as_ref().map(ToString::to_string), past.window);
    let time = told::times(window);
    // It takes its time where there are hundreds of rows.
    let groups = app.groups().clone();
    let drawn = tokio::task::spawn_blocking(move || Timeline::draw(&past, &groups, name.as_ref(), root));
    let Ok(timeline) = drawn.await else {
        return Err(Refused::Wrong("this time cannot be drawn".to_owned()));
    };
    let system = http::api::system::view(app);
    let choices = choices(since);
    let page = TimelinePage { system: &system, who, choices, time, timeline: &timeline, name: told };
    Ok(page.render())
}
