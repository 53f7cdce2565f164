//! The server is killed while it writes: the file holds what was written down before, and nothing half.
//!
//! The scenarios' crashes are played over a model of the store (`sim/tests/crashes.rs`). Here the saves
//! of whole runs go to the real file, and after each the folder is copied as a kill would leave it: once
//! whole, and several times with the last write cut off at some byte.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use status_adapters::Store;
use status_adapters::clock::SystemClock;
use status_adapters::store::{Model, SqliteStore};
use status_core::Saved;
use status_sim::Rng;
use status_sim::run::saves;
use status_sim::scenario::Scenario;

const SCENARIOS: &[&str] = &[
    include_str!("../../sim/scenarios/killed-during-outage.toml"),
    include_str!("../../sim/scenarios/mail-server-refuses.toml"),
    include_str!("../../sim/scenarios/book-restarted-without-manifest.toml"),
    include_str!("../../sim/scenarios/out-for-repair.toml"),
];

/// At so many bytes each write is cut off.
const CUTS: u64 = 16;
const ALL: usize = 1_000;

/// A limit that no test here reaches.
const LARGE: u64 = 1_000_000_000;

fn wal(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |data| data.len())
}

/// What a server finds that starts with a copy of these files, of whose log `cut` bytes were written.
fn found_after_a_kill(path: &Path, cut: u64) -> Saved {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("status.db");
    fs::copy(path, &copy).unwrap();
    let log = fs::read(wal(path)).unwrap_or_default();
    fs::write(wal(&copy), &log[..usize::try_from(cut).unwrap().min(log.len())]).unwrap();
    let store = SqliteStore::open(&copy, LARGE, Arc::new(SystemClock)).unwrap();
    let aside = fs::read_dir(folder.path()).unwrap().find(|entry| {
        entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().contains("damaged"))
    });
    assert!(aside.is_none(), "a kill damages nothing");
    store.load_now(ALL).unwrap()
}

#[tokio::test]
async fn a_kill_at_any_byte_leaves_what_was_written_down() {
    let mut kills = 0;
    for text in SCENARIOS {
        let scenario = Scenario::read(text).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status.db");
        let store = SqliteStore::open(&path, LARGE, Arc::new(SystemClock)).unwrap();
        let mut model = Model::default();
        let mut rng = Rng::new(scenario.seed);
        for changes in saves(&scenario).unwrap() {
            let before = (model.saved(ALL), length(&wal(&path)));
            store.save(changes.clone()).await.unwrap();
            changes.into_iter().for_each(|change| model.apply(change));
            let whole = length(&wal(&path));
            assert_eq!(found_after_a_kill(&path, whole), model.saved(ALL), "{}", scenario.name);
            kills += 1;
            // Where the log was begun anew its end is from before, and nothing can be cut off.
            for _ in 0..if whole > before.1 { CUTS } else { 0 } {
                let cut = before.1 + rng.below(whole - before.1);
                assert_eq!(found_after_a_kill(&path, cut), before.0, "{} at byte {cut}", scenario.name);
                kills += 1;
            }
        }
    }
    assert!(kills >= 1_000, "{kills}");
}
