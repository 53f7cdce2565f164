//! Several servers on one schema of a real PostgreSQL: one holds the lock, and the others know it.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test says what it waits for")]
#![allow(clippy::print_stdout, reason = "how soon a server takes over is worth knowing")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use status_adapters::Store;
use status_adapters::clock::{Clock, Stopwatch, SystemClock};
use status_adapters::cluster::{Cluster, ClusterEvent};
use status_adapters::store::postgres::PostgresStore;
use status_core::{Command, Config, Election, FailureKind, Input, Monitor, Refused, WindowId};
use support::Log;
use support::postgres::{Postgres, schema, shared};
use support::server::{HastyClock, LONG, event_of, until, won};
use support::store::{ALL, LARGE, event, experiment, wall};

fn join(postgres: &Postgres, schema: &str, name: &str) -> PostgresStore {
    PostgresStore::join(postgres.address(schema), LARGE, ALL, name.to_owned(), Arc::new(SystemClock))
}

/// What was written down when it first knew that another one leads and has written this many events.
async fn follows(store: &PostgresStore, events: usize) {
    loop {
        match event_of(store).await {
            ClusterEvent::Elected(Election::Follows { saved }) => {
                if saved.experiments.values().map(|one| one.events.len()).sum::<usize>() == events {
                    return;
                }
            }
            ClusterEvent::Elected(Election::Unanswered { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Ends the session that holds the lock of the one schema in this database.
async fn end_the_leaders_session(postgres: &Postgres) {
    let holders =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND granted";
    postgres.sql(holders).await;
}

#[tokio::test]
async fn once_another_one_leads_nothing_of_an_older_epoch_is_written() {
    let Some(postgres) = Postgres::start(None) else { return };
    let schema = schema();
    let one = join(&postgres, &schema, "one");
    let (epoch, saved) = won(&one).await;
    assert_eq!((epoch, saved), (1, Some(Box::default())));
    one.save_in(Some(1), vec![experiment("pend00", true), event(1, "pend00", true)]).await.unwrap();
    let two = join(&postgres, &schema, "two");
    follows(&two, 1).await;
    let early = two.save_in(Some(1), vec![event(2, "pend00", false)]).await.unwrap_err();
    assert_eq!(early.kind, FailureKind::Unreachable, "{early}");
    one.save_in(Some(1), vec![event(3, "pend00", false)]).await.unwrap();
    follows(&two, 2).await;
    // The lock goes to and fro until the other one has it.
    let (epoch, saved) = loop {
        end_the_leaders_session(&postgres).await;
        tokio::select! {
            (epoch, saved) = won(&two) => break (epoch, saved),
            (_, saved) = won(&one) => assert_eq!(saved, None, "nobody else has written"),
        }
    };
    assert!(epoch > 1 && saved.is_some_and(|saved| saved.experiments["pend00"].events.len() == 2));
    let late = one.save_in(Some(epoch - 1), vec![event(4, "pend00", true)]).await.unwrap_err();
    // It depends on what it has heard by now in which words it is refused.
    let refusals = [FailureKind::Unreachable, FailureKind::Superseded, FailureKind::Refused];
    assert!(refusals.contains(&late.kind), "{late}");
    one.watched(wall(1), wall(2)).await.unwrap_err();
    two.save_in(Some(epoch), vec![event(5, "pend00", true)]).await.unwrap();
    assert_eq!(two.load(ALL).await.unwrap().experiments["pend00"].events.len(), 3);
    follows(&one, 3).await;
    // It knows that the other one has written: back at once, it would not go on with what it knew.
    drop(two);
    assert!(won(&one).await.1.is_some());
}

#[tokio::test]
async fn a_save_that_another_epoch_has_overtaken_is_refused_although_the_session_lives() {
    let Some(postgres) = shared(|| None) else { return };
    for (number, what) in ["epoch = epoch + 1", "mark = 'another'"].into_iter().enumerate() {
        let schema = format!("overtaken{number}");
        let one = join(postgres, &schema, "one");
        won(&one).await;
        one.save_in(Some(1), vec![event(1, "pend00", true)]).await.unwrap();
        postgres.sql(&format!("UPDATE {schema}.status_store SET {what}")).await;
        let refused = one.save_in(Some(1), vec![event(2, "pend00", false)]).await.unwrap_err();
        assert_eq!(refused.kind, FailureKind::Superseded, "{refused}");
        assert!(one.watched(wall(1), wall(2)).await.is_err());
        assert_eq!(one.uptime_records(None, wall(0)).await.unwrap().watched, []);
        assert_eq!(postgres.number(&format!("SELECT count(*) FROM {schema}.events")).await, 1);
    }
}

#[tokio::test]
async fn what_the_database_refuses_is_no_reason_to_give_the_lock_up() {
    let Some(postgres) = shared(|| None) else { return };
    let schema = schema();
    let one = join(postgres, &schema, "one");
    won(&one).await;
    postgres
        .sql(&format!("ALTER TABLE {schema}.events ADD CONSTRAINT full_disk CHECK (false) NOT VALID"))
        .await;
    for _ in 0..3 {
        let refused = one.save_in(Some(1), vec![event(1, "pend00", true)]).await.unwrap_err();
        assert_eq!(refused.kind, FailureKind::Refused, "{refused}");
    }
    postgres.sql(&format!("ALTER TABLE {schema}.events DROP CONSTRAINT full_disk")).await;
    let all = vec![status_core::Change::ReplaceAll, experiment("pend00", true), event(1, "pend00", true)];
    one.save_in(Some(1), all).await.unwrap();
    let quiet = tokio::time::timeout(Duration::from_secs(4), event_of(&one)).await;
    assert!(quiet.is_err(), "it leads all the time: {quiet:?}");
    // What it does for the others is refused, too, and that is said once.
    let two = join(postgres, &schema, "two");
    follows(&two, 1).await;
    let log = Log::start();
    for table in ["servers", "orders"] {
        postgres.sql(&format!("ALTER TABLE {schema}.{table} RENAME TO not_{table}")).await;
    }
    for _ in 0..3 {
        let held = tokio::time::timeout(LONG, one.next_event()).await.expect("it asks for the lock");
        assert!(
            matches!(held, ClusterEvent::Elected(Election::Held { .. })),
            "it leads all the time: {held:?}"
        );
    }
    one.save_in(Some(1), vec![event(2, "pend00", true)]).await.unwrap();
    follows(&two, 2).await;
    let text = log.text();
    let said = |what: &str| text.lines().filter(|line| line.contains(what)).count();
    assert_eq!(
        (said("(orders); this server goes on without"), said("(which servers are there)")),
        (1, 2),
        "{text}"
    );
}

#[tokio::test]
async fn who_leads_and_follows_is_not_told_for_long_without_a_database() {
    let Some(postgres) = Postgres::start(None) else { return };
    let address = postgres.address("lab1");
    let one = PostgresStore::join(address, LARGE, ALL, "one".to_owned(), Arc::new(HastyClock));
    won(&one).await;
    until(|| one.peers().leader.is_some()).await;
    postgres.crash();
    until(|| one.peers().leader.is_none()).await;
    assert!(one.peers().trouble.is_some());
    assert!(postgres.begin());
    let other = join(&postgres, "lab2", "other");
    won(&other).await;
    until(|| other.peers().leader.is_some()).await;
    postgres.crash();
    until(|| other.peers().trouble.is_some()).await;
    assert!(other.peers().leader.is_some(), "ten seconds are not over");
    assert!(postgres.begin());
    until(|| one.peers().leader.is_some()).await;
    assert_eq!(one.peers().trouble, None);
}

#[tokio::test]
async fn a_server_that_is_about_to_end_takes_on_nothing_and_writes_down_what_is_on_its_way() {
    let Some(postgres) = shared(|| None) else { return };
    let schema = schema();
    let one = join(postgres, &schema, "one");
    won(&one).await;
    one.save_in(Some(1), vec![experiment("pend00", true), event(1, "pend00", true)]).await.unwrap();
    let (two, three) = (Arc::new(join(postgres, &schema, "two")), join(postgres, &schema, "three"));
    follows(&two, 1).await;
    follows(&three, 1).await;
    one.leave().await;
    three.leave().await;
    let telling = Arc::clone(&two);
    let command = Command::EndWindow(WindowId(7));
    let told = tokio::spawn(async move { telling.order("alice", &Command::EndWindow(WindowId(7))).await });
    let quiet = tokio::time::timeout(Duration::from_secs(2), event_of(&one)).await;
    assert!(quiet.is_err(), "{quiet:?}");
    one.save_in(Some(1), vec![event(2, "pend00", false)]).await.unwrap();
    drop(one);
    won(&two).await;
    let ClusterEvent::Ordered { order, by, command: came } = event_of(&two).await else {
        panic!("it is told next")
    };
    assert_eq!((by.as_str(), came), ("alice", command));
    two.answer(order, Err(Refused::NoSuchWindow(WindowId(7)))).await;
    assert!(told.await.unwrap().unwrap().is_err());
    drop(two);
    let none = tokio::time::timeout(Duration::from_secs(2), won(&three)).await;
    assert!(none.is_err(), "{none:?}");
}

#[tokio::test]
async fn where_the_answer_to_its_mark_is_lost_a_server_reads_everything_once_more() {
    let Some(postgres) = Postgres::start(None) else { return };
    let one = join(&postgres, "lab1", "one");
    won(&one).await;
    one.save_in(Some(1), vec![experiment("pend00", true), event(1, "pend00", true)]).await.unwrap();
    drop(one);
    // The database ends whoever has written a mark, as if it had died before its answer.
    postgres
        .sql(
            "CREATE FUNCTION lab1.die() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER die AFTER UPDATE OF mark ON lab1.status_store DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW WHEN (OLD.mark IS DISTINCT FROM NEW.mark) EXECUTE FUNCTION lab1.die()",
        )
        .await;
    let two = join(&postgres, "lab1", "two");
    let lost = event_of(&two).await;
    assert!(
        matches!(lost, ClusterEvent::Elected(Election::Unanswered { .. } | Election::Follows { .. })),
        "{lost:?}"
    );
    postgres.sql("DROP TRIGGER die ON lab1.status_store").await;
    let (epoch, saved) = won(&two).await;
    assert_eq!(saved.map(|saved| saved.experiments.len()), Some(1));
    two.save_in(Some(epoch), vec![event(2, "pend00", false)]).await.unwrap();
}

#[tokio::test]
async fn whoever_wrote_last_goes_on_when_the_database_is_back() {
    let Some(postgres) = Postgres::start(None) else { return };
    let one = join(&postgres, "lab1", "one");
    won(&one).await;
    one.save_in(Some(1), vec![experiment("pend00", true), event(1, "pend00", true)]).await.unwrap();
    let two = join(&postgres, "lab1", "two");
    follows(&two, 1).await;
    for epoch in 2..5 {
        postgres.crash();
        let lost = event_of(&one).await;
        assert!(matches!(lost, ClusterEvent::Elected(Election::Unanswered { .. })), "{lost:?}");
        assert!(postgres.begin());
        assert_eq!(won(&one).await, (epoch, None), "nobody else has written");
        let stale = one.save_in(Some(epoch - 1), vec![event(9, "pend00", false)]).await.unwrap_err();
        assert_eq!(stale.kind, FailureKind::Refused, "its own epoch is over, and nobody else leads: {stale}");
    }
    // All is written anew: the database may have lost what it took last.
    one.save_in(Some(4), vec![event(2, "pend00", false)]).await.unwrap_err();
    one.save_in(Some(4), vec![status_core::Change::ReplaceAll, experiment("pend00", true)]).await.unwrap();
    assert_eq!(one.load(ALL).await.unwrap().experiments["pend00"].events.len(), 1);
}

#[tokio::test]
async fn tables_that_are_dropped_are_made_again_and_everything_is_wanted() {
    let Some(postgres) = shared(|| None) else { return };
    let schema = schema();
    let one = join(postgres, &schema, "one");
    won(&one).await;
    one.save_in(Some(1), vec![experiment("pend00", true)]).await.unwrap();
    postgres.sql(&format!("DROP SCHEMA {schema} CASCADE")).await;
    assert_eq!(won(&one).await, (1, None));
    let replaced = event_of(&one).await;
    assert!(
        matches!(&replaced, ClusterEvent::Replaced(text) if text.contains("was deleted or replaced")),
        "{replaced:?}"
    );
}

#[tokio::test]
async fn what_one_is_told_the_leader_does_once() {
    let Some(postgres) = shared(|| None) else { return };
    let schema = schema();
    let one = join(postgres, &schema, "one");
    won(&one).await;
    one.save_in(Some(1), vec![experiment("pend00", true), event(1, "pend00", true)]).await.unwrap();
    let two = Arc::new(join(postgres, &schema, "two"));
    follows(&two, 1).await;
    let telling = Arc::clone(&two);
    let command = Command::EndWindow(WindowId(7));
    let told = tokio::spawn(async move { telling.order("alice", &Command::EndWindow(WindowId(7))).await });
    let ClusterEvent::Ordered { order, by, command: came } = event_of(&one).await else {
        panic!("it is told first")
    };
    assert_eq!((by.as_str(), &came), ("alice", &command));
    let refused = Refused::NoSuchWindow(WindowId(7));
    one.answer(order, Err(refused.clone())).await;
    assert_eq!(told.await.unwrap(), Ok(Err(refused)));
    let again = tokio::time::timeout(Duration::from_secs(2), event_of(&one)).await;
    assert!(again.is_err(), "{again:?}");
}

#[tokio::test]
async fn two_of_the_same_name_are_told_apart() {
    let Some(postgres) = shared(|| None) else { return };
    let schema = schema();
    let one = join(postgres, &schema, "same");
    won(&one).await;
    one.save_in(Some(1), vec![experiment("pend00", true), event(1, "pend00", true)]).await.unwrap();
    let two = join(postgres, &schema, "same");
    follows(&two, 1).await;
    until(|| two.peers().leader.is_some() && !one.peers().followers.is_empty()).await;
    assert_eq!(
        (one.peers().followers, two.peers().leader.unwrap().instance),
        (vec!["same".into()], "same".into())
    );
}

#[tokio::test]
async fn one_that_ends_is_not_counted_any_more_and_one_that_is_killed_follows_nobody() {
    let Some(postgres) = shared(|| None) else { return };
    let schema = schema();
    let one = join(postgres, &schema, "one");
    won(&one).await;
    one.save_in(Some(1), vec![experiment("pend00", true), event(1, "pend00", true)]).await.unwrap();
    let two = join(postgres, &schema, "two");
    follows(&two, 1).await;
    until(|| one.peers().followers == ["two"]).await;
    two.leave().await;
    drop(two);
    let servers = format!("SELECT count(*) FROM {schema}.servers");
    assert_eq!(postgres.number(&servers).await, 1);
    until(|| one.peers().followers.is_empty()).await;
    let three = join(postgres, &schema, "three");
    follows(&three, 1).await;
    // It is killed: its row still says that it leads.
    drop(one);
    won(&three).await;
    until(|| three.peers().leader.is_some_and(|leader| leader.instance == "three")).await;
    assert_eq!((three.peers().followers, postgres.number(&servers).await), (vec![], 2));
}

/// How many experiments the lab has in which a server takes over; each has [`EVENTS`] events.
fn experiments() -> u64 {
    std::env::var("STATUS_TEST_LARGE").map_or(200, |text| text.parse().expect("a number of experiments"))
}
const EVENTS: u64 = 100;

#[tokio::test]
async fn a_large_lab_is_taken_over_in_time() {
    let Some(postgres) = Postgres::start(None) else { return };
    let one = join(&postgres, "lab1", "one");
    won(&one).await;
    for number in 0..experiments() {
        let name = format!("pend{number:05}");
        let events = (0..EVENTS).map(|event_of| event(number * EVENTS + event_of, &name, event_of % 2 == 0));
        let all = [experiment(&name, true)].into_iter().chain(events).collect();
        one.save_in(Some(1), all).await.unwrap();
    }
    let two = join(&postgres, "lab1", "two");
    follows(&two, usize::try_from(experiments() * EVENTS).unwrap()).await;
    drop(one);
    let began = Stopwatch::start();
    let (epoch, saved) = won(&two).await;
    let (won_after, saved) = (began.read(), saved.expect("another one has written it"));
    let mut monitor = Monitor::join(Config::default(), "two", SystemClock.now());
    let now = SystemClock.now();
    let adopting = Stopwatch::start();
    let actions =
        monitor.handle(now, Input::Elected(Election::Won { epoch, asked_at: now.time, saved: Some(saved) }));
    println!(
        "{} experiments with {EVENTS} events each: the lock and what is written down after {won_after:?}, taken in within {:?}",
        experiments(),
        adopting.read()
    );
    assert!(won_after < Duration::from_secs(15) && !actions.is_empty(), "{won_after:?}");
}
