//! A server that only observes, beside another one.

use crate::support::{LONG, Running, services};
use reqwest::Method;
use status_sim::mock::Lab;

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
    running.booked(&[("r-pend00", true), ("r-pend01", true)]).await;
    running.stop().await;
}
