//! The store: what a restart must not lose, in one SQLite file.
//!
//! Each [`save`](crate::Store::save) is one transaction that is on the disk when it is answered. It
//! runs on a thread of its own, so a slow disk delays nothing else.

mod continuity;
pub mod copy;
mod history;
mod model;
mod past;
mod place;
#[cfg(feature = "postgres")]
pub mod postgres;
mod preview;
mod rows;
mod schema;
mod size;
mod sqlite;
mod tables;
mod uptime;
mod writer;

pub use history::History;
pub use model::Model;
pub use past::{PastMail, PastRecords, WINDOW_AT_MOST};
pub use preview::{Preview, preview};
pub use size::Trimmed;
pub use sqlite::{InUse, Refusal, SqliteStore};
pub use uptime::UptimeRecords;

use std::path::Path;

use status_core::{Failure, FailureKind};

/// A name for this life of the server that no other life has had or will have.
///
/// It is drawn anew at each start, and not kept: so it is unlike all others even where a store was
/// lost, or was put back from a copy.
#[must_use]
pub fn new_life() -> String {
    use ring::rand::SecureRandom;
    let mut bytes = [0; 8];
    ring::rand::SystemRandom::new().fill(&mut bytes).expect("the system gives random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How large a store is, in bytes, with its log, which may be the larger one; `None` if there is none.
#[must_use]
pub fn size(path: &Path) -> Option<u64> {
    let length = |path: &Path| std::fs::metadata(path).ok().map(|data| data.len());
    let path = place::resolve(path).ok()?;
    Some(length(&path)? + length(&place::beside(&path, "-wal")).unwrap_or(0))
}

/// What SQLite said, with what to do about it.
fn failure(path: &Path, doing: &str, error: &rusqlite::Error) -> Failure {
    use rusqlite::ErrorCode;
    let hint = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => ": make room on the disk",
        Some(ErrorCode::SystemIoFailure) => {
            ": make room on the disk, or look at what the system's log says of it"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            ": the file and its folder must be writable for this user"
        }
        Some(ErrorCode::CannotOpen) => ": the folder must exist and be writable for this user",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ": another program writes to it",
        Some(_) | None => "",
    };
    let detail = format!("the store {} cannot be {doing}: {error}{hint}", path.display());
    Failure { kind: FailureKind::Refused, detail }
}

/// Whether the file itself is broken, so that it is of no use any more.
fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode;
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}
