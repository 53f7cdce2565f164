//! A file as the store that is read or filled.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::types::{Value as Found, ValueRef};
use rusqlite::{Connection, OptionalExtension, Transaction, params_from_iter};
use tokio::sync::mpsc;

use super::{Piece, ROWS, Stopped, is_not_empty, is_older};
use crate::clock::SystemClock;
use crate::store::size::Limit;
use crate::store::tables::{Column, Row, TABLES, Table, Value};
use crate::store::writer::{Trouble, Writer};
use crate::store::{InUse, Preview, failure, history, place, preview, rows, schema};

/// What is copied is as large as it is; the next start sees to what the settings allow.
const UNLIMITED: u64 = u64::MAX / 4;

/// Hands over every row of the file, which is locked meanwhile.
pub(super) async fn read(path: PathBuf, to: mpsc::Sender<Piece>) -> Result<(), Stopped> {
    off_thread(move || read_now(&path, &to)).await
}

/// Fills a file that holds nothing, or makes it.
pub(super) async fn fill(path: PathBuf, from: mpsc::Receiver<Piece>) -> Result<u64, Stopped> {
    off_thread(move || fill_now(&path, from)).await
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Stopped> + Send + 'static,
) -> Result<T, Stopped> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Stopped::By(format!("the copy broke: {error}"))))
}

fn read_now(path: &Path, to: &mpsc::Sender<Piece>) -> Result<(), Stopped> {
    let unusable = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let place = place::resolve(path).map_err(unusable)?;
    // It says what is wrong with it, where something is.
    drop(history::History::open(path).map_err(|failure| failure.detail)?);
    let lock = place::lock(&place).map_err(unusable)?;
    let _lock = lock.ok_or_else(|| InUse(path.to_owned()).to_string())?;
    let failed = |error| Stopped::By(failure(path, "read", &error).detail);
    let connection = history::connect(&place).map_err(failed)?;
    let version = schema::version_of(&connection).map_err(failed)?;
    if version != schema::version() {
        return Err(is_older(&path.display(), version));
    }
    let check: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if check != "ok" {
        return Err(Stopped::By(format!("{} is damaged ({check}): copy one that is whole", path.display())));
    }
    to.blocking_send(Piece::Begin).map_err(|_| Stopped::TooEarly)?;
    for (number, table) in TABLES.iter().enumerate() {
        read_table(
            &connection,
            table,
            |some| to.blocking_send(Piece::Rows(number, some)).map_err(|_| Stopped::TooEarly),
            &failed,
        )?;
    }
    to.blocking_send(Piece::End).map_err(|_| Stopped::TooEarly)
}

fn read_table(
    from: &Connection,
    table: &Table,
    mut take: impl FnMut(Vec<Row>) -> Result<(), Stopped>,
    failed: &impl Fn(rusqlite::Error) -> Stopped,
) -> Result<(), Stopped> {
    let mut some = Vec::with_capacity(ROWS);
    let mut rows = from.prepare(&format!("SELECT {} FROM {}", table.names(), table.name)).map_err(failed)?;
    let mut rows = rows.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let values =
            table.columns.iter().enumerate().map(|(i, (_, column))| value(row.get_ref(i)?, *column, i));
        let values: Row = values.collect::<rusqlite::Result<_>>().map_err(failed)?;
        // What a store keeps of itself is not copied.
        if table.name != "records" || values.first() != Some(&Value::Text(rows::MARK.to_owned())) {
            some.push(values);
        }
        if some.len() == ROWS {
            take(std::mem::replace(&mut some, Vec::with_capacity(ROWS)))?;
        }
    }
    if some.is_empty() { Ok(()) } else { take(some) }
}

fn value(found: ValueRef<'_>, column: Column, number: usize) -> rusqlite::Result<Value> {
    Ok(match (found, column) {
        (ValueRef::Null, _) => Value::Nothing,
        (ValueRef::Integer(number), Column::Number) => Value::Number(number),
        (ValueRef::Integer(number), Column::Flag) => Value::Flag(number != 0),
        (ValueRef::Text(_), Column::Text | Column::Json) => Value::Text(found.as_str()?.to_owned()),
        (other, _) => {
            return Err(rusqlite::Error::InvalidColumnType(number, "a column".to_owned(), other.data_type()));
        }
    })
}

fn fill_now(path: &Path, mut from: mpsc::Receiver<Piece>) -> Result<u64, Stopped> {
    // A damaged file is something, too.
    match preview(path)? {
        Preview::New | Preview::Whole { events: 0 } => {}
        Preview::InUse => return Err(Stopped::By(InUse(path.to_owned()).to_string())),
        Preview::Whole { .. } | Preview::Older { .. } | Preview::Unfinished | Preview::Damaged(_) => {
            return Err(is_not_empty(&path.display(), "it"));
        }
    }
    let mut writer = Writer::new(path, Limit::new(UNLIMITED), Arc::new(SystemClock), Arc::default());
    writer.open().map_err(|trouble: Trouble| trouble.into_failure().detail)?;
    let failed = |error| Stopped::By(failure(path, "written", &error).detail);
    let connection = writer.connection().expect("it was opened just now");
    let transaction = connection.transaction().map_err(failed)?;
    for table in &TABLES {
        let others = if table.name == "records" { "WHERE name <> 'mark'" } else { "" };
        let sql = format!("SELECT 1 FROM {} {others} LIMIT 1", table.name);
        let row = transaction.query_row(&sql, [], |_| Ok(())).optional().map_err(failed)?;
        if row.is_some() {
            return Err(is_not_empty(&path.display(), table.name));
        }
    }
    let mut count = 0;
    loop {
        match from.blocking_recv().ok_or(Stopped::TooEarly)? {
            Piece::Rows(number, some) => {
                count += some.len() as u64;
                insert(&transaction, &TABLES[number], some).map_err(failed)?;
            }
            Piece::Begin => {}
            Piece::End => break,
        }
    }
    transaction.commit().map_err(failed)?;
    Ok(count)
}

fn insert(to: &Transaction<'_>, table: &Table, some: Vec<Row>) -> rusqlite::Result<()> {
    let places = vec!["?"; table.columns.len()].join(", ");
    let sql = format!("INSERT INTO {} ({}) VALUES ({places})", table.name, table.names());
    let mut inserting = to.prepare_cached(&sql)?;
    for row in some {
        inserting.execute(params_from_iter(row.into_iter().map(|value| match value {
            Value::Nothing => Found::Null,
            Value::Number(number) => Found::Integer(number),
            Value::Text(text) => Found::Text(text),
            Value::Flag(flag) => Found::Integer(i64::from(flag)),
        })))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_the_newest_version_is_copied_with_every_column() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        let mut found = schema::tables(&connection).unwrap();
        for table in &TABLES {
            let columns: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
            assert_eq!(found.remove(table.name).unwrap(), columns, "{}", table.name);
        }
        assert!(found.is_empty(), "{found:?}");
    }
}
