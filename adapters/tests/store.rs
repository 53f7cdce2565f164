//! The store: what was saved is there again, and whatever is wrong with the file is told and survived.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use status_adapters::Store;
use status_adapters::clock::SystemClock;
use status_adapters::store::{History, InUse, SqliteStore};
use status_core::{
    Acknowledgement, AttentionRecord, Change, Condition, Event, EventKey, ExperimentName, ExperimentRecord,
    Failure, FailureKind, Feed, FlapRecord, Issue, LossRecord, Mail, MailLine, MaintenanceRecord, Manifest,
    Mention, Mentioned, News, NewsItem, NewsRange, Now, OutboxRecord, PastAlert, Pattern, QueuedMailRecord,
    RecipientRecord, Remark, RemarkKind, Repetition, Requirements, Saved, SavedAlert, SavedManifest,
    StreamRecord, StreamStatus, SystemAlert, Time, Told, Verdict, Wall, Window, WindowBooking, WindowId,
    WindowTime,
};
use status_sim::service::FakeStore;
use tempfile::TempDir;

const ALL: usize = 1_000;

/// A limit that no test here reaches.
const LARGE: u64 = 1_000_000_000;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.db");
    (folder, path)
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, LARGE, Arc::new(SystemClock)).unwrap()
}

fn wall(seconds: u64) -> Wall {
    Wall::from_millis(1_795_480_000_000 + seconds * 1_000)
}

fn stamp(seconds: u64) -> Now {
    Now { time: Time::from_millis(seconds * 1_000), wall: wall(seconds) }
}

fn event(number: u64, experiment: &str, healthy: bool) -> Change {
    let issues = if healthy { "" } else { r#""MissingJump""# };
    let when = wall(number).as_millis();
    let text = format!(
        r#"{{"when":{when},"healthy":{healthy},"jump_ok":{healthy},"streams":{{"pend00-st-video":true}},"issues":[{issues}]}}"#
    );
    let event: Event = serde_json::from_str(&text).unwrap();
    Change::Event { key: EventKey { incarnation: "a".into(), number }, experiment: experiment.into(), event }
}

fn experiment(name: &str, healthy: bool) -> Change {
    let verdict = Verdict { decided: true, healthy, jump_ok: healthy, available: true };
    let stream = StreamRecord {
        topic: format!("{name}-st-video").as_str().into(),
        named: wall(1),
        seen: healthy.then_some(wall(1)),
        ceased: false,
        status: StreamStatus::Ok,
    };
    let record = ExperimentRecord {
        first_named: wall(0),
        last_named: wall(1),
        in_manifest_at: None,
        jump_seen: Some(wall(1)),
        verdict,
        streams: vec![stream],
        saved_at: Some(stamp(1)),
        attention: (!healthy).then(|| Box::new(attention())),
    };
    Change::Experiment { name: name.into(), record }
}

fn queued(id: &str, attempts: u32) -> Change {
    Change::QueuedMail(QueuedMailRecord {
        mail: Mail {
            id: id.into(),
            subject: "lab 1 new health events".to_owned(),
            body: "text\n".to_owned(),
            html: Some("<p>text".to_owned()),
            thread: "2026-11-24".into(),
            recipients: vec!["alpha@a.org".into()],
        },
        covers: vec![NewsRange { after: 1, to: 2 }],
        mentions: mentions(),
        begun: wall(2),
        newest: 3,
        attempts,
        last_error: None,
        refused: vec![("beta@a.org".into(), "550 no such user".to_owned())],
        taken: false,
    })
}

fn news(number: u64, count: usize) -> Change {
    let line =
        MailLine { more_issues: 2, ..MailLine::of("pend00".into(), false, true, vec![Issue::MissingJump]) };
    Change::News(News { number, at: wall(2), awake: 70, item: NewsItem::Event(line), count })
}

fn outbox(told_up_to: u64) -> Change {
    let recipient = RecipientRecord {
        address: "alpha@a.org".into(),
        told_up_to,
        again: vec![NewsRange { after: 0, to: 1 }],
        attempts: 1,
        last_error: Some("452 full".to_owned()),
        longest: 100_000,
        missed: 3,
        mailed_at: Some(60),
    };
    Change::Outbox(OutboxRecord { recipients: vec![recipient], newest: 9, awake: 70 })
}

/// What maintainers know of an experiment that comes and goes.
fn attention() -> AttentionRecord {
    let losses = vec![LossRecord { what: Issue::MissingJump, times: vec![wall(1), wall(2)] }];
    AttentionRecord {
        since: Some(wall(1)),
        told: Told::Nothing,
        flap: FlapRecord { losses, flapping: None },
        acknowledgement: Some(acknowledgement()),
        ..AttentionRecord::default()
    }
}

fn acknowledgement() -> Acknowledgement {
    Acknowledgement { by: "alice".into(), note: "camera ordered".into(), at: wall(2), until: Some(wall(9)) }
}

fn maintenance(id: u64) -> Change {
    let window = Window {
        id: WindowId(id),
        names: vec![Pattern::parse("pend0*").expect("it is a name")],
        time: WindowTime::Repeated {
            every: Repetition::parse("daily 22:00-06:00").expect("it is a repetition"),
            from: wall(1),
            until: None,
        },
        reason: "new bearings".into(),
        by: "alice".into(),
        made: wall(1),
        booking: WindowBooking::Out,
    };
    let on = vec![window.id];
    Change::Maintenance(MaintenanceRecord { windows: vec![window], on, next: WindowId(id) })
}

fn remark(at: u64) -> Change {
    let (experiment, acknowledgement) = ("pend00".into(), acknowledgement());
    Change::Remark(Remark { at: wall(at), what: RemarkKind::Acknowledged { experiment, acknowledgement } })
}

fn alert_ended(since: u64, until: u64) -> Change {
    let alert = SystemAlert::Silent(Feed::Relay);
    let (since, until) = (wall(since), wall(until));
    Change::AlertEnded(PastAlert { alert, detail: "no snapshot".to_owned(), since, until })
}

fn done(id: &str) -> Change {
    let (subject, trouble) = ("lab 1 new health events".to_owned(), Some("550 beta@a.org".to_owned()));
    Change::MailDone { id: id.into(), when: wall(4), subject, trouble, mentions: mentions() }
}

fn mentions() -> Vec<Mention> {
    let relay = Mentioned::Alert(SystemAlert::Silent(Feed::Relay));
    let of = [Mentioned::Experiment("pend00".into()), relay];
    of.into_iter().map(|of| Mention { of, since: wall(1), at: wall(2) }).collect()
}

/// What a server would save in the course of a week.
fn story() -> Vec<Vec<Change>> {
    let needs = Requirements { stub: "pend00".into(), streams: vec!["st-video".into()] };
    let manifest = Manifest::from([("r-pend00".into(), needs)]);
    let alert = SavedAlert {
        alert: SystemAlert::BookUnreachable,
        detail: "no answer".into(),
        since: wall(5),
        stands: true,
        told: true,
        told_of_flapping: true,
        flap: FlapRecord::default(),
        calmed: None,
    };
    vec![
        vec![experiment("pend00", true), experiment("pend01", true)],
        vec![event(1, "pend00", true), event(2, "pend01", true), news(1, 1), outbox(0)],
        vec![news(2, 1), news(3, 1), news(4, 1), news(5, 1), queued("a.1", 0), queued("a.2", 0)],
        vec![queued("a.1", 1), outbox(2), Change::NewsTold { up_to: 2 }, news(4, 3)],
        vec![maintenance(1), remark(3), remark(3), maintenance(2), remark(5)],
        vec![Change::MailMerged { id: "a.2".into() }, Change::NewsMerged { numbers: vec![3, 7] }],
        vec![Change::Manifest(SavedManifest { manifest, empty: true }), Change::Alerts(vec![alert])],
        vec![event(3, "pend00", false), event(3, "pend00", false), experiment("pend00", false), done("a.1")],
        vec![done("a.1"), Change::Forgotten { name: "pend01".into() }, event(4, "pend00", true)],
        vec![experiment("pend01", false), event(5, "pend01", false), event(6, "pend01", true)],
        vec![Change::Prune { before: wall(6), keep: 2 }],
        vec![alert_ended(5, 9), alert_ended(1, 2)],
        vec![alert_ended(5, 9)],
        vec![Change::Clock(stamp(7))],
        vec![
            Change::ReplaceAll,
            experiment("pend00", true),
            news(6, 1),
            queued("a.3", 0),
            Change::Clock(stamp(8)),
        ],
        vec![Change::Clock(stamp(9))],
        vec![Change::Prune { before: wall(100), keep: 1 }],
    ]
}

#[tokio::test]
async fn the_real_store_does_what_the_fake_one_does() {
    let (_folder, path) = place();
    let fake = FakeStore::default();
    for changes in story() {
        let real = open(&path);
        fake.save(changes.clone()).await.unwrap();
        real.save(changes.clone()).await.unwrap();
        // What was saved is there for this process and for the next one.
        for keep in [ALL, 1] {
            assert_eq!(real.load(keep).await, fake.load(keep).await, "after {changes:?}");
        }
        drop(real);
        assert_eq!(open(&path).load(ALL).await, fake.load(ALL).await, "after {changes:?}");
        for name in [None, Some(ExperimentName::from("pend00"))] {
            let expected = fake.history(name.as_ref(), wall(2), ALL).await;
            assert_eq!(open(&path).history(name.as_ref(), wall(2), ALL).await, expected, "after {changes:?}");
        }
    }
    let saved = open(&path).load(ALL).await.unwrap();
    assert_eq!(saved.experiments.len(), 1);
    assert_eq!((saved.mail.news.len(), saved.mail.queued.len()), (1, 1));
}

#[tokio::test]
async fn what_happened_before_stays_before_when_all_is_written_again() {
    let (_folder, path) = place();
    let stores: [&dyn Store; 2] = [&open(&path), &FakeStore::default()];
    for store in stores {
        // A new file got what was unwritten first, and then all of it.
        store.save(vec![experiment("pend00", true), event(2, "pend00", false)]).await.unwrap();
        store
            .save(vec![Change::ReplaceAll, event(1, "pend00", true), event(2, "pend00", false)])
            .await
            .unwrap();
        store.save(vec![experiment("pend00", true)]).await.unwrap();
        let saved = store.load(ALL).await.unwrap();
        let events = saved.experiments[&ExperimentName::from("pend00")].events.iter();
        assert_eq!(events.map(|event| event.healthy).collect::<Vec<_>>(), [true, false]);
    }
}

async fn refuses_and_recovers(store: &dyn Store, break_down: impl Fn(), repair: impl Fn()) {
    store.save(vec![experiment("pend00", true)]).await.unwrap();
    break_down();
    store.save(vec![event(1, "pend00", true)]).await.unwrap_err();
    repair();
    let unfit = store.save(vec![event(1, "pend00", true)]).await;
    assert_eq!(unfit.unwrap_err().kind, FailureKind::Refused, "something may have been missed");
    store.save(vec![Change::ReplaceAll, experiment("pend01", true), event(1, "pend01", true)]).await.unwrap();
    let saved = store.load(ALL).await.unwrap();
    assert_eq!(saved.experiments.keys().map(ExperimentName::as_str).collect::<Vec<_>>(), ["pend01"]);
    assert_eq!(saved.experiments["pend01"].events.len(), 1);
}

#[tokio::test]
async fn after_a_failure_all_is_written_anew() {
    let fake = FakeStore::default();
    let full = Failure { kind: FailureKind::Refused, detail: "full".to_owned() };
    refuses_and_recovers(&fake, || fake.fail(Some(full.clone())), || fake.fail(None)).await;

    let (folder, path) = place();
    let real = open(&path);
    // Somebody takes the whole folder away, and puts something in its place that is no folder.
    let (away, at) = (folder.path().with_extension("away"), folder.path().to_owned());
    let take_away = || {
        fs::rename(&at, &away).unwrap();
        fs::write(&at, "").unwrap();
    };
    let put_back = || {
        fs::remove_file(&at).unwrap();
        fs::rename(&away, &at).unwrap();
    };
    refuses_and_recovers(&real, take_away, put_back).await;
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

#[tokio::test]
async fn the_past_is_the_same_in_a_file_and_in_memory() {
    let (_folder, path) = place();
    let (file, memory) = (open(&path), FakeStore::default());
    let stores: [&dyn Store; 2] = [&file, &memory];
    for store in stores {
        let changes = [
            (1, "a", true),
            (2, "b", true),
            (3, "a", false),
            (20, "a", true),
            (21, "c", false),
            (30, "a", false),
        ];
        store.save(changes.map(|(at, name, healthy)| event(at, name, healthy)).into()).await.unwrap();
        for (from, until) in [(1, 5), (18, 22), (18, 31), (18, 30)] {
            store.watched(wall(from), wall(until)).await.unwrap();
        }
    }
    let past = file.uptime_records(None, wall(10)).await.unwrap();
    assert_eq!(past.watched, [(wall(18), wall(30))], "the later one counts, and the first is over");
    let is_healthy = |changes: &Vec<(Wall, Condition)>| -> Vec<(Wall, bool)> {
        changes.iter().map(|(at, condition)| (*at, *condition == Condition::Healthy)).collect()
    };
    let of = |name: &str| is_healthy(&past.changes[&ExperimentName::from(name)]);
    assert_eq!(of("a"), [(wall(3), false), (wall(20), true), (wall(30), false)]);
    assert_eq!((of("b"), of("c")), (vec![(wall(2), true)], vec![(wall(21), false)]));
    for store in stores {
        store.save(vec![Change::Forgotten { name: "b".into() }, event(40, "b", false)]).await.unwrap();
    }
    let past = file.uptime_records(None, wall(10)).await.unwrap();
    let of_b = is_healthy(&past.changes[&ExperimentName::from("b")]);
    assert_eq!(of_b, [(wall(40), false)], "what was before is forgotten");
    for since in [0, 3, 4, 20, 25, 99] {
        for name in [None, Some(ExperimentName::from("a"))] {
            let past = memory.uptime_records(name.as_ref(), wall(since)).await.unwrap();
            assert_eq!(
                file.uptime_records(name.as_ref(), wall(since)).await.unwrap(),
                past,
                "{name:?} {since}"
            );
            let past = memory.past(name.as_ref(), wall(since)).await.unwrap();
            assert_eq!(file.past(name.as_ref(), wall(since)).await.unwrap(), past, "{name:?} {since}");
        }
    }
}
