//! What a start would find in the place of the store, found out without changing anything there.

use std::path::Path;

use super::place::{self, Found};
use super::{Refusal, failure, history, is_damage, schema};
use crate::writable;

/// What a start would do with the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preview {
    /// Make it, since there is none.
    New,
    /// Go on with it.
    Whole {
        /// How many changes in health it has.
        events: u32,
    },
    /// Bring it to the present version, and go on with it.
    Older {
        /// The version that it has.
        found: i32,
    },
    /// Read it, and what was not put in its place before the last server was killed.
    Unfinished,
    /// Refuse it, as long as the server runs that uses it.
    InUse,
    /// Set it aside and begin a new one, since it is broken in this way.
    Damaged(String),
}

/// Looks at the store. If nobody uses it, it looks at all of it.
///
/// # Errors
/// Why a server would refuse it, or could not write to it.
pub fn preview(path: &Path) -> Result<Preview, String> {
    let refused = |refusal: Refusal| Err(refusal.to_string());
    let unusable = |what: String| format!("the store {} cannot be used by this user: {what}", path.display());
    let found = place::look(path).map_err(|error| unusable(error.to_string()))?;
    match found {
        Found::Nothing | Found::Ours | Found::Rubbish => {}
        Found::Newer(found) => return refused(Refusal::Newer { path: path.to_owned(), found }),
        Found::Foreign => return refused(Refusal::Foreign(path.to_owned())),
    }
    let beside = ["-wal", "-shm", ".lock"].map(|part| place::beside(path, part));
    for file in [path].into_iter().chain(beside.iter().map(AsRef::as_ref)) {
        writable::look(file).map_err(unusable)?;
    }
    if place::is_locked(path).map_err(|error| unusable(error.to_string()))? {
        return Ok(Preview::InUse);
    }
    match found {
        Found::Nothing => Ok(Preview::New),
        Found::Rubbish => Ok(Preview::Damaged("it is no database".to_owned())),
        // Whoever reads what stands in the log makes a file.
        _ if !place::is_complete(path) => Ok(Preview::Unfinished),
        Found::Ours | Found::Newer(_) | Found::Foreign => match read(path) {
            // While it was read, a server has begun to write to it: what was read means nothing.
            _ if place::is_locked(path).unwrap_or(false) => Ok(Preview::InUse),
            _ if !place::is_complete(path) => Ok(Preview::Unfinished),
            Err(error) if is_damage(&error) => Ok(Preview::Damaged(error.to_string())),
            Err(rusqlite::Error::SqliteFailure(_, Some(text))) if text == schema::FOREIGN => {
                refused(Refusal::Foreign(path.to_owned()))
            }
            read => read.map_err(|error| failure(path, "read", &error).detail),
        },
    }
}

fn read(path: &Path) -> rusqlite::Result<Preview> {
    let connection = history::connect_unchanging(path)?;
    schema::refuse_foreign(&connection)?;
    let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if check != "ok" {
        return Ok(Preview::Damaged(check));
    }
    match schema::version_of(&connection)? {
        0 => Ok(Preview::New),
        found if found < schema::version() => Ok(Preview::Older { found }),
        _ => {
            let count = |row: &rusqlite::Row<'_>| row.get(0);
            Ok(Preview::Whole { events: connection.query_row("SELECT count(*) FROM events", [], count)? })
        }
    }
}
