//! What would become of a store at a start, told without touching it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use status_adapters::Store;
use status_adapters::clock::SystemClock;
use status_adapters::store::{Preview, SqliteStore, preview};

/// A limit that no test here reaches.
const LARGE: u64 = 1_000_000_000;

/// Every file in a folder, with what is in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

/// Looks at a store, and sees to it that nothing around it has changed.
fn look(path: &Path) -> Result<Preview, String> {
    let before = files(path.parent().unwrap());
    let found = preview(path);
    assert!(before == files(path.parent().unwrap()), "{found:?}");
    found
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, LARGE, Arc::new(SystemClock)).unwrap()
}

#[test]
fn it_tells_what_a_start_would_do_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.db");
    assert_eq!(look(&path), Ok(Preview::New));
    assert_eq!(preview(&folder.path().join("a/b/status.db")), Ok(Preview::New));
    assert!(!folder.path().join("a").exists());
    fs::write(&path, "").unwrap();
    assert_eq!(look(&path), Ok(Preview::New));

    let store = open(&path);
    assert_eq!(look(&path), Ok(Preview::InUse));
    drop(store);
    assert_eq!(look(&path), Ok(Preview::Whole { events: 0 }));
    let connection = Connection::open(&path).unwrap();
    connection
        .execute("INSERT INTO events (life, number, experiment, at, event) VALUES ('a', 1, 'b', 1, '')", [])
        .unwrap();
    // As after a kill: what was saved stands in the log only.
    assert_eq!(look(&path), Ok(Preview::Unfinished));
    drop(connection);
    assert_eq!(look(&path), Ok(Preview::Whole { events: 1 }));
    drop(open(&path));
}

#[test]
fn an_older_store_and_a_damaged_one_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.db");
    Connection::open(&path).unwrap().execute_batch(include_str!("../fixtures/store-v1.sql")).unwrap();
    assert_eq!(look(&path), Ok(Preview::Older { found: 1 }));
    let mut bytes = fs::read(&path).unwrap();
    bytes[5000..].fill(0x55);
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(look(&path), Ok(Preview::Damaged(_))), "{:?}", look(&path));
    bytes[0] = 0;
    fs::write(&path, &bytes).unwrap();
    assert_eq!(look(&path), Ok(Preview::Damaged("its head is no database's".to_owned())));
}

/// What a server says of a file that it does not use.
fn refusal(path: &Path) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(open(path).save(Vec::new())).unwrap_err().detail
}

#[test]
fn what_a_server_would_refuse_is_refused_in_the_same_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.db");
    drop(open(&path));
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 77).unwrap();
    assert_eq!(look(&path), Err(refusal(&path)));
    assert!(refusal(&path).contains("has version 77"), "{}", refusal(&path));
    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert_eq!(look(&path), Err(refusal(&path)));
    fs::write(&path, "this is no database").unwrap();
    assert_eq!(look(&path), Err(refusal(&path)));
    let problem = preview(folder.path()).unwrap_err();
    assert!(problem.contains("is to name a file"), "{problem}");
    let problem = preview(&path.join("below")).unwrap_err();
    assert!(
        problem.contains("cannot be used by this user") && problem.contains("Not a directory"),
        "{problem}"
    );
}
