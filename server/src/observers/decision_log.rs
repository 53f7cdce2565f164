//! What the log says: one line for each decision, and for each failure when it begins, rarely
//! while it lasts, and when it ends.

use std::collections::{BTreeMap, BTreeSet};

use status_adapters::throttle::LogThrottle;
use status_core::{
    Action, CallId, Delivery, Failure, Feed, Input, MailFailureKind, Manifest, Note, Now, ResourceName, Time,
    printable,
};

use crate::driver::Observer;

/// Remembers what the log has said, so that it is not said again and again.
#[derive(Default)]
pub struct DecisionLog {
    failing: BTreeMap<&'static str, LogThrottle>,
    /// The newest connection of each feed that could not be made or ended.
    closed: BTreeMap<Feed, CallId>,
    /// Who does not have the newest mail yet, since the mail server did not take it.
    put_off: BTreeSet<String>,
    asked: BTreeMap<CallId, (Doing, ResourceName)>,
    /// What could not be done last, for each resource of which that is so.
    not_done: BTreeMap<ResourceName, Doing>,
    /// A resource that could not be set and has just been read: unless it is to be set again now,
    /// it is as it should be.
    reread: Option<ResourceName>,
}

/// What is asked of book for a resource.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Reading,
    Setting,
}

/// All calls about single resources, as one service.
const RESOURCES: &str = "book's resources";

impl Observer for DecisionLog {
    /// Writes down what an input says of a service, if the log does not say so yet.
    fn input(&mut self, now: Now, input: &Input) {
        let now = now.time;
        self.settle(now);
        if let Some(resource) = self.reread.take() {
            self.done(now, &resource);
        }
        match input {
            Input::Wake | Input::Stalled { .. } => {}
            // An older connection that still delivers does not mean that a new one can be made.
            Input::Reported { feed, connection, .. } => {
                if self.closed.get(feed).is_none_or(|closed| connection > closed) {
                    self.well(now, feed.as_str());
                }
            }
            Input::FeedClosed { feed, connection, reason } => {
                let newest = self.closed.entry(*feed).or_insert(*connection);
                *newest = (*newest).max(*connection);
                self.ill(now, feed.as_str(), &reason.detail);
            }
            Input::ManifestFetched { outcome, .. } => self.manifest(now, outcome),
            Input::AvailabilityRead { call, outcome } => self.resource(now, *call, outcome.as_ref().err()),
            Input::AvailabilitySet { call, outcome } => self.resource(now, *call, outcome.as_ref().err()),
            Input::MailSent { mail, outcome, .. } => self.mail(now, mail, outcome),
            Input::StoreReplaced { detail } => tracing::error!("{detail}"),
            Input::Commanded { .. } | Input::Elected(_) => {}
            Input::Saved { outcome: Ok(()), .. } => self.well(now, "store"),
            Input::Saved { outcome: Err(failure), .. } => self.ill(now, "store", &failure.detail),
        }
    }

    /// Writes down what was decided.
    fn action(&mut self, _: Now, action: &Action) {
        match action {
            Action::SetAvailability { call, resource, available, reason } => {
                self.asked.insert(*call, (Doing::Setting, resource.clone()));
                self.reread.take_if(|reread| reread == resource);
                let name = printable(resource.as_str());
                if *available {
                    tracing::info!(%resource, available, reason, "putting {name} back into booking: {reason}");
                } else {
                    tracing::warn!(%resource, available, reason, "taking {name} out of booking: {reason}");
                }
            }
            Action::SendMail { mail, .. } => {
                tracing::info!(id = %mail.id, "sending mail \"{}\"", mail.subject);
            }
            Action::Save { changes, .. } => tracing::debug!("writing {} changes down", changes.len()),
            // The driver writes the state itself, since only it can see it.
            Action::LogHealth | Action::Answer { .. } => {}
            Action::Note(note) => write_note(note),
            Action::OpenFeed { feed, .. } => tracing::debug!(%feed, "connecting to {feed}"),
            Action::CloseFeed { feed, .. } => tracing::debug!(%feed, "closing a connection to {feed}"),
            Action::FetchManifest { .. } => tracing::debug!("reading book's manifest"),
            Action::ReadAvailability { call, resource } => {
                self.asked.insert(*call, (Doing::Reading, resource.clone()));
                tracing::debug!(%resource, "reading the availability of {}", printable(resource.as_str()));
            }
        }
    }
}

impl DecisionLog {
    fn manifest(&mut self, now: Time, outcome: &Result<Manifest, Failure>) {
        match outcome {
            Err(failure) => self.ill(now, "book", &failure.detail),
            Ok(manifest) => {
                self.well(now, "book");
                // What there is no more is not asked for any more, either.
                let gone = |name: &ResourceName| !manifest.is_empty() && !manifest.contains_key(name);
                let gone: Vec<ResourceName> =
                    self.not_done.keys().filter(|name| gone(name)).cloned().collect();
                gone.iter().for_each(|name| self.done(now, name));
            }
        }
    }

    fn resource(&mut self, now: Time, call: CallId, failure: Option<&Failure>) {
        let Some((doing, resource)) = self.asked.remove(&call) else { return };
        match failure {
            Some(failure) => {
                let what = match doing {
                    Doing::Reading => "reading the availability of",
                    Doing::Setting => "setting the availability of",
                };
                let text = format!("{what} {} failed: {}", printable(resource.as_str()), failure.detail);
                // The same failure of many resources is one.
                let kind = text.replace(resource.as_str(), "");
                self.ill_as(now, RESOURCES, &kind, &text);
                // Before it is set it is read, which says nothing about setting it.
                let failing = self.not_done.entry(resource).or_insert(doing);
                if doing == Doing::Setting {
                    *failing = doing;
                }
            }
            None if doing == Doing::Reading && self.not_done.get(&resource) == Some(&Doing::Setting) => {
                self.reread = Some(resource);
            }
            None => self.done(now, &resource),
        }
    }

    /// All that was asked for a resource is done. That is told once it is so for every resource.
    fn done(&mut self, now: Time, resource: &ResourceName) {
        self.not_done.remove(resource);
        if self.not_done.is_empty() {
            self.well(now, RESOURCES);
        }
    }

    fn ill(&mut self, now: Time, service: &'static str, detail: &str) {
        self.ill_as(now, service, detail, detail);
    }

    /// What became of a mail. It works again once nobody waits any more, so that one recipient who is put
    /// off for long is told of as rarely as any failure that lasts.
    fn mail(&mut self, now: Time, mail: &str, outcome: &[Delivery]) {
        let mut details: Vec<&str> = Vec::new();
        for Delivery { recipient, outcome } in outcome {
            match outcome {
                Err(failure) if failure.kind != MailFailureKind::Permanent => {
                    self.put_off.insert(recipient.to_string());
                    details.push(&failure.detail);
                }
                Ok(()) | Err(_) => drop(self.put_off.remove(recipient.as_str())),
            }
        }
        details.dedup();
        if !details.is_empty() {
            let detail = details.join("; ");
            self.ill_as(now, "mail", &detail, &format!("mail {mail} is not delivered yet: {detail}"));
        } else if self.put_off.is_empty() && outcome.iter().any(|one| one.outcome.is_ok()) {
            self.well(now, "mail");
        }
    }

    fn ill_as(&mut self, now: Time, service: &'static str, kind: &str, detail: &str) {
        if let Some(failing) = self.failing.entry(service).or_default().failed_as(now, kind, detail) {
            tracing::warn!(service, "{failing}");
        }
    }

    /// Writes down the outages that came and went without a line, once no more have come for a while.
    fn settle(&mut self, now: Time) {
        for (service, failing) in &mut self.failing {
            if let Some(over) = failing.settled(now) {
                tracing::warn!(service, "{service} works again: {over}");
            }
        }
    }

    fn well(&mut self, now: Time, service: &'static str) {
        if let Some(over) = self.failing.get_mut(service).and_then(|failing| failing.ended(now)) {
            tracing::warn!(service, "{service} works again: {over}");
        }
    }
}

fn write_note(note: &Note) {
    match note {
        Note::Event { experiment, event, available } if event.healthy => {
            tracing::info!(%experiment, healthy = true, available, "{note}");
        }
        Note::Event { experiment, available, .. } => {
            tracing::warn!(%experiment, healthy = false, available, "{note}");
        }
        Note::AlertRaised { alert, .. } => tracing::error!(alert = alert.as_str(), "{note}"),
        Note::AlertCleared { alert } => tracing::warn!(alert = alert.as_str(), "{note}"),
        Note::Leads | Note::Follows | Note::CutOff { .. } | Note::LeadsAgain => tracing::warn!("{note}"),
        Note::Held { .. }
        | Note::SlowFeed { .. }
        | Note::Slept { reconnects: true, .. }
        | Note::UnmatchedRequirement { .. }
        | Note::Withheld(_)
        | Note::MailGivenUp { .. } => tracing::warn!("{note}"),
        Note::FeedPace { .. }
        | Note::Slept { reconnects: false, .. }
        | Note::Judging
        | Note::Released { .. }
        | Note::Remark(_)
        | Note::ForgotExperiment { .. }
        | Note::ForgotStream { .. } => {
            tracing::info!("{note}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use status_core::{FailureKind, Requirements};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// A journal, how many seconds it is old, and what it has written last.
    #[derive(Default)]
    struct Written {
        journal: DecisionLog,
        seconds: u64,
        lines: Lines,
    }

    impl Written {
        /// What is written of an input, without the level before it.
        fn of(&mut self, input: &Input) -> Vec<String> {
            self.seconds += 1;
            self.lines.0.lock().unwrap().clear();
            let lines = self.lines.clone();
            let subscriber = tracing_subscriber::fmt()
                .without_time()
                .with_target(false)
                .with_ansi(false)
                .with_writer(move || lines.clone())
                .finish();
            let now = Now { time: Time::from_millis(self.seconds * 1_000), ..Now::default() };
            tracing::subscriber::with_default(subscriber, || self.journal.input(now, input));
            let text = String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap();
            text.lines().map(|line| line.trim_start().trim_start_matches("WARN ").to_owned()).collect()
        }

        fn read(&mut self, resource: &str, well: bool) -> Vec<String> {
            let call = CallId(self.seconds);
            self.journal
                .action(Now::default(), &Action::ReadAvailability { call, resource: resource.into() });
            let outcome = Ok(status_adapters::wire::manifest::availability(true, ""));
            self.of(&Input::AvailabilityRead { call, outcome: if well { outcome } else { Err(failure()) } })
        }

        fn begin_to_set(&mut self, resource: &str) -> CallId {
            let (call, resource) = (CallId(self.seconds), resource.into());
            let reason = "status server: no video".to_owned();
            self.journal.action(
                Now::default(),
                &Action::SetAvailability { call, resource, available: false, reason },
            );
            call
        }

        fn set(&mut self, resource: &str, well: bool) -> Vec<String> {
            let call = self.begin_to_set(resource);
            self.of(&Input::AvailabilitySet { call, outcome: if well { Ok(()) } else { Err(failure()) } })
        }
    }

    fn failure() -> Failure {
        Failure { kind: FailureKind::Refused, detail: "book refused".to_owned() }
    }

    fn holds(lines: &[String], part: &str) -> bool {
        lines.len() == 1 && lines[0].contains(part)
    }

    const WELL: &str = "book's resources works again";

    #[test]
    fn resources_work_again_when_none_fails_any_more() {
        let mut written = Written::default();
        let line = written.read("r-a", false);
        assert!(holds(&line, "reading the availability of r-a failed: book refused"), "{line:?}");
        assert!(written.read("r-b", false).is_empty(), "it is the same that fails");
        assert!(written.read("r-a", true).is_empty(), "the other fails still");
        assert!(written.read("r-c", true).is_empty());
        let line = written.read("r-b", true);
        assert!(holds(&line, WELL), "{line:?}");
    }

    #[test]
    fn what_cannot_be_set_works_again_when_it_is_set_or_need_not_be() {
        let mut written = Written::default();
        let line = written.set("r-a", false);
        assert!(holds(&line, "setting the availability of r-a failed: book refused"), "{line:?}");
        assert!(written.read("r-a", true).is_empty());
        assert!(written.set("r-a", false).is_empty(), "it was to be set again, and that failed");
        assert!(written.read("r-a", true).is_empty());
        assert!(holds(&written.set("r-a", true), WELL));

        written.seconds += 100;
        assert!(holds(&written.set("r-a", false), "setting"));
        assert!(written.read("r-a", true).is_empty());
        assert!(holds(&written.of(&Input::Wake), WELL), "nothing was set behind it");
    }

    #[test]
    fn what_is_in_no_manifest_any_more_does_not_fail() {
        let mut written = Written::default();
        written.read("r-a", false);
        let fetched = |names: &[&str]| {
            let needs =
                |name: &&str| ((*name).into(), Requirements { stub: "pend00".into(), streams: Vec::new() });
            Input::ManifestFetched { call: CallId(9_999), outcome: Ok(names.iter().map(needs).collect()) }
        };
        assert!(written.of(&fetched(&["r-a", "r-b"])).is_empty());
        assert!(written.of(&fetched(&[])).is_empty(), "an empty one is none");
        assert!(holds(&written.of(&fetched(&["r-b"])), WELL));
        assert!(written.journal.not_done.is_empty());
    }

    #[test]
    fn each_outage_of_a_feed_has_its_beginning_and_its_end_or_is_counted() {
        let mut written = Written::default();
        let feed = status_core::Feed::Jump;
        let reported = Input::Reported { feed, connection: CallId(1), reports: Vec::new() };
        for _ in 0..3 {
            let reason = Failure { kind: FailureKind::Unreachable, detail: "jump is gone".to_owned() };
            let closed = Input::FeedClosed { feed, connection: CallId(0), reason };
            written.seconds += 30;
            assert!(holds(&written.of(&closed), "jump is gone"));
            assert!(written.of(&closed).is_empty());
            assert!(holds(&written.of(&reported), "jump works again: over after 2 times in 2s"));
        }
        let reason = Failure { kind: FailureKind::Unreachable, detail: "jump is gone".to_owned() };
        assert!(written.of(&Input::FeedClosed { feed, connection: CallId(0), reason }).is_empty());
        assert!(written.of(&reported).is_empty());
        written.seconds += 60;
        let line = written.of(&Input::Wake);
        assert!(holds(&line, "jump works again: over after 2 outages within"), "{line:?}");
    }

    #[test]
    fn a_second_kind_of_failure_is_written_too() {
        let mut written = Written::default();
        let mut closed = |detail: &str| {
            let reason = Failure { kind: FailureKind::Refused, detail: detail.to_owned() };
            let feed = Feed::Relay;
            written.of(&Input::FeedClosed { feed, connection: CallId(0), reason })
        };
        assert_eq!(closed("relay refused: 502").len(), 1);
        assert_eq!(closed("relay refused: 502").len(), 0);
        assert!(holds(&closed("relay refused: token is expired by 1m0.43s"), "token is expired"));
        assert_eq!(closed("relay refused: token is expired by 43s").len(), 0);
    }

    #[test]
    fn a_feed_works_again_when_a_newer_connection_delivers_than_the_one_that_failed() {
        let mut written = Written::default();
        let feed = Feed::Relay;
        let reported = |call| Input::Reported { feed, connection: CallId(call), reports: Vec::new() };
        let reason = Failure { kind: FailureKind::Refused, detail: "relay refused: 502".to_owned() };
        assert!(written.of(&reported(1)).is_empty());
        assert_eq!(written.of(&Input::FeedClosed { feed, connection: CallId(2), reason }).len(), 1);
        for _ in 0..10 {
            assert!(written.of(&reported(1)).is_empty(), "the old connection says nothing of the new one");
        }
        assert!(holds(&written.of(&reported(3)), "relay works again"));
    }
}
