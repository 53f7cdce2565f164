//! How the lab as a whole and the services stand.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;
use status_core::{
    Feed, FeedSubscription, Monitor, Now, PastAlert, Role, SystemAlert, Verdict, Wall, Withheld,
};
use utoipa::ToSchema;

use super::cluster::ClusterView;
use super::standing::{Bookings, Counts, acts};
use super::summary::{self, State};
use super::{seconds, trouble};
use crate::observers::uptime::DAY_MILLIS;

/// How many system alerts that are over are told with the rest.
const PAST_ALERTS: usize = 20;
/// How many withheld things are told with the rest: a stream tells them again and again.
const WITHHELD: usize = 20;

/// The lab as a whole, and the services.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SystemView {
    /// What people call the lab; null if `STATUS_NAME` says nothing.
    pub name: Option<String>,
    /// The version of this program.
    pub version: &'static str,
    /// Changes whenever something is other than it was, but for times and ages.
    pub revision: String,
    /// When this was told.
    #[schema(format = DateTime)]
    pub time: String,
    /// `act`, or `observe`: then nothing is set in book and no mail is sent.
    pub mode: &'static str,
    /// Whether both feeds have sent a snapshot and book has answered.
    pub ready: bool,
    /// Whether verdicts are made: not just after a long stall.
    pub judging: bool,
    /// How everything together stands: `ok` only when all is known and well, `unknown`, or `trouble`.
    pub state: State,
    /// The same in a few words: what is wrong, or not known; empty when all is well.
    pub summary: String,
    /// Experiments by their health, and resources by what they should be.
    pub counts: Counts,
    /// Resources by what book says, and what would be.
    pub bookings: Bookings,
    /// The video and data streams.
    pub relay: FeedView,
    /// The maintainers' connections.
    pub jump: FeedView,
    /// The bookings.
    pub book: BookView,
    /// The mails.
    pub mail: MailView,
    /// What a restart must not lose.
    pub store: StoreView,
    /// What is wrong with the services themselves.
    pub alerts: Vec<AlertView>,
    /// What was wrong with them and is over: the newest 20, the newest first.
    pub past_alerts: Vec<PastAlertView>,
    /// What was decided lately and not done, in `STATUS_MODE=observe`: the newest 20, the newest first. All,
    /// with the texts of mails, are at `/api/v1/withheld`.
    pub withheld: Vec<WithheldView>,
    /// Who leads, of several servers that share a store; missing where no other server can use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterView>,
}

/// How a feed stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FeedView {
    /// `ok`, `silent` (no snapshot for `STATUS_HEALTH_LAST_CHECKED`), or `waiting` (none yet, at the start).
    pub state: &'static str,
    /// When the newest snapshot came.
    #[schema(format = DateTime)]
    pub last_snapshot: Option<String>,
    /// How long ago that was.
    pub age_seconds: Option<f64>,
    /// How many have come.
    pub snapshots: u64,
    /// How far apart they come, if that has been more than 0.8 of `limit_seconds` for some time, so that verdicts
    /// flap.
    pub too_slow_seconds: Option<f64>,
    /// `STATUS_HEALTH_LAST_CHECKED`: after so long without a snapshot the feed is silent.
    pub limit_seconds: f64,
    /// What went wrong since; the log has the details.
    pub trouble: Option<&'static str>,
}

/// How book stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BookView {
    /// `ok`, `trouble` (it cannot be asked), `empty` (it has no manifest), or `waiting` (it was not asked yet).
    pub state: &'static str,
    /// When it last gave its manifest.
    #[schema(format = DateTime)]
    pub manifest_at: Option<String>,
    /// How long ago that was.
    pub age_seconds: Option<f64>,
    /// What went wrong since; the log has the details.
    pub trouble: Option<&'static str>,
}

/// How the mails stand.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MailView {
    /// `ok`, `waiting` (the mail server did not take some yet, or does not answer), `off` (none are sent).
    pub state: &'static str,
    /// How many somebody does not have yet. Those in `kept` are not among them.
    pub undelivered: usize,
    /// Since when the oldest of them waits.
    #[schema(format = DateTime)]
    pub oldest: Option<String>,
    /// How many an earlier run of the server left, while none are sent: they wait until it sends mails again.
    pub kept: usize,
    /// How many of the newest were given up, for somebody or all, since the start.
    pub given_up: usize,
}

/// How the store stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StoreView {
    /// `ok`, `trouble` (it cannot be written; the log says why), or `off` (nothing is kept).
    pub state: &'static str,
}

/// Something that is wrong with a service.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AlertView {
    /// Its name for programs, such as `relay_silent`.
    pub alert: &'static str,
    /// What is wrong.
    pub text: String,
    /// What to do.
    pub advice: &'static str,
    /// Since when.
    #[schema(format = DateTime)]
    pub since: String,
}

/// Something that was wrong with a service, and is over.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PastAlertView {
    /// Its name for programs, such as `relay_silent`.
    pub alert: &'static str,
    /// What was wrong.
    pub text: String,
    /// The last good sign before it.
    #[schema(format = DateTime)]
    pub since: String,
    /// The first good sign after it.
    #[schema(format = DateTime)]
    pub until: String,
}

/// Something that was decided and not done.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WithheldView {
    /// When.
    #[schema(format = DateTime)]
    pub when: String,
    /// `availability` or `mail`.
    pub kind: &'static str,
    /// In a sentence.
    pub text: String,
    /// A mail's text, from the events on, where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
}

impl SystemView {
    /// The system as it is shown at `now`.
    #[must_use]
    pub fn of(monitor: &Monitor, now: Now, revision: String) -> Self {
        let alerts = monitor.alerts().iter().map(|(alert, _, since)| AlertView {
            alert: alert.as_str(),
            text: alert.to_string(),
            advice: alert.advice(),
            since: since.to_string(),
        });
        let mut view = Self {
            name: Some(monitor.config().name.clone()).filter(|name| !name.is_empty()),
            version: env!("CARGO_PKG_VERSION"),
            revision,
            time: now.wall.to_string(),
            mode: if acts(monitor) { "act" } else { "observe" },
            ready: not_heard_of(monitor).is_empty(),
            judging: monitor.is_judging(),
            state: State::Unknown,
            summary: String::new(),
            counts: Counts::of(monitor),
            bookings: Bookings::of(monitor),
            relay: FeedView::of(monitor, monitor.subscription(Feed::Relay), now),
            jump: FeedView::of(monitor, monitor.subscription(Feed::Jump), now),
            book: BookView::of(monitor, now),
            mail: MailView::of(monitor),
            store: StoreView::of(monitor),
            alerts: alerts.collect(),
            past_alerts: monitor.alerts().past().rev().take(PAST_ALERTS).map(PastAlertView::of).collect(),
            withheld: WithheldView::newest(monitor, WITHHELD, false),
            cluster: None,
        };
        let (state, words) = summary::of(&view);
        (view.state, view.summary) = (state, words.join(", "));
        view
    }

    /// Returns the title of a page that shows all: how everything stands, with a tick only if all is known and well.
    #[must_use]
    pub fn title(&self) -> String {
        let words = match (self.summary.as_str(), &self.name) {
            ("", Some(_)) => "all is well",
            ("", None) => "status",
            (summary, _) => summary,
        };
        format!("{} {words}", self.state.mark())
    }

    /// Returns what is wrong with the services, or not known of them: what bears on the page of each experiment.
    #[must_use]
    pub fn services(&self) -> Vec<String> {
        summary::services(self)
    }

    /// Returns what a verdict says about booking: what it should be, or while only observing would be.
    #[must_use]
    pub fn intent(&self) -> &'static str {
        if self.mode == "observe" { "would be" } else { "should be" }
    }

    /// Both feeds, with their names.
    #[must_use]
    pub fn feeds(&self) -> [(&'static str, &FeedView); 2] {
        [("relay", &self.relay), ("jump", &self.jump)]
    }
}

/// What has not been heard of yet: `relay`, `jump` or `book`.
#[must_use]
pub fn not_heard_of(monitor: &Monitor) -> Vec<&'static str> {
    let silent = |feed: &Feed| monitor.subscription(*feed).last_snapshot().is_none();
    let mut missing: Vec<&'static str> = Feed::BOTH.into_iter().filter(silent).map(Feed::as_str).collect();
    if monitor.book().manifest_at().is_none() {
        missing.push("book");
    }
    missing
}

/// A text that is the same as long as nothing but times and ages has changed.
#[must_use]
pub fn revision(monitor: &Monitor) -> String {
    let mut hash = DefaultHasher::new();
    let leadership = monitor.leadership();
    let is_cut_off = leadership.is_cut_off(monitor.now().time);
    (leadership.role() == Role::Leader, leadership.since().as_millis(), is_cut_off).hash(&mut hash);
    for (name, known) in monitor.experiments() {
        let Verdict { decided, healthy, jump_ok, available } = known.verdict();
        (name, decided, healthy, jump_ok, available, known.is_restored()).hash(&mut hash);
        known.events().next_back().map(|event| event.when.as_millis()).hash(&mut hash);
        let acknowledged = known.acknowledgement().map(|known| (known.at.as_millis(), known.note.as_str()));
        (
            acknowledged,
            known.window().map(|window| window.0),
            known.flapping().map(|flapping| flapping.times),
        )
            .hash(&mut hash);
        for stream in known.streams() {
            (stream.topic(), stream.is_required(), stream.status() as u8).hash(&mut hash);
        }
        for resource in monitor.book().resources_of(name) {
            let said = resource.observed().map(|said| (said.available, said.reason.as_str()));
            (resource.name(), resource.desired(), said, resource.held()).hash(&mut hash);
        }
    }
    let mut remarks = monitor.maintenance().remarks();
    let newest = remarks.next_back().map(|newest| (newest.at.as_millis(), newest.what.to_string()));
    let on: Vec<u64> = monitor.maintenance().on().map(|window| window.id.0).collect();
    (newest, on).hash(&mut hash);
    // At midnight the bars of days shift.
    (monitor.now().wall.as_millis() / DAY_MILLIS).hash(&mut hash);
    // The rest is all that is shown of the services.
    let mut view = SystemView::of(monitor, monitor.now(), String::new());
    view.time.clear();
    for feed in [&mut view.relay, &mut view.jump] {
        (feed.last_snapshot, feed.age_seconds, feed.snapshots) = (None, None, 0);
    }
    (view.book.manifest_at, view.book.age_seconds) = (None, None);
    format!("{view:?}").hash(&mut hash);
    format!("{:016x}", hash.finish())
}

impl FeedView {
    fn of(monitor: &Monitor, link: &FeedSubscription, now: Now) -> Self {
        let age = link.last_snapshot().map(|(time, _)| now.time.since(time));
        let alert = SystemAlert::Silent(link.feed());
        let state = match age {
            Some(age) if age <= monitor.config().last_checked => "ok",
            None if !monitor.alerts().stands(alert) => "waiting",
            Some(_) | None => "silent",
        };
        Self {
            state,
            last_snapshot: link.last_snapshot().map(|(_, wall)| wall.to_string()),
            age_seconds: age.map(seconds),
            snapshots: link.snapshots(),
            too_slow_seconds: link.slow().map(seconds),
            limit_seconds: seconds(monitor.config().last_checked),
            trouble: link.last_error().map(|failure| trouble(failure.kind)),
        }
    }
}

impl BookView {
    fn of(monitor: &Monitor, now: Now) -> Self {
        let book = monitor.book();
        let state = if monitor.alerts().stands(SystemAlert::BookUnreachable) {
            "trouble"
        } else if book.is_empty() {
            "empty"
        } else if book.manifest_at().is_some() {
            "ok"
        } else {
            "waiting"
        };
        Self {
            state,
            manifest_at: book.manifest_at().map(|at| at.to_string()),
            age_seconds: book.manifest_at().map(|at| seconds(now.wall.since(at))),
            trouble: book.last_error().map(|failure| trouble(failure.kind)),
        }
    }
}

impl MailView {
    pub(crate) fn of(monitor: &Monitor) -> Self {
        let outbox = monitor.outbox();
        let sends = sends_mail(monitor);
        let all = outbox.undelivered();
        let now = monitor.now().time;
        let state = match sends {
            true if all.iter().any(|mail| mail.trouble(now).is_some()) => "waiting",
            true => "ok",
            false => "off",
        };
        let (undelivered, kept) = if sends { (all.len(), 0) } else { (0, all.len()) };
        Self {
            state,
            undelivered,
            oldest: all.first().filter(|_| sends).map(|mail| mail.since.to_string()),
            kept,
            given_up: outbox.given_up().count(),
        }
    }
}

/// Returns whether mails are sent. If not, those that an earlier run left wait until they are.
#[must_use]
pub fn sends_mail(monitor: &Monitor) -> bool {
    acts(monitor) && monitor.config().mail.is_some()
}

/// Returns why the store cannot be written, also where it does not answer at all.
#[must_use]
pub fn store_trouble(monitor: &Monitor) -> Option<String> {
    let told = || monitor.alerts().iter().find(|(alert, ..)| *alert == SystemAlert::StoreBroken);
    let last_error = monitor.persistence()?.last_error().map(ToString::to_string);
    let lost = || monitor.leadership().trouble().map(ToOwned::to_owned);
    last_error.or_else(lost).or_else(|| told().map(|(_, detail, _)| detail.to_owned()))
}

impl StoreView {
    fn of(monitor: &Monitor) -> Self {
        let state = match monitor.persistence() {
            None => "off",
            Some(_) if store_trouble(monitor).is_some() => "trouble",
            Some(_) => "ok",
        };
        Self { state }
    }
}

impl PastAlertView {
    fn of(past: &PastAlert) -> Self {
        Self {
            alert: past.alert.as_str(),
            text: past.alert.to_string(),
            since: past.since.to_string(),
            until: past.until.to_string(),
        }
    }
}

impl WithheldView {
    /// The newest things that were decided and not done, the newest first, with or without the texts of
    /// mails.
    #[must_use]
    pub fn newest(monitor: &Monitor, most: usize, with_texts: bool) -> Vec<Self> {
        let newest = monitor.withheld().rev().take(most);
        newest.map(|(when, what)| Self::of(*when, what, with_texts)).collect()
    }

    fn of(when: Wall, what: &Withheld, with_text: bool) -> Self {
        let (kind, mail) = match what {
            Withheld::Availability { .. } => ("availability", None),
            // What stands before the events may say what services answered.
            Withheld::Mail { subject: _, body } => {
                ("mail", body.rfind("\nNew health events (").map(|at| body[at + 1..].to_owned()))
            }
        };
        let text = what.to_string();
        let text = text.strip_prefix("only observing: ").unwrap_or(&text).to_owned();
        Self { when: when.to_string(), kind, text, mail: mail.filter(|_| with_text) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use status_core::{Config, Input, Saved};

    use super::*;

    #[test]
    fn a_store_that_does_not_answer_is_trouble() {
        let mut monitor = Monitor::resume(Config::default(), "life", Saved::default(), Now::default());
        let later = |seconds| {
            let time = Now::default().time + Duration::from_secs(seconds);
            Now { time, wall: Wall::from_millis(seconds * 1_000) }
        };
        let _ = monitor.handle(later(0), Input::Wake);
        assert_eq!(StoreView::of(&monitor).state, "ok");
        for second in 1..40 {
            let _ = monitor.handle(later(second), Input::Wake);
        }
        assert_eq!(StoreView::of(&monitor).state, "trouble");
        assert_eq!(store_trouble(&monitor).as_deref(), Some("it has not answered for 30s"));
    }
}
