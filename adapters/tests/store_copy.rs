//! A store is copied whole, between files and databases, or not at all.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

mod support;

use std::path::Path;
use std::sync::Arc;

use status_adapters::Store;
use status_adapters::clock::SystemClock;
use status_adapters::store::SqliteStore;
use status_adapters::store::copy::{Place, copy};
use status_core::{Change, ExperimentName, Saved};
use support::postgres::{Postgres, schema, shared};
use support::server::Server;
use support::store::{ALL, LARGE, event, experiment, story, wall};

fn database(postgres: &Postgres, schema: &str) -> Place {
    Place::Database(postgres.address(schema).into())
}

async fn open(place: &Place) -> Box<dyn Store> {
    match place {
        Place::File(path) => Box::new(SqliteStore::open(path, LARGE, Arc::new(SystemClock)).unwrap()),
        Place::Database(address) => Box::new(Server::start((**address).clone()).await),
    }
}

/// A week of a server, and a name that a database cannot hold as it is.
async fn fill(place: &Place) {
    let store = open(place).await;
    for changes in story() {
        store.save(changes).await.unwrap();
    }
    let many = (100..2_000).map(|number| event(number, "a\0\\b", number % 2 == 0));
    store.save([experiment("a\0\\b", true)].into_iter().chain(many).collect()).await.unwrap();
    store.watched(wall(1), wall(5)).await.unwrap();
}

/// All that can be read of a store.
async fn all(place: &Place) -> (Saved, Vec<(ExperimentName, status_core::Event)>, String) {
    let store = open(place).await;
    let history = store.history(None, wall(0), 10_000).await.unwrap();
    let past = store.past(None, wall(0)).await.unwrap();
    (store.load(ALL).await.unwrap(), history, format!("{past:?}"))
}

#[tokio::test]
async fn what_is_copied_is_the_same_and_goes_on() {
    let Some(postgres) = shared(|| None) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| Place::File(folder.path().join(name));
    let (first, second) = (schema(), schema());
    let places =
        [file("a.db"), database(postgres, &first), database(postgres, &second), file("b.db"), file("c.db")];
    fill(&places[0]).await;
    let whole = all(&places[0]).await;
    for (from, to) in places.iter().zip(&places[1..]) {
        let rows = copy(from, to).await.unwrap();
        assert!(rows > 1_900, "{rows}");
        assert!(all(to).await == whole, "from {from} to {to}");
    }
    // What comes later stands behind what was copied.
    for place in [&places[2], &places[4]] {
        let store = open(place).await;
        store.save(vec![event(5_000, "a\0\\b", false)]).await.unwrap();
        let saved = store.load(1).await.unwrap();
        assert_eq!(saved.experiments["a\0\\b"].events[0].when, wall(5_000));
    }
}

async fn refused(from: &Place, to: &Place, why: &str) {
    let problem = copy(from, to).await.unwrap_err();
    assert!(problem.contains(why), "{problem}");
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[tokio::test]
async fn what_is_in_use_or_holds_something_is_left_as_it_is() {
    let Some(postgres) = shared(|| None) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let (file, other) = (Place::File(path.clone()), Place::File(folder.path().join("b.db")));
    let (held, empty) = (database(postgres, &schema()), database(postgres, &schema()));
    fill(&file).await;
    fill(&held).await;
    let before = bytes(&path);
    refused(&empty, &other, "there is no store yet").await;
    refused(&other, &empty, "there is no store yet").await;
    refused(&file, &held, "holds something already, in events").await;
    refused(&held, &file, "holds something already").await;
    refused(&file, &file, "").await;
    refused(&held, &held, "a server uses the store").await;
    assert!(bytes(&path) == before);
    for (used, why) in [(&file, "another process uses"), (&held, "a server uses")] {
        let store = open(used).await;
        refused(used, &empty, why).await;
        drop(store);
    }
    let store = open(&empty).await;
    refused(&file, &empty, "a server uses").await;
    drop(store);
    // One that is damaged stays where it is, and what was begun is undone.
    let mut broken = before.clone();
    let middle = broken.len() / 2;
    broken[middle..].fill(0x55);
    std::fs::write(&path, &broken).unwrap();
    assert!(copy(&file, &empty).await.is_err());
    assert!(bytes(&path) == broken);
    assert_eq!(open(&empty).await.load(ALL).await.unwrap(), Saved::default());
    refused(&held, &file, "holds something already").await;
    assert!(bytes(&path) == broken);
    copy(&held, &empty).await.unwrap();
    assert!(all(&empty).await == all(&held).await);
    assert!(open(&held).await.save(vec![Change::ReplaceAll]).await.is_ok());
}
