//! What a start would find in the place of the store, found out without changing anything there.

use std::path::Path;

use super::place::{self, Found};
use super::schema::{self, Kind};
use super::{Refusal, failure, history, is_damage};
use crate::check_writable;

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
    let unusable = |what: String| format!("the store {} cannot be used by this user: {what}", path.display());
    let place = place::resolve(path).map_err(|error| unusable(error.to_string()))?;
    let found = place::look(&place).map_err(|error| unusable(error.to_string()))?;
    if let Some(refusal) = Refusal::of(found, path) {
        return Err(refusal.to_string());
    }
    let beside = ["-wal", "-shm", ".lock"].map(|part| place::beside(&place, part));
    for file in [&place].into_iter().chain(&beside) {
        check_writable::check_writable(file).map_err(unusable)?;
    }
    if place::is_locked(&place).map_err(|error| unusable(error.to_string()))? {
        return Ok(Preview::InUse);
    }
    match found {
        Found::Nothing => return Ok(Preview::New),
        Found::Damaged => return Ok(Preview::Damaged("its head is no database's".to_owned())),
        // Whoever reads what stands in the log makes a file.
        _ if !place::is_complete(&place) => return Ok(Preview::Unfinished),
        Found::Ours | Found::Newer(_) | Found::Foreign | Found::NoDatabase => {}
    }
    let read = read(&place, path);
    // While it was read, a server has begun to write to it: what was read means nothing.
    if place::is_locked(&place).unwrap_or(false) {
        return Ok(Preview::InUse);
    }
    if !place::is_complete(&place) {
        return Ok(Preview::Unfinished);
    }
    match read {
        Err(error) if is_damage(&error) => Ok(Preview::Damaged(error.to_string())),
        Err(error) => Err(failure(path, "read", &error).detail),
        Ok(read) => read.map_err(|refusal| refusal.to_string()),
    }
}

fn read(place: &Path, path: &Path) -> rusqlite::Result<Result<Preview, Refusal>> {
    let connection = history::connect_unchanging(place)?;
    let kind = schema::kind(&connection)?;
    let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if check != "ok" {
        return Ok(Ok(Preview::Damaged(check)));
    }
    Ok(match kind {
        Kind::Empty => Ok(Preview::New),
        Kind::Newer(found) => Err(Refusal::Newer { path: path.to_owned(), found }),
        Kind::Foreign => Err(Refusal::Foreign(path.to_owned())),
        Kind::Ours => Ok(match schema::version_of(&connection)? {
            found if found < schema::version() => Preview::Older { found },
            _ => {
                let count = |row: &rusqlite::Row<'_>| row.get(0);
                Preview::Whole { events: connection.query_row("SELECT count(*) FROM events", [], count)? }
            }
        }),
    })
}
