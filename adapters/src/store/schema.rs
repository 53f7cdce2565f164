//! The tables, and how a file of an older version gets them.

use std::collections::BTreeMap;

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
    // System alerts that are over.
    "CREATE TABLE alerts (
        alert TEXT NOT NULL,
        began INTEGER NOT NULL,
        ended INTEGER NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (alert, began)
    ) WITHOUT ROWID;
    CREATE INDEX alerts_by_time ON alerts (ended);",
    // What is owed by mail, once each, and the mails that are sent or in doubt. What stands in `letters` is
    // read once more, and is in these from the first save on.
    "CREATE TABLE news (number INTEGER PRIMARY KEY, record TEXT NOT NULL);
    CREATE TABLE queued_mails (turn INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL);",
    // Windows of maintenance, acknowledgements and flapping: when each began and ended.
    "CREATE TABLE remarks (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, record TEXT NOT NULL, UNIQUE (at, record));",
    // What each mail told of.
    "ALTER TABLE mails ADD COLUMN mentions TEXT;",
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

/// What a database is that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It holds nothing yet.
    Empty,
    /// A store that this program knows.
    Ours,
    /// A store of a newer program.
    Newer(i32),
    /// Something else: it has another mark, or other tables than a store of its version.
    Foreign,
}

/// What a database is. The newest version may stand in its log only, and not yet in the head of the file.
pub(super) fn kind(connection: &Connection) -> rusqlite::Result<Kind> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found = version_of(connection)?;
    let mut tables = tables(connection)?;
    let Ok(steps) = usize::try_from(found) else { return Ok(Kind::Foreign) };
    if steps == 0 && tables.is_empty() && (application == 0 || application == APPLICATION) {
        return Ok(Kind::Empty);
    }
    if application != APPLICATION || steps == 0 {
        return Ok(Kind::Foreign);
    }
    if steps > STEPS.len() {
        return Ok(Kind::Newer(found));
    }
    // A table that a person has added is no reason to refuse a store, but one of another version is.
    let newest = tables_after(STEPS.len())?;
    tables.retain(|name, _| newest.contains_key(name));
    Ok(if tables == tables_after(steps)? { Kind::Ours } else { Kind::Foreign })
}

/// What a database is by its head alone, as far as that tells that it is none that this program knows.
pub(super) fn kind_by_head(connection: &Connection) -> rusqlite::Result<Option<Kind>> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version = version_of(connection)?;
    Ok(match (application, version) {
        // One that was just made has neither mark nor version yet.
        (0, 0) => None,
        (APPLICATION, newer) if newer > self::version() => Some(Kind::Newer(newer)),
        (APPLICATION, 1..) => None,
        _ => Some(Kind::Foreign),
    })
}

/// The tables, each with its columns.
pub(super) fn tables(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Vec<String>>> {
    let sql = "SELECT tables.name, columns.name FROM sqlite_master AS tables
               JOIN pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'";
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut rows = connection.prepare(sql)?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        found.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(found)
}

/// The tables of a store that so many steps have made.
fn tables_after(steps: usize) -> rusqlite::Result<BTreeMap<String, Vec<String>>> {
    let made = Connection::open_in_memory()?;
    STEPS[..steps].iter().try_for_each(|step| made.execute_batch(step))?;
    tables(&made)
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
