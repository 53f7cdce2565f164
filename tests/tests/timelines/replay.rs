//! A captured session played to the core, at the instants at which it was recorded.

use std::collections::{BTreeMap, VecDeque};

use status_adapters::wire::frame;
use status_core::{
    Action, Availability, CallId, Config, Delivery, Failure, FailureKind, Feed, Input, Manifest, Monitor,
    Note, Now, ResourceName, Time, Wall,
};
use status_sim::service::{Answer, Request};
use status_tests::loaded;

use crate::capture::{Line, What};
use crate::story::{Fact, Story};

/// A monitor among captured feeds, and a book and a mail server that always work.
pub(crate) struct Replay {
    pub(crate) monitor: Monitor,
    pub(crate) story: Story,
    lines: VecDeque<Line>,
    links: BTreeMap<Feed, Link>,
    manifest: Manifest,
    /// What book says of each resource.
    available: BTreeMap<ResourceName, Availability>,
    start: Wall,
    now: Now,
}

/// The connections to a feed.
#[derive(Default)]
struct Link {
    /// Whether the feed takes connections, as far as was recorded.
    up: bool,
    open: Vec<CallId>,
    /// Asked for while it does not take any, and not refused yet.
    waiting: Vec<CallId>,
}

impl Replay {
    /// A monitor that starts with the earliest of the sessions. All resources of the manifest
    /// can be booked.
    pub(crate) fn new<const N: usize>(config: Config, manifest: Manifest, sessions: [Vec<Line>; N]) -> Self {
        let mut lines: Vec<Line> = sessions.into_iter().flatten().collect();
        lines.sort_by_key(|line| line.at);
        let start = lines.first().expect("something was recorded").at;
        let now = Now { time: Time::default(), wall: start };
        Self {
            monitor: Monitor::new(config, now),
            story: Story::default(),
            lines: lines.into(),
            links: Feed::BOTH.map(|feed| (feed, Link::default())).into(),
            available: manifest.keys().map(|name| (name.clone(), loaded())).collect(),
            manifest,
            start,
            now,
        }
    }

    /// Plays everything, and returns what happened.
    pub(crate) fn play(mut self) -> Story {
        let last = self.lines.back().map_or(self.start, |line| line.at);
        self.until(last);
        self.story
    }

    /// Plays what was recorded until then, and wakes the monitor whenever it asked for that.
    pub(crate) fn until(&mut self, end: Wall) {
        while let Some(line) = self.lines.pop_front_if(|line| line.at <= end) {
            self.wake_until(line.at);
            self.pass(line.at);
            self.happen(line.feed, line.what);
        }
        self.wake_until(end);
        self.pass(end);
    }

    fn wake_until(&mut self, end: Wall) {
        loop {
            let due = self.wall(self.monitor.deadline().at);
            if due >= end {
                break;
            }
            self.pass(due);
            self.step(Input::Wake);
            assert!(self.monitor.deadline().at > self.now.time, "a deadline that was met must move on");
        }
    }

    fn happen(&mut self, feed: Feed, what: What) {
        self.story.tell(self.now.wall, Fact::happened(feed, &what));
        let link = self.links.get_mut(&feed).expect("there are two feeds");
        match what {
            What::Note(_) => {}
            What::Open => {
                link.up = true;
                link.open.append(&mut link.waiting);
            }
            What::ConnectFailed(why) => {
                link.up = false;
                let refused = std::mem::take(&mut link.waiting);
                self.close(feed, refused, FailureKind::Refused, &format!("{feed} answered {why}"));
            }
            What::Closed(why) => {
                link.up = false;
                let ended = std::mem::take(&mut link.open);
                self.close(feed, ended, FailureKind::Ended, &format!("{feed} ended the connection: {why}"));
            }
            What::Frame(text) => self.frame(feed, &text),
        }
    }

    fn frame(&mut self, feed: Feed, text: &str) {
        let Some(snapshot) = frame::read(feed, text).snapshot else { return };
        for connection in self.links[&feed].open.clone() {
            self.step(Input::Reported { feed, connection, reports: snapshot.reports.clone() });
        }
    }

    fn close(&mut self, feed: Feed, connections: Vec<CallId>, kind: FailureKind, detail: &str) {
        for connection in connections {
            let reason = Failure { kind, detail: detail.to_owned() };
            self.step(Input::FeedClosed { feed, connection, reason });
        }
    }

    /// Gives the monitor an input and answers everything that it then asks for. Whatever happens, the
    /// rules about mail and book hold after it.
    fn step(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let actions = self.monitor.handle(self.now, input);
            assert_one_mail_for_news(&actions);
            for action in actions {
                self.story.tell(self.now.wall, Fact::Asked(action.clone()));
                inputs.extend(self.perform(action));
            }
        }
        self.story.tell_standings(self.now.wall, &self.monitor);
        self.assert_book_agrees();
    }

    fn perform(&mut self, action: Action) -> Option<Input> {
        match action {
            Action::FetchManifest { call } => Some(self.ask(&Request::Manifest).input(call)),
            Action::ReadAvailability { call, resource } => {
                Some(self.ask(&Request::Read(resource)).input(call))
            }
            Action::SetAvailability { call, resource, available, reason } => {
                Some(self.ask(&Request::Set { resource, available, reason }).input(call))
            }
            Action::OpenFeed { feed, connection, .. } => {
                let link = self.links.get_mut(&feed).expect("there are two feeds");
                if link.up { &mut link.open } else { &mut link.waiting }.push(connection);
                None
            }
            Action::CloseFeed { feed, connection } => {
                let link = self.links.get_mut(&feed).expect("there are two feeds");
                link.open.retain(|open| *open != connection);
                link.waiting.retain(|waiting| *waiting != connection);
                None
            }
            Action::SendMail { call, mail } => Some(Input::MailSent {
                call,
                mail: mail.id,
                outcome: Delivery::to_each(&mail.recipients, &Ok(())),
            }),
            Action::Save { call, .. } => Some(Input::Saved { call, outcome: Ok(()) }),
            Action::LogHealth | Action::Answer { .. } | Action::Note(_) => None,
        }
    }

    fn ask(&mut self, request: &Request) -> Answer {
        request.perform(&self.manifest, &mut self.available)
    }

    /// Promise 3, and nothing else than a verdict changes an availability: nobody but the monitor
    /// touches this book, and it always answers.
    fn assert_book_agrees(&self) {
        for (name, experiment) in self.monitor.experiments() {
            let verdict = experiment.verdict();
            for resource in self.monitor.book().resources_of(name) {
                let available = self.available[resource.name()].available;
                assert!(!verdict.decided || available == verdict.available, "{name} at {}", self.now.wall);
            }
        }
    }

    fn pass(&mut self, to: Wall) {
        self.now = Now { time: Time::from_millis(to.as_millis() - self.start.as_millis()), wall: to };
    }

    fn wall(&self, time: Time) -> Wall {
        Wall::from_millis(self.start.as_millis().saturating_add(time.as_millis()))
    }
}

/// The mail server always works, so each mail goes out with the check that has the news.
fn assert_one_mail_for_news(actions: &[Action]) {
    let is_news = |action: &&Action| {
        matches!(
            action,
            Action::Note(Note::Event { .. } | Note::AlertRaised { .. } | Note::AlertCleared { .. })
        )
    };
    let mails = actions.iter().filter(|action| matches!(action, Action::SendMail { .. })).count();
    assert_eq!(mails, usize::from(actions.iter().any(|action| is_news(&action))), "{actions:#?}");
}
