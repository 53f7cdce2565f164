//! What people know of an experiment, in the API and in the page, and why its last change was mailed or not.

use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::time::Duration;

use status_adapters::clock::{Clock, SystemClock};
use status_adapters::token::for_person;

use crate::support::Running;

const SECRET: (&str, &str) = ("STATUS_SECRET_ADMIN", "admin-secret");

/// Sends a form of the page as somebody who has signed in.
async fn send(running: &Running, path: &str, form: &[(&str, &str)]) -> (u16, String) {
    let token = for_person(&SECRET.1.into(), "alice", Duration::from_secs(3600), SystemClock.now().wall);
    let body = form.iter().fold(String::new(), |body, (name, value)| {
        let value: String = url_encoded(value);
        format!("{body}&{name}={value}")
    });
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = client
        .request(Method::POST, format!("{}{path}", running.address))
        .header("Cookie", format!("status_token={}", token.expose_secret()))
        .header("Origin", &running.address)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn url_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn detail(running: &Running, name: &str) -> Value {
    running.get(&format!("/api/v1/experiments/{name}")).await.1
}

/// Waits until an experiment is told of so.
async fn is_so(running: &Running, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let coming = async {
        loop {
            let detail = detail(running, name).await;
            if wanted(&detail) {
                return detail;
            }
            running.pause().await;
        }
    };
    match tokio::time::timeout(crate::support::LONG, coming).await {
        Ok(detail) => detail,
        Err(_) => panic!("{name} is so: {}", detail(running, name).await),
    }
}

async fn page(running: &Running, query: &str) -> String {
    running.request(Method::GET, &format!("/{query}")).await.text().await.unwrap()
}

#[tokio::test]
async fn a_problem_is_acknowledged_in_the_page_and_shown_with_why_it_was_mailed() {
    let running = Running::well(2, &[SECRET]).await;
    let calm = is_so(&running, "pend00", |detail| detail["told"]["state"] == "sent").await;
    assert_eq!(
        (&calm["acknowledgement"], &calm["flapping"], &calm["maintenance"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    let (status, _) = send(&running, "/?experiment=pend00", &[("note", "x")]).await;
    assert_eq!(status, 409, "it is well");
    running.silence("pend00-st-video");
    running.mail(2).await;
    let told = is_so(&running, "pend00", |detail| {
        detail["state"] == "unhealthy" && detail["told"]["state"] == "sent"
    })
    .await;
    let told = &told["told"];
    assert!(told["text"].as_str().unwrap().starts_with("mailed at 20"), "{told}");
    let to = told["recipients"].as_array().unwrap();
    assert!(!to.is_empty() && to.iter().all(|one| one["state"] == "sent"), "{told}");
    assert!(to.iter().all(|one| one["to"].as_str().unwrap().contains('…')), "{told}");

    let shown = page(&running, "?experiment=pend00").await;
    assert!(shown.contains("id=acknowledge") && shown.contains("Nobody has acknowledged"), "{shown}");
    assert!(shown.contains("Its last change: mailed at"), "{shown}");
    let (status, again) = send(&running, "/?experiment=pend00", &[("note", "a\u{7}b"), ("until", "")]).await;
    assert_eq!((status, again.contains("id=note-wrong")), (422, true), "{again}");
    let (status, _) = send(&running, "/?experiment=pend00", &[("note", "camera <ordered>")]).await;
    assert_eq!(status, 303);
    let known = running.experiment("pend00").await;
    assert_eq!(
        (&known["acknowledgement"]["by"], &known["acknowledgement"]["note"]),
        (&json!("alice"), &json!("camera <ordered>"))
    );
    assert_eq!(known["acknowledgement"], detail(&running, "pend00").await["acknowledgement"]);
    let shown = page(&running, "?experiment=pend00").await;
    assert!(shown.contains("alice knows of it") && shown.contains("camera &#60;ordered&#62;"), "{shown}");
    assert!(page(&running, "").await.contains("<mark>acknowledged by alice</mark>"));
    // Remarks are no events.
    assert_eq!(running.events("pend00").await.len(), 2);
    let (_, all) = running.get("/api/v1/events").await;
    assert!(!all.to_string().contains("alice"), "{all}");
    let (status, _) = send(&running, "/?experiment=pend00", &[("withdraw", "1")]).await;
    assert_eq!((status, &running.experiment("pend00").await["acknowledgement"]), (303, &Value::Null));
    let (status, again) = send(&running, "/?experiment=pend00", &[("withdraw", "1")]).await;
    assert!(status == 404 && again.contains("no problem of pend00 is acknowledged"), "{status}: {again}");
    running.stop().await;
}

#[tokio::test]
async fn what_is_in_maintenance_says_so_and_its_resource_why_it_is_out() {
    let running = Running::well(2, &[SECRET]).await;
    let form = [
        ("names", "pend0?"),
        ("reason", "new \"bearings\""),
        ("for", "2h"),
        ("booking", "out"),
        ("back", ""),
    ];
    let (status, _) = send(&running, "/?maintenance", &form).await;
    assert_eq!(status, 303);
    running.booked(&[("r-pend00", false), ("r-pend01", false)]).await;
    let well = is_so(&running, "pend00", |detail| detail["maintenance"] == 1).await;
    let resource = &well["resources"][0];
    assert_eq!((&well["available"], &resource["should_be_available"]), (&json!(true), &json!(false)));
    assert_eq!(
        (&resource["hold"]["kind"], &resource["hold"]["reason"]),
        (&json!("maintenance"), &json!("new \"bearings\""))
    );
    assert!(resource["why"].as_str().unwrap().contains("out for maintenance until"), "{resource}");
    let listed = running.experiment("pend00").await;
    assert_eq!((&listed["maintenance"], &listed["hold"]["r-pend00"]), (&json!(1), &resource["hold"]));
    running.silence("pend00-st-video");
    let down = is_so(&running, "pend00", |detail| detail["told"]["state"] == "maintenance").await;
    assert!(down["told"]["text"].as_str().unwrap().contains("it is in maintenance"), "{down}");
    let shown = page(&running, "").await;
    assert!(
        shown.contains("<mark>in maintenance</mark>") && shown.contains("new &#34;bearings&#34;"),
        "{shown}"
    );
    let (_, figures) = (0, running.request(Method::GET, "/metrics").await.text().await.unwrap());
    assert!(figures.contains("\nstatus_maintenance_windows 1"), "{figures}");
    // Its end brings the mail that was held back.
    let (status, _) = send(&running, "/?maintenance", &[("end", "1")]).await;
    assert_eq!(status, 303);
    is_so(&running, "pend00", |detail| detail["told"]["state"] == "sent").await;
    let shown = page(&running, "?experiment=pend00").await;
    assert!(shown.contains("alice ended maintenance 1"), "{shown}");
    running.stop().await;
}

#[tokio::test]
async fn whoever_is_put_off_or_refused_is_told_so() {
    let to = ("STATUS_EMAIL_TO", "ann@example.org,bob@example.org,cleo@example.org");
    let running = Running::well(1, &[to]).await;
    running.services.smtp.set_unknown_recipients(&["ann@example.org"]);
    running.services.smtp.set_full_mailboxes(&["bob@example.org"]);
    running.silence("pend00-st-video");
    let told = is_so(&running, "pend00", |detail| detail["told"]["state"] == "put_off").await;
    let told = &told["told"];
    let text = told["text"].as_str().unwrap();
    assert!(
        text.contains("refused by the mail server for 1 recipient; put off by the mail server for 1"),
        "{told}"
    );
    assert!(told["until"].is_string() && told["at"].is_string(), "{told}");
    let states: Vec<(&str, &str)> = told["recipients"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["to"].as_str().unwrap(), one["state"].as_str().unwrap()))
        .collect();
    assert!(states.contains(&("a…@example.org", "refused")), "{told}");
    assert!(states.contains(&("b…@example.org", "put_off")), "{told}");
    assert!(states.contains(&("c…@example.org", "sent")), "{told}");
    let page = page(&running, "?experiment=pend00").await;
    assert!(page.contains("b…@example.org: put off") && !page.contains("bob@"), "{page}");
    running.stop().await;
}

#[tokio::test]
async fn what_is_collected_waits_until_it_is_due() {
    let running = Running::well(1, &[("STATUS_EMAIL_EVERY", "1h")]).await;
    running.silence("pend00-st-video");
    let told = is_so(&running, "pend00", |detail| detail["told"]["state"] == "waiting").await;
    assert!(told["told"]["text"].as_str().unwrap().starts_with("to be mailed at "), "{told}");
    assert!(told["told"]["until"].is_string(), "{told}");
    running.stop().await;
}

#[tokio::test]
async fn what_flaps_says_so_and_is_mailed_no_more() {
    let running = Running::well(1, &[("STATUS_FLAP_AFTER", "2")]).await;
    let now_and_then = |times: usize| {
        let running = &running;
        async move {
            for _ in 0..times {
                running.silence("pend00-st-video");
                is_so(running, "pend00", |detail| detail["healthy"] == false).await;
                running.lab.transmit("pend00-st-video");
                is_so(running, "pend00", |detail| detail["healthy"] == true).await;
            }
        }
    };
    now_and_then(2).await;
    let known = is_so(&running, "pend00", |detail| !detail["flapping"].is_null()).await;
    assert_eq!(
        (&known["flapping"]["what"], &known["flapping"]["times"]),
        (&json!("pend00-st-video"), &json!(2))
    );
    assert_eq!(running.experiment("pend00").await["flapping"], known["flapping"]);
    now_and_then(1).await;
    let muted = is_so(&running, "pend00", |detail| detail["told"]["state"] == "flapping").await;
    assert!(muted["told"]["text"].as_str().unwrap().contains("it is flapping"), "{muted}");
    assert!(page(&running, "").await.contains("<mark>flapping</mark>"));
    let shown = page(&running, "?experiment=pend00").await;
    assert!(shown.contains("<strong>Flapping:</strong> pend00-st-video was lost 3 times"), "{shown}");
    assert!(shown.contains("pend00 is flapping: pend00-st-video was lost 2 times"), "{shown}");
    running.stop().await;
}
