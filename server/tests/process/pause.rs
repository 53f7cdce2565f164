//! The process is stopped for a while, as a suspended machine would be.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Status, get, lab_services, mail, silence};

/// Book is asked so rarely that the next deadline is when something turns stale.
const RARELY: (&str, &str) = ("STATUS_QUERY_BOOK_EVERY", "15m");

#[tokio::test]
async fn a_process_that_was_stopped_mails_no_outage_that_was_none() {
    let services = lab_services(2).await;
    let mut status = Status::serve(&services, &[RARELY, ("STATUS_HEALTH_LAST", "4s")]);
    let port = status.port().await;
    mail(&services, 1).await;
    status.signal(Signal::STOP);
    // It is not waited for anything but for time to pass: more than twice the limit.
    tokio::time::sleep(Duration::from_secs(9)).await;
    status.signal(Signal::CONT);
    status.out.line(&["warn", " late (suspended or stopped?)"]).await;
    status.out.line(&["judging again after the pause"]).await;

    silence(&services, "pend00-st-video");
    let next = mail(&services, 2).await;
    assert!(
        next.body.contains("(1 issues, 0 ok):\npend00 ><   U [unhealthy pend00-st-video]\n"),
        "{}",
        next.body
    );
    assert!(!next.body.contains("System alerts:"), "{}", next.body);
    let events = get(port, "/api/v1/experiments/events/pend01").await;
    assert_eq!(events.matches("\"when\"").count(), 1, "{events}");
    status.stop().await;
}

#[tokio::test]
async fn connections_that_broke_while_it_was_stopped_are_no_outage_either() {
    let services = lab_services(2).await;
    let mut status = Status::serve(&services, &[RARELY, ("STATUS_HEALTH_LAST", "4s")]);
    mail(&services, 1).await;
    status.signal(Signal::STOP);
    services.relay.drop_websockets();
    services.jump.drop_websockets();
    tokio::time::sleep(Duration::from_secs(9)).await;
    status.signal(Signal::CONT);
    status.out.line(&["judging again after the pause"]).await;
    services.lab.set_jump("pend00", false);
    let next = mail(&services, 2).await;
    assert!(next.body.contains("(1 issues, 0 ok):\npend00 -- A   [missing jump]\n"), "{}", next.body);
    assert!(!next.body.contains("System alerts:"), "{}", next.body);
    status.stop().await;
}
