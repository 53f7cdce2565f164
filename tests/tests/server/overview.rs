//! What is told of the lab as a whole, and why an experiment is as it is.

use reqwest::Method;
use serde_json::{Value, json};
use status_sim::mock::{BookFault, FeedFault, Lab};

use crate::support::{LONG, Running, services};

/// Waits until the system is as wanted.
async fn system(running: &Running, wanted: impl Fn(&Value) -> bool) -> Value {
    let coming = async {
        loop {
            let (_, system) = running.get("/api/v1/system").await;
            if wanted(&system) {
                return system;
            }
            running.pause().await;
        }
    };
    let last = running.get("/api/v1/system").await.1;
    tokio::time::timeout(LONG, coming).await.unwrap_or_else(|_| panic!("it was {last}"))
}

#[tokio::test]
async fn the_system_is_told_as_it_stands() {
    let running = Running::well(3, &[]).await;
    let first = system(&running, |system| system["counts"]["available"] == 3).await;
    assert_eq!(first["counts"]["experiments"], 3);
    assert_eq!(first["counts"]["healthy"], 3);
    assert_eq!(first["mode"], "act");
    assert_eq!(
        [&first["relay"]["state"], &first["jump"]["state"], &first["book"]["state"]],
        ["ok", "ok", "ok"]
    );
    assert_eq!([&first["mail"]["state"], &first["store"]["state"]], ["ok", "off"]);
    assert!(first["relay"]["age_seconds"].as_f64().unwrap() < 60.0);
    assert_eq!(first["alerts"], json!([]));
    // Book's first answers may still come, but not for ever.
    let mut tries = 0..50;
    let first = loop {
        assert!(tries.next().is_some(), "snapshots are no change");
        let first = running.get("/api/v1/system").await.1;
        let snapshots = first["relay"]["snapshots"].as_u64().unwrap() + 3;
        let later =
            system(&running, |system| system["relay"]["snapshots"].as_u64().unwrap() >= snapshots).await;
        if later["revision"] == first["revision"] {
            break first;
        }
    };

    running.lab.disconnect("pend01-st-video");
    let ill = system(&running, |system| system["counts"]["unhealthy"] == 1).await;
    assert_ne!(ill["revision"], first["revision"]);
    running.services.relay.set_fault(FeedFault::Down);
    let silent = system(&running, |system| system["relay"]["state"] == "silent").await;
    assert!(silent["relay"]["age_seconds"].as_f64().unwrap() > 1.9, "{silent}");
    let silent = system(&running, |system| system["alerts"] != json!([])).await;
    assert_eq!(silent["alerts"][0]["alert"], "relay_silent");
    assert!(silent["alerts"][0]["advice"].is_string());
    running.services.book.restart();
    system(&running, |system| system["book"]["state"] == "empty").await;
    running.stop().await;
}

#[tokio::test]
async fn an_experiment_tells_why_it_is_as_it_is() {
    let running = Running::well(2, &[]).await;
    running.silence("pend01-st-video");
    running.services.book.override_resource("r-pend00", false, "new bearings are fitted");
    running.booked(&[("r-pend01", false)]).await;
    let why = async |name: &str, wanted: fn(&Value) -> bool| {
        loop {
            let (status, why) = running.get(&format!("/api/v1/experiments/{name}")).await;
            assert_eq!(status, 200);
            if wanted(&why) {
                return why;
            }
            running.pause().await;
        }
    };
    let ill = why("pend01", |why| why["resources"][0]["book_says_available"] == false).await;
    assert_eq!((&ill["state"], &ill["available"]), (&json!("unhealthy"), &json!(false)));
    assert_eq!(ill["issues"], json!(["unhealthy pend01-st-video"]));
    let video = &ill["streams"][1];
    assert_eq!((&video["topic"], &video["verdict"]), (&json!("pend01-st-video"), &json!("silent")));
    assert_eq!((&video["required"], &video["ok"]), (&json!(true), &json!(false)));
    assert!(video["silent_seconds"].as_f64().unwrap() >= 2.0, "since it was last seen to transmit: {video}");
    assert!(video["age_seconds"].as_f64().unwrap() < 60.0);
    assert!(video["why"].as_str().unwrap().contains("silent for more than 2s"));
    let resource = &ill["resources"][0];
    assert_eq!((&resource["should_be_available"], &resource["set_by"]), (&json!(false), &json!("status")));
    assert_eq!(resource["failing"], json!(["pend01-st-video"]));
    let uptime = &ill["uptime"]["last_24h"];
    assert!(
        uptime["healthy_share"].as_f64().unwrap() > 0.0
            && uptime["unknown_seconds"].as_f64().unwrap() > 80_000.0
    );
    assert_eq!(ill["uptime"]["days"].as_array().unwrap().len(), 30);
    assert_eq!(
        (ill["uptime"]["outages"].as_array().unwrap().len(), &ill["uptime"]["outages"][0]["to"]),
        (1, &Value::Null)
    );

    let held = why("pend00", |why| why["resources"][0]["held"] == true).await;
    assert_eq!(held["resources"][0]["set_by"], "person");
    assert!(held["resources"][0]["why"].as_str().unwrap().contains("new bearings are fitted"));

    let (status, problem) = running.get("/api/v1/experiments/nobody").await;
    assert_eq!((status, &problem["code"]), (404, &json!(404)));
    running.stop().await;
}

#[tokio::test]
async fn events_of_all_are_cut_to_the_newest_and_begin_where_asked() {
    let running = Running::well(3, &[]).await;
    running.silence("pend01-st-video");
    running.mail(2).await;
    let (status, events) = running.get("/api/v1/events").await;
    assert_eq!(status, 200);
    let events = events.as_array().unwrap().clone();
    assert_eq!(events.len(), 4);
    assert_eq!((&events[3]["topic_name"], &events[3]["healthy"]), (&json!("pend01"), &json!(false)));
    assert!(events.is_sorted_by_key(|event| event["when"].as_str().unwrap().to_owned()));
    assert_eq!(running.get("/api/v1/events?limit=1").await.1, json!([events[3]]));
    let since = events[3]["when"].as_str().unwrap();
    assert_eq!(running.get(&format!("/api/v1/events?since={since}")).await.1, json!([events[3]]));
    assert_eq!(running.get("/api/v1/events?since=1h&limit=3").await.1, json!(events[1..]));
    for bad in ["since=yesterday", "limit=0", "limit=x", "limit=10001"] {
        let (status, problem) = running.get(&format!("/api/v1/events?{bad}")).await;
        let name = bad.split('=').next().unwrap();
        assert!(status == 400 && problem["message"].as_str().unwrap().starts_with(name), "{problem}");
    }
    running.stop().await;
}

#[tokio::test]
async fn who_has_an_answer_is_not_sent_it_again() {
    let running = Running::well(1, &[]).await;
    // The feeds fall silent, so that nothing changes between two questions.
    running.services.relay.set_fault(FeedFault::Mute);
    running.services.jump.set_fault(FeedFault::Mute);
    let again = async |path: &str, tag: &str| {
        let url = format!("{}{path}", running.address);
        running.http.get(url).header("if-none-match", tag).send().await.unwrap()
    };
    for path in [
        "/api/v1/experiments",
        "/api/v1/system",
        "/api/v1/experiments/pend00",
        "/",
        "/?experiment=pend00",
        "/api/v1/events",
        "/api/v1/experiments/events/pend00",
        "/badge/pend00.svg",
        "/page.css",
        "/page.js",
    ] {
        // Something may happen in between, but not time after time.
        let mut tries = 0..20;
        let unchanged = loop {
            assert!(tries.next().is_some(), "{path}");
            let answer = running.request(Method::GET, path).await;
            assert_eq!(answer.headers()["cache-control"], "no-cache", "{path}");
            let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
            let second = again(path, &tag).await;
            if second.status() == 304 {
                break second;
            }
        };
        assert!(unchanged.headers().contains_key("etag"), "{path}");
        assert_eq!(unchanged.text().await.unwrap(), "", "{path}");
        assert_eq!(again(path, "\"other\"").await.status(), 200, "{path}");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_badge_says_how_an_experiment_is() {
    let running = Running::well(2, &[]).await;
    running.silence("pend01-st-video");
    running.mail(2).await;
    for (name, status, text) in
        [("pend00", 200, "healthy"), ("pend01", 200, "unhealthy"), ("nobody", 404, "unknown")]
    {
        let answer = running.request(Method::GET, &format!("/badge/{name}.svg")).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (status, &"image/svg+xml".parse().unwrap())
        );
        let picture = answer.text().await.unwrap();
        assert!(picture.contains(&format!("<title>{name}: {text}</title>")), "{picture}");
    }
    assert_eq!(running.get("/badge/pend00.png").await.0, 404);
    running.stop().await;
}

/// All texts that a mock feed gives as addresses and programs.
#[tokio::test]
async fn addresses_and_programs_are_in_no_new_answer() {
    let running = Running::start(services(&Lab::with_experiments(2, &["data"])).await, &[]).await;
    running.mail(1).await;
    let (_, all) = running.get("/api/v1/experiments").await;
    let mut secret: Vec<String> = Vec::new();
    for one in all.as_array().unwrap() {
        let reports = one["stream_reports"].as_object().unwrap().values().chain([&one["jump_report"]]);
        for report in reports {
            for field in ["remote_addr", "user_agent"] {
                secret.push(report[field].as_str().unwrap().to_owned());
            }
        }
    }
    secret.retain(|text| !text.is_empty());
    assert!(secret.len() >= 4, "{secret:?}");
    running.services.relay.set_fault(FeedFault::Down);
    running.services.book.set_fault(BookFault::Down);
    running.mail(2).await;
    secret.push("127.0.0.1".to_owned());
    for path in [
        "/",
        "/?experiment=pend00",
        "/api/v1/system",
        "/api/v1/experiments/pend00",
        "/api/v1/events",
        "/metrics",
        "/badge/pend00.svg",
    ] {
        let text = running.request(Method::GET, path).await.text().await.unwrap();
        for text_not_to_be_there in &secret {
            assert!(!text.contains(text_not_to_be_there), "{path} holds {text_not_to_be_there}: {text}");
        }
    }
    running.stop().await;
}
