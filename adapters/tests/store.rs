//! The store: what was saved is there again, and whatever is wrong with the file is told and survived.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use status_adapters::Store;
use status_adapters::clock::SystemClock;
use status_adapters::store::{History, InUse, SqliteStore};
use status_core::{Change, Failure, FailureKind, Saved};
use status_sim::service::FakeStore;
use support::store::{self, ALL, LARGE, done, event, experiment, queued, wall};
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.db");
    (folder, path)
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, LARGE, Arc::new(SystemClock)).unwrap()
}

#[tokio::test]
async fn the_real_store_does_what_the_fake_one_does() {
    let (_folder, path) = place();
    store::does_what_the_fake_one_does(async || open(&path)).await;
}

#[tokio::test]
async fn what_happened_before_stays_before_when_all_is_written_again() {
    let (_folder, path) = place();
    store::what_happened_before_stays_before(&open(&path)).await;
}

#[tokio::test]
async fn what_lasted_at_a_time_is_told_from_its_beginning() {
    let (_folder, path) = place();
    store::what_lasted_is_told_from_its_beginning(&open(&path)).await;
}

#[tokio::test]
async fn the_past_is_the_same_in_a_file_and_in_memory() {
    let (_folder, path) = place();
    store::the_past_is_the_same(&open(&path)).await;
}

#[tokio::test]
async fn after_a_failure_all_is_written_anew() {
    let fake = FakeStore::default();
    let full = Failure { kind: FailureKind::Refused, detail: "full".to_owned() };
    let (break_down, repair) = (async || fake.fail(Some(full.clone())), async || fake.fail(None));
    store::refuses_and_recovers(&fake, break_down, repair).await;

    let (folder, path) = place();
    let real = open(&path);
    // Somebody takes the whole folder away, and puts something in its place that is no folder.
    let (away, at) = (folder.path().with_extension("away"), folder.path().to_owned());
    let take_away = async || {
        fs::rename(&at, &away).unwrap();
        fs::write(&at, "").unwrap();
    };
    let put_back = async || {
        fs::remove_file(&at).unwrap();
        fs::rename(&away, &at).unwrap();
    };
    store::refuses_and_recovers(&real, take_away, put_back).await;
}

#[tokio::test]
async fn only_this_user_can_read_it() {
    let (_folder, path) = place();
    let path = path.with_file_name("new").join("folder").join("status.db");
    let store = open(&path);
    store.save(vec![experiment("pend00", true)]).await.unwrap();
    for part in ["", "-wal", ".lock"] {
        let file = PathBuf::from(format!("{}{part}", path.display()));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    let folder = fs::metadata(path.parent().unwrap()).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_second_server_is_refused_and_a_reader_is_not() {
    let (_folder, path) = place();
    let first = open(&path);
    first.save(vec![event(1, "pend00", true)]).await.unwrap();
    let second = SqliteStore::open(&path, LARGE, Arc::new(SystemClock)).err();
    assert_eq!(second, Some(InUse(path.clone())));
    assert_eq!(History::open(&path).unwrap().events(None, wall(0), ALL).unwrap().len(), 1);
    drop(first);
    open(&path);
    // Also when the last writer has left nothing but the file.
    assert_eq!(History::open(&path).unwrap().events(None, wall(0), ALL).unwrap().len(), 1);
}

/// Opens a file that is not ours, and sees to it that nothing is kept, and that the file and the log beside it
/// stay as they are. Returns what is said of it.
async fn is_left_as_it_is(path: &Path) -> String {
    let contents = || [path.to_owned(), path.with_extension("db-wal")].map(|file| fs::read(file).ok());
    let before = contents();
    let store = open(path);
    store.load(ALL).await.unwrap_err();
    for _ in 0..3 {
        store.save(vec![Change::ReplaceAll, experiment("pend00", true)]).await.unwrap_err();
        store.look().await.unwrap();
        store.watched(wall(1), wall(2)).await.unwrap_err();
        store.uptime_records(None, wall(0)).await.unwrap_err();
    }
    let failure = store.save(vec![Change::ReplaceAll, experiment("pend00", true)]).await.unwrap_err();
    drop(store);
    assert!(contents() == before, "it was changed: {failure}");
    assert!(failure.detail.contains("it is left as it is"), "{failure}");
    failure.detail
}

#[tokio::test]
async fn a_newer_store_is_left_as_it_is() {
    let (_folder, path) = place();
    open(&path).save(vec![experiment("pend00", true)]).await.unwrap();
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(&path).unwrap();
    let refusal = is_left_as_it_is(&path).await;
    assert!(refusal.contains("has version 99"), "{refusal}");
    assert!(History::open(&path).err().unwrap().detail.contains("has version 99"));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_newer_version_that_stands_in_the_log_only_is_seen() {
    let (_folder, path) = place();
    open(&path).save(vec![experiment("pend00", true)]).await.unwrap();
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    newer.pragma_update(None, "user_version", 77).unwrap();
    // As a kill would leave it: nobody has closed it.
    let other = tempfile::tempdir().unwrap();
    let copy = other.path().join("status.db");
    fs::copy(&path, &copy).unwrap();
    fs::copy(path.with_extension("db-wal"), copy.with_extension("db-wal")).unwrap();
    let refusal = is_left_as_it_is(&copy).await;
    assert!(refusal.contains("has version 77"), "{refusal}");
}

#[tokio::test]
async fn what_could_not_be_read_at_the_start_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("store");
    let path = place.join("status.db");
    open(&path).save(vec![experiment("pend00", true), queued("a.1", 1)]).await.unwrap();
    // Something else is where the folder was, until after the start.
    let away = folder.path().join("away");
    fs::rename(&place, &away).unwrap();
    fs::write(&place, "no folder").unwrap();
    let store = open(&path);
    assert!(store.load(ALL).await.is_err());
    fs::remove_file(&place).unwrap();
    fs::rename(&away, &place).unwrap();
    store.save(vec![Change::ReplaceAll, experiment("pend01", true), queued("b.1", 1)]).await.unwrap();
    drop(store);
    let saved = open(&path).load(ALL).await.unwrap();
    assert_eq!(saved.experiments.len(), 2, "what was there, and what has come");
    assert_eq!(saved.mail.queued.len(), 2);
}

#[tokio::test]
async fn the_database_of_another_program_is_left_as_it_is() {
    let (_folder, path) = place();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE cats (name TEXT)").unwrap();
    let before = fs::read(&path).unwrap();
    let refusal = is_left_as_it_is(&path).await;
    assert!(refusal.contains("of another program"), "{refusal}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// A store as the first version made it, with one event and one experiment.
fn first_version(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(include_str!("../fixtures/store-v1.sql")).unwrap();
}

#[tokio::test]
async fn an_older_store_is_brought_up_to_date() {
    let (_folder, path) = place();
    first_version(&path);
    let store = open(&path);
    let saved = store.load(ALL).await.unwrap();
    let pend00 = &saved.experiments["pend00"];
    assert_eq!((pend00.events.len(), pend00.record.streams.len()), (2, 2));
    assert_eq!(pend00.events[1].issues().len(), 4);
    assert_eq!(saved.mail.letters[0].id, "4f1c.7");
    assert!(saved.manifest.as_ref().is_some_and(|saved| saved.manifest.len() == 1 && !saved.empty));
    assert_eq!(saved.alerts.len(), 1);
    store.save(vec![done("4f1c.7")]).await.unwrap();
    assert!(store.load(ALL).await.unwrap().mail.letters.is_empty());
    drop(store);
    let version: i32 =
        Connection::open(&path).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 7);
}

fn damaged_in(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.retain(|name| name.contains(".damaged-"));
    names.sort();
    names
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_a_new_one_begun() {
    for damage in ["magic", "torn", "middle"] {
        let (folder, path) = place();
        let store = open(&path);
        let many = (0..500).map(|n| event(n, "pend00", n % 2 == 0)).collect();
        store.save(many).await.unwrap();
        drop(store);
        let mut bytes = fs::read(&path).unwrap();
        match damage {
            // The mark of this program is still in its head.
            "magic" => bytes[..16].fill(0),
            "torn" => bytes.truncate(bytes.len() / 2),
            _ => bytes[8_192..12_288].fill(0x55),
        }
        fs::write(&path, &bytes).unwrap();
        let store = open(&path);
        assert_eq!(store.load(ALL).await, Ok(Saved::default()), "{damage}");
        store.save(vec![experiment("pend00", true)]).await.unwrap();
        let aside = damaged_in(folder.path());
        assert_eq!(aside.len(), 1, "{damage}: {aside:?}");
        assert_eq!(fs::read(folder.path().join(&aside[0])).unwrap(), bytes, "{damage}");
    }
}

#[tokio::test]
async fn a_file_that_is_taken_away_is_noticed() {
    let (_folder, path) = place();
    let store = open(&path);
    store.save(vec![experiment("pend00", true)]).await.unwrap();
    fs::remove_file(&path).unwrap();
    store.save(vec![experiment("pend01", true)]).await.unwrap_err();
    store.save(vec![Change::ReplaceAll, experiment("pend01", true)]).await.unwrap();
    assert_eq!(open_copy(&path), 1);
}

/// How many experiments the file holds, as another process sees it.
fn open_copy(path: &Path) -> u32 {
    let sql = "SELECT count(*) FROM experiments";
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn where_no_file_can_be_the_watching_goes_on() {
    // Not even root can write there.
    let store = open(Path::new("/proc/status/status.db"));
    assert!(store.load(ALL).await.is_err());
    let failure = store.save(vec![Change::ReplaceAll, experiment("pend00", true)]).await.unwrap_err();
    assert!(failure.detail.contains("/proc/status/status.db"), "{failure}");
}

#[test]
fn a_history_that_is_not_there_is_told_so() {
    let (folder, path) = place();
    assert!(History::open(&path).err().unwrap().detail.ends_with("there is no store yet"));
    assert!(History::open(folder.path()).is_err());
}
