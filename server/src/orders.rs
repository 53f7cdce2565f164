//! What people tell the running server to do, on its way from whoever answers HTTP to the driver.

use std::fmt;
use std::time::Duration;

use status_core::{Command, Obeyed, Refused};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

/// How long an order may take. It is obeyed at once, and then written down.
const PATIENCE: Duration = Duration::from_secs(10);

/// A command, who gives it, and where its answer goes.
#[derive(Debug)]
pub struct Order {
    /// Who gives it.
    pub by: String,
    /// What is to be done.
    pub command: Command,
    /// What came of it.
    pub answer: oneshot::Sender<Result<Obeyed, CommandFailure>>,
}

/// Takes orders to whoever obeys them.
pub type CommandSender = mpsc::Sender<Order>;

/// Why a command was not obeyed, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandFailure {
    /// It makes no sense to the core, which has changed nothing.
    Refused(Refused),
    /// Too many wait already, and it was not given.
    Busy,
    /// Nobody obeys any more, since the server stops.
    Stopping,
    /// This server follows, and no other could be told.
    NotHandedOn,
    /// Nothing came of it in time, and it may be obeyed still.
    Late,
}

impl fmt::Display for CommandFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::Busy => f.write_str("too many changes wait already: ask again later"),
            Self::Stopping => f.write_str("the server stops, or has not begun to work: ask again later"),
            Self::NotHandedOn => f.write_str(
                "this server follows, and the database through which it tells the one that leads does not answer: ask again later",
            ),
            Self::Late => f.write_str(
                "the server did not get round to it in time, and may do it still: look before you ask again",
            ),
        }
    }
}

/// Gives a command, and waits for what comes of it.
///
/// # Errors
/// Why it was not obeyed.
pub async fn give(
    commands: Option<&CommandSender>,
    by: String,
    command: Command,
) -> Result<Obeyed, CommandFailure> {
    let commands = commands.ok_or(CommandFailure::Stopping)?;
    let (answer, answered) = oneshot::channel();
    commands.try_send(Order { by, command, answer }).map_err(|error| match error {
        TrySendError::Full(_) => CommandFailure::Busy,
        TrySendError::Closed(_) => CommandFailure::Stopping,
    })?;
    match tokio::time::timeout(PATIENCE, answered).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(CommandFailure::Stopping),
        Err(_) => Err(CommandFailure::Late),
    }
}

#[cfg(test)]
mod tests {
    use status_core::WindowId;

    use super::*;

    fn command() -> Command {
        Command::EndWindow(WindowId(7))
    }

    async fn given(commands: Option<&CommandSender>) -> CommandFailure {
        give(commands, "alice".into(), command()).await.unwrap_err()
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_is_answered_or_it_is_told_why_not() {
        assert_eq!(given(None).await, CommandFailure::Stopping);
        let (sender, mut orders) = mpsc::channel(1);
        let obeying = tokio::spawn(async move {
            let order: Order = orders.recv().await.unwrap();
            assert_eq!((order.by.as_str(), &order.command), ("alice", &command()));
            order.answer.send(Err(CommandFailure::Refused(Refused::NoSuchWindow(WindowId(7))))).unwrap();
            orders
        });
        assert_eq!(given(Some(&sender)).await, CommandFailure::Refused(Refused::NoSuchWindow(WindowId(7))));
        let mut orders = obeying.await.unwrap();
        assert_eq!(given(Some(&sender)).await, CommandFailure::Late);
        assert_eq!(given(Some(&sender)).await, CommandFailure::Busy);
        drop(orders.recv().await);
        drop(orders);
        assert_eq!(given(Some(&sender)).await, CommandFailure::Stopping);
    }
}
