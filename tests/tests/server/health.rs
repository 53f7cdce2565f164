//! Both tables of health: streams against availability, and events against mails.

use status_sim::mock::Lab;

use crate::support::{Running, section, services};

#[tokio::test]
async fn required_streams_decide_what_can_be_booked_and_nothing_else_does() {
    let lab = Lab::with_experiments(10, &["data", "video"]);
    for extra in ["pend05", "pend06", "pend07"] {
        lab.add_streams(extra, &["log"]);
    }
    lab.set_resource("r-pend09-data", "pend09", &["st-data"]);
    lab.add_experiment("spin00", &["data"]);
    lab.remove_resource("r-spin00");
    let running = Running::start(services(&lab).await, &[]).await;
    running.mail_about("pend00 ok A").await;
    running.mail_about("spin00 ok   U").await;

    running.silence("pend01-st-video");
    lab.never_transmitted("pend02-st-data");
    lab.disconnect("pend03-st-video");
    lab.set_jump("pend04", false);
    running.silence("pend05-st-log");
    lab.never_transmitted("pend06-st-log");
    lab.disconnect("pend07-st-log");
    lab.unplug("pend08");
    running.silence("pend09-st-video");
    lab.set_jump("spin00", false);

    let book = [
        ("r-pend00", true),
        ("r-pend01", false),
        ("r-pend02", false),
        ("r-pend03", false),
        ("r-pend04", true),
        ("r-pend05", true),
        ("r-pend06", true),
        ("r-pend07", true),
        ("r-pend08", false),
        ("r-pend09", false),
        ("r-pend09-data", true),
    ];
    running.booked(&book).await;
    running.mail_about("pend04 -- A   [missing jump]\n").await;
    let last = running.witness("well00").await;
    running.booked(&book).await;
    assert_eq!(
        section(&last, "All current problems"),
        [
            "pend01 ><   U [unhealthy pend01-st-video]",
            "pend02 ><   U [unhealthy pend02-st-data]",
            "pend03 ><   U [missing required pend03-st-video]",
            "pend04 -- A   [missing jump]",
            "pend05 -- A   [unhealthy pend05-st-log]",
            "pend06 -- A   [unhealthy pend06-st-log]",
            "pend07 -- A   [missing pend07-st-log]",
            "pend08 ><   U [missing jump, missing required pend08-st-data, missing required pend08-st-video]",
            "pend09 ><   U [unhealthy pend09-st-video]",
            "spin00 ><   U [missing jump]",
        ]
    );
    let touched = running.services.book.requests().into_iter().filter(|request| request.method == "PUT");
    assert!(touched.clone().all(|request| !request.resource.unwrap().contains("spin00")));
    assert_eq!(touched.count(), 5, "one change for each resource that is dead");
    running.stop().await;
}

#[tokio::test]
async fn what_works_again_can_be_booked_again() {
    let running = Running::well(3, &[]).await;
    running.silence("pend00-st-video");
    running.lab.unplug("pend01");
    running.lab.never_transmitted("pend02-st-data");
    running.booked(&[("r-pend00", false), ("r-pend01", false), ("r-pend02", false)]).await;
    running.mail_about("missing jump, missing required pend01-st-data").await;
    running.lab.plug_all();
    running.booked(&[("r-pend00", true), ("r-pend01", true), ("r-pend02", true)]).await;
    running.mail_about("pend01 ok A").await;
    let mail = running.witness("well00").await;
    assert_eq!(section(&mail, "All current problems"), [""; 0]);
    running.stop().await;
}

#[tokio::test]
async fn twins_watchers_and_clients_are_not_mistaken_for_the_experiment() {
    let running = Running::well(2, &[]).await;
    running.lab.set_twins("pend00-st-video", 3);
    running.lab.set_watchers("pend00-st-data", 5);
    running.lab.set_jump_twins("pend00", 2);
    running.lab.set_jump_clients("pend00", 4);
    running.nothing_was_news_until(2).await;
    // People still watch what is gone, and clients still wait for it.
    running.lab.set_watchers("pend01-st-video", 2);
    running.lab.set_jump_clients("pend01", 2);
    running.lab.disconnect("pend01-st-video");
    let mail = running.mail(3).await;
    let problem = "pend01 ><   U [missing required pend01-st-video]";
    assert_eq!(section(&mail, "New health events"), [problem]);
    let known: Vec<String> = running.names().await;
    assert_eq!(known, ["pend00", "pend01", "witness2"]);
    running.stop().await;
}

#[tokio::test]
async fn what_nothing_names_any_more_is_forgotten() {
    let running = Running::well(2, &[("STATUS_FORGET_AFTER", "4s")]).await;
    running.witness("spare00").await;
    running.lab.add_streams("pend00", &["log"]);
    running.lab.remove_experiment("spare00");
    running.lab.remove_experiment("pend01");
    running.mail_about("spare00 ><   U [missing jump, missing spare00-st-data]").await;
    running.lab.disconnect("pend00-st-log");
    running.log.line(&["INFO", "forgot spare00"]).await;
    running.log.line(&["INFO", "forgot stream pend00-st-log"]).await;
    assert_eq!(running.names().await, ["pend00", "pend01"], "one that the manifest names is never forgotten");
    let after = running.witness("well00").await;
    assert_eq!(section(&after, "All current problems").len(), 1, "{}", after.body);
    running.stop().await;
}
