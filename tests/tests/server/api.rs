//! What the API answers: every field, every time, in the right type.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use status_sim::mock::{BookFault, Dialect, FeedFault, Lab, Services, ServicesOptions};

use crate::support::{Running, services};

const NEVER: &str = "0001-01-01T00:00:00.000Z";

/// What type a field has.
#[derive(Clone, Copy)]
enum Type {
    Bool,
    Number,
    Text,
    Time,
    Texts,
    Report,
    Traffic,
    Stats,
    BoolsByTopic,
    ReportsByTopic,
    TextsByName,
    /// Nothing, where nobody works on it and nothing flaps.
    Nothing,
}

use Type::{
    Bool, BoolsByTopic, Nothing, Number, Report, ReportsByTopic, Stats, Text, Texts, TextsByName, Time,
    Traffic,
};

const EXPERIMENT: [(&str, Type); 19] = [
    ("acknowledgement", Nothing),
    ("available", Bool),
    ("first_checked", Time),
    ("flapping", Nothing),
    ("healthy", Bool),
    ("health_events", Number),
    ("held", TextsByName),
    ("hold", TextsByName),
    ("jump_ok", Bool),
    ("jump_report", Report),
    ("last_checked_jump", Time),
    ("last_checked_streams", Time),
    ("last_found_in_manifest", Time),
    ("maintenance", Nothing),
    ("resource_name", Text),
    ("stream_ok", BoolsByTopic),
    ("stream_reports", ReportsByTopic),
    ("stream_required", BoolsByTopic),
    ("topic_name", Text),
];
const EVENT: [(&str, Type); 7] = [
    ("cause", Texts),
    ("healthy", Bool),
    ("issues", Texts),
    ("jump_ok", Bool),
    ("resources", BoolsByTopic),
    ("stream_ok", BoolsByTopic),
    ("when", Time),
];
const REPORT: [(&str, Type); 9] = [
    ("can_read", Bool),
    ("can_write", Bool),
    ("connected", Time),
    ("expires_at", Time),
    ("remote_addr", Text),
    ("scopes", Texts),
    ("stats", Stats),
    ("topic", Text),
    ("user_agent", Text),
];
const TRAFFIC: [(&str, Type); 4] = [("fps", Number), ("last", Text), ("never", Bool), ("size", Number)];

/// Sees to it that an object has all of these fields and no others, each in its type.
fn assert_fields(object: &Value, fields: &[(&str, Type)]) {
    let names: Vec<&String> = object.as_object().unwrap().keys().collect();
    let mut expected: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    for (name, kind) in fields {
        assert_type(name, &object[*name], *kind);
    }
}

fn assert_type(name: &str, value: &Value, kind: Type) {
    let right = match kind {
        Bool => value.is_boolean(),
        Nothing => value.is_null(),
        Number => value.is_u64(),
        Text => value.is_string(),
        Time => value.as_str().is_some_and(is_time),
        Texts => value.as_array().is_some_and(|all| all.iter().all(Value::is_string)),
        BoolsByTopic => value.as_object().is_some_and(|all| all.values().all(Value::is_boolean)),
        TextsByName => value.as_object().is_some_and(|all| all.values().all(Value::is_string)),
        ReportsByTopic => {
            value.as_object().unwrap().values().for_each(|report| assert_fields(report, &REPORT));
            true
        }
        Report => {
            assert_fields(value, &REPORT);
            true
        }
        Stats => {
            assert_fields(value, &[("rx", Traffic), ("tx", Traffic)]);
            true
        }
        Traffic => {
            assert_fields(value, &TRAFFIC);
            true
        }
    };
    assert!(right, "{name} is {value}");
}

/// Whether a text is RFC 3339 in UTC, with a fraction: `2026-11-24T00:28:13.792Z`.
fn is_time(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00.000Z"
}

/// A lab with every kind of experiment: well, dead, only in the manifest, and in none.
fn mixed_lab() -> Lab {
    let lab = Lab::with_experiments(3, &["data", "video"]);
    lab.never_transmitted("pend01-st-video");
    lab.unplug("pend02");
    lab.add_experiment("abc", &[]);
    lab.remove_resource("r-abc");
    lab
}

#[tokio::test]
async fn experiments_have_every_field_always_and_are_sorted() {
    let running = Running::start(services(&mixed_lab()).await, &[]).await;
    running.ready().await;
    let mut decided = false;
    while !decided {
        let (status, all) = running.get("/api/v1/experiments").await;
        assert_eq!(status, 200);
        let all = all.as_array().unwrap();
        all.iter().for_each(|experiment| assert_fields(experiment, &EXPERIMENT));
        let names: Vec<&Value> = all.iter().map(|experiment| &experiment["topic_name"]).collect();
        assert_eq!(names, ["abc", "pend00", "pend01", "pend02"]);
        decided = all.iter().all(|experiment| experiment["health_events"] == 1);
        running.pause().await;
    }
    let unplugged = running.experiment("pend02").await;
    let unknown = [
        &unplugged["last_checked_jump"],
        &unplugged["last_checked_streams"],
        &unplugged["jump_report"]["connected"],
    ];
    assert_eq!(unknown, [NEVER; 3]);
    assert_eq!(unplugged["stream_reports"], json!({}));
    assert_eq!(unplugged["stream_ok"], json!({"pend02-st-data": false, "pend02-st-video": false}));
    let unlisted = running.experiment("abc").await;
    assert_eq!(
        (&unlisted["last_found_in_manifest"], &unlisted["resource_name"]),
        (&json!(NEVER), &json!(""))
    );
    let well = running.experiment("pend00").await;
    assert_eq!(well["resource_name"], "r-pend00");
    assert_eq!(well["stream_required"], json!({"pend00-st-data": true, "pend00-st-video": true}));
    let tx = &well["stream_reports"]["pend00-st-video"]["stats"]["tx"];
    assert_eq!((&tx["fps"], &tx["never"], &tx["size"]), (&json!(9), &json!(false), &json!(100)));
    let silent = &running.experiment("pend01").await["stream_reports"]["pend01-st-video"]["stats"]["tx"];
    assert_eq!(silent["never"], true);
    running.stop().await;
}

#[tokio::test]
async fn events_have_every_field_always_oldest_first() {
    let running = Running::start(services(&mixed_lab()).await, &[]).await;
    running.mail_about("pend00 ok A").await;
    running.silence("pend00-st-video");
    running.mail_about("pend00 ><   U [unhealthy pend00-st-video]").await;
    for name in ["pend00", "pend01", "pend02"] {
        running.events(name).await.iter().for_each(|event| assert_fields(event, &EVENT));
    }
    let events = running.events("pend00").await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["issues"], json!([]));
    assert_eq!(events[1]["stream_ok"], json!({"pend00-st-data": true, "pend00-st-video": false}));
    let when = |event: &Value| event["when"].as_str().unwrap().to_owned();
    assert!(when(&events[0]) < when(&events[1]));
    running.stop().await;
}

#[tokio::test]
async fn a_relay_that_sends_no_statistics_is_understood_and_every_field_is_there() {
    let lab = Lab::with_experiments(1, &["data"]);
    let mut options = ServicesOptions::default();
    options.relay.dialect = Dialect::RelayV08;
    let running = Running::start(Services::start(&lab, options).await.unwrap(), &[]).await;
    running.mail_about("pend00 ok A").await;
    let experiment = running.experiment("pend00").await;
    assert_fields(&experiment, &EXPERIMENT);
    assert_eq!(experiment["stream_reports"]["pend00-st-data"]["stats"]["tx"]["never"], false);
    running.lab.disconnect("pend00-st-data");
    running.booked(&[("r-pend00", false)]).await;
    running.stop().await;
}

#[tokio::test]
async fn errors_are_a_code_and_a_message_and_pages_from_elsewhere_may_read() {
    let running = Running::well(1, &[]).await;
    for (method, path, status) in [
        (Method::GET, "/api/v1/experiments/events/nobody", 404),
        (Method::GET, "/api/v1/experiments/events/%00%2e%2e%2f", 404),
        (Method::GET, "/api/v1/experiments/events/%FF", 404),
        (Method::GET, "/api/v1/nothing", 404),
        (Method::GET, "/none", 404),
        (Method::POST, "/api/v1/experiments", 405),
        (Method::DELETE, "/api/v1/experiments/events/pend00", 405),
        (Method::PUT, "/healthz", 405),
    ] {
        let answer = running.request(method.clone(), path).await;
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        assert_eq!(answer.headers()["access-control-allow-origin"], "*", "{method} {path}");
        assert_eq!(answer.headers()["content-type"], "application/json", "{method} {path}");
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(body["code"], status, "{body}");
        assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    }
    for path in ["experiments", "experiments/events/pend00", "openapi.json"] {
        let answer = running.request(Method::GET, &format!("/api/v1/{path}")).await;
        assert_eq!(answer.headers()["access-control-allow-origin"], "*", "{path}");
        assert_eq!(answer.headers()["content-type"], "application/json", "{path}");
    }
    running.stop().await;
}

/// Asks, as a browser does for a page of another site, whether it may ask.
async fn preflight(running: &Running, path: &str) -> reqwest::Response {
    let url = format!("{}{path}", running.address);
    let asked = running.http.request(Method::OPTIONS, url).header("origin", "https://app.example.org");
    let asked = asked.header("access-control-request-method", "GET");
    asked.header("access-control-request-headers", "if-none-match").send().await.unwrap()
}

fn says_who_may_read(answer: &reqwest::Response) -> bool {
    answer.headers().keys().any(|name| name.as_str().starts_with("access-control-"))
}

#[tokio::test]
async fn a_browser_that_asks_first_may_read_what_is_public_from_elsewhere_with_its_tag() {
    let running = Running::well(1, &[]).await;
    for path in ["/api/v1/experiments", "/api/v1/nothing", "/healthz", "/badge/pend00.svg"] {
        let answer = preflight(&running, path).await;
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        let headers = answer.headers();
        assert_eq!(headers["access-control-allow-origin"], "*", "{path}");
        assert_eq!(headers["access-control-allow-methods"], "GET,HEAD", "{path}");
        assert_eq!(headers["access-control-allow-headers"], "*", "{path}");
        let answer = running.request(Method::GET, path).await;
        assert_eq!(answer.headers()["access-control-allow-origin"], "*", "{path}");
        assert_eq!(answer.headers()["access-control-expose-headers"], "etag", "{path}");
    }
    running.stop().await;
}

#[tokio::test]
async fn what_is_internal_is_for_no_page_from_elsewhere() {
    let running = Running::well(1, &[]).await;
    for path in ["/readyz", "/metrics"] {
        for method in [Method::GET, Method::HEAD, Method::POST] {
            let answer = running.request(method.clone(), path).await;
            assert!(!says_who_may_read(&answer), "{method} {path}: {:?}", answer.headers());
        }
        let answer = preflight(&running, path).await;
        assert!(!says_who_may_read(&answer) && !answer.status().is_success(), "{path}");
        let answer = running.request(Method::GET, &format!("/{path}")).await;
        assert_eq!(answer.status().as_u16(), 404, "no other address leads there");
    }
    running.stop().await;
}

#[tokio::test]
async fn where_a_proxy_says_who_may_read_the_server_does_not() {
    let running = Running::well(1, &[("STATUS_CORS", "false")]).await;
    for path in
        ["/", "/api/v1/experiments", "/api/v1/nothing", "/api/v1/stream", "/badge/pend00.svg", "/none"]
    {
        let answer = running.request(Method::GET, path).await;
        assert!(!says_who_may_read(&answer), "{path}: {:?}", answer.headers());
        assert!(!says_who_may_read(&preflight(&running, path).await), "{path}");
    }
    running.stop().await;
}

#[tokio::test]
async fn every_answer_says_that_it_is_what_it_says_and_is_in_nobody_elses_frame() {
    let running = Running::well(1, &[]).await;
    running.services.relay.set_fault(FeedFault::Mute);
    running.services.jump.set_fault(FeedFault::Mute);
    // Something may happen in between, but not time after time.
    let mut tries = 0..20;
    let unchanged = loop {
        assert!(tries.next().is_some());
        let tag = running.request(Method::GET, "/").await.headers()["etag"].clone();
        let second = running.http.get(&running.address).header("if-none-match", tag).send().await.unwrap();
        if second.status() == 304 {
            break second;
        }
    };
    let mut answers = vec![("unchanged", unchanged)];
    for path in [
        "/",
        "/?experiment=pend00",
        "/?experiment=nobody",
        "/?file=page.css",
        "/page.css",
        "/page.js",
        "/icon.svg",
        "/badge/pend00.svg",
        "/badge/nobody.svg",
        "/badge/none",
        "/api/v1/experiments",
        "/api/v1/experiments/events/nobody",
        "/api/v1/stream",
        "/api/v1/openapi.json",
        "/api/v1/events?limit=x",
        "/metrics",
        "/readyz",
        "/healthz",
        "/none",
        "//",
    ] {
        answers.push((path, running.request(Method::GET, path).await));
    }
    answers.push(("POST", running.request(Method::POST, "/").await));
    answers.push(("HEAD", running.request(Method::HEAD, "/page.css").await));
    answers.push(("OPTIONS", preflight(&running, "/api/v1/system").await));
    for (path, answer) in answers {
        let headers = answer.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers.get_all("content-security-policy").iter().count(), 1, "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        let is_page = answer.url().path().trim_start_matches('/').is_empty()
            && answer.url().query() != Some("file=page.css");
        assert_eq!(policy.contains("script-src 'self'"), is_page, "{path}: {policy}");
        let referrer = if is_page { "same-origin" } else { "no-referrer" };
        assert_eq!(headers["referrer-policy"], referrer, "{path}");
    }
    running.stop().await;
}

/// Each has a name of its own, and says what is not allowed: another method, or a change without a token.
fn each_operation_is_described(document: &Value) {
    let operations = || {
        let paths = document["paths"].as_object().unwrap().values();
        paths.flat_map(|path| path.as_object().unwrap().iter())
    };
    for (method, operation) in operations() {
        let (status, token) =
            if method == "get" { ("405", Value::Null) } else { ("401", json!([{"token": []}])) };
        assert!(operation["responses"][status]["description"].is_string(), "{operation}");
        assert_eq!(operation["security"], token, "{operation}");
    }
    let names: BTreeSet<&str> =
        operations().map(|(_, operation)| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(names.len(), operations().count(), "each has a name of its own");
}

#[tokio::test]
async fn the_description_of_the_api_lists_every_route() {
    let running = Running::well(1, &[]).await;
    let (status, document) = running.get("/api/v1/openapi.json").await;
    assert_eq!(status, 200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3."), "{document}");
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    let expected = [
        "/api/v1/events",
        "/api/v1/experiments",
        "/api/v1/experiments/events/{topic_name}",
        "/api/v1/experiments/{topic_name}",
        "/api/v1/experiments/{topic_name}/acknowledgement",
        "/api/v1/incidents",
        "/api/v1/incidents.csv",
        "/api/v1/maintenance",
        "/api/v1/maintenance/{id}",
        "/api/v1/openapi.json",
        "/api/v1/stream",
        "/api/v1/system",
        "/api/v1/withheld",
        "/badge/{name}.svg",
        "/badge/{name}/booking.svg",
        "/badges/lab.svg",
        "/healthz",
        "/metrics",
        "/readyz",
    ];
    assert_eq!(paths, expected);
    let is_read = |path: &&&String| document["paths"][path.as_str()]["get"].is_object();
    for path in paths.iter().filter(is_read) {
        let path = path.replace("{topic_name}", "pend00").replace("{name}", "pend00");
        assert_eq!(running.request(Method::GET, &path).await.status().as_u16(), 200, "{path}");
    }
    each_operation_is_described(&document);
    let alive = &document["paths"]["/healthz"]["get"]["responses"]["200"]["content"];
    assert!(alive["text/plain"].is_object(), "{alive}");
    let schemas = &document["components"]["schemas"];
    let views: [(&str, &[(&str, Type)]); 4] = [
        ("ExperimentView", &EXPERIMENT),
        ("EventView", &EVENT),
        ("ReportView", &REPORT),
        ("TrafficView", &TRAFFIC),
    ];
    for (view, fields) in views {
        let described = schemas[view]["properties"].as_object().unwrap();
        assert_eq!(described.len(), fields.len(), "{view}");
        for (name, kind) in fields {
            let field = &described[*name];
            let is_time = field["format"] == "date-time";
            assert_eq!(is_time, matches!(kind, Time), "{view}.{name} is {field}");
            // One that only refers to another schema is described there.
            assert!(
                field["description"].is_string() || field["$ref"].is_string() || field["oneOf"].is_array(),
                "{view}.{name} is {field}"
            );
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn it_is_ready_once_both_feeds_and_book_have_answered() {
    let services = services(&Lab::with_experiments(1, &["data"])).await;
    services.book.set_fault(BookFault::Down);
    services.relay.set_fault(FeedFault::Silent);
    services.jump.set_fault(FeedFault::RefuseTokens);
    let running = Running::start(services, &[]).await;
    let healthy = running.request(Method::GET, "/healthz").await;
    assert_eq!(healthy.status().as_u16(), 200);
    let (status, body) = running.get("/readyz").await;
    assert_eq!((status, &body["ready"]), (503, &json!(false)));
    assert_eq!(body["missing"], json!(["relay", "jump", "book"]));
    running.services.relay.set_fault(FeedFault::None);
    running.missing(json!(["jump", "book"])).await;
    running.services.jump.set_fault(FeedFault::None);
    running.missing(json!(["book"])).await;
    running.services.book.set_fault(BookFault::None);
    running.missing(json!([])).await;
    let (status, body) = running.get("/readyz").await;
    assert_eq!((status, &body["ready"]), (200, &json!(true)));
    running.stop().await;
}
