//! The same scenarios over real sockets come to the same decisions as in virtual time.

use status_server::rehearsal::rehearse;
use status_sim::Decisions;
use status_sim::expect::unmet;
use status_sim::run::{Ending, run};
use status_sim::scenario::Scenario;
use tokio_util::sync::CancellationToken;

/// So many times as fast: a limit of 10 s is then 400 ms, and a busy machine is late by less.
const SPEED: u32 = 25;

async fn comes_to_the_same(text: &str) {
    status_adapters::install_crypto();
    let scenario = Scenario::read(text).expect("the scenario is well written");
    let virtual_run = run(&scenario, Ending::AsWritten).expect("the settings make sense");
    assert_eq!(virtual_run.unmet, [], "in virtual time");
    let timeline = rehearse(&scenario, SPEED, CancellationToken::new()).await.expect("it can be played");
    let differences = Decisions::of(&virtual_run.timeline).differences(&Decisions::of(&timeline));
    assert!(differences.is_empty(), "{differences:#?}\n{:#?}", timeline.entries);
    assert_eq!(unmet(&scenario, &timeline), [], "over real sockets");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_that_freezes() {
    comes_to_the_same(
        r#"
        name = "A camera freezes and is restarted"
        lasts = "3m"
        lab = { experiments = 3 }
        settings = { health_startup = "20s" }
        steps = [
            { at = "40s", do = "silence", what = "pend01-st-video" },
            { at = "100s", do = "transmit", what = "pend01-st-video" },
            { at = "140s", do = "lose_jump", what = "pend02" },
        ]
        expect = [
            { at = "95s", unavailable = ["r-pend01"], available = ["r-pend00"] },
            { mails = 4, available = ["r-pend00", "r-pend01", "r-pend02"], unhealthy = ["pend02"] },
        ]
        "#,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn book_and_relay_are_restarted() {
    comes_to_the_same(
        r#"
        name = "Book is restarted, then relay"
        lasts = "6m"
        lab = { experiments = 2 }
        settings = { health_startup = "20s", query_book_every = "30s" }
        steps = [
            { at = "40s", do = "unplug", what = "pend01" },
            { at = "80s", do = "restart_book" },
            { at = "150s", do = "load_manifest" },
            { at = "240s", do = "down", what = "relay", for = "40s" },
        ]
        expect = [
            { at = "75s", unavailable = ["r-pend01"], available = ["r-pend00"] },
            { at = "145s", alerts = ["book has no manifest"] },
            { at = "235s", unavailable = ["r-pend01"], available = ["r-pend00"], alerts = [] },
            { at = "275s", unavailable = ["r-pend00"], alerts = ["relay is silent"] },
            { available = ["r-pend00"], unavailable = ["r-pend01"], alerts = [] },
        ]
        "#,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_server_that_refuses_and_a_server_that_is_killed() {
    comes_to_the_same(
        r#"
        name = "The mail server refuses, and the server is killed"
        lasts = "4m"
        lab = { experiments = 2 }
        settings = { health_startup = "20s", query_book_every = "1m" }
        steps = [
            { at = "35s", do = "refuse", what = "mail", for = "30s" },
            { at = "40s", do = "never", what = "pend00-st-data" },
            { at = "150s", do = "kill" },
            { at = "160s", do = "start" },
            { at = "210s", do = "transmit", what = "pend00-st-data" },
        ]
        expect = [
            { at = "120s", mailed = ["This mail is late"], unavailable = ["r-pend00"] },
            { available = ["r-pend00", "r-pend01"] },
        ]
        "#,
    )
    .await;
}
