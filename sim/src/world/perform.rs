//! What the core asks for, and what comes of it.

use std::time::Duration;

use status_adapters::wire::frame;
use status_core::{
    Action, CallId, Connection, FailureKind, Feed, Input, Mail, Note, Report, Role, Transmitted,
};

use super::{Event, World};
use crate::scenario::{Fault, RelayVersion};
use crate::service::{Answer, Line, Receipt, Reply, Request, failure};
use crate::timeline::What;

/// How long the server waits for an answer of a feed's access point.
const ACCESS_PATIENCE: Duration = Duration::from_secs(10);
/// How long it waits for the mail server.
const MAIL_PATIENCE: Duration = Duration::from_secs(60);

impl World<'_> {
    /// Does what the core asks for, or plans to.
    pub(super) fn perform(&mut self, life: u64, action: Action) {
        match action {
            Action::FetchManifest { call } => self.ask(life, call, Request::Manifest),
            Action::ReadAvailability { call, resource } => self.ask(life, call, Request::Read(resource)),
            Action::SetAvailability { call, resource, available, reason } => {
                self.changes += 1;
                let name = resource.to_string();
                self.tell(What::Asked { resource: name, available, reason: reason.clone() });
                self.ask(life, call, Request::Set { resource, available, reason });
            }
            Action::OpenFeed { feed, connection: call, token_life } => {
                let way = self.way();
                self.plan_in(way, Event::Connect { life, feed, call, token_life });
            }
            Action::CloseFeed { feed, connection } => {
                self.feed_server(feed).disconnect(Line { life, call: connection });
            }
            Action::SendMail { call, mail } => {
                if self.judged {
                    self.oracle.sending(life, self.now.time, &mail, self.store_device.model());
                }
                let way = self.way();
                self.plan_in(way, Event::MailServer { life, call, mail });
            }
            Action::Save { call, epoch, changes } => self.save(life, call, epoch, changes),
            Action::Answer { outcome: Err(refused), .. } => self.tell(What::from(&refused)),
            Action::LogHealth | Action::Answer { outcome: Ok(_), .. } => {}
            Action::Note(note) => self.noted(life, &note),
        }
    }

    /// Of several servers it is told which of them says something that is about itself.
    fn noted(&mut self, life: u64, note: &Note) {
        let Some(place) = self.place(life).filter(|_| self.is_shared()) else {
            return self.tell(What::from(note));
        };
        if matches!(note, Note::Leads | Note::Follows) {
            return self.role_is(place, if *note == Note::Leads { Role::Leader } else { Role::Follower });
        }
        let what = What::from(note);
        // What one finds that does not lead any more is nothing that was decided.
        let is_its_own = self.leader() != Some(place) || matches!(what, What::Noted { .. });
        let its_own = What::Noted { text: format!("{}: {note}", self.called(place)) };
        self.tell(if is_its_own { its_own } else { what });
    }

    fn ask(&mut self, life: u64, call: CallId, request: Request) {
        let way = self.way();
        self.plan_in(way, Event::Ask { life, call, request });
    }

    /// A request comes to book.
    pub(super) fn asked(&mut self, life: u64, call: CallId, request: &Request) {
        let patience = self.settings.timeout_book;
        let changes = request.changes();
        let fails = if let Fault::FailsSome(percent) = self.book.fault {
            self.rng.below(100) < u64::from(percent)
        } else {
            false
        };
        let reply = if fails { Reply::Never } else { self.book.asked(request, self.now.time) };
        if changes {
            self.note_bookings();
        }
        let late = if let Fault::Slow(late) = self.book.fault { late } else { Duration::ZERO };
        let way = self.way();
        match reply {
            Reply::Now(answer) if late < patience => self.answer(life, call, *answer, late + way),
            Reply::Now(_) | Reply::Never => {
                let answer = request.fail(FailureKind::TimedOut, "no answer in time");
                self.answer(life, call, answer, patience);
            }
        }
    }

    fn answer(&mut self, life: u64, call: CallId, answer: Answer, after: Duration) {
        if self.book.fault == Fault::Repeats {
            let again = answer.clone().input(call);
            self.plan_in(after * 2, Event::Come { life, input: again });
        }
        self.plan_in(after, Event::Come { life, input: answer.input(call) });
    }

    /// A mail comes to the mail server.
    pub(super) fn posted(&mut self, life: u64, call: CallId, mail: &Mail) {
        let before = self.mail_server.delivered().len();
        let receipt = self.mail_server.take(mail, self.now.time);
        if self.mail_server.delivered().len() > before {
            let again = !self.mailed.insert(mail.id.to_string());
            let mail = self.mail_server.delivered()[before].1.clone();
            if self.judged {
                self.oracle.mailed(self.now, &mail);
            }
            self.tell(What::Mailed { number: self.mailed.len(), mail, again });
        }
        let late = if let Fault::Slow(late) = self.mail_server.fault { late } else { Duration::ZERO };
        let (outcome, after) = match receipt {
            Receipt::Now(outcome) => (outcome, (late + self.way()).min(MAIL_PATIENCE)),
            Receipt::Late(outcome) => (outcome, MAIL_PATIENCE),
        };
        let input = Input::MailSent { call, mail: mail.id.clone(), outcome };
        self.plan_in(after, Event::Come { life, input });
    }

    /// A connection to a feed is tried.
    pub(super) fn connect(&mut self, life: u64, feed: Feed, call: CallId, token_life: Duration) {
        if self.place(life).is_none() {
            return;
        }
        let refused = |kind, detail| Some((kind, detail, Duration::ZERO));
        let trouble = match self.feed_server(feed).fault {
            Fault::Down => refused(FailureKind::Refused, "502 Bad Gateway"),
            Fault::Refuses => refused(FailureKind::Refused, "500 signature is invalid"),
            Fault::Hangs => Some((FailureKind::TimedOut, "no answer within 10s", ACCESS_PATIENCE)),
            Fault::Slow(by) if by >= ACCESS_PATIENCE => {
                Some((FailureKind::TimedOut, "no answer within 10s", ACCESS_PATIENCE))
            }
            Fault::None
            | Fault::Slow(_)
            | Fault::Mute
            | Fault::Garbles
            | Fault::LosesAnswers
            | Fault::IgnoresChanges
            | Fault::TurnsAway
            | Fault::Repeats
            | Fault::FailsSome(_)
            | Fault::Limits { .. } => None,
        };
        match trouble {
            Some((kind, detail, after)) => {
                let reason = failure(kind, &format!("{feed}: {detail}"));
                let way = self.way();
                let input = Input::FeedClosed { feed, connection: call, reason };
                self.plan_in(after + way, Event::Come { life, input });
            }
            None => {
                let expires = self.now.time + token_life;
                self.feed_server(feed).connect(Line { life, call }, expires);
            }
        }
    }

    /// All connections of a feed end, as at its restart.
    pub(super) fn hang_up(&mut self, feed: Feed) {
        let lines = self.feed_server(feed).hang_up();
        self.end(feed, lines, "ended without a close frame");
    }

    /// The connections of one server to a feed end.
    pub(super) fn hang_up_on(&mut self, feed: Feed, life: u64) {
        let lines = self.feed_server(feed).hang_up_on(life);
        self.end(feed, lines, "ended without a close frame");
    }

    fn end(&mut self, feed: Feed, lines: Vec<Line>, why: &str) {
        for Line { life, call: connection } in lines {
            let reason = failure(FailureKind::Ended, &format!("{feed}: {why}"));
            let way = self.way();
            let at = self.now.time + way;
            let at = self.feed_server(feed).arrives(at);
            let input = Input::FeedClosed { feed, connection, reason };
            self.plan_at(at, Event::Come { life, input });
        }
    }

    /// A feed takes a snapshot, and everybody who listens gets it.
    pub(super) fn snapshot(&mut self, feed: Feed) {
        let now = self.now.time;
        let expired = self.feed_server(feed).expire(now);
        self.end(feed, expired, "the token has expired");
        let listeners: Vec<Line> = self.feed_server(feed).listeners().collect();
        if listeners.is_empty() {
            return;
        }
        let mut reports = self.reports(feed);
        // A feed lists its connections in any order.
        let turn = usize::try_from(self.rng.below(reports.len() as u64)).unwrap_or_default();
        reports.rotate_left(turn);
        let fault = self.feed_server(feed).fault;
        let late = if let Fault::Slow(late) = fault { late } else { Duration::ZERO };
        let way = self.way();
        let mut at = self.feed_server(feed).arrives(now + late + way);
        let copies = if fault == Fault::Repeats { 2 } else { 1 };
        let mut nearest = listeners.first().map(|line| line.life);
        for line in listeners {
            let Line { life, call: connection } = line;
            if nearest.replace(life) != Some(life) {
                // It is another way to another server.
                let way = self.way();
                at = self.feed_server(feed).arrives(at + way);
            }
            for _ in 1..copies {
                let input = Input::Reported { feed, connection, reports: reports.clone() };
                self.plan_at(at, Event::Come { life, input });
            }
            let reports = if self.feed_server(feed).is_last(line) {
                std::mem::take(&mut reports)
            } else {
                reports.clone()
            };
            let input = Input::Reported { feed, connection, reports };
            self.plan_at(at, Event::Come { life, input });
        }
    }

    /// What a feed lists.
    fn reports(&self, feed: Feed) -> Vec<Report> {
        let report = |topic, transmitted| Report { topic, transmitted, connection: Connection::NONE };
        let tells = |ago: Option<Duration>| match self.scenario.lab.relay {
            RelayVersion::V07 => ago.map_or(Transmitted::Never, Transmitted::Ago),
            RelayVersion::V08 => Transmitted::Unknown,
        };
        let relay = || self.equipment.on_relay(self.now.time);
        match feed {
            Feed::Relay => relay().map(|one| report(one.topic.clone(), tells(one.transmitted))).collect(),
            Feed::Jump => {
                let hosts = self.equipment.on_jump();
                hosts.map(|(name, _)| report(name.as_str().into(), Transmitted::Unknown)).collect()
            }
        }
    }

    /// A feed sends a text: whatever the real parser makes of it reaches the core.
    pub(super) fn say(&mut self, feed: Feed, text: &str) {
        let Some(snapshot) = frame::read(feed, text).snapshot else { return };
        let listeners: Vec<Line> = self.feed_server(feed).listeners().collect();
        for Line { life, call: connection } in listeners {
            let way = self.way();
            let at = self.now.time + way;
            let at = self.feed_server(feed).arrives(at);
            let input = Input::Reported { feed, connection, reports: snapshot.reports.clone() };
            self.plan_at(at, Event::Come { life, input });
        }
    }
}
