//! The tables, and how a file of an older version gets them.

use rusqlite::Connection;

/// What makes each version out of the one before. A step that was ever released is never changed.
const STEPS: &[&str] = &[
    "CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        life TEXT NOT NULL,
        number INTEGER NOT NULL,
        experiment TEXT NOT NULL,
        at INTEGER NOT NULL,
        event TEXT NOT NULL,
        forgotten INTEGER NOT NULL DEFAULT 0,
        UNIQUE (life, number)
    );
    CREATE INDEX events_of_experiment ON events (experiment, id);
    CREATE INDEX events_by_time ON events (at);
    CREATE TABLE experiments (name TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE letters (turn INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL);
    CREATE TABLE records (name TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;",
    // What was mailed, and who did not get it.
    "CREATE TABLE mails (id TEXT PRIMARY KEY, at INTEGER NOT NULL, subject TEXT NOT NULL, trouble TEXT);
    CREATE INDEX mails_by_time ON mails (at);",
    // When the server was watching.
    "CREATE TABLE watched (since INTEGER PRIMARY KEY, until INTEGER NOT NULL);",
];

/// Marks a file as ours.
pub(super) const APPLICATION: i32 = 0x7374_6174;

/// The version that this program writes.
pub(super) fn version() -> i32 {
    i32::try_from(STEPS.len()).expect("there are a few steps")
}

/// The version of a store that is open.
pub(super) fn version_of(connection: &Connection) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// The version of a store that is open, if a newer program wrote it.
pub(super) fn newer(connection: &Connection) -> rusqlite::Result<Option<i32>> {
    Ok(Some(version_of(connection)?).filter(|found| *found > version()))
}

/// What is said of a database that is not ours.
pub(super) const FOREIGN: &str = "it holds tables, and no version";

/// Fails if a file without a version holds tables: another program made them.
pub(super) fn refuse_foreign(connection: &Connection) -> rusqlite::Result<()> {
    let version = version_of(connection)?;
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    if version > 0 || tables == 0 {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ERROR);
    Err(rusqlite::Error::SqliteFailure(code, Some(FOREIGN.to_owned())))
}

/// Brings a file to the present version. Whatever fails, it stays as it was.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let from = version_of(connection)?;
    let done = usize::try_from(from).unwrap_or_default();
    if done >= STEPS.len() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for step in &STEPS[done..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", version())?;
    transaction.commit()?;
    // The version then stands in the file's own head, where an older program looks.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
