//! The store beside other programs, in odd places, taken away while it is open, and full.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use status_adapters::Store;
use status_adapters::clock::SystemClock;
use status_adapters::store::{InUse, SqliteStore, preview, size};
use status_core::{
    Change, Event, EventKey, ExperimentRecord, FailureKind, Manifest, News, NewsItem, Saved, SavedManifest,
    StreamRecord, StreamStatus, Verdict, Wall,
};
use tempfile::TempDir;

const ALL: usize = 100_000;
const LARGE: u64 = 1_000_000_000;
/// The smallest limit that can be set.
const SMALL: u64 = 1_000_000;
/// Names the store that this test is to read as another process.
const OTHER: &str = "STATUS_TEST_READS";

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.db");
    (folder, path)
}

fn open_with(path: &Path, limit: u64) -> SqliteStore {
    SqliteStore::open(path, limit, Arc::new(SystemClock)).unwrap()
}

fn open(path: &Path) -> SqliteStore {
    open_with(path, LARGE)
}

fn wall(seconds: u64) -> Wall {
    Wall::from_millis(1_795_480_000_000 + seconds * 1_000)
}

fn event(number: u64, name: &str) -> Change {
    let when = wall(number).as_millis();
    let text = format!(
        r#"{{"when":{when},"healthy":true,"jump_ok":true,"streams":{{"pend00-st-video":true}},"issues":[]}}"#
    );
    let event: Event = serde_json::from_str(&text).unwrap();
    Change::Event { key: EventKey { incarnation: "a".into(), number }, experiment: name.into(), event }
}

fn experiment(name: &str) -> Change {
    let verdict = Verdict { decided: true, healthy: true, jump_ok: true, available: true };
    let topic = format!("{name}-st-video").as_str().into();
    let stream = StreamRecord { topic, named: wall(1), seen: None, ceased: false, status: StreamStatus::Ok };
    let record = ExperimentRecord {
        first_named: wall(0),
        last_named: wall(1),
        in_manifest_at: None,
        jump_seen: None,
        verdict,
        streams: vec![stream],
        saved_at: None,
        attention: None,
    };
    Change::Experiment { name: name.into(), record }
}

/// Numbers of an experiment's events as seconds since the first.
fn seconds(saved: &Saved, name: &str) -> Vec<u64> {
    let events = saved.experiments[name].events.iter();
    events.map(|event| (event.when.as_millis() - wall(0).as_millis()) / 1_000).collect()
}

/// What a server finds that starts after this one was killed.
fn found_after_a_kill(path: &Path) -> Saved {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("status.db");
    fs::copy(path, &copy).unwrap();
    let log = path.with_extension("db-wal");
    if log.exists() {
        fs::copy(log, copy.with_extension("db-wal")).unwrap();
    }
    open(&copy).load_now(ALL).unwrap()
}

/// What another process does with a store: the tests below start this program again for it.
#[test]
fn another_process_reads_and_copies() {
    let Ok(path) = std::env::var(OTHER) else { return };
    let connection = Connection::open(&path).unwrap();
    let tables: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0)).unwrap();
    assert!(tables > 0);
    connection.execute("VACUUM INTO ?1", [format!("{path}.copy")]).unwrap();
}

/// Lets another process read a store whole. Returns its copy.
fn copied_by_another_process(path: &Path) -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let arguments = ["--exact", "another_process_reads_and_copies"];
    let ended = Command::new(program).args(arguments).env(OTHER, path).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    path.with_extension("db.copy")
}

#[tokio::test]
async fn another_program_takes_nothing_away_whatever_this_one_has_read() {
    let (_folder, path) = place();
    let store = open(&path);
    store.save(vec![experiment("pend00"), event(1, "pend00")]).await.unwrap();
    for number in 2..6 {
        // The page and the API read, and the size is a metric.
        assert_eq!(store.history(None, wall(0), ALL).await.unwrap().len() as u64, number - 1);
        store.uptime_records(None, wall(0)).await.unwrap();
        store.look().await.unwrap();
        assert!(size(&path).is_some());
        SqliteStore::open(&path, LARGE, Arc::new(SystemClock)).err().unwrap();
        let copy = copied_by_another_process(&path);
        assert_eq!(open(&copy).load_now(ALL).unwrap().experiments["pend00"].events.len() as u64, number - 1);
        fs::remove_file(copy).unwrap();
        store.save(vec![event(number, "pend00")]).await.unwrap();
        assert_eq!(found_after_a_kill(&path), store.load(ALL).await.unwrap());
    }
}

/// Runs something that must not hang.
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (told, tells) = std::sync::mpsc::channel();
    std::thread::spawn(move || told.send(work()));
    tells.recv_timeout(Duration::from_secs(60)).expect("it hangs")
}

#[test]
fn what_is_no_file_is_refused_at_once_wherever_it_is() {
    for part in ["", "-wal", "-shm", ".lock"] {
        for kind in ["pipe", "socket", "folder", "device", "loop", "link to a pipe"] {
            let (folder, path) = place();
            if !part.is_empty() {
                drop(open(&path));
            }
            let odd = PathBuf::from(format!("{}{part}", path.display()));
            let _ = fs::remove_file(&odd);
            let pipe = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
            match kind {
                "pipe" => pipe(&odd),
                "socket" => drop(UnixListener::bind(&odd).unwrap()),
                "folder" => fs::create_dir(&odd).unwrap(),
                "device" => symlink("/dev/null", &odd).unwrap(),
                "loop" => symlink(&odd, &odd).unwrap(),
                _ => {
                    pipe(&folder.path().join("pipe"));
                    symlink("pipe", &odd).unwrap();
                }
            }
            let looked = path.clone();
            let said = in_time(move || preview(&looked)).unwrap_err();
            let clear =
                ["regular file", "is a folder", "symbolic link"].iter().any(|word| said.contains(word));
            assert!(clear, "{kind} at {part:?}: {said}");
            let opened = path.clone();
            let (loaded, saved) = in_time(move || {
                let store = open(&opened);
                let runtime = tokio::runtime::Runtime::new().unwrap();
                (store.load_now(ALL), runtime.block_on(store.save(vec![Change::ReplaceAll, experiment("a")])))
            });
            let saved = saved.unwrap_err();
            assert!(loaded.is_err(), "{kind} at {part:?}");
            assert!(saved.detail.contains(path.to_str().unwrap()), "{kind} at {part:?}: {saved}");
        }
    }
}

#[tokio::test]
async fn a_store_behind_a_symbolic_link_is_the_same_store() {
    let (folder, path) = place();
    let link = folder.path().join("link.db");
    symlink("status.db", &link).unwrap();
    let store = open(&link);
    store.save(vec![experiment("pend00"), event(1, "pend00")]).await.unwrap();
    let in_use = SqliteStore::open(&path, LARGE, Arc::new(SystemClock)).err();
    assert_eq!(in_use, Some(InUse(path.clone())));
    assert_eq!(size(&link), size(&path));
    drop(store);
    assert_eq!(seconds(&open(&path).load_now(ALL).unwrap(), "pend00"), [1]);
}

/// Saves as the core does: anew with everything where it is told that the store is another file.
async fn save_all(store: &SqliteStore, everything: &[Change]) {
    let told = store.save(vec![event(99, "pend00")]).await.unwrap_err();
    assert_eq!(told.kind, FailureKind::Replaced, "{told}");
    let anew = [Change::ReplaceAll].into_iter().chain(everything.iter().cloned());
    store.save(anew.collect()).await.unwrap();
}

#[tokio::test]
async fn a_store_that_is_taken_away_gets_everything_anew() {
    let kinds = ["deleted", "deleted with its log", "replaced", "emptied", "overwritten", "folder"];
    for kind in kinds {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store/status.db");
        let store = open(&path);
        let everything: Vec<Change> =
            [experiment("pend00")].into_iter().chain((1..6).map(|number| event(number, "pend00"))).collect();
        store.save(everything.clone()).await.unwrap();
        store.save(vec![event(6, "pend00")]).await.unwrap();
        store.look().await.unwrap();
        match kind {
            "deleted" => fs::remove_file(&path).unwrap(),
            "deleted with its log" => {
                for part in ["", "-wal", "-shm", ".lock"] {
                    fs::remove_file(format!("{}{part}", path.display())).unwrap();
                }
            }
            "replaced" => {
                let other = folder.path().join("other.db");
                open(&other).save(vec![experiment("pend77")]).await.unwrap();
                fs::rename(&other, &path).unwrap();
            }
            "emptied" => fs::write(&path, "").unwrap(),
            "overwritten" => {
                let other = folder.path().join("other.db");
                let many = (200..300).map(|number| event(number, "pend77")).collect();
                open(&other).save(many).await.unwrap();
                fs::copy(&other, &path).unwrap();
            }
            _ => fs::remove_dir_all(folder.path().join("store")).unwrap(),
        }
        // With or without a look before: it is told once.
        if kind.len() % 2 == 0 {
            let told = store.look().await.unwrap_err();
            assert_eq!(told.kind, FailureKind::Replaced, "{kind}: {told}");
            assert!(told.detail.contains(path.to_str().unwrap()), "{told}");
            store.look().await.unwrap();
            let anew = [Change::ReplaceAll].into_iter().chain(everything.clone());
            store.save(anew.collect()).await.unwrap();
        } else {
            save_all(&store, &everything).await;
        }
        store.save(vec![event(7, "pend00")]).await.unwrap();
        let found = found_after_a_kill(&path);
        assert_eq!(seconds(&found, "pend00"), [1, 2, 3, 4, 5, 7], "{kind}");
        assert_eq!(found.experiments.len(), 1, "{kind}");
        drop(store);
        assert_eq!(open(&path).load_now(ALL).unwrap(), found, "{kind}");
    }
}

#[tokio::test]
async fn what_is_no_store_of_this_program_stays_byte_for_byte() {
    let (_folder, path) = place();
    open(&path).save(vec![experiment("pend00"), event(1, "pend00")]).await.unwrap();
    let whole = fs::read(&path).unwrap();
    let with = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        bytes
    };
    let mut cases = vec![
        b"a text".to_vec(),
        b"a text that is longer than the head of a database\n".repeat(100),
        (0..20_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect(),
        vec![0; 8_192],
    ];
    // The version, and the mark of the program.
    for at in (60..64).chain(68..72) {
        cases.extend([0x00, 0x01, 0x80, 0xff].map(|byte| with(at, byte)).into_iter().filter(|b| *b != whole));
    }
    for bytes in cases {
        fs::write(&path, &bytes).unwrap();
        let head: Vec<u8> = bytes.iter().skip(60).take(12).copied().collect();
        let store = open(&path);
        assert!(store.load_now(ALL).is_err(), "{head:?}");
        let failure = store.save(vec![Change::ReplaceAll, experiment("pend01")]).await.unwrap_err();
        assert!(failure.detail.contains("it is left as it is"), "{head:?}: {failure}");
        drop(store);
        assert!(fs::read(&path).unwrap() == bytes, "{head:?}");
        assert_eq!(preview(&path), Err(failure.detail), "{head:?}");
    }
    // Once it is out of the way, what is known is written down.
    let store = open(&path);
    store.load(ALL).await.unwrap_err();
    store.save(vec![Change::ReplaceAll, experiment("pend01")]).await.unwrap_err();
    fs::write(&path, &whole).unwrap();
    store.save(vec![Change::ReplaceAll, experiment("pend01")]).await.unwrap();
    assert_eq!(found_after_a_kill(&path).experiments.len(), 2, "what could not be read stays");
}

/// An event of so many streams that it takes about 40 kB.
fn large_event(number: u64, name: &str) -> Change {
    let streams: Vec<String> =
        (0..800).map(|n| format!(r#""{name}-st-a-stream-with-a-long-name-{n:04}":true"#)).collect();
    let when = wall(number).as_millis();
    let text = format!(
        r#"{{"when":{when},"healthy":true,"jump_ok":true,"streams":{{{}}},"issues":[]}}"#,
        streams.join(",")
    );
    let event: Event = serde_json::from_str(&text).unwrap();
    Change::Event { key: EventKey { incarnation: "a".into(), number }, experiment: name.into(), event }
}

fn needed() -> Vec<Change> {
    let manifest = SavedManifest { manifest: Manifest::new(), empty: true };
    let news = News { number: 1, at: wall(2), awake: 2_000, item: NewsItem::Raised, count: 1 };
    let done = |n: u64| Change::MailDone {
        id: format!("b.{n}").as_str().into(),
        when: wall(n),
        subject: "status 1 new health events".to_owned(),
        trouble: None,
        mentions: Vec::new(),
    };
    let mut needed = vec![Change::Manifest(manifest), Change::News(news)];
    needed.extend(["pend00", "pend01", "quiet"].map(experiment));
    needed.push(event(1, "quiet"));
    needed.extend((1..20).map(done));
    needed
}

fn sees_what_is_needed(saved: &Saved) {
    assert_eq!(saved.experiments.len(), 3);
    assert_eq!(seconds(saved, "quiet"), [1], "the newest event of each stays however old it is");
    assert_eq!((saved.mail.news.len(), saved.manifest.is_some()), (1, true));
}

#[tokio::test]
async fn the_oldest_goes_before_the_store_is_too_large() {
    let (_folder, path) = place();
    let store = open_with(&path, SMALL);
    store.save(needed()).await.unwrap();
    store.watched(wall(1), wall(2)).await.unwrap();
    assert_eq!(store.trimmed(), None);
    for number in 10..100 {
        store.save(vec![large_event(number, "pend00"), event(1_000 + number, "pend01")]).await.unwrap();
        let bytes = size(&path).unwrap();
        assert!(bytes <= SMALL, "{bytes} after {number}");
    }
    let saved = store.load(ALL).await.unwrap();
    sees_what_is_needed(&saved);
    let left = seconds(&saved, "pend00");
    assert_eq!(
        left,
        (100 - left.len() as u64..100).collect::<Vec<_>>(),
        "the newest are left, without a gap"
    );
    assert!(left.len() >= 8 && left.len() < 30, "{left:?}");
    let trimmed = store.trimmed().unwrap();
    assert!(trimmed.events > 50 && !trimmed.exhausted, "{trimmed:?}");
    assert!(trimmed.from >= wall(left[0] - 1), "{trimmed:?}");
    let past = store.uptime_records(None, wall(0)).await.unwrap();
    assert_eq!(past.watched, [], "it is as old as what went");
    drop(store);
    let mails: u32 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(*) FROM mails", [], |row| row.get(0))
        .unwrap();
    assert_eq!(mails, 0);
}

#[tokio::test]
async fn a_store_that_is_too_large_at_the_start_becomes_smaller() {
    let (_folder, path) = place();
    let store = open(&path);
    store.save(needed()).await.unwrap();
    for number in 10..100 {
        store.save(vec![large_event(number, "pend00")]).await.unwrap();
    }
    drop(store);
    assert!(size(&path).unwrap() > 3 * SMALL);
    let store = open_with(&path, SMALL);
    assert!(size(&path).unwrap() <= SMALL, "{:?}", size(&path));
    assert!(store.trimmed().is_some());
    let saved = store.load(ALL).await.unwrap();
    sees_what_is_needed(&saved);
    let left = seconds(&saved, "pend00");
    assert_eq!(left.last(), Some(&99));
    assert!(left.len() > 5, "{left:?}");
}

#[tokio::test]
async fn what_the_next_start_needs_stays_also_where_it_is_too_much() {
    let (_folder, path) = place();
    let store = open_with(&path, SMALL);
    let names: Vec<String> = (0..40).map(|n| format!("pend{n:02}")).collect();
    for round in 0..3 {
        let one = |(n, name): (usize, &String)| large_event(round * 100 + n as u64, name);
        let events: Vec<Change> = names.iter().enumerate().map(one).collect();
        store.save(names.iter().map(|name| experiment(name)).chain(events).collect()).await.unwrap();
    }
    let saved = store.load(ALL).await.unwrap();
    assert_eq!(saved.experiments.len(), 40);
    assert!(saved.experiments.values().all(|experiment| !experiment.events.is_empty()));
    assert!(store.trimmed().unwrap().exhausted);
}
