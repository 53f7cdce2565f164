//! A schema of a database as the store that is read or filled.

use std::pin::pin;

use futures_util::TryStreamExt;
use tokio::sync::mpsc;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{IsolationLevel, Transaction};

use super::client::{Purpose, Session, Trouble, answered};
use super::rows::{storable, stored, typed};
use super::schema::{self, Kind};
use super::{Address, lock_key, refuse};
use crate::store::copy::{Piece, ROWS, Stopped, is_not_empty, is_older};
use crate::store::tables::{Column, Row, TABLES, Table, Value};

/// Hands over every row of the schema, which is locked meanwhile.
pub(in crate::store) async fn read(address: &Address, to: mpsc::Sender<Piece>) -> Result<(), Stopped> {
    let failed = |trouble: Trouble| Stopped::By(trouble.into_failure(address, "read").detail);
    let (mut session, kind) = open(address).await?;
    match kind {
        Kind::Ours(version) if version == schema::version() => {}
        Kind::Ours(version) => return Err(is_older(address, version)),
        Kind::Missing | Kind::Empty | Kind::Newer(_) | Kind::Foreign => {
            return Err(Stopped::By(format!("{address}: there is no store yet")));
        }
    }
    let transaction = session.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
    let transaction = answered(transaction.read_only(true).start()).await.map_err(failed)?;
    to.send(Piece::Begin).await.map_err(|_| Stopped::TooEarly)?;
    for (number, table) in TABLES.iter().enumerate() {
        let sql = format!("SELECT {} FROM {}", table.names(), table.name);
        let none = std::iter::empty::<(&(dyn ToSql + Sync), Type)>();
        let mut rows = pin!(answered(transaction.query_typed_raw(&sql, none)).await.map_err(failed)?);
        let mut some = Vec::with_capacity(ROWS);
        while let Some(row) = answered(rows.try_next()).await.map_err(failed)? {
            some.push(values(&row, table).map_err(failed)?);
            if some.len() == ROWS {
                let piece = Piece::Rows(number, std::mem::replace(&mut some, Vec::with_capacity(ROWS)));
                to.send(piece).await.map_err(|_| Stopped::TooEarly)?;
            }
        }
        if !some.is_empty() {
            to.send(Piece::Rows(number, some)).await.map_err(|_| Stopped::TooEarly)?;
        }
    }
    to.send(Piece::End).await.map_err(|_| Stopped::TooEarly)
}

fn values(row: &tokio_postgres::Row, table: &Table) -> Result<Row, Trouble> {
    let value = |(i, (_, column)): (usize, &(&str, Column))| {
        Ok(match column {
            Column::Number => row.try_get::<_, Option<i64>>(i)?.map(Value::Number),
            Column::Flag => row.try_get::<_, Option<bool>>(i)?.map(Value::Flag),
            Column::Json => row.try_get::<_, Option<String>>(i)?.map(Value::Text),
            Column::Text => {
                row.try_get::<_, Option<&str>>(i)?.map(|text| Value::Text(stored(text).into_owned()))
            }
        }
        .unwrap_or(Value::Nothing))
    };
    table.columns.iter().enumerate().map(value).collect()
}

/// Fills a schema that holds nothing, or makes it.
pub(in crate::store) async fn fill(
    address: &Address,
    mut from: mpsc::Receiver<Piece>,
) -> Result<u64, Stopped> {
    let failed = |trouble: Trouble| Stopped::By(trouble.into_failure(address, "written").detail);
    let (mut session, kind) = open(address).await?;
    schema::migrate(&mut session, address.schema(), kind).await.map_err(failed)?;
    let transaction = answered(session.transaction()).await.map_err(failed)?;
    for table in &TABLES {
        let sql = format!("SELECT 1 FROM {} LIMIT 1", table.name);
        if !answered(transaction.query_typed(&sql, &[])).await.map_err(failed)?.is_empty() {
            return Err(is_not_empty(address, table.name));
        }
    }
    let (mut count, mut waits) = (0, None);
    loop {
        let piece = match waits.take() {
            Some(piece) => Some(piece),
            None => from.recv().await,
        };
        match piece {
            None => return Err(Stopped::TooEarly),
            Some(Piece::Begin) => {}
            Some(Piece::End) => break,
            Some(Piece::Rows(number, some)) => {
                let (rows, next) = fill_table(&transaction, number, some, &mut from).await.map_err(failed)?;
                count += rows;
                waits = next;
            }
        }
    }
    for table in &TABLES {
        go_on_counting(&transaction, table).await.map_err(failed)?;
    }
    answered(transaction.commit()).await.map_err(failed)?;
    Ok(count)
}

/// Writes all the rows of a table, of which `some` have come. Returns how many, and the piece that came after them.
async fn fill_table(
    to: &Transaction<'_>,
    number: usize,
    mut some: Vec<Row>,
    from: &mut mpsc::Receiver<Piece>,
) -> Result<(u64, Option<Piece>), Trouble> {
    let table = &TABLES[number];
    let types: Vec<Type> = table.columns.iter().map(|(_, column)| kind(*column)).collect();
    let sql = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", table.name, table.names());
    let sink = answered(to.copy_in(&sql)).await?;
    let mut writing = pin!(BinaryCopyInWriter::new(sink, &types));
    let (mut count, mut next) = (0, None);
    loop {
        count += some.len() as u64;
        for row in &mut some {
            for (value, (_, column)) in row.iter_mut().zip(table.columns) {
                if let (Value::Text(text), Column::Text) = (&mut *value, column) {
                    *text = storable(text).into_owned();
                }
            }
            let values: Vec<&(dyn ToSql + Sync)> = row.iter().map(|value| typed(value).0).collect();
            answered(writing.as_mut().write(&values)).await?;
        }
        match from.recv().await {
            Some(Piece::Rows(same, more)) if same == number => some = more,
            other => {
                next = next.or(other);
                break;
            }
        }
    }
    answered(writing.as_mut().finish()).await?;
    Ok((count, next))
}

fn kind(column: Column) -> Type {
    match column {
        Column::Number => Type::INT8,
        Column::Text | Column::Json => Type::TEXT,
        Column::Flag => Type::BOOL,
    }
}

/// The database goes on counting behind what was copied.
async fn go_on_counting(to: &Transaction<'_>, table: &Table) -> Result<(), Trouble> {
    let Some(column) = table.counted else { return Ok(()) };
    let (table, none) = (table.name, &[]);
    let sql = format!(
        "SELECT setval(pg_get_serial_sequence('{table}', '{column}'), max({column})) FROM {table}
         HAVING max({column}) IS NOT NULL"
    );
    answered(to.query_typed(&sql, none)).await.map(drop)
}

/// A session that holds the lock on the schema, and has the time that a copy takes.
async fn open(address: &Address) -> Result<(Session, Kind), Stopped> {
    let failed = |trouble: Trouble| Stopped::By(trouble.into_failure(address, "opened").detail);
    let session = Session::open(address, Purpose::Copying).await.map_err(failed)?;
    lock(&session, address).await?;
    let kind = schema::kind(&session, address.schema()).await.map_err(failed)?;
    refuse(address, kind).map_or(Ok((session, kind)), |refusal| Err(Stopped::By(refusal.to_string())))
}

/// Gets the lock on the schema, for as long as the session lasts. It waits a little for a session of before, whose end the
/// database has yet to notice.
async fn lock(session: &Session, address: &Address) -> Result<(), Stopped> {
    let locked = session.rows("SELECT pg_advisory_lock($1)", &[(&lock_key(address), Type::INT8)]).await;
    locked.map(drop).map_err(|trouble| {
        if !trouble.is_locked() {
            return Stopped::By(trouble.into_failure(address, "opened").detail);
        }
        Stopped::By(format!(
            "a server uses the store {address}: stop every server that does, or name another schema; of a server whose \
             machine died, the database knows after 10 s"
        ))
    })
}
