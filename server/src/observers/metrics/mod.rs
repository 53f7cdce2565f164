//! Figures for Prometheus: what was counted since the start, and how things stand now.

mod experiments;
mod gauges;
mod process;
mod text;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use status_adapters::FeedSource;
use status_core::{Action, Failure, FailureKind, Feed, Input, Note, Now, Time, Timer};

use crate::driver::Observer;

pub use gauges::{Machine, Scene};
pub(crate) use process::Process;
pub use text::Dialect;

/// How things stood when somebody asked.
pub struct Figures(Registry);

/// One label, as name and value.
type Label = [(&'static str, &'static str); 1];
type Labels = [(&'static str, &'static str); 2];

/// How far apart snapshots come, and how old the newest becomes, in seconds: feeds send one each 5 s, or each minute.
const FEED_SECONDS: [f64; 12] = [0.5, 1.0, 2.0, 4.0, 5.5, 7.0, 10.0, 15.0, 30.0, 61.0, 120.0, 300.0];

/// How long a check takes, in seconds: from what a lab of six takes to what makes it late.
const CHECK_SECONDS: [f64; 10] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0];

/// What is counted. It is cheap to clone, and all clones are one.
#[derive(Clone)]
pub struct Metrics {
    disconnects: Family<Label, Counter>,
    book_requests: Family<Labels, Counter>,
    mails: Family<Label, Counter>,
    saves: Family<Label, Counter>,
    events: Family<Label, Counter>,
    wakes: Family<Label, Counter>,
    checks: Histogram,
    intervals: Family<Label, Histogram, fn() -> Histogram>,
    ages: Family<Label, Histogram, fn() -> Histogram>,
    /// When each feed's newest snapshot came.
    newest: [(Feed, Option<Time>); 2],
    /// They count what is wrong with what they read.
    feeds: [(Feed, Arc<dyn FeedSource>); 2],
    /// Whether the last mail that was tried was not taken.
    refused: bool,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Nothing is counted yet. What can happen is there from the start, as zero, so that a rate of it
    /// has a beginning.
    #[must_use]
    pub fn new(relay: Arc<dyn FeedSource>, jump: Arc<dyn FeedSource>) -> Self {
        let metrics = Self {
            disconnects: Family::default(),
            book_requests: Family::default(),
            mails: Family::default(),
            saves: Family::default(),
            events: Family::default(),
            wakes: Family::default(),
            checks: Histogram::new(CHECK_SECONDS),
            intervals: Family::new_with_constructor(feed_seconds),
            ages: Family::new_with_constructor(feed_seconds),
            newest: Feed::BOTH.map(|feed| (feed, None)),
            feeds: [(Feed::Relay, relay), (Feed::Jump, jump)],
            refused: false,
        };
        for feed in Feed::BOTH {
            let label = [("feed", feed.as_str())];
            metrics.disconnects.get_or_create(&label).inc_by(0);
            let _ = (metrics.intervals.get_or_create(&label), metrics.ages.get_or_create(&label));
        }
        for request in ["manifest", "read", "set"] {
            for result in ["ok", "unreachable", "timed_out", "refused"] {
                metrics.book_requests.get_or_create(&[("request", request), ("result", result)]).inc_by(0);
            }
        }
        for result in ["sent", "partly_sent", "failed", "given_up"] {
            metrics.mails.get_or_create(&[("result", result)]).inc_by(0);
        }
        for result in ["ok", "failed"] {
            metrics.saves.get_or_create(&[("result", result)]).inc_by(0);
        }
        for health in ["healthy", "unhealthy"] {
            metrics.events.get_or_create(&[("health", health)]).inc_by(0);
        }
        // A lease runs out only where several servers share a store.
        for why in Timer::ALL.into_iter().filter(|why| *why != Timer::Lease) {
            metrics.wakes.get_or_create(&[("why", why.as_str())]).inc_by(0);
        }
        metrics
    }

    /// All figures, as they are now.
    #[must_use]
    pub fn figures(&self, scene: &Scene<'_>) -> Figures {
        let mut registry = Registry::default();
        gauges::register(&mut registry, scene);
        Figures(registry)
    }

    /// Likewise as text.
    #[must_use]
    pub fn text(&self, Figures(mut registry): Figures, dialect: Dialect) -> String {
        self.register(&mut registry);
        text::write(&registry, dialect)
    }

    fn register(&self, to: &mut Registry) {
        let bad: Family<Label, Counter> = Family::default();
        for (feed, source) in &self.feeds {
            bad.get_or_create(&[("feed", feed.as_str())]).inc_by(source.bad_reports());
        }
        to.register("status_feed_bad_reports", "Reports, and frames as a whole, that made no sense", bad);
        to.register(
            "status_feed_disconnects",
            "Connections to a feed that failed or ended",
            self.disconnects.clone(),
        );
        to.register(
            "status_feed_snapshot_interval_seconds",
            "Time between two snapshots of a feed",
            self.intervals.clone(),
        );
        to.register(
            "status_feed_age_at_check_seconds",
            "How old the newest snapshot of each feed was when everything was checked",
            self.ages.clone(),
        );
        to.register(
            "status_check_duration_seconds",
            "How long it took to take an input in and to check everything",
            self.checks.clone(),
        );
        to.register(
            "status_book_requests",
            "Answers of book, or the lack of one",
            self.book_requests.clone(),
        );
        to.register("status_mails", "Tries to send a mail, and mails given up", self.mails.clone());
        to.register("status_store_saves", "Writings to the store", self.saves.clone());
        to.register(
            "status_wakes",
            "Times that something was due although nothing had happened",
            self.wakes.clone(),
        );
        to.register("status_events", "Changes in the health of experiments", self.events.clone());
    }

    /// An input has come: what is known of each feed is so old, or is new.
    fn aged(&mut self, now: Now, input: &Input) {
        for (feed, newest) in &mut self.newest {
            let label = [("feed", feed.as_str())];
            let is_new = matches!(input, Input::Reported { feed: from, .. } if from == feed);
            let age = newest.map(|at| now.time.since(at).as_secs_f64());
            if is_new {
                *newest = Some(now.time);
            }
            match age {
                Some(age) if is_new => self.intervals.get_or_create(&label).observe(age),
                Some(age) => self.ages.get_or_create(&label).observe(age),
                None => {}
            }
        }
    }

    fn asked(&self, request: &'static str, failure: Option<&Failure>) {
        let result = failure.map_or("ok", |failure| kind(failure.kind));
        self.book_requests.get_or_create(&[("request", request), ("result", result)]).inc();
    }
}

fn feed_seconds() -> Histogram {
    Histogram::new(FEED_SECONDS)
}

fn kind(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Unreachable => "unreachable",
        FailureKind::TimedOut => "timed_out",
        FailureKind::Refused => "refused",
        FailureKind::TooManyRequests { .. } => "too_many_requests",
        FailureKind::Overloaded => "overloaded",
        FailureKind::NotFound => "not_found",
        FailureKind::Garbled => "garbled",
        FailureKind::Ended => "ended",
        FailureKind::Replaced => "replaced",
        FailureKind::Superseded => "superseded",
    }
}

impl Observer for Metrics {
    fn woken(&mut self, why: Timer) {
        self.wakes.get_or_create(&[("why", why.as_str())]).inc();
    }

    fn input(&mut self, now: Now, input: &Input) {
        self.aged(now, input);
        match input {
            Input::Wake
            | Input::Stalled { .. }
            | Input::Reported { .. }
            | Input::StoreReplaced { .. }
            | Input::Commanded { .. }
            | Input::Elected(_) => {}
            Input::FeedClosed { feed, .. } => {
                self.disconnects.get_or_create(&[("feed", feed.as_str())]).inc();
            }
            Input::ManifestFetched { outcome, .. } => self.asked("manifest", outcome.as_ref().err()),
            Input::AvailabilityRead { outcome, .. } => self.asked("read", outcome.as_ref().err()),
            Input::AvailabilitySet { outcome, .. } => self.asked("set", outcome.as_ref().err()),
            Input::MailSent { outcome, .. } => {
                let taken = outcome.iter().filter(|one| one.outcome.is_ok()).count();
                self.refused = taken == 0;
                let result = match taken {
                    0 => "failed",
                    _ if taken == outcome.len() => "sent",
                    _ => "partly_sent",
                };
                self.mails.get_or_create(&[("result", result)]).inc();
            }
            Input::Saved { outcome, .. } => {
                let result = if outcome.is_ok() { "ok" } else { "failed" };
                self.saves.get_or_create(&[("result", result)]).inc();
            }
        }
    }

    fn action(&mut self, _: Now, action: &Action) {
        let Action::Note(note) = action else { return };
        if let Note::Event { event, .. } = note {
            let health = if event.healthy { "healthy" } else { "unhealthy" };
            self.events.get_or_create(&[("health", health)]).inc();
        }
        // One that only some addresses refused was sent.
        if matches!(note, Note::MailGivenUp { .. }) && self.refused {
            self.mails.get_or_create(&[("result", "given_up")]).inc();
        }
    }

    fn handled(&mut self, took: Duration) {
        self.checks.observe(took.as_secs_f64());
    }
}
