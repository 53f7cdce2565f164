//! What the log says: one line for each decision, and for each failure when it begins, rarely
//! while it lasts, and when it ends.

use std::collections::BTreeMap;

use status_adapters::repeated::Repeated;
use status_core::{Action, Call, Failure, Input, Lasting, Note, ResourceName, SystemAlert, Time};

/// Remembers what the log has said, so that it is not said again and again.
#[derive(Default)]
pub struct Journal {
    failing: BTreeMap<&'static str, Repeated>,
    asked: BTreeMap<Call, (&'static str, ResourceName)>,
}

impl Journal {
    /// Writes down what an input says of a service, if the log does not say so yet.
    pub fn input(&mut self, now: Time, input: &Input) {
        match input {
            Input::Wake => {}
            Input::Reported { feed, .. } => self.well(now, feed.as_str()),
            Input::FeedClosed { feed, reason, .. } => self.ill(now, feed.as_str(), &reason.detail),
            Input::ManifestFetched { outcome, .. } => self.answer(now, "book", None, outcome.as_ref().err()),
            Input::AvailabilityRead { call, outcome } => self.resource(now, *call, outcome.as_ref().err()),
            Input::AvailabilitySet { call, outcome } => self.resource(now, *call, outcome.as_ref().err()),
            Input::MailSent { outcome, .. } => match outcome {
                Ok(_) => self.well(now, "mail"),
                Err(failure) if failure.lasting == Lasting::ForGood => {}
                Err(failure) => self.ill(now, "mail", &failure.detail),
            },
        }
    }

    /// Writes down what was decided.
    pub fn action(&mut self, action: &Action) {
        match action {
            Action::SetAvailability { call, resource, available, reason } => {
                self.asked.insert(*call, ("setting the availability of", resource.clone()));
                if *available {
                    tracing::info!(%resource, available, reason, "putting {resource} back into booking: {reason}");
                } else {
                    tracing::warn!(%resource, available, reason, "taking {resource} out of booking: {reason}");
                }
            }
            Action::SendMail { mail, .. } => {
                tracing::info!(id = %mail.id, "sending mail \"{}\"", mail.subject);
            }
            // The driver writes the state itself, since only it can see it.
            Action::LogHealth => {}
            Action::Note(note) => write_note(note),
            Action::OpenFeed { feed, .. } => tracing::debug!(%feed, "connecting to {feed}"),
            Action::CloseFeed { feed, .. } => tracing::debug!(%feed, "closing a connection to {feed}"),
            Action::FetchManifest { .. } => tracing::debug!("reading book's manifest"),
            Action::ReadAvailability { call, resource } => {
                self.asked.insert(*call, ("reading the availability of", resource.clone()));
                tracing::debug!(%resource, "reading the availability of {resource}");
            }
        }
    }

    fn resource(&mut self, now: Time, call: Call, failure: Option<&Failure>) {
        let asked = self.asked.remove(&call);
        self.answer(now, "book's resources", asked.as_ref(), failure);
    }

    fn answer(
        &mut self,
        now: Time,
        what: &'static str,
        asked: Option<&(&'static str, ResourceName)>,
        failure: Option<&Failure>,
    ) {
        match (failure, asked) {
            (None, _) => self.well(now, what),
            (Some(failure), None) => self.ill(now, what, &failure.detail),
            (Some(failure), Some((doing, resource))) => {
                self.ill(now, what, &format!("{doing} {resource} failed: {}", failure.detail));
            }
        }
    }

    fn ill(&mut self, now: Time, service: &'static str, detail: &str) {
        if let Some(failing) = self.failing.entry(service).or_default().failed(now, detail) {
            tracing::warn!(service, "{failing}");
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
        Note::AlertRaised { alert, .. } => tracing::error!(alert = alert_name(*alert), "{note}"),
        Note::AlertCleared { alert } => tracing::warn!(alert = alert_name(*alert), "{note}"),
        Note::Held { .. }
        | Note::SlowFeed { .. }
        | Note::Slept { .. }
        | Note::UnmatchedRequirement { .. }
        | Note::MailGivenUp { .. } => tracing::warn!("{note}"),
        Note::Judging | Note::Released { .. } | Note::ForgotExperiment { .. } | Note::ForgotStream { .. } => {
            tracing::info!("{note}");
        }
    }
}

/// A short name of an alert, for machines.
#[must_use]
pub fn alert_name(alert: SystemAlert) -> &'static str {
    match alert {
        SystemAlert::Silent(status_core::Feed::Relay) => "relay_silent",
        SystemAlert::Silent(status_core::Feed::Jump) => "jump_silent",
        SystemAlert::BookUnreachable => "book_unreachable",
        SystemAlert::ManifestEmpty => "manifest_empty",
    }
}
