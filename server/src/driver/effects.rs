//! Actions, performed: each in a task of its own, whose answer becomes an input.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use status_adapters::FeedSource;
use status_core::{
    Action, CallId, Change, Delivery, Failure, FailureKind, Feed, Input, Mail, MailFailure, MailFailureKind,
};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::Services;

const BROKEN: &str = "this server broke while it asked; please report what the log says";

/// Performs actions: each in a task of its own, whose answer becomes an input.
pub(super) struct Effects {
    pub(super) services: Services,
    pub(super) sender: mpsc::Sender<Input>,
    pub(super) feeds: BTreeMap<CallId, AbortHandle>,
    /// The mail that is on its way, and what is being written down: the end waits for their answers.
    pub(super) under_way: BTreeSet<CallId>,
}

impl Effects {
    pub(super) fn perform(&mut self, action: Action) {
        let book = Arc::clone(&self.services.book);
        match action {
            Action::FetchManifest { call } => {
                self.answer(async move { book.manifest().await }, move |outcome| Input::ManifestFetched {
                    call,
                    outcome: outcome.unwrap_or_else(broken),
                });
            }
            Action::ReadAvailability { call, resource } => self
                .answer(async move { book.availability(&resource).await }, move |outcome| {
                    Input::AvailabilityRead { call, outcome: outcome.unwrap_or_else(broken) }
                }),
            Action::SetAvailability { call, resource, available, reason } => self.answer(
                async move { book.set_availability(&resource, available, &reason).await },
                move |outcome| Input::AvailabilitySet { call, outcome: outcome.unwrap_or_else(broken) },
            ),
            Action::OpenFeed { feed, connection, token_life } => self.open(feed, connection, token_life),
            Action::CloseFeed { feed: _, connection } => {
                if let Some(task) = self.feeds.remove(&connection) {
                    task.abort();
                }
            }
            Action::SendMail { call, mail } => self.send(call, mail),
            Action::Save { call, epoch, changes } => self.save(call, epoch, changes),
            // Observers log these, and whoever gave a command has its answer from the driver.
            Action::LogHealth | Action::Answer { .. } | Action::Note(_) => {}
        }
    }

    fn open(&mut self, feed: Feed, connection: CallId, token_life: Duration) {
        let source = match feed {
            Feed::Relay => Arc::clone(&self.services.relay),
            Feed::Jump => Arc::clone(&self.services.jump),
        };
        self.feeds.retain(|_, task| !task.is_finished());
        let listening = listen(source, feed, connection, token_life, self.sender.clone());
        let sender = self.sender.clone();
        let task = tokio::spawn(listening);
        self.feeds.insert(connection, task.abort_handle());
        tokio::spawn(async move {
            let reason = match task.await {
                Ok(reason) => reason,
                Err(error) if error.is_cancelled() => return,
                Err(_) => Failure { kind: FailureKind::Garbled, detail: format!("{feed}: {BROKEN}") },
            };
            // Nobody listens any more when the server stops.
            let _ = sender.send(Input::FeedClosed { feed, connection, reason }).await;
        });
    }

    /// Removes the call that this input answers from those that a shutdown waits for. Returns whether it was one of them.
    pub(super) fn finish_call(&mut self, input: &Input) -> bool {
        match input {
            Input::MailSent { call, .. } | Input::Saved { call, .. } => self.under_way.remove(call),
            Input::Wake
            | Input::ManifestFetched { .. }
            | Input::AvailabilityRead { .. }
            | Input::AvailabilitySet { .. }
            | Input::Reported { .. }
            | Input::FeedClosed { .. }
            | Input::Stalled { .. }
            | Input::StoreReplaced { .. }
            | Input::Commanded { .. }
            | Input::Elected(_) => false,
        }
    }

    fn save(&mut self, call: CallId, epoch: Option<u64>, changes: Vec<Change>) {
        self.under_way.insert(call);
        let store = self.services.store.clone();
        let saving = async move {
            match store {
                Some(store) => store.save_in(epoch, changes).await,
                None => Ok(()),
            }
        };
        self.answer(saving, move |outcome| Input::Saved { call, outcome: outcome.unwrap_or_else(broken) });
    }

    fn send(&mut self, call: CallId, mail: Mail) {
        self.under_way.insert(call);
        let (id, recipients) = (mail.id.clone(), mail.recipients.clone());
        let mailer = self.services.mailer.clone();
        let sending = async move {
            match mailer {
                Some(mailer) => mailer.send(&mail).await,
                None => {
                    let failure = MailFailure::new(MailFailureKind::Permanent, "no mail server is set");
                    Delivery::to_each(&mail.recipients, &Err(failure))
                }
            }
        };
        self.answer(sending, move |outcome| {
            let broken =
                || Delivery::to_each(&recipients, &Err(MailFailure::new(MailFailureKind::Unknown, BROKEN)));
            Input::MailSent { call, mail: id, outcome: outcome.unwrap_or_else(broken) }
        });
    }

    /// Runs `work` in a task, and makes an input of what comes of it: `None` if it panicked.
    fn answer<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        input: impl FnOnce(Option<T>) -> Input + Send + 'static,
    ) {
        let sender = self.sender.clone();
        let work = tokio::spawn(work);
        tokio::spawn(async move {
            // Nobody listens any more when the server stops.
            let _ = sender.send(input(work.await.ok())).await;
        });
    }

    pub(super) fn abort_feeds(&mut self) {
        for task in self.feeds.values() {
            task.abort();
        }
    }
}

/// When the driver ends, however it does, nobody listens to the feeds any more.
impl Drop for Effects {
    fn drop(&mut self) {
        self.abort_feeds();
    }
}

fn broken<T>() -> Result<T, Failure> {
    Err(Failure { kind: FailureKind::Garbled, detail: BROKEN.into() })
}

/// Listens to a feed, hands its snapshots on, and says why it ended.
async fn listen(
    source: Arc<dyn FeedSource>,
    feed: Feed,
    connection: CallId,
    token_life: Duration,
    sender: mpsc::Sender<Input>,
) -> Failure {
    let (snapshots, mut coming) = mpsc::channel(1);
    let forward = async {
        while let Some(reports) = coming.recv().await {
            // Nobody listens any more when the server stops.
            let _ = sender.send(Input::Reported { feed, connection, reports }).await;
        }
    };
    let (reason, ()) = tokio::join!(source.listen(token_life, snapshots), forward);
    reason
}
