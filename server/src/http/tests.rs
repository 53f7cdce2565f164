//! Who may change something over HTTP, and what he may say.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use status_adapters::Store;
use status_adapters::clock::{Clock, SystemClock};
use status_adapters::service::Service as Lab;
use status_adapters::store::UptimeRecords;
use status_adapters::token::{for_book, for_person};
use status_core::{
    Acknowledgement, Change, Command, Config, EventKey, ExperimentName, MaintenanceRecord, Monitor, Obeyed,
    Pattern, Refused, Saved, SavedExperiment, Wall, Window, WindowBooking, WindowId, WindowTime,
};
use status_sim::service::FakeStore;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use super::stream::Live;
use super::{AppParts, AppState, router};
use crate::command::serve;
use crate::driver::{Services, Shared};
use crate::observers::metrics::Metrics;
use crate::observers::uptime::Uptime;
use crate::orders::{CommandFailure, Order};
use crate::settings::tests::REQUIRED;
use crate::settings::{OtherSites, Settings};

const HOUR: Duration = Duration::from_secs(3600);
const WINDOW: &str = r#"{"names":["pend0*"],"for":"2h","reason":"new bearings"}"#;
const MAINTENANCE: &str = "/api/v1/maintenance";
const HOST: (&str, &str) = ("host", "lab.example.org:3007");

fn secret() -> SecretString {
    "admin-secret".into()
}

fn token() -> String {
    for_person(&secret(), "alice", HOUR, SystemClock.now().wall).expose_secret().to_owned()
}

/// A server over HTTP, and the orders that come from it.
struct Site {
    app: Router,
    state: AppState,
    orders: mpsc::Receiver<Order>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// What is told of a problem.
    fn told(&self) -> (u16, String) {
        let told = self.json();
        assert_eq!(told["code"], self.status.as_u16());
        (self.status.as_u16(), told["message"].as_str().unwrap().to_owned())
    }
}

impl Site {
    fn new(secret_admin: Option<SecretString>) -> Self {
        Self::with(secret_admin, Vec::new())
    }

    fn with(secret_admin: Option<SecretString>, windows: Vec<Window>) -> Self {
        let maintenance = MaintenanceRecord { windows, ..MaintenanceRecord::default() };
        Self::resumed(secret_admin, Saved { maintenance, ..Saved::default() }, None)
    }

    /// A server that has just been started, and knows what was saved.
    fn resumed(secret_admin: Option<SecretString>, saved: Saved, store: Option<Arc<dyn Store>>) -> Self {
        let variables = REQUIRED.into_iter().map(|(name, value)| (name.into(), value.into()));
        let (settings, _) = Settings::from_vars(variables).unwrap();
        let Services { relay, jump, clock, .. } = serve::services(&settings).unwrap();
        let now = clock.now();
        let (commands, orders) = mpsc::channel(4);
        let changes = |(name, one): (&ExperimentName, &SavedExperiment)| {
            let changes = one.events.iter().map(|event| (event.when, event.condition())).collect();
            (name.clone(), changes)
        };
        let past = UptimeRecords {
            watched: vec![(Wall::default(), now.wall)],
            changes: saved.experiments.iter().map(changes).collect(),
            ..UptimeRecords::default()
        };
        let app = AppState::new(AppParts {
            shared: Shared::new(Monitor::resume(Config::default(), "life", saved, now)),
            started: now.wall,
            clock,
            groups: settings.groups,
            metrics_experiments: settings.metrics_experiments,
            metrics: Metrics::new(relay, jump),
            uptime: Uptime::resumed(past, Vec::new(), Duration::ZERO, now),
            live: Live::new(1, CancellationToken::new()),
            store,
            life: "life".to_owned(),
            secret_admin,
            cluster: None,
            commands: Some(commands),
        });
        Self { app: router(app.clone(), OtherSites::MayRead), state: app, orders }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.app.clone().call(request.body(body.into()).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: head.status, headers: head.headers, body: String::from_utf8(body.into()).unwrap() }
    }

    /// Asks for something that reaches the core, which does as it is told here.
    async fn obeyed(
        &mut self,
        (method, path): (&str, &str),
        body: &'static str,
        outcome: Result<Obeyed, Refused>,
    ) -> (Answer, String, Command) {
        let app = Self { app: self.app.clone(), state: self.state.clone(), orders: mpsc::channel(1).1 };
        let (method, path) = (method.to_owned(), path.to_owned());
        let asking =
            tokio::spawn(async move { app.ask(&method, &path, &[("authorization", &token())], body).await });
        let Order { by, command, answer } =
            tokio::time::timeout(HOUR, self.orders.recv()).await.unwrap().unwrap();
        answer.send(outcome.map_err(CommandFailure::Refused)).unwrap();
        (asking.await.unwrap(), by, command)
    }

    /// Nothing has reached the core.
    fn nothing_came(&mut self) {
        assert!(self.orders.try_recv().is_err());
    }
}

fn window(id: u64, from: u64, until: u64) -> Window {
    Window {
        id: WindowId(id),
        names: vec![Pattern::parse("pend0*").unwrap()],
        time: WindowTime::Once { from: Wall::from_millis(from), until: Wall::from_millis(until) },
        reason: "new bearings".to_owned(),
        by: "alice".to_owned(),
        made: Wall::from_millis(0),
        booking: WindowBooking::Keep,
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_good_token_nothing_is_changed_and_it_is_told_why() {
    let mut site = Site::new(Some(secret()));
    let now = SystemClock.now().wall;
    let book = |secret: &str| {
        let book = Lab::new("book", "https", "app.example.org", "/book", secret.into());
        for_book(&book, HOUR, now).expose_secret().to_owned()
    };
    let expired = for_person(&secret(), "alice", Duration::from_secs(60), now - HOUR);
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtIiwiYXVkIjoic3RhdHVzIiwic2NvcGVzIjpbInN0YXR1czphZG1pbiJdLCJleHAiOjRlOX0.";
    for (headers, said) in [
        (vec![], "changes need a token"),
        (vec![("authorization", "Basic dXNlcjpwYXNz".to_owned())], "changes need a token"),
        (vec![("authorization", String::new())], "no JSON Web Token"),
        (vec![("authorization", "Token x".to_owned())], "no JSON Web Token"),
        (vec![("authorization", "a".repeat(9_000))], "longer than"),
        (vec![("authorization", unsigned.to_owned())], "HS256"),
        (vec![("authorization", book("book-secret"))], "not signed with"),
        (vec![("authorization", book("admin-secret"))], "for another service"),
        (vec![("authorization", expired.expose_secret().to_owned())], "has expired"),
        (vec![("authorization", format!("Bearer {}", expired.expose_secret()))], "has expired"),
    ] {
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for (method, path) in [
            ("POST", MAINTENANCE),
            ("DELETE", "/api/v1/maintenance/7"),
            ("PUT", "/api/v1/experiments/pend00/acknowledgement"),
            ("DELETE", "/api/v1/experiments/pend00/acknowledgement"),
        ] {
            let began = tokio::time::Instant::now();
            let answer = site.ask(method, path, &headers, WINDOW).await;
            let (status, told) = answer.told();
            assert_eq!(status, 401, "{method} {path}");
            assert!(told.contains(said), "{told}");
            let shown = headers.first().is_some_and(|(_, value)| value.len() > 20 && told.contains(*value));
            assert!(!shown, "{told}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
            assert!(!answer.headers.contains_key("access-control-allow-origin"), "{method} {path}");
            let waited = began.elapsed();
            assert!(
                waited <= Duration::from_secs(2) && (waited.is_zero() == said.starts_with("changes")),
                "{waited:?}"
            );
        }
    }
    site.nothing_came();
}

#[tokio::test(start_paused = true)]
async fn a_crowd_that_guesses_is_not_kept_waiting_all_at_once() {
    let site = Site::new(Some(secret()));
    let began = tokio::time::Instant::now();
    let crowd = (0..100).map(|_| site.ask("POST", MAINTENANCE, &[("authorization", "x")], ""));
    let mut at_once = 0;
    let crowd = crowd.map(|asking| async move {
        assert_eq!(asking.await.status, StatusCode::UNAUTHORIZED);
        began.elapsed().is_zero()
    });
    for was_at_once in futures_util::future::join_all(crowd).await {
        at_once += u32::from(was_at_once);
    }
    assert_eq!(at_once, 100 - 32);
}

#[tokio::test(start_paused = true)]
async fn what_comes_from_another_page_is_403_whatever_authenticates_it() {
    let mut site = Site::new(Some(secret()));
    let token = token();
    let cookie = format!("a=b; status_token={token}");
    for elsewhere in [
        ("origin", "https://evil.example.org"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for authenticated in [("authorization", token.as_str()), ("cookie", cookie.as_str()), ("x", "y")] {
            let answer = site.ask("POST", MAINTENANCE, &[HOST, elsewhere, authenticated], WINDOW).await;
            assert_eq!(answer.told().0, 403, "{elsewhere:?} {authenticated:?}");
            assert!(!answer.headers.contains_key("access-control-allow-origin"));
        }
        let form = format!("token={token}");
        let answer = site.ask("POST", "/?signin", &[HOST, elsewhere], form).await;
        assert_eq!((answer.status, answer.headers.get("set-cookie")), (StatusCode::FORBIDDEN, None));
        let answer = site.ask("POST", "/?signout", &[HOST, elsewhere], "").await;
        assert_eq!((answer.status, answer.headers.get("set-cookie")), (StatusCode::FORBIDDEN, None));
    }
    let answer = site.ask("POST", MAINTENANCE, &[HOST, ("cookie", &cookie)], WINDOW).await;
    assert_eq!(answer.told().0, 403, "a browser says where it comes from");
    let preflight = [HOST, ("origin", "https://evil.example.org"), ("access-control-request-method", "PUT")];
    for path in [MAINTENANCE, "/api/v1/experiments/pend00/acknowledgement"] {
        let answer = site.ask("OPTIONS", path, &preflight, "").await;
        let methods = answer.headers.get("access-control-allow-methods").map(|value| value.to_str().unwrap());
        assert!(methods.is_none_or(|methods| methods == "GET,HEAD"), "{path}: {methods:?}");
    }
    site.nothing_came();
    // A cookie does for pages of this server.
    let own = [HOST, ("origin", "http://lab.example.org:3007"), ("cookie", cookie.as_str())];
    assert_eq!(site.ask("POST", MAINTENANCE, &own, "{}").await.told().0, 422);
}

#[tokio::test(start_paused = true)]
async fn without_the_secret_there_is_nothing_to_change_with() {
    let mut site = Site::new(None);
    let token = token();
    for (method, path, status) in [
        ("POST", MAINTENANCE, 405),
        ("DELETE", "/api/v1/maintenance/7", 404),
        ("PUT", "/api/v1/experiments/pend00/acknowledgement", 404),
        ("DELETE", "/api/v1/experiments/pend00/acknowledgement", 404),
        ("POST", "/", 405),
        ("POST", "/?signin", 405),
        ("POST", "/signin", 405),
        ("POST", "/signout", 404),
    ] {
        let answer = site.ask(method, path, &[("authorization", &token)], WINDOW).await;
        assert_eq!(answer.told().0, status, "{method} {path}");
    }
    site.nothing_came();
    assert_eq!(site.ask("GET", MAINTENANCE, &[], "").await.json(), json!([]));
    for page in ["/", "/?signin"] {
        let page = site.ask("GET", page, &[("cookie", &format!("status_token={token}"))], "").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(
            page.body.contains("STATUS_SECRET_ADMIN") && !page.body.contains("method=post"),
            "{}",
            page.body
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_else_can_be_done_at_a_path_is_told_to_anybody() {
    let mut site = Site::new(Some(secret()));
    const ACKNOWLEDGEMENT: &str = "/api/v1/experiments/pend00/acknowledgement";
    for (method, path, allowed) in [
        ("GET", ACKNOWLEDGEMENT, "PUT,DELETE"),
        ("POST", ACKNOWLEDGEMENT, "PUT,DELETE"),
        ("GET", "/api/v1/maintenance/7", "DELETE"),
        ("PUT", MAINTENANCE, "GET,HEAD,POST"),
        ("PUT", "/api/v1/experiments/events/acknowledgement", "GET,HEAD"),
        ("PUT", "/", "GET,HEAD,POST"),
        ("POST", "/api/v1/experiments/pend00", "GET,HEAD"),
    ] {
        let answer = site.ask(method, path, &[], "").await;
        assert_eq!(
            (answer.told().0, answer.headers["allow"].to_str().unwrap()),
            (405, allowed),
            "{method} {path}"
        );
    }
    site.nothing_came();
}

#[tokio::test(start_paused = true)]
async fn a_window_is_ordered_told_of_and_ended() {
    let mut site = Site::new(Some(secret()));
    let body = r#"{"names":["pend0*","@relay"],"from":"2030-01-01T10:00:00+01:00","until":"2030-01-01T12:00:00Z",
        "reason":" new \"bearings\" ","booking":"out"}"#;
    let at = |hour: u64| 1_893_456_000_000 + hour * 3_600_000;
    let kept = Window { booking: WindowBooking::Out, ..window(7, at(9), at(12)) };
    let (answer, by, command) = site.obeyed(("POST", MAINTENANCE), body, Ok(Obeyed::WindowAdded(kept))).await;
    let Command::AddWindow(order) = command else { panic!("{command:?}") };
    assert_eq!(
        (by.as_str(), order.reason.as_str(), order.booking),
        ("alice", "new \"bearings\"", WindowBooking::Out)
    );
    assert_eq!(order.names, ["pend0*", "@relay"].map(|name| Pattern::parse(name).unwrap()));
    assert_eq!(order.time, window(7, at(9), at(12)).time);
    assert_eq!(
        (answer.status, &answer.headers["location"]),
        (StatusCode::CREATED, &"maintenance/7".parse().unwrap())
    );
    assert_eq!(
        answer.json(),
        json!({
            "id": 7, "names": ["pend0*"], "on": false, "from": "2030-01-01T09:00:00.000Z",
            "until": "2030-01-01T12:00:00.000Z", "every": null, "reason": "new bearings", "booking": "out",
            "by": "alice", "made": "1970-01-01T00:00:00.000Z",
        })
    );
    let every = r#"{"names":["*"],"every":"Daily 22:00-6:00","until":"2030-01-01T00:00:00Z","reason":"x","from":null}"#;
    let (_, _, command) = site.obeyed(("POST", MAINTENANCE), every, Err(Refused::TooManyWindows)).await;
    let Command::AddWindow(order) = command else { panic!("{command:?}") };
    let WindowTime::Repeated { every, until, .. } = order.time else { panic!("{:?}", order.time) };
    assert_eq!((every.to_string().as_str(), until), ("daily 22:00-06:00", Some(Wall::from_millis(at(0)))));

    let ended = Ok(Obeyed::WindowEnded(window(7, 0, 1)));
    let (answer, _, command) = site.obeyed(("DELETE", "/api/v1/maintenance/7"), "", ended).await;
    assert_eq!((answer.status, command), (StatusCode::NO_CONTENT, Command::EndWindow(WindowId(7))));
    for none in ["x", "-1", "99999999999999999999"] {
        let answer =
            site.ask("DELETE", &format!("{MAINTENANCE}/{none}"), &[("authorization", &token())], "").await;
        assert_eq!(answer.told().0, 404, "{none}");
    }
}

#[tokio::test]
async fn windows_that_are_over_are_not_listed() {
    let now = SystemClock.now().wall.as_millis();
    let site = Site::with(None, vec![window(1, 0, 1), window(2, 0, now + 3_600_000)]);
    let answer = site.ask("GET", MAINTENANCE, &[("origin", "https://elsewhere.example.org")], "").await;
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    let list = answer.json();
    assert_eq!(
        (list.as_array().unwrap().len(), &list[0]["id"], &list[0]["on"]),
        (1, &json!(2), &json!(true))
    );
    let tag = answer.headers["etag"].to_str().unwrap();
    assert_eq!(
        site.ask("GET", MAINTENANCE, &[("if-none-match", tag)], "").await.status,
        StatusCode::NOT_MODIFIED
    );
}

#[tokio::test(start_paused = true)]
async fn acknowledgements_are_made_and_taken_back_whatever_the_name() {
    let mut site = Site::new(Some(secret()));
    let made =
        Acknowledgement { by: "alice".into(), note: "camera".into(), at: Wall::default(), until: None };
    for (path, name) in
        [("pend00", "pend00"), ("a%22b%27c", "a\"b'c"), ("a%2Fb", "a/b"), ("%3Cb%3E%20%C3%A4", "<b> ä")]
    {
        let path = format!("/api/v1/experiments/{path}/acknowledgement");
        let name = ExperimentName::from(name);
        let body = r#"{"note":"camera","until":"2030-01-01T00:00:00Z"}"#;
        let outcome = Ok(Obeyed::Acknowledged(made.clone()));
        let (answer, by, command) = site.obeyed(("PUT", &path), body, outcome).await;
        let until = Some(Wall::from_millis(1_893_456_000_000));
        assert_eq!(command, Command::Acknowledge { experiment: name.clone(), note: "camera".into(), until });
        assert_eq!(by, "alice");
        let told = json!({"by": "alice", "note": "camera", "at": "1970-01-01T00:00:00.000Z", "until": null});
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, told));
        let outcome = Ok(Obeyed::Withdrawn(made.clone()));
        let (answer, _, command) = site.obeyed(("DELETE", &path), "", outcome).await;
        assert_eq!(
            (answer.status, command),
            (StatusCode::NO_CONTENT, Command::Withdraw { experiment: name })
        );
    }
    let good = token();
    let path = "/api/v1/experiments/%FF/acknowledgement";
    assert_eq!(site.ask("PUT", path, &[("authorization", &good)], "{}").await.told().0, 404);
}

#[tokio::test(start_paused = true)]
async fn what_the_core_refuses_is_told_in_its_words() {
    let mut site = Site::new(Some(secret()));
    let name = || ExperimentName::from("pend00");
    const PATH: &str = "/api/v1/experiments/pend00/acknowledgement";
    for (refused, status) in [
        (Refused::NoSuchExperiment(name()), 404),
        (Refused::NotAcknowledged(name()), 404),
        (Refused::NoSuchWindow(WindowId(1)), 404),
        (Refused::NoProblem(name()), 409),
        (Refused::AlreadyOver, 409),
        (Refused::TooManyWindows, 409),
        (Refused::Invalid("no".to_owned()), 422),
    ] {
        let words = refused.to_string();
        let (answer, _, _) = site.obeyed(("PUT", PATH), "{}", Err(refused)).await;
        assert_eq!(answer.told(), (status, words));
    }
    site.orders.close();
    let answer = site.ask("PUT", PATH, &[("authorization", &token())], "{}").await;
    assert_eq!((answer.told().0, &answer.headers["retry-after"]), (503, &"10".parse().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn what_makes_no_sense_is_told_with_its_field() {
    let mut site = Site::new(Some(secret()));
    let good = token();
    let own = [("authorization", good.as_str())];
    for (change, field) in [
        (json!({"names": null}), "names: "),
        (json!({"names": "pend00"}), "names: "),
        (json!({"names": []}), "names: "),
        (json!({"names": vec!["a"; 101]}), "names: "),
        (json!({"names": ["a", 7]}), "names[1]: "),
        (json!({"names": ["a", "@mail"]}), "names[1]: "),
        (json!({"names": ["a".repeat(251)]}), "names[0]: "),
        (json!({"reason": null}), "reason: "),
        (json!({"reason": "  "}), "reason: "),
        (json!({"reason": "a".repeat(501)}), "reason: "),
        (json!({"reason": "a\nb"}), "reason: "),
        (json!({"reason": ["a"]}), "reason: "),
        (json!({"for": null}), "until: "),
        (json!({"for": "2"}), "for: "),
        (json!({"for": 7200}), "for: "),
        (json!({"for": "0s"}), "for: "),
        (json!({"for": "100000d"}), "for: "),
        (json!({"until": "2030-01-01T00:00:00Z"}), "for: "),
        (json!({"every": "daily 22:00-06:00"}), "for: "),
        (json!({"for": null, "every": "always"}), "every: "),
        (json!({"for": null, "until": "2030-01-01T00:00:00"}), "until: "),
        (json!({"for": null, "until": "tomorrow"}), "until: "),
        (json!({"for": null, "until": "2000-01-01T00:00:00Z"}), "until: "),
        (json!({"from": "1960-01-01T00:00:00Z"}), "from: "),
        (json!({"booking": "in"}), "booking: "),
        (json!({"reasons": "x"}), "reasons: "),
    ] {
        let mut body: Value = serde_json::from_str(WINDOW).unwrap();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, told) = site.ask("POST", MAINTENANCE, &own, body.to_string()).await.told();
        assert_eq!(status, 422, "{body}: {told}");
        assert!(told.starts_with(field), "{body}: {told}");
    }
    const ACKNOWLEDGEMENT: &str = "/api/v1/experiments/pend00/acknowledgement";
    for (body, status, said) in [
        ("", 400, "no JSON"),
        ("{", 400, "no JSON"),
        ("[]", 400, "object"),
        (r#"{"note":7}"#, 422, "note: "),
        (r#"{"note":"a","until":"soon"}"#, 422, "until: "),
        (r#"{"note":"a","by":"mallory"}"#, 422, "by: "),
    ] {
        let (got, told) = site.ask("PUT", ACKNOWLEDGEMENT, &own, body).await.told();
        assert_eq!(got, status, "{body}: {told}");
        assert!(told.contains(said), "{body}: {told}");
    }
    let long = format!(r#"{{"note":"{}"}}"#, "a".repeat(200_000));
    assert_eq!(site.ask("PUT", ACKNOWLEDGEMENT, &own, long.clone()).await.told().0, 413);
    assert_eq!(site.ask("POST", "/?signin", &[], long).await.told().0, 413);
    let never = Body::from_stream(futures_util::stream::pending::<Result<&str, std::io::Error>>());
    assert_eq!(site.ask("PUT", ACKNOWLEDGEMENT, &own, never).await.told().0, 408);
    site.nothing_came();
}

#[tokio::test(start_paused = true)]
async fn one_signs_in_with_a_token_and_out_again() {
    let site = Site::new(Some(secret()));
    let guest = site.ask("GET", "/?experiment=a%22b", &[], "").await;
    assert!(
        guest.body.contains("?signin&amp;next=%3Fexperiment%3Da%2522b")
            || guest.body.contains("?signin&#38;next=%3Fexperiment%3Da%2522b"),
        "{}",
        guest.body
    );
    let moved = site.ask("GET", "/signin", &[], "").await;
    assert_eq!(
        (moved.status, &moved.headers["location"]),
        (StatusCode::SEE_OTHER, &"./?signin".parse().unwrap())
    );
    let page = site.ask("GET", "/?signin&next=%3Fexperiment%3Da%22%3E", &[], "").await;
    assert!(
        page.body.contains("<form id=signin method=post") && page.body.contains("value=\"?\""),
        "{}",
        page.body
    );

    let token = token();
    let own = [HOST, ("origin", "https://lab.example.org"), ("x-forwarded-proto", "https")];
    let form = format!("next=%3Fexperiment%3Dpend00&token=%20{token}%0A");
    for (path, next) in [("/?signin", "?experiment=pend00"), ("/signin", "./?experiment=pend00")] {
        let answer = site.ask("POST", path, &own, form.clone()).await;
        assert_eq!(
            (answer.status, answer.headers["location"].to_str().unwrap()),
            (StatusCode::SEE_OTHER, next)
        );
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        let (kept, rest) = cookie.split_once("; Max-Age=").unwrap();
        assert_eq!(kept, format!("status_token={token}"));
        let (age, rest) = rest.split_once("; ").unwrap();
        assert_eq!(rest, "HttpOnly; SameSite=Strict; Secure");
        let age: u64 = age.parse().unwrap();
        assert!((3590..=3600).contains(&age), "{age}");
    }
    let next = format!("next=https%3A%2F%2Fevil.example.org&token={token}");
    assert_eq!(site.ask("POST", "/?signin", &own, next).await.headers["location"], "?");

    let cookie = format!("status_token={token}");
    let page = site.ask("GET", "/", &[("cookie", &cookie)], "").await;
    assert!(
        page.body.contains("Signed in as alice") && page.body.contains("action=\"?signout\""),
        "{}",
        page.body
    );
    assert_eq!(page.headers["vary"], "cookie");
    let guests = site.ask("GET", "/", &[("if-none-match", page.headers["etag"].to_str().unwrap())], "").await;
    assert_eq!(guests.status, StatusCode::OK, "who signs out sees another page");
    let answer = site.ask("POST", "/?signout", &own, "").await;
    let gone = "status_token=; Max-Age=0; HttpOnly; SameSite=Strict; Secure";
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, [&format!("{gone}; Path=/"), gone]);
}

#[tokio::test(start_paused = true)]
async fn who_cannot_sign_in_is_told_why_and_gets_no_cookie() {
    let site = Site::new(Some(secret()));
    let expired = for_person(&secret(), "alice", Duration::from_secs(60), SystemClock.now().wall - HOUR);
    for (token, said) in
        [("", "paste a token"), ("x", "no JSON Web Token"), (expired.expose_secret(), "has expired")]
    {
        let answer = site.ask("POST", "/?signin", &[], format!("next=%3Fq%3Da&token={token}")).await;
        assert_eq!((answer.status, answer.headers.get("set-cookie")), (StatusCode::UNAUTHORIZED, None));
        assert!(answer.body.contains(said) && answer.body.contains("value=\"?q=a\""), "{}", answer.body);
        assert!(token.len() < 9 || !answer.body.contains(token));
    }
    let page =
        site.ask("GET", "/", &[("cookie", &format!("status_token={}", expired.expose_secret()))], "").await;
    assert!(page.body.contains("sign in") && !page.body.contains("Signed in as"), "{}", page.body);
    assert_eq!(site.ask("POST", "/", &[], "").await.told().0, 405);
}

/// What a browser sends with a form of this server.
fn of_own_page(cookie: &str) -> [(&str, &str); 3] {
    [HOST, ("origin", "http://lab.example.org:3007"), ("cookie", cookie)]
}

/// Sends a form that reaches the core, which does as it is told here.
async fn sent(
    site: &mut Site,
    path: &str,
    form: &str,
    outcome: Result<Obeyed, Refused>,
) -> (Answer, String, Command) {
    let app = Site { app: site.app.clone(), state: site.state.clone(), orders: mpsc::channel(1).1 };
    let (path, form) = (path.to_owned(), form.to_owned());
    let asking = tokio::spawn(async move {
        let cookie = format!("status_token={}", token());
        app.ask("POST", &path, &of_own_page(&cookie), form).await
    });
    let Order { by, command, answer } =
        tokio::time::timeout(HOUR, site.orders.recv()).await.unwrap().unwrap();
    answer.send(outcome.map_err(CommandFailure::Refused)).unwrap();
    (asking.await.unwrap(), by, command)
}

fn acknowledged() -> Obeyed {
    let (by, note) = ("alice".into(), "camera".into());
    Obeyed::Acknowledged(Acknowledgement { by, note, at: Wall::default(), until: None })
}

#[tokio::test(start_paused = true)]
async fn a_form_gives_the_command_that_the_api_gives_and_goes_on_to_the_page() {
    let mut site = Site::new(Some(secret()));
    let form = "names=pend0*%0D%0Aa%2F%22%3Cb%3E&reason=new+%22bearings%22&for=&until=2030-01-01T12%3A00&from=2030-01-01T09%3A00\
                &every=&booking=out&back=";
    let kept = || Ok(Obeyed::WindowAdded(window(7, 0, 1)));
    let (answer, by, command) = sent(&mut site, "/?maintenance", form, kept()).await;
    assert_eq!(
        (answer.status, &answer.headers["location"]),
        (StatusCode::SEE_OTHER, &"?maintenance".parse().unwrap())
    );
    let Command::AddWindow(order) = command else { panic!("{command:?}") };
    assert_eq!((by.as_str(), order.reason.as_str()), ("alice", "new \"bearings\""));
    assert_eq!(order.names, ["pend0*", "a/\"<b>"].map(|name| Pattern::parse(name).unwrap()));
    let at = |hour: u64| 1_893_456_000_000 + hour * 3_600_000;
    assert_eq!((order.time, order.booking), (window(7, at(9), at(12)).time, WindowBooking::Out));
    for (back, next) in
        [("%3Fexperiment%3Dpend00", "?experiment=pend00"), ("https%3A%2F%2Fevil.example.org", "?")]
    {
        let form = format!("names=a&reason=b&for=2h&back={back}");
        let (answer, ..) = sent(&mut site, "/?maintenance", &form, kept()).await;
        assert_eq!(answer.headers["location"], next);
    }
    let ended = Ok(Obeyed::WindowEnded(window(7, 0, 1)));
    let (answer, _, command) = sent(&mut site, "/?maintenance", "end=7", ended).await;
    assert_eq!((answer.status, command), (StatusCode::SEE_OTHER, Command::EndWindow(WindowId(7))));

    let path = "/?experiment=a%2F%22%3Cb%3E%27%26";
    let form = "note=camera+%3Cordered%3E&until=2030-01-01T00%3A00";
    let (answer, by, command) = sent(&mut site, path, form, Ok(acknowledged())).await;
    let experiment = ExperimentName::from("a/\"<b>'&");
    let until = Some(Wall::from_millis(at(0)));
    assert_eq!(by, "alice");
    assert_eq!(
        command,
        Command::Acknowledge { experiment: experiment.clone(), note: "camera <ordered>".into(), until }
    );
    assert_eq!(answer.headers["location"], "?experiment=a%2F%22%3Cb%3E%27%26#acknowledge");
    let (answer, _, command) = sent(&mut site, path, "withdraw=1", Ok(acknowledged())).await;
    assert_eq!((answer.status, command), (StatusCode::SEE_OTHER, Command::Withdraw { experiment }));
}

#[tokio::test(start_paused = true)]
async fn no_form_changes_anything_for_who_may_not() {
    let mut site = Site::new(Some(secret()));
    let good = format!("status_token={}", token());
    let expired = for_person(&secret(), "alice", Duration::from_secs(60), SystemClock.now().wall - HOUR);
    let expired = format!("status_token={}", expired.expose_secret());
    let own = ("origin", "http://lab.example.org:3007");
    let evil = ("origin", "https://evil.example.org");
    for (headers, status, said) in [
        (vec![HOST, own], 401, "paste a token"),
        (vec![HOST, own, ("cookie", expired.as_str())], 401, "has expired"),
        (vec![HOST, ("cookie", good.as_str())], 403, "does not say which page"),
        (vec![HOST, evil, ("cookie", good.as_str())], 403, "comes from elsewhere"),
        (
            vec![HOST, ("sec-fetch-site", "cross-site"), ("cookie", good.as_str())],
            403,
            "comes from elsewhere",
        ),
    ] {
        for (path, back) in [("/?maintenance", "?maintenance"), ("/?experiment=a%22", "?experiment=a%22")] {
            for form in ["names=a&reason=b&for=2h", "end=7", "note=a", "withdraw=1"] {
                let answer = site.ask("POST", path, &headers, form).await;
                assert_eq!(answer.status.as_u16(), status, "{path} {form}: {}", answer.body);
                assert!(answer.body.contains(said), "{said}: {}", answer.body);
                assert!(answer.body.contains(&format!("name=next value=\"{back}\"")), "{}", answer.body);
                let policy = answer.headers["content-security-policy"].to_str().unwrap();
                assert!(policy.contains("form-action 'self'"), "{policy}");
            }
        }
    }
    site.nothing_came();
    let site = Site::new(None);
    for path in ["/?maintenance", "/?experiment=a"] {
        assert_eq!(site.ask("POST", path, &of_own_page(&good), "end=7").await.told().0, 405);
    }
    let page = site.ask("GET", "/?maintenance", &[], "").await;
    assert!(page.body.contains("STATUS_SECRET_ADMIN") && !page.body.contains("method=post"), "{}", page.body);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_field_is_shown_again_with_what_is_wrong_beside_it() {
    let mut site = Site::new(Some(secret()));
    let cookie = format!("status_token={}", token());
    for (form, id) in [
        ("names=&reason=b%22&for=2h", "names-wrong"),
        ("names=a%0D%0A%40mail&reason=b%22&for=2h", "names-wrong"),
        ("names=%3Ca%3E&reason=&for=2h&every=", "reason-wrong"),
        ("names=%3Ca%3E&reason=b%22&for=2", "for-wrong"),
        ("names=%3Ca%3E&reason=b%22&for=", "until-wrong"),
        ("names=%3Ca%3E&reason=b%22&until=soon", "until-wrong"),
        ("names=%3Ca%3E&reason=b%22&for=2h&until=2030-01-01T00%3A00", "for-wrong"),
        ("names=%3Ca%3E&reason=b%22&every=always", "every-wrong"),
        ("names=%3Ca%3E&reason=b%22&for=2h&from=x", "from-wrong"),
    ] {
        let answer = site.ask("POST", "/?maintenance", &of_own_page(&cookie), form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
        assert_eq!(answer.headers["cache-control"], "no-store");
        let body = &answer.body;
        assert_eq!(body.matches("class=wrong").count(), 1, "{body}");
        assert!(
            body.contains(&format!("class=wrong id={id}")) && body.contains("aria-invalid"),
            "{form}: {body}"
        );
        assert!(!form.contains("b%22") || body.contains("value=\"b&#34;\""), "{body}");
        assert!(!form.contains("%3Ca%3E") || body.contains("&#60;a&#62;</textarea>"), "{body}");
    }
    site.nothing_came();
    let form = "names=a&reason=b&for=2h";
    for (refused, status) in [(Refused::TooManyWindows, 409), (Refused::AlreadyOver, 409)] {
        let words = refused.to_string();
        let (answer, ..) = sent(&mut site, "/?maintenance", form, Err(refused)).await;
        assert_eq!(answer.status.as_u16(), status);
        assert!(answer.body.contains(&words) && answer.body.contains("value=\"2h\""), "{}", answer.body);
    }
    let gone = Err(Refused::NoSuchWindow(WindowId(7)));
    let (answer, ..) = sent(&mut site, "/?maintenance", "end=7", gone).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.body.contains("there is no window 7"), "{}", answer.body);
    let answer = site.ask("POST", "/?maintenance", &of_own_page(&cookie), "end=x").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let nobody = Err(Refused::NoSuchExperiment("nobody".into()));
    let (answer, ..) = sent(&mut site, "/?experiment=nobody", "note=a", nobody).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let long = "a".repeat(200_000);
    assert_eq!(site.ask("POST", "/?maintenance", &of_own_page(&cookie), long).await.told().0, 413);
}

#[tokio::test]
async fn windows_are_listed_with_buttons_for_who_has_signed_in() {
    let now = SystemClock.now().wall.as_millis();
    let odd = Window {
        names: vec![Pattern::parse("a/\"<b>").unwrap()],
        reason: "<i>new</i>".to_owned(),
        by: "al\"ice".to_owned(),
        ..window(2, 0, now + 3_600_000)
    };
    let site =
        Site::with(Some(secret()), vec![window(1, 0, 1), odd, window(3, now + 3_600_000, now + 7_200_000)]);
    let cookie = format!("status_token={}", token());
    let page = site.ask("GET", "/?maintenance", &[("cookie", &cookie)], "").await;
    assert_eq!(page.status, StatusCode::OK);
    let body = &page.body;
    assert!(body.contains("On: a/&#34;&#60;b&#62;") && body.contains("Planned: pend0*"), "{body}");
    assert!(!body.contains("<i>new") && body.contains("&#60;i&#62;new"), "{body}");
    assert!(body.contains("name=end value=\"2\"") && body.contains("name=end value=\"3\""), "{body}");
    assert!(!body.contains("name=end value=\"1\""), "{body}");
    let guest = site.ask("GET", "/?maintenance", &[], "").await.body;
    assert!(
        guest.contains("href=\"?signin&#38;next=%3Fmaintenance%23new\"") && !guest.contains("method=post"),
        "{guest}"
    );
    let overview = site.ask("GET", "/", &[], "").await.body;
    assert!(
        overview.contains("href=\"?maintenance\"") && overview.contains(": 1 on, 1 planned"),
        "{overview}"
    );
    assert!(overview.contains("a/&#34;&#60;b&#62;: &#60;i&#62;new"), "{overview}");
}

#[tokio::test]
async fn what_happened_is_told_in_pages_and_tables() {
    let site = Site::new(None);
    for path in [
        "/timeline",
        "/?timeline&since=7d",
        "/timeline?name=pend*",
        "/incidents",
        "/?incidents&open=true",
        "/report",
        "/report?month=2026-02",
    ] {
        let answer = site.ask("GET", path, &[], "").await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(answer.body.contains("<main id=main") && answer.body.contains("id=connection"), "{path}");
        assert!(answer.body.contains("aria-current=page"), "{path}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("script-src 'self'"), "{path}: {policy}");
    }
    assert!(site.ask("GET", "/timeline", &[], "").await.body.contains("href=\"./?file=past.css\""));
    assert_eq!(site.ask("GET", "/?file=past.css", &[], "").await.status, 200);
    let long = format!("/timeline?name={}", "x".repeat(257));
    for (path, wrong) in [
        ("/timeline?since=soon", "since is &quot;soon&quot;"),
        (long.as_str(), "name is &quot;xx"),
        ("/incidents?open=perhaps", "open is &quot;perhaps&quot;"),
        ("/incidents?kind=x", "kind is &quot;x&quot;"),
        ("/report?month=2026-13", "month is &quot;2026-13&quot;"),
        ("/report?month=2130-01", "month is &quot;2130-01&quot;: it has not begun yet"),
        ("/report?month=2026-02&since=7d", "month and since are both there"),
        ("/incidents?skip=x", "skip is &quot;x&quot;"),
    ] {
        let answer = site.ask("GET", path, &[], "").await;
        let body = answer.body.replace("&#34;", "&quot;");
        assert_eq!(answer.status, 400, "{path}: {body}");
        assert!(body.contains(wrong), "{path}: {body}");
    }
    for path in ["/api/v1/incidents?limit=0", "/api/v1/incidents.csv?limit=0"] {
        let told = site.ask("GET", path, &[], "").await.told();
        assert_eq!(told, (400, "limit is \"0\": a whole number from 1 to 10000 was expected".to_owned()));
    }
    assert_eq!(site.ask("GET", "/api/v1/incidents", &[], "").await.json(), serde_json::json!([]));
    let table = site.ask("GET", "/api/v1/incidents.csv", &[], "").await;
    assert!(table.body.starts_with("id,kind,name,from,to,seconds,"), "{}", table.body);
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
}

/// An experiment as it was saved after these events: when, whether all was well, and which feed was silent.
fn saved(name: &str, events: &[(u64, bool, &str)]) -> (ExperimentName, SavedExperiment) {
    let event = |(when, healthy, cause): &(u64, bool, &str)| {
        json!({
            "when": when, "healthy": healthy, "jump_ok": true, "cause": if cause.is_empty() { json!([]) } else { json!([cause]) },
            "streams": {format!("{name}-st-video"): healthy}, "resources": {format!("r-{name}"): healthy},
            "issues": if *healthy { json!([]) } else { json!([{"MissingRequired": format!("{name}-st-video")}]) },
        })
    };
    let (last, healthy, _) = events.last().copied().unwrap_or((1, true, ""));
    let record = json!({
        "first_named": 1, "last_named": last, "in_manifest_at": null, "streams": [],
        "verdict": {"decided": true, "healthy": healthy, "available": healthy, "jump_ok": true},
    });
    let events: Vec<Value> = events.iter().map(event).collect();
    (name.into(), serde_json::from_value(json!({"record": record, "events": events, "keys": []})).unwrap())
}

#[tokio::test]
async fn the_bar_of_today_blames_nothing_that_a_silent_feed_hides() {
    let now = SystemClock.now().wall.as_millis();
    let experiments = [
        saved("pend00", &[(now - 9_000_000, true, ""), (now - 60_000, false, "relay")]),
        saved("pend01", &[(now - 9_000_000, true, ""), (now - 60_000, false, "")]),
    ];
    let saved = Saved { experiments: experiments.into(), ..Saved::default() };
    let site = Site::resumed(None, saved, None);
    let page = site.ask("GET", "/", &[], "").await.body;
    let bar = |name: &str| {
        let row = page.split(&format!("experiment={name}")).nth(1).unwrap();
        row.split("<b aria-hidden=true>").nth(1).unwrap().split("</b>").next().unwrap().to_owned()
    };
    assert!(
        bar("pend00").contains("; now not known\"></em>") && !bar("pend00").contains("<u"),
        "{}",
        bar("pend00")
    );
    assert!(bar("pend01").contains("; now unhealthy\"></u>"), "{}", bar("pend01"));
    for (name, class, words) in [("pend00", 'k', "not known"), ("pend01", 'm', "unhealthy")] {
        let page = site.ask("GET", &format!("/?experiment={name}"), &[], "").await.body;
        assert!(page.contains(&format!("; now {words}\"></i></b>")), "{name}: {page}");
        let last = page.split("</i></b>").next().unwrap().rsplit("<i class=").next().unwrap();
        assert!(last.starts_with(class), "{name}: {last}");
    }
}

/// A store in which these experiments are, with their events.
async fn store(experiments: &[(ExperimentName, SavedExperiment)]) -> Arc<dyn Store> {
    let store = FakeStore::default();
    drop(store.load_now(0));
    let mut changes = vec![Change::ReplaceAll];
    for (name, SavedExperiment { record, events, .. }) in experiments {
        changes.push(Change::Experiment { name: name.clone(), record: record.clone() });
        changes.extend(events.iter().zip(0..).map(|(event, number)| Change::Event {
            key: EventKey { incarnation: name.as_str().into(), number },
            experiment: name.clone(),
            event: event.clone(),
        }));
    }
    store.save(changes).await.unwrap();
    Arc::new(store)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_an_experiment_with_many_events_keeps_nobody_waiting() {
    let now = SystemClock.now().wall.as_millis();
    let events: Vec<(u64, bool, &str)> =
        (0..30_000).map(|at| (now - 60_000 * (30_001 - at), at % 2 == 1, "")).collect();
    let mut experiments = [saved("pend00", &events)];
    let store = store(&experiments).await;
    experiments[0].1.events.drain(..29_900);
    let site =
        Site::resumed(None, Saved { experiments: experiments.into(), ..Saved::default() }, Some(store));
    let mut tries = Vec::new();
    for _ in 0..3 {
        let (app, state) = (site.app.clone(), site.state.clone());
        let begun = SystemClock.now().time;
        let asked = tokio::spawn(async move {
            let other = Site { app, state, orders: mpsc::channel(1).1 };
            other.ask("GET", "/?experiment=pend00", &[], "").await
        });
        let state = site.state.clone();
        let waited = tokio::task::spawn_blocking(move || {
            let mut longest = Duration::ZERO;
            while !asked.is_finished() {
                let since = SystemClock.now().time;
                drop(state.shared().monitor());
                longest = longest.max(SystemClock.now().time.since(since));
                std::thread::sleep(Duration::from_millis(1));
            }
            (longest, asked)
        });
        let (longest, asked) = waited.await.unwrap();
        let page = asked.await.unwrap();
        assert_eq!(page.status, 200);
        assert!(page.body.contains("Outages in the last 30 days: 15000"), "{}", page.body);
        tries.push((longest, SystemClock.now().time.since(begun)));
    }
    assert!(tries.iter().any(|(longest, whole)| *longest * 8 < *whole), "{tries:?}");
}

#[tokio::test]
async fn every_link_of_the_time_line_leads_to_an_entry_whatever_the_name() {
    let now = SystemClock.now().wall.as_millis();
    let names = ["pend00", "a b", " a+b", "\u{202e}<i>", "@relay", "x%20y"];
    let events = |outages: u64| -> Vec<(u64, bool, &str)> {
        (0..2 * outages).map(|at| (now - 60_000 * (2 * outages + 1 - at), at % 2 == 1, "")).collect()
    };
    let mut experiments: Vec<_> = names.iter().map(|name| saved(name, &events(1))).collect();
    experiments.push(saved("often", &events(700)));
    let store = store(&experiments).await;
    let saved = Saved { experiments: experiments.into_iter().collect(), ..Saved::default() };
    let site = Site::resumed(None, saved, Some(store));
    let page = site.ask("GET", "/timeline?since=7d", &[], "").await.body.replace("&amp;", "&");
    let links: std::collections::BTreeSet<&str> = page
        .split("href=\"./")
        .filter_map(|link| link.split('"').next())
        .filter(|link| link.starts_with("?incidents&name="))
        .collect();
    assert!(links.len() > names.len(), "{page}");
    for link in links {
        let (query, id) = link.split_once('#').unwrap();
        let found = site.ask("GET", &format!("/{query}"), &[], "").await;
        assert_eq!(found.status, 200, "{link}");
        assert!(found.body.contains(&format!("<tr id=\"{id}\"")), "{link}: {}", found.body);
    }
    let oldest = site.ask("GET", "/?incidents&name=often&since=7d&skip=600", &[], "").await.body;
    assert!(oldest.contains("Numbers 601 to 700") && !oldest.contains("More before them"), "{oldest}");
    let newest = site.ask("GET", "/?incidents&name=often&since=7d", &[], "").await.body;
    let more = "<a href=\"?incidents&#38;since=7d&#38;name=often&#38;skip=300\">More before them</a>";
    assert!(newest.contains("Numbers 1 to 300") && newest.contains(more), "{newest}");
}

#[tokio::test]
async fn without_a_store_nobody_says_that_no_mail_was_sent() {
    let now = SystemClock.now().wall.as_millis();
    let events = [(now - 9_000_000, true, ""), (now - 60_000, false, "")];
    let ask = async |store: Option<Arc<dyn Store>>| {
        let experiments = [saved("pend00", &events)].into();
        let site = Site::resumed(None, Saved { experiments, ..Saved::default() }, store);
        [site.ask("GET", "/report", &[], "").await.body, site.ask("GET", "/incidents", &[], "").await.body]
    };
    let [report, incidents] = ask(None).await;
    assert!(
        report.contains("not known, since nothing is kept") && !report.contains("No mail was"),
        "{report}"
    );
    assert!(incidents.contains("not known, since nothing is kept"), "{incidents}");
    let [report, incidents] = ask(Some(store(&[saved("pend00", &events)]).await)).await;
    assert!(report.contains("No mail was sent."), "{report}");
    assert!(incidents.contains("<td data-of=\"told by mail\">none"), "{incidents}");
    let month = &SystemClock.now().wall.to_string()[..7];
    assert!(report.contains(&format!("?report&amp;month={month}\"")), "{report}");
    assert!(report.contains(" data-moves>") && incidents.contains(" data-moves>"), "{report}");
}
