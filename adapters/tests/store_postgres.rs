//! The store in a real PostgreSQL does what the one in a file does, and whatever is wrong with it is told and survived.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test says what it waits for")]
#![allow(clippy::print_stdout, reason = "how soon a lock is free is worth knowing")]

mod support;

use std::net::TcpListener;
use std::sync::Arc;

use status_adapters::Store;
use status_adapters::clock::{Clock, SystemClock};
use status_adapters::cluster::ClusterEvent;
use status_adapters::store::Preview;
use status_adapters::store::postgres::{Address, History, PostgresStore, preview, refusal};
use status_core::{Change, Election, ExperimentName, FailureKind, Saved};
use support::postgres::{Certificate, PASSWORD, Postgres, schema, with_password};
use support::server::{Server, event_of, until, won};
use support::store::{self, ALL, LARGE, event, experiment, queued, wall};
use support::{Log, nowhere};

/// The one server of this binary, which has a certificate for `localhost`.
fn postgres() -> Option<&'static Postgres> {
    support::postgres::shared(|| {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        Some(Certificate { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() })
    })
}

async fn start(postgres: &Postgres, schema: &str) -> Server {
    Server::start(postgres.address(schema)).await
}

fn join(address: Address) -> PostgresStore {
    PostgresStore::join(address, LARGE, ALL, "one".to_owned(), Arc::new(SystemClock))
}

/// Waits for the first event of a server that cannot lead. Returns why it cannot.
async fn kept_from_leading(store: &PostgresStore) -> String {
    match event_of(store).await {
        ClusterEvent::Elected(Election::Unanswered { detail }) => detail,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn it_does_what_the_fake_one_does() {
    let Some(postgres) = postgres() else { return };
    let schema = schema();
    store::does_what_the_fake_one_does(async || start(postgres, &schema).await).await;
}

#[tokio::test]
async fn what_happened_before_stays_before_when_all_is_written_again() {
    let Some(postgres) = postgres() else { return };
    store::what_happened_before_stays_before(&start(postgres, &schema()).await).await;
}

#[tokio::test]
async fn what_lasted_at_a_time_is_told_from_its_beginning() {
    let Some(postgres) = postgres() else { return };
    store::what_lasted_is_told_from_its_beginning(&start(postgres, &schema()).await).await;
}

#[tokio::test]
async fn the_past_is_the_same_in_a_database_and_in_memory() {
    let Some(postgres) = postgres() else { return };
    store::the_past_is_the_same(&start(postgres, &schema()).await).await;
}

#[tokio::test]
async fn after_a_failure_all_is_written_anew() {
    let Some(own) = Postgres::start(None) else { return };
    let store = start(&own, "lab1").await;
    let crash = async || own.crash();
    let begin = async || {
        assert!(own.begin());
        store.leads_again().await;
    };
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
    let store = start(postgres, &schema()).await;
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
async fn others_read_what_a_server_holds() {
    let Some(postgres) = postgres() else { return };
    let schema = schema();
    let address = postgres.address(&schema);
    assert_eq!(preview(&address).await, Ok(Preview::New));
    let none = History::new(address.clone()).events(None, wall(0), ALL).await.unwrap_err();
    assert!(none.detail.ends_with("there is no store yet"), "{none}");
    let first = start(postgres, &schema).await;
    first.save(vec![event(1, "pend00", true)]).await.unwrap();
    assert_eq!(preview(&address).await, Ok(Preview::InUse));
    let history = History::new(address.clone());
    assert_eq!(history.events(None, wall(0), ALL).await.unwrap().len(), 1);
    // One in another schema has nothing to do with it.
    start(postgres, &support::postgres::schema()).await;
    drop(first);
    drop(start(postgres, &schema).await);
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
    let store = Server::start(named(postgres, &schema)).await;
    store.save(vec![experiment("pend00", true)]).await.unwrap();
    for number in 1..4 {
        end_writer(postgres, &schema).await;
        // What the end of the session cuts off is told; what was written is the same.
        store.save(vec![event(number, "pend00", true)]).await.unwrap_err();
        store.leads_again().await;
        let all = vec![Change::ReplaceAll, experiment("pend00", true), event(number, "pend00", true)];
        store.save(all).await.unwrap();
    }
    assert_eq!(store.load(ALL).await.unwrap().experiments["pend00"].events.len(), 3);
}

#[tokio::test]
async fn a_store_that_is_taken_away_gets_everything_anew() {
    let Some(postgres) = postgres() else { return };
    for kind in ["dropped", "emptied", "put back"] {
        let schema = schema();
        let store = start(postgres, &schema).await;
        store.save(vec![experiment("pend00", true), event(1, "pend00", true)]).await.unwrap();
        let sql = match kind {
            "dropped" => format!("DROP SCHEMA {schema} CASCADE"),
            "emptied" => format!("DROP SCHEMA {schema} CASCADE; CREATE SCHEMA {schema}"),
            _ => format!("UPDATE {schema}.status_store SET epoch = epoch - 1, mark = 'older'"),
        };
        postgres.sql(&sql).await;
        store.save(vec![event(2, "pend00", true)]).await.unwrap_err();
        store.leads_again().await;
        let told = event_of(&store.store).await;
        assert!(
            matches!(&told, ClusterEvent::Replaced(why) if why.contains("deleted or replaced")),
            "{kind}: {told:?}"
        );
        let unfit = store.save(vec![event(2, "pend00", true)]).await.unwrap_err();
        assert_eq!(unfit.kind, FailureKind::Refused, "{kind}: {unfit}");
        let all = vec![Change::ReplaceAll, experiment("pend00", true), event(2, "pend00", true)];
        store.save(all).await.unwrap();
        store.save(vec![event(3, "pend00", true)]).await.unwrap();
        let saved = store.load(ALL).await.unwrap();
        let expected = if kind == "put back" { 3 } else { 2 };
        assert_eq!(saved.experiments["pend00"].events.len(), expected, "{kind}");
    }
}

/// Joins on a schema that is not ours, and sees to it that nothing is kept there. Returns what is said of it.
async fn is_left_as_it_is(postgres: &Postgres, schema: &str) -> String {
    let address = postgres.address(schema);
    let store = join(address.clone());
    let why = kept_from_leading(&store).await;
    store.load(ALL).await.unwrap_err();
    store.uptime_records(None, wall(0)).await.unwrap_err();
    for epoch in [None, Some(0), Some(1)] {
        store.save_in(epoch, vec![Change::ReplaceAll, experiment("pend00", true)]).await.unwrap_err();
        store.watched(wall(1), wall(2)).await.unwrap_err();
    }
    assert!(why.contains("it is left as it is"), "{why}");
    let refusal = refusal(&address).await.unwrap().to_string();
    assert!(why.ends_with(&refusal), "{why}");
    assert_eq!(preview(&address).await, Err(refusal.clone()));
    refusal
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
        let store = start(postgres, &schema).await;
        store.save(vec![experiment("pend00", true)]).await.unwrap();
        drop(store);
        postgres.sql(&format!("SET search_path TO {schema}; {sql}")).await;
        let refusal = is_left_as_it_is(postgres, &schema).await;
        assert!(refusal.contains(why), "{sql}: {refusal}");
        assert_eq!(postgres.number(&format!("SELECT count(*) FROM {schema}.experiments")).await, 1);
    }
    // What a person has added is no reason.
    let schema = schema();
    drop(start(postgres, &schema).await);
    postgres.sql(&format!("CREATE TABLE {schema}.cats (name TEXT)")).await;
    start(postgres, &schema).await.save(vec![experiment("pend00", true)]).await.unwrap();
}

#[tokio::test]
async fn who_starts_while_the_database_is_away_goes_on_with_what_is_there_later() {
    let Some(own) = Postgres::start(None) else { return };
    start(&own, "lab1").await.save(vec![experiment("pend00", true), queued("a.1", 1)]).await.unwrap();
    own.crash();
    let store = join(own.address("lab1"));
    let why = kept_from_leading(&store).await;
    assert!(why.contains("see that the database runs"), "{why}");
    let failure = store.load(ALL).await.unwrap_err();
    assert!(failure.detail.contains("see that the database runs"), "{failure}");
    assert!(own.begin());
    let (epoch, saved) = won(&store).await;
    let saved = saved.unwrap();
    assert_eq!((saved.experiments.len(), saved.mail.queued.len()), (1, 1));
    store.save_in(Some(epoch), vec![experiment("pend01", true), queued("b.1", 1)]).await.unwrap();
    let saved = store.load(ALL).await.unwrap();
    assert_eq!((saved.experiments.len(), saved.mail.queued.len()), (2, 2));
}

/// What is said of an address that cannot be used.
async fn refused(address: Address) -> String {
    let store = join(address.clone());
    let why = kept_from_leading(&store).await;
    assert!(store.load(ALL).await.is_err() && preview(&address).await.is_err());
    assert!(why.starts_with(&format!("the store {address} cannot be asked who leads: ")), "{why}");
    why
}

#[tokio::test]
async fn what_is_wrong_is_told_with_what_to_do_and_without_the_password() {
    let Some(postgres) = postgres() else { return };
    let log = Log::start();
    let schema = schema();
    let wrong = Address::parse(&postgres.url(&schema, "")).unwrap();
    let why = refused(wrong.clone()).await;
    assert!(why.contains("set STATUS_STORE_PASSWORD"), "{why}");
    let why = refused(wrong.with_password(&"VeryWrongIndeed".into())).await;
    assert!(why.contains("(28P01): see STATUS_STORE_PASSWORD"), "{why}");
    let url = postgres.url(&schema, "").replace("/postgres?", "/nothing?");
    let why = refused(with_password(&url)).await;
    assert!(why.contains("createdb"), "{why}");
    let why = refused(with_password(&format!("postgres://status@{}/a", nowhere().await))).await;
    assert!(why.contains("see that the database runs"), "{why}");
    postgres.sql("CREATE ROLE nobody LOGIN").await;
    postgres.sql("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0").await;
    let why =
        refused(Address::parse(&postgres.socket_url(&schema).replace("status@", "nobody@")).unwrap()).await;
    assert!(why.contains("(42501): let this user own the schema"), "{why}");
    let why =
        refused(Address::parse(&postgres.socket_url(&schema).replace("/postgres?", "/latin?")).unwrap())
            .await;
    assert!(why.contains("ENCODING 'UTF8'"), "{why}");
    let all = log.text();
    assert!(all.contains("cannot be asked who leads"));
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
        let store = Server::start(of(host, &more)).await;
        store.save(vec![experiment("pend00", true)]).await.unwrap();
    }
    let encrypted = "SELECT count(*) FROM pg_stat_ssl WHERE ssl";
    let held = Server::start(of("localhost", "&sslmode=require")).await;
    assert!(postgres.number(encrypted).await > 0);
    drop(held);
    for (host, more, expected) in [
        ("localhost", "&sslmode=verify-full".to_owned(), "name the authority that signed it"),
        ("localhost", "&sslmode=verify-ca".to_owned(), "name the authority that signed it"),
        ("127.0.0.1", format!("&sslmode=verify-full&sslrootcert={roots}"), "not valid for name"),
        ("localhost", "&sslrootcert=/nowhere.pem".to_owned(), "cannot be read"),
    ] {
        let why = refused(of(host, &more)).await;
        assert!(why.contains(expected), "{host} {more}: {why}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_database_that_hangs_holds_nobody_up() {
    // It takes the connection, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::parse(&format!("postgres://a@{}/b", silent.local_addr().unwrap())).unwrap();
    let store = join(address);
    let why = kept_from_leading(&store).await;
    assert!(why.contains("no answer in time"), "{why}");
    assert_eq!(store.load(ALL).await.unwrap_err().kind, FailureKind::TimedOut);
    store.save_in(Some(1), vec![Change::ReplaceAll]).await.unwrap_err();
    store.watched(wall(1), wall(2)).await.unwrap_err();
    assert_eq!(store.history(None, wall(0), 1).await.unwrap_err().kind, FailureKind::TimedOut);
}

#[tokio::test]
async fn a_table_that_somebody_has_locked_holds_nobody_up() {
    let Some(postgres) = postgres() else { return };
    let schema = schema();
    let store = start(postgres, &schema).await;
    store.save(vec![experiment("pend00", true)]).await.unwrap();
    until(|| store.size().is_some()).await;
    assert!(store.size().unwrap() > 100_000, "{:?}", store.size());
    let mut other = postgres.client().await;
    let locking = other.transaction().await.unwrap();
    locking.batch_execute(&format!("LOCK TABLE {schema}.experiments")).await.unwrap();
    let failure = store.save(vec![experiment("pend01", true)]).await.unwrap_err();
    assert!(failure.detail.contains("another program holds a lock"), "{failure}");
    locking.rollback().await.unwrap();
    store.save(vec![Change::ReplaceAll, experiment("pend01", true)]).await.unwrap();
    assert_eq!(store.load(ALL).await.unwrap().experiments.len(), 1);
}

#[tokio::test]
async fn an_empty_store_is_read_as_nothing() {
    let Some(postgres) = postgres() else { return };
    // A schema may be called whatever SQL has a word for.
    let store = start(postgres, "user").await;
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
    let store = Server::start_with(address.clone(), limit, Arc::new(SystemClock)).await;
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
    let store = Server::start_with(address, 1_000_000, Arc::new(SystemClock)).await;
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
    let store = Server::start(named(postgres, &schema)).await;
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
    let first = Server::start(named(postgres, &schema)).await;
    first.save(vec![experiment("pend00", true)]).await.unwrap();
    let (began, other) = (SystemClock.now().time, schema.clone());
    let (wake, wakes) = std::sync::mpsc::channel();
    let (tried, has_tried) = tokio::sync::oneshot::channel::<()>();
    let second = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let second = start(postgres, &other).await;
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
    for _ in 0..2 {
        first.save(all.clone()).await.unwrap_err();
        first.watched(wall(1), wall(2)).await.unwrap_err();
    }
    tried.send(()).unwrap();
    second.join().unwrap();
    assert_eq!(first.load(ALL).await.unwrap().experiments.len(), 2);
}
