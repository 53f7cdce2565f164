//! `status store`: all of a store; and what commands have in common that print what it has kept.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use status_adapters::store::copy::{self, Place};
#[cfg(feature = "postgres")]
use status_adapters::store::postgres;
use status_adapters::store::{History, PastRecords};
use status_core::{Event, ExperimentName, Failure, Remark, Wall};

use crate::command::args::CopyArgs;
use crate::log;
use crate::settings::{Settings, StoreSettings};

/// The exit code where the command line or a setting is wrong.
const BAD_ARGUMENTS: u8 = 2;

/// What a store has kept, wherever that is.
pub(super) enum Kept {
    /// In this file.
    File(History, PathBuf),
    /// In a database.
    #[cfg(feature = "postgres")]
    Database(Box<postgres::History>),
}

impl Kept {
    /// What the store has kept that `STATUS_STORE` names.
    ///
    /// # Errors
    /// Why there is none, for people.
    pub(super) fn open() -> Result<Self, String> {
        let store =
            Settings::store_from_vars(std::env::vars_os()).map_err(|problems| problems.to_string())?;
        match store {
            StoreSettings::File(path) => {
                let history = History::open(&path).map_err(|failure| failure.detail)?;
                Ok(Self::File(history, path))
            }
            #[cfg(feature = "postgres")]
            StoreSettings::Database(address) => {
                Ok(Self::Database(Box::new(postgres::History::new(*address))))
            }
            StoreSettings::Memory => Err("STATUS_STORE is :memory:, which keeps no history".to_owned()),
            StoreSettings::Nowhere => Err("there is no store: set STATUS_STORE to its file".to_owned()),
        }
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> String {
        match self {
            Self::File(_, path) => path.display().to_string(),
            #[cfg(feature = "postgres")]
            Self::Database(history) => history.address().to_string(),
        }
    }

    /// The events from a time on, of one experiment or all, in the order in which they happened: of too many, the
    /// `newest`.
    ///
    /// # Errors
    /// Why it can't be read.
    pub(super) async fn events(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
        newest: usize,
    ) -> Result<Vec<(ExperimentName, Event)>, Failure> {
        match self {
            Self::File(history, _) => history.events(experiment, since, newest),
            #[cfg(feature = "postgres")]
            Self::Database(history) => history.events(experiment, since, newest).await,
        }
    }

    /// What people did, and what began and ended beside the changes in health, from a time on, in its order.
    ///
    /// # Errors
    /// Why it can't be read.
    pub(super) async fn remarks(&self, since: Wall) -> Result<Vec<Remark>, Failure> {
        match self {
            Self::File(history, _) => history.remarks(since),
            #[cfg(feature = "postgres")]
            Self::Database(history) => history.remarks(since).await,
        }
    }

    /// Everything that happened from a time on, to each experiment. Of too much, the newest.
    ///
    /// # Errors
    /// Why it can't be read.
    pub(super) async fn past(&self, since: Wall) -> Result<PastRecords, Failure> {
        match self {
            Self::File(history, _) => history.past(None, since),
            #[cfg(feature = "postgres")]
            Self::Database(history) => history.past(None, since).await,
        }
    }
}

/// Copies a store.
pub async fn copy(args: &CopyArgs) -> ExitCode {
    let place = |text: &str, flag: &str| {
        if text.trim().is_empty() {
            return Err(format!("{flag} is empty: name a file, or the address of a database"));
        }
        let named = Settings::store_named(text, std::env::vars_os());
        match named.map_err(|problems| format!("{flag}: {problems}"))? {
            StoreSettings::File(path) => Ok(Place::File(path)),
            #[cfg(feature = "postgres")]
            StoreSettings::Database(address) => Ok(Place::Database(address)),
            StoreSettings::Memory | StoreSettings::Nowhere => Err(format!(
                "{flag} is no store that keeps anything: name a file, or the address of a database"
            )),
        }
    };
    let places = place(&args.from, "--from").and_then(|from| Ok((from, place(&args.to, "--to")?)));
    let (from, to) = match places {
        Ok(places) => places,
        Err(problem) => {
            log::complain(&problem);
            return ExitCode::from(BAD_ARGUMENTS);
        }
    };
    match copy::copy(&from, &to).await {
        Ok(rows) => {
            let _ = writeln!(io::stdout(), "copied {rows} rows from {from} to {to}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            log::complain(&format!("not copied: {problem}"));
            ExitCode::FAILURE
        }
    }
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
