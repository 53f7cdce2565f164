//! The database ends at any moment: it holds what was written down before, and nothing half.
//!
//! The saves of whole runs go to a real PostgreSQL that is made to end in their middle, as by a power cut.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]
#![allow(clippy::print_stdout, reason = "it says what it did where it is asked to")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use status_adapters::Store;
use status_adapters::store::Model;
use status_core::Change;
use status_sim::Rng;
use status_sim::run::saves;
use status_sim::scenario::Scenario;
use support::postgres::Postgres;
use support::server::{HastyClock, Server};
use support::store::{ALL, LARGE};

const SCENARIOS: &[&str] = &[
    include_str!("../../sim/scenarios/killed-during-outage.toml"),
    include_str!("../../sim/scenarios/mail-server-refuses.toml"),
];

/// So often the database ends, where `STATUS_TEST_KILLS` says nothing.
const KILLS: usize = 5;

async fn start(postgres: &Postgres, schema: &str) -> Server {
    Server::start_with(postgres.address(schema), LARGE, Arc::new(HastyClock)).await
}

/// Saves while the database ends, after so many microseconds, and begins again. Returns whether it was answered that
/// all was written.
async fn save_and_end(postgres: &Postgres, store: &Server, changes: &[Change], after: u64) -> bool {
    let ending = async {
        tokio::time::sleep(Duration::from_micros(after)).await;
        tokio::task::block_in_place(|| {
            postgres.crash();
            assert!(postgres.begin());
        });
    };
    tokio::join!(store.save(changes.to_vec()), ending).0.is_ok()
}

/// Plays one run, in which the database ends so often. Returns how often that undid the save that was under way.
async fn play(postgres: &Postgres, name: &str, all: &[Vec<Change>], kills: usize) -> usize {
    let (mut rng, mut model, mut store) = (Rng::new(7), Model::default(), start(postgres, name).await);
    let (mut ended, mut undone, every) = (0, 0, all.len() / kills.clamp(1, all.len()));
    // More ends than saves: what is saved once more changes nothing.
    let again = std::iter::repeat_n(&all[all.len() - 1], kills.saturating_sub(all.len()));
    for (turn, changes) in all.iter().chain(again).enumerate() {
        let before = model.saved(ALL);
        changes.iter().for_each(|change| model.apply(change.clone()));
        if turn % every != 0 || ended == kills {
            store.save(changes.clone()).await.unwrap();
            continue;
        }
        ended += 1;
        // A save takes about a millisecond.
        let written = save_and_end(postgres, &store, changes, rng.below(3_000)).await;
        // The server is started anew.
        drop(store);
        store = start(postgres, name).await;
        let found = store.load(ALL).await.unwrap();
        let is_whole = found == model.saved(ALL);
        assert!(is_whole || (!written && found == before), "{name}, turn {turn}, written: {written}");
        if !is_whole {
            undone += 1;
            store.save(changes.clone()).await.unwrap();
        }
    }
    assert_eq!((ended, store.load(ALL).await), (kills, Ok(model.saved(ALL))));
    undone
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_database_at_any_moment_leaves_what_was_written_down() {
    let Some(postgres) = Postgres::start(None) else { return };
    let kills = std::env::var("STATUS_TEST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    for (number, text) in (0..).zip(SCENARIOS) {
        let all = saves(&Scenario::read(text).unwrap()).unwrap();
        let own = if number == 0 { kills / 2 } else { kills - kills / 2 };
        let undone = play(&postgres, &format!("lab{number}"), &all, own).await;
        println!("{own} ends, of which {undone} undid the save that was under way");
    }
}
