//! Book is down, hangs, forgets, loses answers and talks rubbish.

use status_sim::mock::{BookFault, BookState, Lab};

use crate::support::{LONG, Running, on_time, section, services};

/// Waits for something that book knows or was asked.
async fn book_has(running: &Running, condition: impl FnMut(&BookState) -> bool) -> BookState {
    on_time(running.services.book.wait_for(condition, LONG).await)
}

/// Waits until book was asked so many more times.
async fn book_is_asked(running: &Running, more: u64) {
    let before = running.services.book.state().asked;
    book_has(running, |state| state.asked >= before + more).await;
}

/// How often a change of the resource was asked for.
fn changes(running: &Running, resource: &str) -> usize {
    running.services.book.state().changes_asked(resource)
}

#[tokio::test]
async fn book_may_be_down_at_the_start_and_come_up_later() {
    let lab = Lab::with_experiments(2, &["data"]);
    lab.never_transmitted("pend00-st-data");
    let services = services(&lab).await;
    services.book.set_fault(BookFault::Down);
    let running = Running::start(services, &[]).await;
    let mail = running.mail_about("System alerts:\nbook cannot be asked since").await;
    let alert = section(&mail, "System alerts:")[0];
    assert!(alert.contains("502 Bad Gateway") && alert.contains("likely cause"), "{alert}");
    running.mail_about("pend00 ><   U [unhealthy pend00-st-data]").await;
    assert_eq!(changes(&running, "r-pend00"), 0);

    running.services.book.set_fault(BookFault::None);
    running.mail_about("No longer a system alert:\nbook cannot be asked").await;
    running.booked(&[("r-pend00", false), ("r-pend01", true)]).await;
    running.ready().await;
    running.stop().await;
}

#[tokio::test]
async fn feeds_mail_and_api_go_on_while_book_hangs() {
    let running = Running::well(2, &[("STATUS_TIMEOUT_BOOK", "3s")]).await;
    running.services.book.set_fault(BookFault::Hang);
    book_is_asked(&running, 1).await;
    running.silence("pend00-st-video");
    let mail = running.mail_about("pend00 ><   U [unhealthy pend00-st-video]").await;
    assert_eq!(section(&mail, "New health events").len(), 1);
    assert_eq!(running.experiment("pend00").await["available"], false);
    assert!(running.services.book.is_available("r-pend00"), "book does not listen");
    running.lab.set_jump("pend01", false);
    running.mail_about("pend01 -- A   [missing jump]").await;

    running.services.book.set_fault(BookFault::None);
    running.booked(&[("r-pend00", false), ("r-pend01", true)]).await;
    running.stop().await;
}

#[tokio::test]
async fn a_restarted_book_is_left_alone_until_somebody_uploads_the_manifest() {
    let running = Running::well(2, &[]).await;
    running.silence("pend00-st-video");
    running.booked(&[("r-pend00", false)]).await;
    running.mail(2).await;
    running.services.book.restart();
    let mail = running.mail(3).await;
    assert!(
        section(&mail, "System alerts:")[0].starts_with("book has no manifest since 20"),
        "{}",
        mail.body
    );
    let asked = [changes(&running, "r-pend00"), changes(&running, "r-pend01")];
    running.silence("pend01-st-data");
    let mail = running.mail(4).await;
    assert_eq!(section(&mail, "New health events"), ["pend01 ><   U [unhealthy pend01-st-data]"]);
    book_is_asked(&running, 2).await;
    assert_eq!([changes(&running, "r-pend00"), changes(&running, "r-pend01")], asked);

    running.services.book.load_manifest();
    running.booked(&[("r-pend00", false), ("r-pend01", false)]).await;
    let mail = running.mail(5).await;
    assert!(section(&mail, "No longer a system alert:")[0].starts_with("book has no manifest"));
    running.nothing_was_news_until(6).await;
    running.stop().await;
}

#[tokio::test]
async fn what_a_reloaded_manifest_makes_available_is_put_right_at_the_next_query() {
    let running = Running::well(2, &[]).await;
    running.silence("pend00-st-video");
    running.booked(&[("r-pend00", false)]).await;
    for _ in 0..2 {
        running.services.book.load_manifest();
        assert!(running.services.book.is_available("r-pend00"));
        let state = book_has(&running, |state| !state.is_available("r-pend00")).await;
        let reason = "status server: the equipment is not working at the moment (no video); \
                      it can be booked again as soon as it works";
        assert_eq!(state.reason("r-pend00"), reason);
    }
    assert_eq!(changes(&running, "r-pend01"), 0);
    running.nothing_was_news_until(3).await;
    running.stop().await;
}

#[tokio::test]
async fn a_manifest_with_other_requirements_replaces_the_one_before() {
    let running = Running::well(1, &[]).await;
    running.silence("pend00-st-video");
    running.booked(&[("r-pend00", false)]).await;
    running.lab.set_resource("r-pend00", "pend00", &["st-data"]);
    running.services.book.load_manifest();
    let well = running.witness("well00").await;
    assert_eq!(section(&well, "All current problems"), ["pend00 -- A   [unhealthy pend00-st-video]"]);
    running.booked(&[("r-pend00", true)]).await;
    assert_eq!(changes(&running, "r-pend00"), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_looked_up_and_not_repeated() {
    let running = Running::well(1, &[("STATUS_TIMEOUT_BOOK", "1s")]).await;
    running.services.book.set_fault(BookFault::LosesAnswers);
    running.silence("pend00-st-video");
    let read_after_change = |state: &BookState| {
        let mut requests = state.requests.iter().filter(|request| request.resource.is_some());
        requests.any(|request| request.method == "PUT") && requests.any(|request| request.method == "GET")
    };
    book_has(&running, read_after_change).await;
    running.lab.transmit("pend00-st-video");
    book_has(&running, |state| state.changes_asked("r-pend00") == 2).await;
    running.services.book.set_fault(BookFault::None);
    running.nothing_was_news_until(4).await;
    running.booked(&[("r-pend00", true)]).await;
    assert_eq!(changes(&running, "r-pend00"), 2, "one to take it out, and one to put it back");
    running.stop().await;
}

#[tokio::test]
async fn a_change_that_is_refused_is_tried_again_until_it_succeeds() {
    is_tried_again_after(BookFault::RefusesChanges).await;
}

#[tokio::test]
async fn a_change_that_book_does_not_keep_is_tried_again_until_it_does() {
    is_tried_again_after(BookFault::IgnoresChanges).await;
}

async fn is_tried_again_after(fault: BookFault) {
    let running = Running::well(1, &[]).await;
    running.services.book.set_fault(fault);
    running.silence("pend00-st-video");
    book_has(&running, |state| state.changes_asked("r-pend00") == 1).await;
    assert!(running.services.book.is_available("r-pend00"));
    running.services.book.set_fault(BookFault::None);
    running.booked(&[("r-pend00", false)]).await;
    assert_eq!(changes(&running, "r-pend00"), 2);
    running.nothing_was_news_until(3).await;
    running.stop().await;
}

#[tokio::test]
async fn rubbish_from_book_is_refused_and_changes_nothing() {
    let running = Running::well(1, &[]).await;
    let before = running.experiment("pend00").await;
    running.services.book.set_fault(BookFault::Html);
    let mail = running.mail(2).await;
    let alert = section(&mail, "System alerts:")[0];
    assert!(alert.contains("a web page") && alert.contains("STATUS_BASEPATH_BOOK"), "{alert}");
    let url = format!("http://{}/tenant/book/api/v1/admin/resources", running.services.book.address());
    running.log.line(&["WARN", "book answered nonsense to GET", &url]).await;
    let deep = "[".repeat(100_000);
    for body in
        ["rubbish", "[]", "null", "{\"r-pend00\":", "{\"r-pend00\":null}", "{\"r-pend00\":[1]}", &deep]
    {
        running.services.book.set_fault(BookFault::Answers { status: 200, body: body.to_owned() });
        book_is_asked(&running, 2).await;
    }
    let after = running.experiment("pend00").await;
    for field in ["available", "healthy", "stream_required", "resource_name", "health_events"] {
        assert_eq!(after[field], before[field]);
    }
    running.services.book.set_fault(BookFault::None);
    let mail = running.mail(3).await;
    assert!(section(&mail, "No longer a system alert:")[0].starts_with("book cannot be asked"));
    running.nothing_was_news_until(4).await;
    assert_eq!(changes(&running, "r-pend00"), 0);
    running.stop().await;
}

#[tokio::test]
async fn a_person_who_takes_something_out_is_respected_until_a_person_puts_it_back() {
    let running = Running::well(1, &[]).await;
    running.services.book.override_resource("r-pend00", false, "new bearings are fitted");
    running.log.line(&["WARN", "r-pend00", "a person took it out: new bearings are fitted"]).await;
    let held = &running.experiment("pend00").await["held"];
    assert_eq!(held["r-pend00"], "new bearings are fitted");
    running.silence("pend00-st-video");
    running.mail(2).await;
    running.lab.transmit("pend00-st-video");
    running.mail(3).await;
    running.nothing_was_news_until(4).await;
    assert_eq!(running.services.book.state().reason("r-pend00"), "new bearings are fitted");
    assert_eq!(changes(&running, "r-pend00"), 0);

    running.services.book.override_resource("r-pend00", true, "repaired");
    running.log.line(&["INFO", "r-pend00 is no longer kept out of booking by a person"]).await;
    running.silence("pend00-st-video");
    running.booked(&[("r-pend00", false)]).await;
    running.services.book.override_resource("r-pend00", true, "but I want it");
    book_has(&running, |state| state.changes_asked("r-pend00") == 2).await;
    running.booked(&[("r-pend00", false)]).await;
    running.stop().await;
}

#[tokio::test]
async fn enforce_overrides_a_person_who_takes_something_out() {
    let running = Running::well(1, &[("STATUS_BOOK_OVERRIDE", "enforce")]).await;
    running.services.book.override_resource("r-pend00", false, "new bearings are fitted");
    running.booked(&[("r-pend00", true)]).await;
    assert!(running.services.book.state().reason("r-pend00").starts_with("status server: "));
    running.stop().await;
}
