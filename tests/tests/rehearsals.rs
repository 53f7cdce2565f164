//! The same scenarios over real sockets come to the same decisions as in virtual time.

use status_server::command::wire_run::play_over_wire;
use status_sim::Decisions;
use status_sim::expect::unmet;
use status_sim::run::{Ending, run};
use status_sim::scenario::Scenario;
use tokio_util::sync::CancellationToken;

/// So many times as fast: reports come every 200 ms then, and the limit of 30 s that the scenarios here
/// set is 1.2 s. A machine that is busy for a second changes no verdict.
const SPEED: u32 = 25;

async fn comes_to_the_same(text: &str) {
    status_adapters::install_crypto();
    let scenario = Scenario::read(text).expect("the scenario is well written");
    let virtual_run = run(&scenario, Ending::AsWritten).expect("the settings make sense");
    assert_eq!(virtual_run.unmet, [], "in virtual time");
    let timeline =
        play_over_wire(&scenario, SPEED, CancellationToken::new()).await.expect("it can be played");
    let differences = Decisions::of(&virtual_run.timeline).differences(&Decisions::of(&timeline));
    assert!(differences.is_empty(), "{differences:#?}\n{:#?}", timeline.entries);
    assert_eq!(unmet(&scenario, &timeline), [], "over real sockets");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_that_freezes() {
    comes_to_the_same(
        r#"
        name = "A camera freezes and is restarted"
        lasts = "6m"
        lab = { experiments = 3 }
        settings = { health_startup = "20s", health_last = "30s" }
        steps = [
            { at = "60s", do = "silence", what = "pend01-st-video" },
            { at = "160s", do = "transmit", what = "pend01-st-video" },
            { at = "240s", do = "lose_jump", what = "pend02" },
        ]
        expect = [
            { at = "140s", unavailable = ["r-pend01"], available = ["r-pend00"] },
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
        lasts = "8m"
        lab = { experiments = 2 }
        settings = { health_startup = "20s", health_last = "30s", query_book_every = "30s" }
        steps = [
            { at = "40s", do = "unplug", what = "pend01" },
            { at = "120s", do = "restart_book" },
            { at = "200s", do = "load_manifest" },
            { at = "290s", do = "down", what = "relay", for = "80s" },
        ]
        expect = [
            { at = "110s", unavailable = ["r-pend01"], available = ["r-pend00"] },
            { at = "190s", alerts = ["book has no manifest"] },
            { at = "280s", unavailable = ["r-pend01"], available = ["r-pend00"], alerts = [] },
            { at = "360s", unavailable = ["r-pend00"], alerts = ["relay is silent"] },
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
        lasts = "6m"
        lab = { experiments = 2 }
        settings = { health_startup = "20s", health_last = "30s", query_book_every = "1m" }
        steps = [
            { at = "45s", do = "refuse", what = "mail", for = "60s" },
            { at = "50s", do = "never", what = "pend00-st-data" },
            { at = "190s", do = "kill" },
            { at = "200s", do = "start" },
            { at = "270s", do = "transmit", what = "pend00-st-data" },
        ]
        expect = [
            { at = "170s", mailed = ["This mail is late"], unavailable = ["r-pend00"] },
            { available = ["r-pend00", "r-pend01"] },
        ]
        "#,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_say_of_an_outage() {
    comes_to_the_same(
        r#"
        name = "A window of maintenance and an acknowledgement outlive the server"
        lasts = "7m"
        lab = { experiments = 3 }
        settings = { health_startup = "20s", health_last = "30s" }
        steps = [
            { at = "60s", do = "maintain", what = ["pend01", "@book"], for = "4m", reason = "new bearings" },
            { at = "70s", do = "unplug", what = "pend01" },
            { at = "80s", do = "silence", what = "pend02-st-video" },
            { at = "160s", do = "acknowledge", what = ["pend00", "pend02"], note = "ordered" },
            { at = "190s", do = "kill" },
            { at = "195s", do = "maintain", what = "pend00", for = "1h" },
            { at = "200s", do = "start" },
            { at = "370s", do = "withdraw_acknowledgement", what = "pend02" },
        ]
        expect = [
            { at = "50s", maintained = [], acknowledged = [] },
            { at = "150s", within = "85s", mailed = ["New health events (1 issues, 0 ok):\npend02 ><"], maintained = ["@book", "pend01"] },
            { at = "280s", acknowledged = ["pend02"], maintained = ["@book", "pend01"] },
            { at = "360s", within = "80s", mailed = ["New health events (1 issues, 0 ok):\npend01 ><"], maintained = [], acknowledged = ["pend02"] },
            { acknowledged = [], unavailable = ["r-pend01", "r-pend02"], available = ["r-pend00"] },
        ]
        "#,
    )
    .await;
}
