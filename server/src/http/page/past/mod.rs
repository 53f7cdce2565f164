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
use self::timeline::{Post, Timeline};
use super::filters;
use super::who::Who;
use crate::http::asked::{self, Named, Pairs, Wrong};
use crate::http::gather::{self, Asked, Unread};
use crate::http::{self, AppState};
use crate::observers::uptime::Span;
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

/// Whether there is a store that keeps what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum History {
    Kept,
    /// What nobody remembers may have happened all the same.
    NotKept,
}

impl History {
    fn of(app: &AppState) -> Self {
        if app.store().is_some() { Self::Kept } else { Self::NotKept }
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
    /// The time that is chosen.
    since: &'a str,
    /// How far back the incidents go that it leads to.
    incidents: String,
}

/// How far back incidents go, so that all of a time are among them, also a while after it was looked at.
fn since(window: Span) -> String {
    format!("{}d", window.length().as_secs() / DAY.as_secs() + 1)
}

/// What asks for the incidents around one that has so many before it, the newest first; nothing where all are on one page.
fn skip(before: usize) -> String {
    if before + NEWER_BY_THEN < incidents::SHOWN {
        String::new()
    } else {
        format!("&skip={}", before.saturating_sub(incidents::SHOWN / 2))
    }
}

/// What tells an incident from all others in a page, and in an address after the `#`, where nobody reads it in a way of their own.
fn anchor(name: &str, from: Wall) -> String {
    let mut anchor = String::with_capacity(name.len() + 14);
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => anchor.push(char::from(byte)),
            other => anchor.push_str(&format!(".{other:02x}")),
        }
    }
    format!("{anchor}@{}", from.as_millis())
}

/// A time that can be chosen.
struct Choice {
    since: &'static str,
    text: &'static str,
    is_chosen: bool,
}

/// So many incidents may be new by the time that somebody follows a link.
const NEWER_BY_THEN: usize = 50;
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
    let name = Named::read(pairs.raw("name"))?;
    let past = gather::past(app, Asked::Last(since)).await?;
    let root = who.root();
    let (told, window) = (name.as_ref().map(ToString::to_string), past.window);
    let time = told::times(window);
    // It takes its time where there are hundreds of rows.
    let groups = app.groups().clone();
    let post = Post::of(&app.shared().monitor());
    let incidents = self::since(window);
    let draw = move || Timeline::draw(&past, &post, &groups, name.as_ref(), root);
    let Ok(timeline) = tokio::task::spawn_blocking(draw).await else {
        return Err(Refused::Wrong("this time cannot be drawn".to_owned()));
    };
    let system = http::api::system::view(app);
    let choices = choices(since);
    let chosen = pairs.get("since").unwrap_or("24h");
    let page = TimelinePage {
        system: &system,
        who,
        choices,
        time,
        timeline: &timeline,
        name: told,
        since: chosen,
        incidents,
    };
    Ok(page.render())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_is_the_same_in_a_page_and_in_an_address() {
        let of = |name: &str| anchor(name, Wall::from_millis(7));
        assert_eq!(of("pend_00-a"), "pend_00-a@7");
        assert_eq!(of("a +%<\u{202e}.@"), "a.20.2b.25.3c.e2.80.ae.2e.40@7");
        assert_ne!(of("a b"), of("a.20b"));
    }

    #[test]
    fn what_is_far_down_is_on_the_page_that_a_link_leads_to() {
        assert_eq!(skip(0), "");
        for before in [249, 250, 299, 300, 1_234] {
            let skipped = skip(before).strip_prefix("&skip=").map_or(0, |skip| skip.parse().unwrap());
            for newer in [0, NEWER_BY_THEN - 1] {
                assert!(
                    (skipped..skipped + incidents::SHOWN).contains(&(before + newer)),
                    "{before} {newer}"
                );
            }
        }
    }
}
