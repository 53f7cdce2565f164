//! What commands have in common that print what the store has kept.

use std::io;
use std::path::PathBuf;

use status_adapters::store::History;

use crate::settings::{Settings, StoreSettings};

/// The history in the store that `STATUS_STORE` names, and where that is.
///
/// # Errors
/// Why there is none, for people.
pub(super) fn open_history() -> Result<(History, PathBuf), String> {
    let store = Settings::store_from_vars(std::env::vars_os()).map_err(|problems| problems.to_string())?;
    let path = match store {
        StoreSettings::File(path) => path,
        StoreSettings::Memory => return Err("STATUS_STORE is :memory:, which keeps no history".to_owned()),
        StoreSettings::Nowhere => return Err("there is no store: set STATUS_STORE to its file".to_owned()),
    };
    let history = History::open(&path).map_err(|failure| failure.detail)?;
    Ok((history, path))
}

/// Whether what was printed could be.
///
/// # Errors
/// Why it could not, for people. A reader that has seen enough and left is no error.
pub(super) fn printed(written: io::Result<()>) -> Result<(), String> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| format!("cannot print: {error}")),
    }
}
