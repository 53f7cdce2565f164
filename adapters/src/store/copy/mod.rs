//! All that a store holds, copied into another one, while no server uses either: whole, or not at all.

mod file;

use std::fmt;
use std::path::PathBuf;

use tokio::sync::mpsc;

#[cfg(feature = "postgres")]
use super::postgres::{self, Address};
use super::tables::Row;

/// How many rows are handed over at once, and how many such pieces may wait.
pub(super) const ROWS: usize = 500;
const PIECES: usize = 4;

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this file.
    File(PathBuf),
    /// In a schema of a PostgreSQL database.
    #[cfg(feature = "postgres")]
    Database(Box<Address>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            #[cfg(feature = "postgres")]
            Self::Database(address) => address.fmt(f),
        }
    }
}

/// What is handed from the store that is read to the one that is filled.
pub(super) enum Piece {
    /// What is read can be: whatever is to be filled may be opened.
    Begin,
    /// Some rows of the table that has this place in the list of all. Its rows come one after another.
    Rows(usize, Vec<Row>),
    /// That was all: what came is to be kept.
    End,
}

/// Copies everything. Returns how many rows there were.
///
/// # Errors
/// Why it was not done, for people: one of them is in use or cannot be used, the first is no whole store of this version,
/// or the second holds something. Then the second holds as much as before.
pub async fn copy(from: &Place, to: &Place) -> Result<u64, String> {
    let (sender, mut pieces) = mpsc::channel(PIECES);
    let reading = async {
        match from {
            Place::File(path) => file::read(path.clone(), sender).await,
            #[cfg(feature = "postgres")]
            Place::Database(address) => postgres::copy::read(address, sender).await,
        }
    };
    let filling = async {
        let Some(Piece::Begin) = pieces.recv().await else { return Err(Stopped::TooEarly) };
        match to {
            Place::File(path) => file::fill(path.clone(), pieces).await,
            #[cfg(feature = "postgres")]
            Place::Database(address) => postgres::copy::fill(address, pieces).await,
        }
    };
    match tokio::join!(reading, filling) {
        (Ok(()), Ok(rows)) => Ok(rows),
        // Where the first one ends too early, the second one only sees that it did.
        (Err(Stopped::By(problem)), _) | (_, Err(Stopped::By(problem))) => Err(problem),
        (_, Err(Stopped::TooEarly)) | (Err(Stopped::TooEarly), _) => {
            Err("the copy was interrupted".to_owned())
        }
    }
}

/// Why one side stopped.
pub(super) enum Stopped {
    /// This is the matter.
    By(String),
    /// The other side did.
    TooEarly,
}

impl From<String> for Stopped {
    fn from(problem: String) -> Self {
        Self::By(problem)
    }
}

/// What to say of a store that holds something already.
pub(super) fn is_not_empty(store: &dyn fmt::Display, table: &str) -> Stopped {
    Stopped::By(format!(
        "{store} holds something already, in {table}: name a file that is not there yet, or another schema"
    ))
}

/// What to say of a store that has another version than this program.
pub(super) fn is_older(store: &dyn fmt::Display, found: i32) -> Stopped {
    Stopped::By(format!(
        "{store} has the older version {found}: start and stop the server with it once, then copy it"
    ))
}
