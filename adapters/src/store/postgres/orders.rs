//! What people tell a server that follows, on its way to the leader: a row for each order, and its answer in it.
//!
//! The leader marks an order as taken before it obeys, so that none is obeyed twice. If it dies in between, the person who
//! gave the order is told that nothing is known of it.

use std::time::Duration;

use status_core::{Command, Failure, FailureKind, Obeyed, Refused};
use tokio_postgres::types::Type;

use super::address::Address;
use super::client::{Purpose, Session, Trouble};
use crate::cluster::OrderId;

/// The leader takes an order within this time or never, and for as long the server that hands it on waits for the answer.
const TAKEN_WITHIN: Duration = Duration::from_secs(8);
/// How often a server looks for the answer that it waits for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How many are taken at once.
pub(super) const AT_ONCE: u8 = 8;

const ADD: &str = "WITH gone AS (DELETE FROM orders WHERE made < now() - interval '1 hour')
    INSERT INTO orders (who, command) VALUES ($1, $2) RETURNING id";
const TAKE: &str = "UPDATE orders SET taken = $1 WHERE id IN (SELECT id FROM orders
        WHERE taken IS NULL AND made > now() - $2 * interval '1 second' ORDER BY id LIMIT $3)
    RETURNING id, who, command";
const ANSWER: &str = "UPDATE orders SET answer = $1 WHERE id = $2 AND taken = $3";
const LOOK: &str = "SELECT answer FROM orders WHERE id = $1";

/// An order that the leader has taken: who gave it, and what is to be done.
pub(super) type Order = (OrderId, String, Result<Command, Refused>);

/// Takes what was ordered, in its order.
pub(super) async fn take(session: &Session, epoch: i64) -> Result<Vec<Order>, Trouble> {
    let mut orders = Vec::new();
    let (within, at_once) = (TAKEN_WITHIN.as_secs_f64(), i64::from(AT_ONCE));
    let values = [(&epoch as _, Type::INT8), (&within as _, Type::FLOAT8), (&at_once as _, Type::INT8)];
    for row in session.rows(TAKE, &values).await? {
        let (id, by, command): (i64, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let unknown = |error| Refused::Invalid(format!("the server that leads does not know it: {error}"));
        orders.push((OrderId(id), by, serde_json::from_str(&command).map_err(unknown)));
    }
    orders.sort_by_key(|(order, ..)| *order);
    Ok(orders)
}

/// Writes down what came of an order.
pub(super) async fn answer(
    session: &Session,
    epoch: i64,
    order: OrderId,
    outcome: &Result<Obeyed, Refused>,
) -> Result<(), Trouble> {
    let text = serde_json::to_string(outcome).map_err(|error| Trouble::Unusable(error.to_string()))?;
    let values = [(&text as _, Type::TEXT), (&order.0 as _, Type::INT8), (&epoch as _, Type::INT8)];
    session.rows(ANSWER, &values).await.map(drop)
}

/// Hands an order on to the leader, and waits for its answer.
pub(super) async fn hand_on(
    address: &Address,
    by: &str,
    command: &Command,
) -> Result<Result<Obeyed, Refused>, Failure> {
    let failed = |trouble: Trouble| trouble.into_failure(address, "told the leader");
    let unsure = |trouble: Trouble| Failure { kind: FailureKind::TimedOut, ..failed(trouble) };
    let unreachable = |trouble: Trouble| Failure { kind: FailureKind::Unreachable, ..failed(trouble) };
    let command = serde_json::to_string(command).map_err(|error| Failure {
        kind: FailureKind::Unreachable,
        detail: format!("it cannot be handed on: {error}"),
    })?;
    let session = Session::open(address, Purpose::ShortQuestions).await.map_err(unreachable)?;
    let values = [(&by as _, Type::TEXT), (&command as _, Type::TEXT)];
    let rows = session.rows(ADD, &values).await.map_err(unsure)?;
    let id: i64 = rows
        .first()
        .map_or(Err(Trouble::Late), |row| row.try_get(0).map_err(Trouble::Said))
        .map_err(unsure)?;
    let answer = tokio::time::timeout(TAKEN_WITHIN, wait(&session, id)).await;
    answer.unwrap_or(Err(Trouble::Late)).map_err(unsure)
}

async fn wait(session: &Session, id: i64) -> Result<Result<Obeyed, Refused>, Trouble> {
    loop {
        let rows = session.rows(LOOK, &[(&id, Type::INT8)]).await?;
        let answer: Option<String> = rows.first().map_or(Err(Trouble::Late), |row| Ok(row.try_get(0)?))?;
        if let Some(answer) = answer {
            return serde_json::from_str(&answer).map_err(|error| Trouble::Unusable(error.to_string()));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
