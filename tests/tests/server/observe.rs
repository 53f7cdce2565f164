//! A server that only observes, beside another one.

use crate::support::{LONG, Running, services};
use reqwest::Method;
use status_sim::mock::{Lab, SmtpFault};

#[tokio::test]
async fn nothing_is_set_and_nothing_mailed_and_what_would_have_been_is_shown() {
    let lab = Lab::with_experiments(2, &["data", "video"]);
    let running = Running::start(services(&lab).await, &[("STATUS_MODE", "observe")]).await;
    running.ready().await;
    running.silence("pend01-st-video");
    let coming = async {
        loop {
            let system = running.get("/api/v1/system").await.1;
            let told = system["withheld"].as_array().unwrap().clone();
            if told.iter().any(|one| one["kind"] == "availability")
                && told.iter().any(|one| one["kind"] == "mail")
            {
                return system;
            }
            running.pause().await;
        }
    };
    let system = tokio::time::timeout(LONG, coming).await.unwrap();
    assert_eq!((&system["mode"], &system["mail"]["state"]), (&"observe".into(), &"off".into()));
    let short = system["withheld"].to_string();
    assert!(short.contains("r-pend01 would be taken out of booking: status server: "), "{short}");
    assert!(
        !short.contains("New health events"),
        "a stream does not tell whole mails again and again: {short}"
    );
    let whole = running.get("/api/v1/withheld").await.1.to_string();
    assert!(whole.contains("pend01 ><   U [unhealthy pend01-st-video]"), "{whole}");
    assert_eq!(running.experiment("pend01").await["available"], false, "it decides all the same");
    let page = running.request(Method::GET, "/").await.text().await.unwrap();
    assert!(page.contains("Only observing") && page.contains("r-pend01 would be taken out"), "{page}");
    assert_eq!(running.mails(), 0);
    // What is, and what would be, are told apart.
    let is = &system["bookings"];
    assert_eq!([&is["bookable"], &is["out"], &is["would_be_out"]], [2, 0, 1], "{system}");
    assert_eq!([&system["counts"]["available"], &system["counts"]["unavailable"]], [1, 1], "{system}");
    assert!(
        page.contains("<strong>✓ none out</strong><span>2 of 2 bookable; would be: 1 out</span>"),
        "{page}"
    );
    assert!(page.contains("bookable, by book; would be: out"), "{page}");
    let detail = running.get("/api/v1/experiments/pend01").await.1;
    let why = detail["resources"][0]["why"].as_str().unwrap();
    let wanted = "not ok: pend01-st-video; it would be taken out of booking, but this server only observes";
    assert_eq!(why, wanted);
    let detail = running.request(Method::GET, "/?experiment=pend01").await.text().await.unwrap();
    for page in [page, detail] {
        assert!(!page.contains("to be told") && !page.contains("to be taken out"), "{page}");
    }
    running.booked(&[("r-pend00", true), ("r-pend01", true)]).await;
    running.stop().await;
}

#[tokio::test]
async fn mails_that_an_acting_server_left_wait_and_are_no_trouble() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("status.db");
    let store = ("STATUS_STORE", store.to_str().unwrap());
    let lab = Lab::with_experiments(2, &["data", "video"]);
    let running = Running::start(services(&lab).await, &[store]).await;
    running.services.smtp.set_fault(SmtpFault::RecipientsLater);
    let undelivered = async |running: &Running, wanted: fn(&serde_json::Value) -> bool| {
        let coming = async {
            loop {
                let system = running.get("/api/v1/system").await.1;
                if wanted(&system) {
                    return system;
                }
                running.pause().await;
            }
        };
        tokio::time::timeout(LONG, coming).await.unwrap()
    };
    undelivered(&running, |system| system["mail"]["state"] == "waiting").await;
    running.stop().await;

    let running = Running::start(services(&lab).await, &[store, ("STATUS_MODE", "observe")]).await;
    let system = undelivered(&running, |system| system["state"] == "ok").await;
    let mail = &system["mail"];
    assert_eq!((&mail["state"], &mail["undelivered"], &mail["kept"]), (&"off".into(), &0.into(), &1.into()));
    let ready = running.get("/readyz").await.1;
    assert_eq!((&ready["undelivered_mails"], &ready["kept_mails"]), (&0.into(), &1.into()), "{ready}");
    assert_eq!(ready["undelivered"], serde_json::json!([]));
    let page = running.request(Method::GET, "/").await.text().await.unwrap();
    assert!(
        page.contains("– none is sent</strong><span>1 of an earlier run waits until it acts again"),
        "{page}"
    );
    let figures = running.request(Method::GET, "/metrics").await.text().await.unwrap();
    for line in
        ["status_outbox_mails 0.0", "status_outbox_kept_mails 1.0", "status_outbox_oldest_age_seconds 0.0"]
    {
        assert!(figures.contains(line), "{line} in {figures}");
    }
    running.stop().await;

    let running = Running::start(services(&lab).await, &[store]).await;
    running.mail_about("New health events (0 issues, 2 ok):").await;
    running.stop().await;
}
