//! How large the store may become, and what goes so that it does not become larger.
//!
//! What counts is what the rows hold. That PostgreSQL keeps the room of rows that went, to use it again, is no reason
//! to let more of them go.

use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

use super::client::{Session, Trouble, answered};
use crate::store::size::{Gone, ROW};
use crate::store::uptime::wall;

/// How much of the limit goes at once, when it is reached.
const PART: u64 = 10;
/// After a look at the sizes, so much of the limit is written at least before the next.
const LEAST_PART: u64 = 100;

/// What the tables of the schema take on the disk, with their indexes, in bytes.
pub(super) const SIZE: &str = "SELECT coalesce(sum(pg_total_relation_size(tables.oid)), 0)::int8
    FROM pg_catalog.pg_class AS tables
    JOIN pg_catalog.pg_namespace AS schemas ON schemas.oid = tables.relnamespace
    WHERE schemas.nspname = current_schema() AND tables.relkind = 'r'";

/// What the rows hold. Nothing is read for it but how long each row is.
const HELD: &str = "SELECT coalesce(sum(bytes), 0)::int8 FROM (
        SELECT sum(pg_column_size(event) + $1) AS bytes FROM events
        UNION ALL SELECT sum(pg_column_size(record) + $1) FROM experiments
        UNION ALL SELECT sum(pg_column_size(record) + $1) FROM records
        UNION ALL SELECT sum(pg_column_size(subject) + $1) FROM mails
        UNION ALL SELECT sum($1) FROM watched
        UNION ALL SELECT sum(pg_column_size(record) + $1) FROM alerts
        UNION ALL SELECT sum(pg_column_size(record) + $1) FROM news
        UNION ALL SELECT sum(pg_column_size(record) + $1) FROM queued_mails
        UNION ALL SELECT sum(pg_column_size(record) + $1) FROM remarks
    ) AS sizes";

/// The oldest events that may go, up to so many bytes. The newest event of an experiment stays: without it, the next
/// start would tell of it again.
const OLDEST: &str = "WITH old AS (
        SELECT id, pg_column_size(event) + $2 AS own,
            sum(pg_column_size(event) + $2) OVER (ORDER BY id) AS bytes
        FROM events
        WHERE forgotten
            OR id NOT IN (SELECT max(id) FROM events WHERE NOT forgotten GROUP BY experiment)
    ), gone AS (
        DELETE FROM events WHERE id IN (SELECT id FROM old WHERE bytes - own < $1)
        RETURNING at
    )
    SELECT count(*), coalesce(max(at), 0)::int8 FROM gone";

/// How much may still be written before it is to be looked how large the store is.
#[derive(Debug)]
pub(super) struct Room {
    limit: u64,
    spare: u64,
}

impl Room {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, spare: 0 }
    }

    /// Notes that so much was written. Returns whether it is time to [`make`](Self::make) room.
    pub(super) fn takes(&mut self, bytes: u64) -> bool {
        self.spare = self.spare.saturating_sub(bytes);
        self.spare == 0
    }

    /// Looks how large the store is, and lets the oldest go where it is too large.
    pub(super) async fn make(&mut self, session: &mut Session) -> Result<Gone, Trouble> {
        let least = self.limit / LEAST_PART;
        let on_disk = number(session, SIZE, &[]).await?;
        if on_disk < self.limit {
            self.spare = (self.limit - on_disk).max(least);
            return Ok(Gone::default());
        }
        let row = i64::try_from(ROW).unwrap_or(i64::MAX);
        let held = number(session, HELD, &[(&row, Type::INT8)]).await?;
        if held < self.limit {
            self.spare = (self.limit - held).max(least);
            return Ok(Gone::default());
        }
        let transaction = answered(session.transaction()).await?;
        let gone = delete_oldest(&transaction, held - self.limit + self.limit / PART).await?;
        answered(transaction.commit()).await?;
        self.spare = self.limit / PART;
        Ok(gone)
    }
}

async fn number(
    session: &Session,
    sql: &str,
    values: &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)],
) -> Result<u64, Trouble> {
    let rows = session.rows(sql, values).await?;
    let number: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
    Ok(u64::try_from(number).unwrap_or(0))
}

/// Deletes about so much: events, and what else is as old. Where there is no event any more, half of that.
async fn delete_oldest(from: &Transaction<'_>, bytes: u64) -> Result<Gone, Trouble> {
    let (bytes, row) = (i64::try_from(bytes).unwrap_or(i64::MAX), i64::try_from(ROW).unwrap_or(i64::MAX));
    let values = [(&bytes as _, Type::INT8), (&row as _, Type::INT8)];
    let rows = answered(from.query_typed(OLDEST, &values)).await?;
    let (events, mut until): (i64, i64) =
        rows.first().map_or(Ok((0, 0)), |row| Ok::<_, Trouble>((row.try_get(0)?, row.try_get(1)?)))?;
    if events == 0 {
        let half = "SELECT at FROM (SELECT at FROM mails UNION ALL SELECT until FROM watched) AS both
            ORDER BY at LIMIT 1 OFFSET (SELECT (count(*) + 1) / 2 FROM mails)";
        let rows = answered(from.query_typed(half, &[])).await?;
        until = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
    }
    let mut others = 0;
    for sql in ["DELETE FROM mails WHERE at <= $1", "DELETE FROM watched WHERE until <= $1"] {
        others += answered(from.execute_typed(sql, &[(&until, Type::INT8)])).await?;
    }
    let events = u64::try_from(events).unwrap_or(0);
    Ok(Gone::new(events, usize::try_from(others).unwrap_or(usize::MAX), wall(until)))
}
