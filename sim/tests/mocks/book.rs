//! Book.

use std::time::Duration;

use serde_json::{Value, json};
use status_sim::mock::{Book, BookFault, BookOptions, Lab, Services, ServicesOptions, clock};

use crate::captures::{Exchange, exchanges, without_accidents};
use crate::wire::{Answer, LIMIT, ask, claims, sign};

const ADMIN: &str = include_str!("../../../tests/data/captures/http/book-v0.4.1-admin.http");
const LIFETIME: &str =
    include_str!("../../../tests/data/captures/http/book-v0.4.1-availability-lifetime.http");
const MANIFEST: &str = include_str!("../../../tests/data/captures/http/manifest-pend00-02.json");
const THERE: &str = "http://127.0.0.1:18080/ed0/book";

async fn empty_book() -> Book {
    Book::start(Lab::new(), BookOptions { loaded: false, ..BookOptions::default() }).await.unwrap()
}

async fn book_of_two() -> Book {
    Book::start(Lab::with_experiments(2, &["data", "video"]), BookOptions::default()).await.unwrap()
}

fn token(book: &Book) -> String {
    sign(&claims(book.audience(), 60, json!({ "scopes": ["booking:admin"] })), book.secret())
}

async fn call(book: &Book, method: &str, path: &str) -> Answer {
    let path = format!("/tenant/book/api/v1/admin/resources{path}");
    ask(book.address(), method, &path, Some(&token(book)), "").await
}

/// Does to the mock what was done to the real book, and compares the answers.
async fn replay(book: &Book, exchange: &Exchange) {
    let title = &exchange.title;
    if title.contains("after restart (") {
        book.restart();
    }
    let body = match title.as_str() {
        "PUT manifest without r-pend02" => {
            manifest(|m| drop(m["resources"].as_object_mut().unwrap().remove("r-pend02")))
        }
        "PUT broken manifest (resource refers to missing stream)" => manifest(|m| m["streams"] = json!({})),
        _ if exchange.body.is_empty() => String::new(),
        _ => MANIFEST.to_owned(),
    };
    let token = exchange.authorization.as_ref().map(|header| {
        let claims = exchange.claims.as_ref().map(|claims| here(claims, book));
        let secret = if title.contains("bad signature") { "another" } else { book.secret() };
        header.replace("<jwt>", &sign(&claims.unwrap_or_default(), secret))
    });
    let path = format!("/tenant/book{}", exchange.path);
    let answer = ask(book.address(), &exchange.method, &path, token.as_deref(), &body).await;
    let names = [(book.audience(), "HERE"), (THERE, "HERE")];
    assert_eq!(answer.status, exchange.answer.status, "{title}: {answer:?}");
    for header in ["content-type", "allow"] {
        assert_eq!(answer.header(header), exchange.answer.header(header), "{title}");
    }
    // The counts of slots and policies in the manifest that was cut are not known.
    if title != "PUT manifest without r-pend02" {
        let expected = without_accidents(&exchange.answer.body, &names);
        assert_eq!(without_accidents(&answer.body, &names), expected, "{title}");
    }
}

fn manifest(change: impl FnOnce(&mut Value)) -> String {
    let mut manifest = serde_json::from_str(MANIFEST).unwrap();
    change(&mut manifest);
    manifest.to_string()
}

/// The captured claims, with the mock's address and the times shifted to now.
fn here(claims: &Value, book: &Book) -> Value {
    /// When the book captures were made.
    const CAPTURED: i64 = 1_795_480_166;
    let mut claims = claims.clone();
    for name in ["exp", "nbf", "iat"] {
        if let Some(time) = claims[name].as_i64() {
            claims[name] = (time - CAPTURED + i64::try_from(clock::since_1970().as_secs()).unwrap()).into();
        }
    }
    if let Some(audience) = claims["aud"][0].as_str() {
        claims["aud"][0] = audience.replace(THERE, book.audience()).into();
    }
    claims
}

#[tokio::test]
async fn all_captured_admin_requests_are_answered_as_they_were() {
    let book = empty_book().await;
    let exchanges = exchanges(ADMIN);
    assert_eq!(exchanges.len(), 43);
    for exchange in &exchanges {
        replay(&book, exchange).await;
    }
}

#[tokio::test]
async fn availability_lives_and_dies_as_captured() {
    let book = empty_book().await;
    // The capture goes on where the other one ended.
    for exchange in exchanges(ADMIN).iter().take(4).chain(&exchanges(LIFETIME)) {
        replay(&book, exchange).await;
    }
    assert_eq!(book.state().manifest().len(), 2);
}

#[tokio::test]
async fn a_lab_is_loaded_and_loaded_again() {
    let book = book_of_two().await;
    let resources = call(&book, "GET", "").await.json();
    assert_eq!(resources["r-pend01"]["topic_stub"], "pend01");
    assert_eq!(resources["r-pend01"]["streams"], json!(["st-data", "st-video"]));
    assert_eq!(call(&book, "PUT", "/r-pend01?available=false&reason=gone").await.status, Some(204));
    assert!(!book.is_available("r-pend01"));
    book.load_manifest();
    assert!(book.is_available("r-pend01"));
    assert!(book.override_resource("r-pend01", false, "in repair"));
    let read = call(&book, "GET", "/r-pend01").await.json();
    assert_eq!(read, json!({ "available": false, "reason": "unavailable because in repair" }));
    book.restart();
    assert_eq!(call(&book, "GET", "").await.body, "{}\n");
    assert!(!book.override_resource("r-pend01", true, "known no more"));
}

#[tokio::test]
async fn its_log_tells_what_was_asked() {
    let book = book_of_two().await;
    call(&book, "GET", "").await;
    call(&book, "PUT", "/r-pend00?available=false&reason=status%20server:+x").await;
    let log = book.requests();
    assert_eq!(log.len(), 2);
    assert_eq!((log[0].method.as_str(), log[0].resource.as_deref(), log[0].status), ("GET", None, Some(200)));
    assert_eq!(log[1].resource.as_deref(), Some("r-pend00"));
    assert_eq!(log[1].available.as_deref(), Some("false"));
    assert_eq!(log[1].reason.as_deref(), Some("status server: x"));
    assert!(log[0].when <= log[1].when);
}

#[tokio::test]
async fn a_lost_answer_is_a_change_that_was_made() {
    let book = book_of_two().await;
    book.set_fault(BookFault::CutsAnswers);
    assert_eq!(call(&book, "PUT", "/r-pend00?available=false&reason=x").await, Answer::default());
    assert_eq!(call(&book, "GET", "/r-pend00").await.json()["available"], false);

    book.set_fault(BookFault::LosesAnswers);
    let asked = tokio::spawn({
        let (address, token) = (book.address(), token(&book));
        let path = "/tenant/book/api/v1/admin/resources/r-pend01?available=false&reason=x";
        async move { ask(address, "PUT", path, Some(&token), "").await }
    });
    book.wait_for(|state| !state.is_available("r-pend01"), LIMIT).await.unwrap();
    // Noted, and as one that nobody heard the answer to.
    let state = book.wait_for(|state| state.changes_asked("r-pend01") == 1, LIMIT).await.unwrap();
    assert_eq!(state.requests.back().unwrap().status, None);
    assert!(!asked.is_finished());
    asked.abort();
}

#[tokio::test]
async fn changes_can_be_ignored_or_refused() {
    let book = book_of_two().await;
    book.set_fault(BookFault::IgnoresChanges);
    assert_eq!(call(&book, "PUT", "/r-pend00?available=false&reason=x").await.status, Some(204));
    book.set_fault(BookFault::RefusesChanges);
    assert_eq!(call(&book, "PUT", "/r-pend00?available=false&reason=x").await.status, Some(503));
    assert_eq!(call(&book, "GET", "/r-pend00").await.json()["available"], true);
}

#[tokio::test]
async fn it_fails_in_many_ways_and_comes_back() {
    let book = book_of_two().await;
    let rubbish = BookFault::Answers { status: 200, body: "rubbish".to_owned() };
    for (fault, status, words) in [
        (BookFault::Unavailable, Some(503), "service unavailable"),
        (BookFault::Down, Some(502), "<center>nginx/1.22.1</center>"),
        (BookFault::Cut, None, ""),
        (BookFault::RefuseTokens, Some(500), "signature is invalid"),
        (rubbish, Some(200), "rubbish"),
        (BookFault::Html, Some(200), "<html>"),
    ] {
        book.set_fault_for(1, fault.clone());
        let answer = call(&book, "GET", "").await;
        assert_eq!(answer.status, status, "{fault:?}");
        assert!(answer.body.contains(words), "{fault:?}: {answer:?}");
        assert_eq!(call(&book, "GET", "").await.status, Some(200), "after {fault:?}");
    }
}

#[tokio::test]
async fn a_wrong_base_path_leads_to_the_proxys_own_page() {
    let book = book_of_two().await;
    let answer = ask(book.address(), "GET", "/other/api/v1/admin/resources", Some(&token(&book)), "").await;
    assert_eq!(answer.status, Some(404));
    assert!(answer.body.contains("<title>404 Not Found</title>"), "{answer:?}");
}

#[tokio::test]
async fn slow_is_late_and_hanging_is_for_ever() {
    let book = book_of_two().await;
    book.set_fault(BookFault::Slow(Duration::from_millis(50)));
    let asked = tokio::time::Instant::now();
    assert_eq!(call(&book, "GET", "").await.status, Some(200));
    assert!(asked.elapsed() >= Duration::from_millis(50));
    book.set_fault(BookFault::Hang);
    assert!(tokio::time::timeout(Duration::from_millis(100), call(&book, "GET", "")).await.is_err());
}

#[tokio::test]
async fn a_clock_that_is_behind_refuses_new_tokens() {
    let book = book_of_two().await;
    book.set_clock_skew(-600);
    let answer = call(&book, "GET", "").await;
    assert_eq!(answer.status, Some(500));
    assert!(answer.body.contains("error parsing claims was token"), "{answer:?}");
    book.set_clock_skew(600);
    assert!(call(&book, "GET", "").await.body.contains("token is expired by 9m"));
}

#[tokio::test]
async fn thousands_of_requests_are_answered_and_not_remembered() {
    let options = BookOptions { keep: 10, ..BookOptions::default() };
    let book = Book::start(Lab::with_experiments(1, &["data"]), options).await.unwrap();
    let token = token(&book);
    let address = book.address();
    let path = "/tenant/book/api/v1/admin/resources/r-pend00";
    // In parallel, so that requests wait while the mock behind is replaced.
    let clients = (0..4).map(|_| {
        let token = token.clone();
        tokio::spawn(async move {
            for _ in 0..400 {
                assert_eq!(ask(address, "GET", path, Some(&token), "").await.status, Some(200));
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    assert_eq!(book.requests().len(), 10);
    assert_eq!(book.state().asked, 1_600);
}

#[tokio::test]
async fn waiting_too_long_says_what_was_seen() {
    let book = book_of_two().await;
    let late = book.wait_for(|state| state.asked == 1, Duration::from_millis(20)).await.unwrap_err();
    assert!(late.to_string().starts_with("not within 20ms; the last that was seen: BookState"), "{late}");
}

#[tokio::test]
async fn the_environment_leads_to_the_services() {
    let services = Services::start(&Lab::new(), ServicesOptions::default()).await.unwrap();
    let variables = services.environment();
    let value = |name: &str| variables.iter().find(|(known, _)| known == name).unwrap().1.as_str();
    for (name, audience) in [
        ("BOOK", services.book.audience()),
        ("RELAY", services.relay.audience()),
        ("JUMP", services.jump.audience()),
    ] {
        let part = |part: &str| value(&format!("STATUS_{part}_{name}")).to_owned();
        assert_eq!(format!("{}://{}{}", part("SCHEME"), part("HOST"), part("BASEPATH")), audience);
        assert!(!part("SECRET").is_empty());
    }
    assert_eq!(value("STATUS_EMAIL_PORT"), services.smtp.address().port().to_string());
    assert_eq!(value("STATUS_EMAIL_AUTH_TYPE"), "none");
}
