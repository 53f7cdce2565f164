//! What is on this machine: the store, the log file and the port.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use status_adapters::check_writable;
#[cfg(feature = "postgres")]
use status_adapters::store::postgres;
use status_adapters::store::{Preview, preview};

#[cfg(feature = "postgres")]
use super::finding::Verdict;
use super::finding::{Finding, count};
use crate::command::serve;
use crate::http::listener::{Place, Refused};
use crate::log;
use crate::log::LogTarget;
use crate::settings::StoreSettings;

/// What stands before what is said of the store.
const NAME: &str = "store";

/// Whether what a restart must not lose can be kept, in at most `max_size` bytes.
pub(super) async fn store(store: StoreSettings, max_size: u64) -> Finding {
    match store {
        StoreSettings::File(path) => {
            let looking = tokio::task::spawn_blocking(move || file(&path, max_size));
            looking
                .await
                .unwrap_or_else(|error| Finding::wrong(NAME, format!("cannot be looked at: {error}")))
        }
        #[cfg(feature = "postgres")]
        StoreSettings::Database(address) => {
            let preview = postgres::preview(&address).await;
            if preview == Ok(Preview::InUse) {
                let text =
                    format!("{address}: a server leads there, and one that is started beside it follows");
                return Finding::note(NAME, text);
            }
            let finding = found(&address.to_string(), preview);
            if address.is_unproven() && finding.verdict == Verdict::Ok {
                let text = "as sslmode says, the database need not prove that it is the one that is meant";
                return Finding::note(NAME, format!("{}\n{text}", finding.text));
            }
            finding
        }
        StoreSettings::Memory => {
            Finding::note(NAME, "nothing is kept across a restart, as STATUS_STORE=:memory: says")
        }
        StoreSettings::Nowhere => Finding::note(NAME, serve::NO_STORE),
    }
}

fn file(path: &Path, max_size: u64) -> Finding {
    let preview = preview(path);
    match too_large(path, max_size) {
        Some(text) if matches!(preview, Ok(Preview::Whole { .. })) => Finding::note(NAME, text),
        _ => found(&path.display().to_string(), preview),
    }
}

/// What a start would do with the store.
fn found(shown: &str, preview: Result<Preview, String>) -> Finding {
    match preview {
        Ok(Preview::New) => Finding::ok(NAME, format!("{shown}: there is none yet, and it can be made")),
        Ok(Preview::Whole { events }) => {
            let changes = count(events as usize, "change");
            Finding::ok(NAME, format!("{shown}: whole, with {changes} in health"))
        }
        Ok(Preview::Older { found }) => Finding::ok(
            NAME,
            format!("{shown}: whole, of the older version {found}; a start brings it up to date"),
        ),
        Ok(Preview::Unfinished) => Finding::ok(
            NAME,
            format!(
                "{shown}: its last server was killed or another program reads it; a start goes on with it"
            ),
        ),
        Ok(Preview::InUse) => Finding::note(
            NAME,
            format!("{shown}: in use by a server that runs; only one at a time can use it"),
        ),
        Ok(Preview::Damaged(how)) => Finding::wrong(
            NAME,
            format!(
                "{shown} is damaged: {how}\n\
                 a start would set it aside and begin a new one: put a copy of the store there before, or if this is \
                 another file, set STATUS_STORE"
            ),
        ),
        Err(problem) => Finding::wrong(NAME, problem),
    }
}

/// Returns what to say of a store that takes more bytes than the settings allow; `None` if it does not.
fn too_large(path: &Path, max_size: u64) -> Option<String> {
    let size = fs::metadata(path).map_or(0, |file| file.len());
    (size > max_size).then(|| {
        format!(
            "{}: whole, but it has {size} bytes, and STATUS_STORE_MAX_SIZE allows {max_size}\n\
             the oldest history goes when the server writes to it the next time",
            path.display()
        )
    })
}

/// Whether the log can be written.
pub(super) fn log_file(target: &LogTarget) -> Finding {
    const NAME: &str = "log";
    let path = match target {
        LogTarget::Stdout => return Finding::ok(NAME, "to the standard output"),
        LogTarget::Stderr => return Finding::ok(NAME, "to the standard error"),
        LogTarget::File(path) => path,
    };
    let shown = path.display();
    match look_at_log(path) {
        Ok(true) => Finding::ok(NAME, format!("{shown}: can be written")),
        Ok(false) => Finding::ok(NAME, format!("{shown}: there is none yet, and it can be made")),
        Err(problem) => Finding::wrong(
            NAME,
            format!(
                "{shown} cannot be written by this user: {problem}\n\
                 make its folder and let the user that status runs as write there, or set STATUS_LOG_FILE=stdout"
            ),
        ),
    }
}

fn look_at_log(path: &Path) -> Result<bool, String> {
    let there = check_writable::check_writable(path)?;
    log::refuse_pipes(path).map_err(|error| error.to_string())?;
    Ok(there)
}

/// Whether the API can be where it is to be. The port is taken for a moment, and given back.
pub(super) fn port(place: &Place) -> Finding {
    const NAME: &str = "port";
    let shown = place.port();
    let at = place.shown_addresses();
    match place.bind() {
        Ok(_) if shown == 0 => Finding::ok(NAME, format!("any that is free{at}")),
        Ok(_) => Finding::ok(NAME, format!("{shown} is free{at}")),
        Err(Refused { error, .. }) if error.kind() == ErrorKind::AddrInUse => Finding::note(
            NAME,
            format!(
                "{shown} is in use{at}: by status itself if it runs, else choose another STATUS_PORT_SERVE"
            ),
        ),
        Err(refused) => Finding::wrong(NAME, place.refused(&refused)),
    }
}
