//! The rules a second time, from the world's point of view, over random outages.
//!
//! `outages.rs` plays random scenarios, which have far more in them. This is beside it for what no scenario has: answers
//! of book and of the mail server that are kept back for as long as one likes and given in any order (those of the
//! simulator come within milliseconds, or all late by the same); a book that refuses whatever is asked for the pace, and
//! not only what is asked within a second; a stop of the server that nobody tells it of and that ends no connection; a
//! time of day that is set by decades, and not by two hours; and every action byte for byte, where a timeline leaves
//! out what is read, saved, opened and closed.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use status_core::{
    Action, Config, Event, FailureKind, Feed, Input, MailFailureKind, Manifest, Note, ResourceName, Topic,
    Transmitted,
};
use status_tests::{World, config, loaded};

const EXPERIMENTS: usize = 4;

/// One thing that happens in the lab. Each is possible at any time.
#[derive(Clone, Debug)]
enum Step {
    Unplug(usize),
    Silence(usize),
    NeverSends(usize),
    Works(usize),
    Jump(usize, bool),
    FeedReports(Feed, bool),
    HangUp(Feed),
    FeedsRefuse(bool),
    Book(Option<FailureKind>),
    AnswersAreLost(bool),
    Mail(Option<MailFailureKind>),
    ManifestEmptied,
    ManifestLoaded,
    PersonTakesOut(usize),
    PersonPutsBack(usize),
    Sleep(u32),
    WallClock(i32),
    Wait(u32),
    BookWaits(bool),
    MailWaits(bool),
    /// Gives one of the answers that were kept back, in any order.
    Release(usize),
    /// A resource books another experiment from now on.
    Moves(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let stream = 0..EXPERIMENTS * 2;
    let experiment = 0..EXPERIMENTS;
    let feed = prop_oneof![Just(Feed::Relay), Just(Feed::Jump)];
    let failure = prop_oneof![
        Just(FailureKind::Unreachable),
        Just(FailureKind::TimedOut),
        Just(FailureKind::Refused),
        Just(FailureKind::TooManyRequests { retry_after: None }),
        Just(FailureKind::TooManyRequests { retry_after: Some(Duration::from_secs(7)) }),
        Just(FailureKind::Overloaded),
        Just(FailureKind::Garbled)
    ];
    prop_oneof![
        2 => stream.clone().prop_map(Step::Unplug),
        2 => stream.clone().prop_map(Step::Silence),
        1 => stream.clone().prop_map(Step::NeverSends),
        3 => stream.prop_map(Step::Works),
        2 => (experiment.clone(), any::<bool>()).prop_map(|(n, on)| Step::Jump(n, on)),
        1 => (feed.clone(), any::<bool>()).prop_map(|(feed, on)| Step::FeedReports(feed, on)),
        1 => feed.prop_map(Step::HangUp),
        1 => any::<bool>().prop_map(Step::FeedsRefuse),
        1 => proptest::option::of(failure).prop_map(Step::Book),
        1 => any::<bool>().prop_map(Step::AnswersAreLost),
        1 => proptest::option::of(prop_oneof![Just(MailFailureKind::Transient), Just(MailFailureKind::Unknown)]).prop_map(Step::Mail),
        1 => Just(Step::ManifestEmptied),
        2 => Just(Step::ManifestLoaded),
        1 => experiment.clone().prop_map(Step::PersonTakesOut),
        1 => experiment.clone().prop_map(Step::PersonPutsBack),
        1 => (1u32..200).prop_map(Step::Sleep),
        1 => any::<i32>().prop_map(Step::WallClock),
        12 => (0u32..40_000).prop_map(Step::Wait),
        3 => any::<bool>().prop_map(Step::BookWaits),
        1 => any::<bool>().prop_map(Step::MailWaits),
        6 => (0..10usize).prop_map(Step::Release),
        1 => experiment.prop_map(Step::Moves),
    ]
}

struct Run {
    world: World,
    manifest: Manifest,
    all_streams: Vec<String>,
    held: [bool; EXPERIMENTS],
    checked: usize,
    /// Whether the mail server ever left it open whether it took a mail.
    unclear: bool,
}

impl Run {
    fn new() -> Self {
        let settings = Config { query_book_every: Duration::from_secs(60), ..config() };
        let world = World::lab(EXPERIMENTS, settings);
        let manifest = world.manifest.clone();
        let all_streams = world.streams.iter().map(|(topic, _)| topic.clone()).collect();
        Self { world, manifest, all_streams, held: [false; EXPERIMENTS], checked: 0, unclear: false }
    }

    fn take(&mut self, step: &Step) {
        let world = &mut self.world;
        match *step {
            Step::Unplug(n) => world.unplug(&self.all_streams[n]),
            Step::Silence(n) => self.set_stream(n, Transmitted::Ago(Duration::from_secs(60))),
            Step::NeverSends(n) => self.set_stream(n, Transmitted::Never),
            Step::Works(n) => self.set_stream(n, Transmitted::Ago(Duration::from_millis(40))),
            Step::Jump(n, on) => {
                let name = format!("pend{n:02}");
                world.hosts.retain(|host| *host != name);
                world.hosts.extend(on.then_some(name));
            }
            Step::FeedReports(feed, on) => {
                world.every.insert(feed, on.then_some(Duration::from_secs(5)));
            }
            Step::HangUp(feed) => world.hang_up(feed),
            Step::FeedsRefuse(refuse) => world.feeds_refuse = refuse,
            Step::Book(failure) => world.book_fails = failure,
            Step::AnswersAreLost(lost) => world.answers_are_lost = lost,
            Step::Mail(failure) => {
                world.mail_fails = failure;
                self.unclear |= failure == Some(MailFailureKind::Unknown);
            }
            Step::ManifestEmptied => {
                world.manifest.clear();
                world.available.clear();
                self.held = Default::default();
            }
            Step::ManifestLoaded => self.load(),
            Step::PersonTakesOut(n) => self.person(n, false),
            Step::PersonPutsBack(n) => self.person(n, true),
            Step::Sleep(seconds) => world.sleep(f64::from(seconds)),
            Step::WallClock(seconds) => world.step_wall_clock(seconds.into()),
            Step::Wait(millis) => {
                let until = world.seconds() + f64::from(millis) / 1000.0;
                world.until(until);
            }
            Step::BookWaits(waits) => world.book_waits = waits,
            Step::MailWaits(waits) => world.mail_waits = waits,
            Step::Release(n) => {
                if let Some(at) = n.checked_rem(world.kept_back.len()) {
                    let answer = world.kept_back.remove(at);
                    world.step(answer);
                }
            }
            Step::Moves(n) => {
                let stub = format!("pend{:02}", (n + 1) % EXPERIMENTS);
                if let Some(needs) = world.manifest.get_mut(format!("r-pend{n:02}").as_str()) {
                    needs.stub = stub.as_str().into();
                }
            }
        }
    }

    fn set_stream(&mut self, n: usize, transmitted: Transmitted) {
        let topic = self.all_streams[n].clone();
        self.world.unplug(&topic);
        self.world.streams.push((topic, transmitted));
    }

    fn load(&mut self) {
        self.world.manifest = self.manifest.clone();
        self.world.available = self.manifest.keys().map(|name| (name.clone(), loaded())).collect();
        self.held = Default::default();
    }

    fn person(&mut self, n: usize, available: bool) {
        let name = format!("r-pend{n:02}");
        // Between a read and the change that follows from it, nobody can see a person's decision.
        let reads_wait = self.world.book_waits || !self.world.kept_back.is_empty();
        if !reads_wait && self.world.available.contains_key(name.as_str()) {
            self.world.person_sets(&name, available, if available { "back" } else { "out for repair" });
            self.held[n] = !available;
        }
    }

    /// What must hold at every moment.
    fn check_safety(&mut self) {
        for (millis, action) in &self.world.trace[self.checked..] {
            let early = *millis < 20_000;
            match action {
                Action::SetAvailability { .. } => assert!(!early, "decided during startup"),
                // What is wrong with a service is told at once.
                Action::SendMail { mail, .. } => {
                    assert!(!early || mail.subject.starts_with("lab 0 "), "{mail:?}");
                }
                Action::Note(Note::Event { event, .. }) => {
                    assert!(!early, "decided during startup");
                    assert_eq!(event.healthy, event.issues().is_empty());
                }
                Action::FetchManifest { .. }
                | Action::ReadAvailability { .. }
                | Action::OpenFeed { .. }
                | Action::CloseFeed { .. }
                | Action::Save { .. }
                | Action::LogHealth
                | Action::Answer { .. }
                | Action::Note(_) => {}
            }
        }
        self.checked = self.world.trace.len();
    }

    /// Everything is repaired, and there is time to notice.
    fn heal(&mut self) {
        for n in 0..self.all_streams.len() {
            self.take(&Step::Works(n));
        }
        for n in 0..EXPERIMENTS {
            self.take(&Step::Jump(n, true));
        }
        for feed in Feed::BOTH {
            self.take(&Step::FeedReports(feed, true));
        }
        for step in
            [Step::FeedsRefuse(false), Step::Book(None), Step::AnswersAreLost(false), Step::Mail(None)]
        {
            self.take(&step);
        }
        (self.world.book_waits, self.world.mail_waits) = (false, false);
        for answer in std::mem::take(&mut self.world.kept_back) {
            self.world.step(answer);
        }
        if self.world.manifest.is_empty() {
            self.load();
        }
        self.world.step(Input::Wake);
        self.take(&Step::Wait(1_000_000)); // a mail may wait for a quarter of an hour
    }

    /// What must hold once every fault has ended.
    fn check_liveness(&self) {
        let world = &self.world;
        assert_eq!(world.monitor.alerts().iter().count(), 0);
        assert!(world.monitor.outbox().is_empty());
        for n in 0..EXPERIMENTS {
            let (name, resource) = (format!("pend{n:02}"), format!("r-pend{n:02}"));
            assert!(world.should_be_bookable(&resource));
            assert_eq!(
                world.bookable(&resource),
                !self.held[n],
                "{resource}: {:?}",
                world.available[resource.as_str()]
            );
            assert!(world.events(&name).last().is_some_and(|event| event.healthy), "{name}");
            for pair in world.events(&name).windows(2) {
                assert_ne!(
                    parts(&pair[0]),
                    parts(&pair[1]),
                    "{name}: an event says what is other than before"
                );
            }
        }
        self.check_mails();
    }

    /// Every event was mailed, and none more often than it happened where the mail server said what it did; and the last mail
    /// tells how all stands.
    fn check_mails(&self) {
        let events = self.world.notes().filter(|note| matches!(note, Note::Event { .. })).count();
        let mut unique = std::collections::BTreeMap::new();
        for mail in &self.world.delivered {
            let count = mail.subject.split(' ').nth(1).and_then(|count| count.parse::<usize>().ok());
            let count = count.expect("the subject counts the events");
            let before = unique.insert(mail.id.clone(), (count, mail.body.clone()));
            assert!(
                before.is_none_or(|(_, body)| body == mail.body),
                "what may have been taken is sent as it was"
            );
        }
        let told = unique.values().map(|(count, _)| count).sum::<usize>();
        // What is in doubt may be told again, and several events of one experiment are told in one line.
        assert!(told <= events || self.unclear, "{told} told of {events}");
        let mut newest = std::collections::BTreeMap::new();
        for note in self.world.notes() {
            if let Note::Event { experiment, event, .. } = note {
                newest.insert(experiment, event.healthy);
            }
        }
        let problems = newest.values().filter(|healthy| !**healthy).count();
        // What is in doubt may come after what is newer.
        if let Some(last) = self.world.delivered.last().filter(|_| !self.unclear) {
            let heading = format!("All current problems ({problems}):");
            assert!(last.body.contains(&heading), "{heading} in {}", last.body);
        }
    }
}

/// Book is never told anything but what the reports so far say. Where a new manifest came at the
/// same instant, nothing is known: the change may have gone before it.
fn check_changes(world: &World, (changes, given): &(usize, Manifest)) {
    for (_, resource, available) in &world.changes[*changes..] {
        let resource = resource.as_str();
        if given.get(resource).is_some_and(|needs| world.given.get(resource) == Some(needs)) {
            assert_eq!(*available, world.should_be_bookable(resource), "{resource} at {}", world.seconds());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, rng_seed: RngSeed::Fixed(2026), ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_promises_hold(steps in proptest::collection::vec(step(), 1..60)) {
        let mut run = Run::new();
        for step in &steps {
            run.take(step);
            run.check_safety();
        }
        run.heal();
        run.check_safety();
        run.check_liveness();
    }

    #[test]
    fn book_is_told_what_the_reports_say(steps in proptest::collection::vec(step(), 1..40)) {
        let mut run = Run::new();
        for step in &steps {
            if let Step::Wait(millis) = step {
                let end = run.world.seconds() + f64::from(*millis) / 1000.0;
                while end - run.world.seconds() > 0.0005 {
                    let before = (run.world.changes.len(), run.world.given.clone());
                    let next = run.world.next_event_in_seconds().min(end);
                    run.world.until(next);
                    check_changes(&run.world, &before);
                }
            } else {
                let before = (run.world.changes.len(), run.world.given.clone());
                run.take(step);
                check_changes(&run.world, &before);
            }
        }
    }

    #[test]
    fn the_same_happenings_give_the_same_bytes(steps in proptest::collection::vec(step(), 1..30)) {
        let trace = || {
            let mut run = Run::new();
            steps.iter().for_each(|step| run.take(step));
            serde_json::to_string(&run.world.trace).unwrap()
        };
        prop_assert_eq!(trace(), trace());
    }
}

/// The three parts of an experiment's health: jump, its streams, and its resources.
#[derive(Debug, PartialEq)]
struct Parts<'a> {
    jump_ok: bool,
    streams: Vec<(&'a Topic, bool)>,
    resources: Vec<(&'a ResourceName, bool)>,
}

fn parts(event: &Event) -> Parts<'_> {
    let (streams, resources) = (event.streams().collect(), event.resources().collect());
    Parts { jump_ok: event.jump_ok, streams, resources }
}
