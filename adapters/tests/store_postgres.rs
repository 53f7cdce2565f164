//! The store in a real PostgreSQL does what the one in a file does, and whatever is wrong with it is told and survived.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]
#![allow(clippy::print_stdout, reason = "how soon a lock is free is worth knowing")]

mod support;

use std::net::TcpListener;
use std::sync::Arc;

use status_adapters::Store;
use status_adapters::clock::{Clock, SystemClock};
use status_adapters::store::Preview;
use status_adapters::store::postgres::{Address, History, InUse, PostgresStore, preview};
use status_core::{Change, ExperimentName, Failure, FailureKind, Saved};
use support::postgres::{Certificate, PASSWORD, Postgres, schema, with_password};
use support::store::{self, ALL, LARGE, event, experiment, queued, wall};
use support::{Log, nowhere};

/// The one server of this binary, which has a certificate for `localhost`.
fn postgres() -> Option<&'static Postgres> {
    support::postgres::shared(|| {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        Some(Certificate { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() })
    })
}

async fn try_open(address: Address) -> Result<PostgresStore, InUse> {
    PostgresStore::open(address, LARGE, Arc::new(SystemClock)).await
}

async fn open(postgres: &Postgres, schema: &str) -> PostgresStore {
    try_open(postgres.address(schema)).await.unwrap()
}

#[tokio::test]
async fn it_does_what_the_fake_one_does() {
    let Some(postgres) = postgres() else { return };
    let schema = schema();
    store::does_what_the_fake_one_does(async || open(postgres, &schema).await).await;
}

#[tokio::test]
async fn what_happened_before_stays_before_when_all_is_written_again() {
    let Some(postgres) = postgres() else { return };
    store::what_happened_before_stays_before(&open(postgres, &schema()).await).await;
}

#[tokio::test]
async fn what_lasted_at_a_time_is_told_from_its_beginning() {
    let Some(postgres) = postgres() else { return };
    store::what_lasted_is_told_from_its_beginning(&open(postgres, &schema()).await).await;
}

#[tokio::test]
async fn the_past_is_the_same_in_a_database_and_in_memory() {
    let Some(postgres) = postgres() else { return };
    store::the_past_is_the_same(&open(postgres, &schema()).await).await;
}

#[tokio::test]
async fn after_a_failure_all_is_written_anew() {
    let Some(own) = Postgres::start(None) else { return };
    let store = open(&own, "lab1").await;
    let (crash, begin) = (async || own.crash(), async || assert!(own.begin()));
    store::refuses_and_recovers(&store, crash, begin).await;
}

/// A name that no index takes whole, and that cannot be compressed.
fn long_name() -> String {
    let mut seed = 7_u32;
    let letters = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'!' + u8::try_from(seed >> 24).unwrap() % 90)
    });
    letters.take(20_000).collect()
}

#[tokio::test]
async fn whatever_a_feed_calls_an_experiment_is_kept() {
    let Some(postgres) = postgres() else { return };
    let store = open(postgres, &schema()).await;
    let (long, mut longer) = (long_name(), long_name());
    longer.push('!');
    let names = ["a\0b", "a\\0b", "a\\", "ß\u{202e}\u{1f409}", &long, &longer];
    for (number, name) in (1..).zip(names) {
        for turn in 0..2 {
            store.save(vec![experiment(name, true), event(10 * number + turn, name, true)]).await.unwrap();
        }
    }
    let saved = store.load(ALL).await.unwrap();
    assert_eq!(saved.experiments.len(), names.len());
    for name in names {
        assert_eq!(saved.experiments[name].events.len(), 2, "{name:.9?}");
        let name = ExperimentName::from(name);
        assert_eq!(store.history(Some(&name), wall(0), ALL).await.unwrap().len(), 2);
        assert_eq!(store.past(Some(&name), wall(100)).await.unwrap().events[&name].len(), 1);
    }
    store.save(vec![Change::Forgotten { name: "a\0b".into() }]).await.unwrap();
    assert_eq!(store.load(ALL).await.unwrap().experiments.len(), names.len() - 1);
}

#[tokio::test]
async fn a_second_server_is_refused_and_a_reader_is_not() {
    let Some(postgres) = postgres() else { return };
    let schema = schema();
    let address = postgres.address(&schema);
    assert_eq!(preview(&address).await, Ok(Preview::New));
    let none = History::new(address.clone()).events(None, wall(0), ALL).await.unwrap_err();
    assert!(none.detail.ends_with("there is no store yet"), "{none}");
    let first = open(postgres, &schema).await;
    first.save(vec![event(1, "pend00", true)]).await.unwrap();
    assert_eq!(try_open(address.clone()).await.err(), Some(InUse(address.to_string())));
    assert_eq!(preview(&address).await, Ok(Preview::InUse));
    let history = History::new(address.clone());
    assert_eq!(history.events(None, wall(0), ALL).await.unwrap().len(), 1);
    // One in another schema has nothing to do with it.
    open(postgres, &support::postgres::schema()).await;
    drop(first);
    drop(open(postgres, &schema).await);
    assert_eq!(history.past(None, wall(0)).await.unwrap().events.len(), 1);
    assert!(matches!(preview(&address).await, Ok(Preview::InUse | Preview::Whole { events: 1 })));
}

/// Ends the sessions of a [`named`] address, as the database does where nothing is heard of it.
async fn end_writer(postgres: &Postgres, schema: &str) {
    let sql = format!(
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
         WHERE application_name = '{schema}'"
    );
    assert!(postgres.number(&sql).await > 0);
}

/// An address whose sessions can be told from those of others.
fn named(postgres: &Postgres, schema: &str) -> Address {
    let url = format!("{}&application_name={schema}", postgres.socket_url(schema));
    Address::parse(&url).unwrap()
}

#[tokio::test]
async fn a_session_that_ended_is_had_again_and_nothing_is_lost() {
    let Some(postgres) = postgres() else { return };
    let schema = schema();
    let store = try_open(named(postgres, &schema)).await.unwrap();
    store.save(vec![experiment("pend00", true)]).await.unwrap();
    for number in 1..4 {
        end_writer(postgres, &schema).await;
        // What the end of the session cuts off is told; what was written is the same.
        if store.save(vec![event(number, "pend00", true)]).await.is_err() {
            let all = vec![Change::ReplaceAll, experiment("pend00", true), event(number, "pend00", true)];
            store.save(all).await.unwrap();
        }
    }
    assert_eq!(store.load(ALL).await.unwrap().experiments["pend00"].events.len(), 3);
}

#[tokio::test]
async fn who_has_lost_the_lock_to_another_writes_nothing() {
    let Some(postgres) = postgres() else { return };
    let schema = schema();
    let first = try_open(named(postgres, &schema)).await.unwrap();
    first.save(vec![experiment("pend00", true)]).await.unwrap();
    // It is cut off, and another gets the lock before it can have it again.
    let address = postgres.address(&schema);
    let second = loop {
        end_writer(postgres, &schema).await;
        if let Ok(second) = try_open(address.clone()).await {
            break second;
        }
    };
    second.save(vec![experiment("pend01", true)]).await.unwrap();
    for _ in 0..2 {
        let all = vec![Change::ReplaceAll, experiment("pend00", false)];
        let refused = first.save(all).await.unwrap_err();
        assert!(refused.detail.contains("another server uses the store"), "{refused}");
        assert!(first.watched(wall(1), wall(2)).await.is_err());
    }
    assert_eq!(second.load(ALL).await.unwrap().experiments.len(), 2);
    drop(second);
    // What the other has written there is not what the first one had: it brings all that it knows.
    let told = first.save(vec![event(1, "pend00", true)]).await.unwrap_err();
    assert_eq!(told.kind, FailureKind::Replaced, "{told}");
    first.save(vec![Change::ReplaceAll, experiment("pend00", true)]).await.unwrap();
    assert_eq!(first.load(ALL).await.unwrap().experiments.len(), 1);
}

#[tokio::test]
async fn an_epoch_that_is_over_writes_nothing() {
    let Some(postgres) = postgres() else { return };
    let schema = schema();
    let store = open(postgres, &schema).await;
    store.save(vec![experiment("pend00", true)]).await.unwrap();
    postgres.sql(&format!("UPDATE {schema}.status_store SET epoch = epoch + 1, mark = 'other'")).await;
    assert!(store.watched(wall(1), wall(2)).await.is_err());
    let told = store.save(vec![experiment("pend01", true)]).await.unwrap_err();
    assert_eq!(told.kind, FailureKind::Replaced, "{told}");
    assert_eq!(store.load(ALL).await.unwrap().experiments.len(), 1);
    assert_eq!(store.uptime_records(None, wall(0)).await.unwrap().watched, []);
}

#[tokio::test]
async fn a_store_that_is_taken_away_gets_everything_anew() {
    let Some(postgres) = postgres() else { return };
    for kind in ["dropped", "emptied", "put back", "replaced"] {
        let schema = schema();
        let store = open(postgres, &schema).await;
        store.save(vec![experiment("pend00", true), event(1, "pend00", true)]).await.unwrap();
        store.look().await.unwrap();
        let sql = match kind {
            "dropped" => format!("DROP SCHEMA {schema} CASCADE"),
            "emptied" => format!("DROP SCHEMA {schema} CASCADE; CREATE SCHEMA {schema}"),
            "put back" => format!("UPDATE {schema}.status_store SET epoch = epoch - 1, mark = 'older'"),
            _ => format!("UPDATE {schema}.status_store SET mark = 'other'; DELETE FROM {schema}.experiments"),
        };
        postgres.sql(&sql).await;
        let told = match kind {
            "dropped" | "replaced" => store.look().await.unwrap_err(),
            _ => store.save(vec![event(2, "pend00", true)]).await.unwrap_err(),
        };
        assert_eq!(told.kind, FailureKind::Replaced, "{kind}: {told}");
        store.look().await.unwrap();
        let all = vec![Change::ReplaceAll, experiment("pend00", true), event(2, "pend00", true)];
        store.save(all).await.unwrap();
        store.save(vec![event(3, "pend00", true)]).await.unwrap();
        let saved = store.load(ALL).await.unwrap();
        let expected = if kind.ends_with("ed") && kind != "replaced" { 2 } else { 3 };
        assert_eq!(saved.experiments["pend00"].events.len(), expected, "{kind}");
    }
}

/// Opens a schema that is not ours, and sees to it that nothing is kept there. Returns what is said of it.
async fn is_left_as_it_is(postgres: &Postgres, schema: &str) -> String {
    let address = postgres.address(schema);
    let store = open(postgres, schema).await;
    store.load(ALL).await.unwrap_err();
    for _ in 0..2 {
        store.save(vec![Change::ReplaceAll, experiment("pend00", true)]).await.unwrap_err();
        store.look().await.unwrap();
        store.watched(wall(1), wall(2)).await.unwrap_err();
        store.uptime_records(None, wall(0)).await.unwrap_err();
    }
    let failure = store.save(vec![Change::ReplaceAll, experiment("pend00", true)]).await.unwrap_err();
    assert!(failure.detail.contains("it is left as it is"), "{failure}");
    assert_eq!(preview(&address).await, Err(failure.detail.clone()));
    failure.detail
}

#[tokio::test]
async fn what_is_no_store_of_this_program_is_left_as_it_is() {
    let Some(postgres) = postgres() else { return };
    let of_others = schema();
    postgres.sql(&format!("CREATE SCHEMA {of_others}; CREATE TABLE {of_others}.cats (name TEXT)")).await;
    let refusal = is_left_as_it_is(postgres, &of_others).await;
    assert!(refusal.contains("of another program"), "{refusal}");
    let tables = format!("SELECT count(*) FROM pg_tables WHERE schemaname = '{of_others}'");
    assert_eq!(postgres.number(&tables).await, 1);
    for (sql, why) in [
        ("UPDATE status_store SET version = 99", "has version 99"),
        ("UPDATE status_store SET version = 0", "of another program"),
        ("UPDATE status_store SET program = 'other'", "of another program"),
        ("DELETE FROM status_store", "of another program"),
        ("DROP TABLE remarks", "of another program"),
        ("ALTER TABLE mails DROP COLUMN trouble", "of another program"),
    ] {
        let schema = schema();
        let store = open(postgres, &schema).await;
        store.save(vec![experiment("pend00", true)]).await.unwrap();
        drop(store);
        postgres.sql(&format!("SET search_path TO {schema}; {sql}")).await;
        let refusal = is_left_as_it_is(postgres, &schema).await;
        assert!(refusal.contains(why), "{sql}: {refusal}");
        assert_eq!(postgres.number(&format!("SELECT count(*) FROM {schema}.experiments")).await, 1);
    }
    // What a person has added is no reason.
    let schema = schema();
    drop(open(postgres, &schema).await);
    postgres.sql(&format!("CREATE TABLE {schema}.cats (name TEXT)")).await;
    open(postgres, &schema).await.save(vec![experiment("pend00", true)]).await.unwrap();
}

#[tokio::test]
async fn what_could_not_be_read_at_the_start_is_not_replaced() {
    let Some(own) = Postgres::start(None) else { return };
    open(&own, "lab1").await.save(vec![experiment("pend00", true), queued("a.1", 1)]).await.unwrap();
    own.crash();
    let store = open(&own, "lab1").await;
    let failure = store.load(ALL).await.unwrap_err();
    assert!(failure.detail.contains("see that the database runs"), "{failure}");
    assert!(own.begin());
    store.save(vec![Change::ReplaceAll, experiment("pend01", true), queued("b.1", 1)]).await.unwrap();
    drop(store);
    let saved = open(&own, "lab1").await.load(ALL).await.unwrap();
    assert_eq!(saved.experiments.len(), 2, "what was there, and what has come");
    assert_eq!(saved.mail.queued.len(), 2);
}

/// What is said of an address that cannot be used.
async fn refused(address: Address) -> Failure {
    let store = try_open(address.clone()).await.unwrap();
    let failure = store.save(vec![Change::ReplaceAll]).await.unwrap_err();
    assert!(store.load(ALL).await.is_err() && preview(&address).await.is_err());
    assert!(failure.detail.starts_with(&format!("the store {address} cannot be opened: ")), "{failure}");
    failure
}

#[tokio::test]
async fn what_is_wrong_is_told_with_what_to_do_and_without_the_password() {
    let Some(postgres) = postgres() else { return };
    let log = Log::start();
    let schema = schema();
    let wrong = Address::parse(&postgres.url(&schema, "")).unwrap();
    let failure = refused(wrong.clone()).await;
    assert!(failure.detail.contains("set STATUS_STORE_PASSWORD"), "{failure}");
    let failure = refused(wrong.with_password(&"VeryWrongIndeed".into())).await;
    assert!(failure.detail.contains("(28P01): see STATUS_STORE_PASSWORD"), "{failure}");
    let url = postgres.url(&schema, "").replace("/postgres?", "/nothing?");
    let failure = refused(with_password(&url)).await;
    assert!(failure.detail.contains("createdb"), "{failure}");
    let failure = refused(with_password(&format!("postgres://status@{}/a", nowhere().await))).await;
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    assert!(failure.detail.contains("see that the database runs"), "{failure}");
    postgres.sql("CREATE ROLE nobody LOGIN").await;
    postgres.sql("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0").await;
    let failure =
        refused(Address::parse(&postgres.socket_url(&schema).replace("status@", "nobody@")).unwrap()).await;
    assert!(failure.detail.contains("(42501): let this user own the schema"), "{failure}");
    let failure =
        refused(Address::parse(&postgres.socket_url(&schema).replace("/postgres?", "/latin?")).unwrap())
            .await;
    assert!(failure.detail.contains("ENCODING 'UTF8'"), "{failure}");
    let all = log.text();
    assert!(all.contains("going on in memory"));
    assert!(!all.contains(PASSWORD) && !all.contains("VeryWrongIndeed"), "{all}");
}

#[tokio::test]
async fn tls_is_verified_as_the_address_says() {
    let Some(postgres) = postgres() else { return };
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("root.pem");
    std::fs::write(&roots, postgres.certificate()).unwrap();
    let roots = roots.display();
    let of = |host: &str, more: &str| {
        let url = postgres.url(&schema(), more).replace("127.0.0.1", host);
        with_password(&url)
    };
    for (host, more) in [
        ("localhost", "&sslmode=require".to_owned()),
        ("localhost", format!("&sslmode=verify-full&sslrootcert={roots}")),
        ("127.0.0.1", format!("&sslmode=verify-ca&sslrootcert={roots}")),
    ] {
        let store = try_open(of(host, &more)).await.unwrap();
        store.save(vec![experiment("pend00", true)]).await.unwrap();
    }
    let encrypted = "SELECT count(*) FROM pg_stat_ssl WHERE ssl";
    let held = try_open(of("localhost", "&sslmode=require")).await.unwrap();
    assert!(postgres.number(encrypted).await > 0);
    drop(held);
    for (host, more, why) in [
        ("localhost", "&sslmode=verify-full".to_owned(), "name the authority that signed it"),
        ("localhost", "&sslmode=verify-ca".to_owned(), "name the authority that signed it"),
        ("127.0.0.1", format!("&sslmode=verify-full&sslrootcert={roots}"), "not valid for name"),
        ("localhost", "&sslrootcert=/nowhere.pem".to_owned(), "cannot be read"),
    ] {
        let failure = refused(of(host, &more)).await;
        assert!(failure.detail.contains(why), "{host} {more}: {failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_database_that_hangs_holds_nobody_up() {
    // It takes the connection, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::parse(&format!("postgres://a@{}/b", silent.local_addr().unwrap())).unwrap();
    let store = try_open(address).await.unwrap();
    let failure = store.save(vec![Change::ReplaceAll]).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::TimedOut, "{failure}");
    assert!(store.load(ALL).await.is_err() && store.look().await.is_ok());
    assert_eq!(store.history(None, wall(0), 1).await.unwrap_err().kind, FailureKind::TimedOut);
}

#[tokio::test]
async fn a_table_that_somebody_has_locked_holds_nobody_up() {
    let Some(postgres) = postgres() else { return };
    let schema = schema();
    let store = open(postgres, &schema).await;
    store.save(vec![experiment("pend00", true)]).await.unwrap();
    let mut other = postgres.client().await;
    let locking = other.transaction().await.unwrap();
    locking.batch_execute(&format!("LOCK TABLE {schema}.experiments")).await.unwrap();
    let failure = store.save(vec![experiment("pend01", true)]).await.unwrap_err();
    assert!(failure.detail.contains("another program holds a lock"), "{failure}");
    locking.rollback().await.unwrap();
    store.save(vec![Change::ReplaceAll, experiment("pend01", true)]).await.unwrap();
    assert_eq!(store.load(ALL).await.unwrap().experiments.len(), 1);
    assert!(store.size().unwrap() > 100_000, "{:?}", store.size());
}

#[tokio::test]
async fn an_empty_store_is_read_as_nothing() {
    let Some(postgres) = postgres() else { return };
    // A schema may be called whatever SQL has a word for.
    let store = open(postgres, "user").await;
    assert_eq!(store.load(ALL).await, Ok(Saved::default()));
}

/// An event of so many streams that it takes about 40 kB, which nothing makes much smaller.
fn large_event(number: u64) -> Change {
    let mut change = event(number, "pend00", true);
    let Change::Event { event, .. } = &mut change else { panic!("it is an event") };
    let mut value = serde_json::to_value(&*event).unwrap();
    let letters = long_name();
    let name = |n: usize| format!("pend00-st-{}{n}", &letters[n * 40..n * 40 + 40]);
    value["streams"] = (0..400).map(|n| (name(n), serde_json::Value::Bool(true))).collect();
    *event = serde_json::from_value(value).unwrap();
    change
}

#[tokio::test]
async fn the_oldest_goes_before_the_store_is_too_large() {
    let Some(postgres) = postgres() else { return };
    let address = postgres.address(&schema());
    let limit = 2_000_000;
    let store = PostgresStore::open(address.clone(), limit, Arc::new(SystemClock)).await.unwrap();
    store
        .save(vec![experiment("pend00", true), experiment("quiet", true), event(1, "quiet", true)])
        .await
        .unwrap();
    store.watched(wall(1), wall(2)).await.unwrap();
    assert_eq!(store.trimmed(), None);
    for number in 10..300 {
        store.save(vec![large_event(number)]).await.unwrap();
    }
    let saved = store.load(ALL).await.unwrap();
    assert_eq!(saved.experiments["quiet"].events.len(), 1, "the newest of each stays however old it is");
    let left = &saved.experiments["pend00"].events;
    assert_eq!(left.last().unwrap().when, wall(299));
    assert!((20..250).contains(&left.len()), "{}", left.len());
    let trimmed = store.trimmed().unwrap();
    assert_eq!(trimmed.events + left.len() as u64, 290, "{trimmed:?}");
    assert!(!trimmed.exhausted && trimmed.from >= wall(10), "{trimmed:?}");
    assert_eq!(store.uptime_records(None, wall(0)).await.unwrap().watched, [], "it is as old as what went");
    drop(store);
    // A smaller limit counts from the start on.
    let store = PostgresStore::open(address, 1_000_000, Arc::new(SystemClock)).await.unwrap();
    let fewer = store.load(ALL).await.unwrap().experiments["pend00"].events.len();
    assert!(fewer > 0 && fewer < left.len() && store.trimmed().is_some(), "{fewer}");
}

/// How many sessions of a [`named`] address there are in which something was asked after this many seconds of 1970.
async fn asked_since(postgres: &Postgres, schema: &str, seconds: f64) -> i64 {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity
         WHERE application_name = '{schema}' AND query_start > to_timestamp({seconds})"
    );
    postgres.number(&sql).await
}

#[tokio::test]
async fn who_holds_the_lock_asks_something_by_itself() {
    let Some(postgres) = postgres() else { return };
    let schema = schema();
    let store = try_open(named(postgres, &schema)).await.unwrap();
    let client = postgres.client().await;
    for _ in 0..2 {
        let row =
            client.query_one("SELECT extract(epoch FROM clock_timestamp())::float8", &[]).await.unwrap();
        let now: f64 = row.get(0);
        let waiting = async { while asked_since(postgres, &schema, now).await == 0 {} };
        tokio::time::timeout(std::time::Duration::from_secs(9), waiting).await.unwrap();
    }
    drop(store);
}

/// Everything of the first one is on this thread, which does nothing until the second one has written.
#[tokio::test]
async fn who_is_suspended_loses_the_lock_and_writes_nothing_when_it_wakes() {
    let Some(postgres) = postgres() else { return };
    let schema = schema();
    let first = try_open(named(postgres, &schema)).await.unwrap();
    first.save(vec![experiment("pend00", true)]).await.unwrap();
    let (began, other) = (SystemClock.now().time, schema.clone());
    let (wake, wakes) = std::sync::mpsc::channel();
    let (tried, has_tried) = tokio::sync::oneshot::channel::<()>();
    let second = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let second = loop {
                match try_open(postgres.address(&other)).await {
                    Ok(second) => break second,
                    Err(_) => assert!(SystemClock.now().time.since(began) < support::LIMIT),
                }
            };
            second.save(vec![experiment("pend01", true)]).await.unwrap();
            let after = SystemClock.now().time.since(began);
            println!("the lock of a server that is suspended is free after {after:?}");
            wake.send(()).unwrap();
            // It stays until the first one has tried.
            has_tried.await.unwrap();
            drop(second);
        });
    });
    wakes.recv().unwrap();
    let all = vec![Change::ReplaceAll, experiment("pend00", false)];
    // The first time it may be told only that its session is over.
    first.save(all.clone()).await.unwrap_err();
    let refused = first.save(all).await.unwrap_err();
    assert!(refused.detail.contains("another server uses the store"), "{refused}");
    tried.send(()).unwrap();
    second.join().unwrap();
    assert_eq!(first.load(ALL).await.unwrap().experiments.len(), 2);
}
