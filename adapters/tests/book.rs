//! Book over real sockets: what is asked, and what is made of the answers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

mod support;

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use status_adapters::Book;
use status_adapters::book::HttpBook;
use status_adapters::wire::manifest::availability;
use status_core::{Failure, FailureKind, ResourceName};
use support::{Identity, LIMIT, Log, SECRET, clock, nowhere, raw_server, read_head, service, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const LIFE: Duration = Duration::from_secs(900);
const RESOURCES: &str = "/tenant/x/api/v1/admin/resources";
const MANIFEST: &str = r#"{"r-pend00":{"description":"d-r-a","streams":["st-data","st-video"],"tests":null,"topic_stub":"pend00"}}"#;

fn book(address: &str) -> HttpBook {
    book_with(address, LIMIT)
}

fn book_with(address: &str, timeout: Duration) -> HttpBook {
    HttpBook::new(service("book", address), timeout, LIFE, clock()).unwrap()
}

fn pend00() -> ResourceName {
    ResourceName::from("r-pend00")
}

/// A server that answers everything with this.
async fn always(status: u16, body: &str, content_type: &str) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_raw(body, content_type);
    Mock::given(wiremock::matchers::any()).respond_with(answer).mount(&server).await;
    server
}

fn claims(request: &Request) -> serde_json::Value {
    let token = request.headers["authorization"].to_str().unwrap();
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn the_manifest_is_asked_for_and_read() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_raw(MANIFEST, "application/json");
    Mock::given(method("GET")).and(path(RESOURCES)).respond_with(answer).mount(&server).await;
    let manifest = soon(book(&server.uri()).manifest()).await.unwrap();
    assert_eq!(manifest[&pend00()].stub.as_str(), "pend00");
    assert_eq!(manifest[&pend00()].streams, ["st-data", "st-video"]);

    let requests = server.received_requests().await.unwrap();
    let claims = claims(&requests[0]);
    assert_eq!(claims["aud"], serde_json::json!([format!("{}/tenant/x", server.uri())]));
    assert_eq!(claims["scopes"], serde_json::json!(["booking:admin"]));
    assert!(!requests[0].headers["authorization"].to_str().unwrap().contains(' '), "no Bearer in front");
}

#[tokio::test]
async fn availability_is_read_and_set() {
    let server = MockServer::start().await;
    let one = format!("{RESOURCES}/r-pend00");
    let said = r#"{"available":false,"reason":"unavailable because status server: went down"}"#;
    let answer = ResponseTemplate::new(200).set_body_raw(said, "application/json");
    Mock::given(method("GET")).and(path(&one)).respond_with(answer).mount(&server).await;
    Mock::given(method("PUT"))
        .and(path(&one))
        .and(query_param("available", "true"))
        .and(query_param("reason", "status server: a+b & 100% = \"gut\" für #1?"))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    let book = book(&server.uri());
    let reason = "status server: went down".to_owned();
    assert_eq!(soon(book.availability(&pend00())).await, Ok(availability(false, reason)));
    let reason = "status server: a+b & 100% = \"gut\" für #1?";
    assert_eq!(soon(book.set_availability(&pend00(), true, reason)).await, Ok(()));
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[1].headers["content-length"], "0", "some proxies want to be told");
    assert_eq!(requests[1].headers.get_all("content-length").iter().count(), 1);
}

#[tokio::test]
async fn any_name_of_a_resource_is_one_step_of_the_path() {
    let server = always(200, r#"{"available":true,"reason":""}"#, "application/json").await;
    let book = book(&server.uri());
    for (name, step) in [
        ("a/b c", "a%2Fb%20c"),
        ("100%", "100%25"),
        ("%2e%2e", "%252e%252e"),
        ("x?available=false#y", "x%3Favailable=false%23y"),
        ("ä", "%C3%A4"),
    ] {
        soon(book.availability(&ResourceName::from(name))).await.unwrap();
        let requests = server.received_requests().await.unwrap();
        let url = &requests.last().unwrap().url;
        assert_eq!(url.path(), format!("{RESOURCES}/{step}"));
        assert_eq!(url.query(), None);
    }
    let asked = server.received_requests().await.unwrap().len();
    for name in ["", ".", ".."] {
        let failure = soon(book.availability(&ResourceName::from(name))).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotFound);
    }
    assert_eq!(server.received_requests().await.unwrap().len(), asked, "no other place is asked");
}

/// What book, jump and proxies say, and what is made of it.
#[expect(clippy::too_many_lines, reason = "it is a table")]
#[tokio::test]
async fn refusals_are_told_with_their_likely_cause() {
    use FailureKind::{NotFound, Overloaded, Refused, TooManyRequests};
    const TOKEN: [&str; 4] =
        ["STATUS_SECRET_BOOK", "STATUS_SCHEME_BOOK", "STATUS_HOST_BOOK", "STATUS_BASEPATH_BOOK"];
    let nginx = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad \
                 Gateway</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n";
    let cases: &[(u16, &str, FailureKind, &[&str])] = &[
        (
            500,
            r#"{"code":500,"message":"error parsing claims was signature is invalid"}"#,
            Refused,
            &[
                "book",
                "GET",
                "/tenant/x/api/v1/admin/resources",
                "500",
                "signature is invalid",
                "STATUS_SECRET_BOOK",
            ],
        ),
        (
            500,
            r#"{"code":500,"message":"error parsing claims was token is expired by 1m0.432880112s"}"#,
            Refused,
            &["clock", "behind"],
        ),
        (
            500,
            r#"{"code":500,"message":"error parsing claims was token is not valid yet"}"#,
            Refused,
            &["clock", "ahead"],
        ),
        (
            500,
            r#"{"code":500,"message":"error parsing claims was token used before issued"}"#,
            Refused,
            &["clock", "ahead"],
        ),
        (
            401,
            r#"{"code":"401","message":"no scope booking:admin"}"#,
            Refused,
            &["no scope booking:admin", "version"],
        ),
        (
            401,
            r#"{"code":401,"message":"unauthenticated for invalid credentials"}"#,
            Refused,
            &["Authorization", "proxy"],
        ),
        (
            404,
            r#"{"code":"404","message":"resource r-pend00 not found"}"#,
            NotFound,
            &["resource r-pend00 not found"],
        ),
        (
            404,
            r#"{"code":404,"message":"path /nope/pend00 was not found"}"#,
            Refused,
            &["path /nope/pend00", "STATUS_BASEPATH_BOOK"],
        ),
        (
            404,
            "<html><title>404 Not Found</title></html>",
            Refused,
            &["404 Not Found", "STATUS_BASEPATH_BOOK"],
        ),
        (
            405,
            r#"{"code":405,"message":"method DELETE is not allowed, but [PUT,GET] are"}"#,
            Refused,
            &["405", "STATUS_BASEPATH_BOOK"],
        ),
        (
            422,
            r#"{"code":602,"message":"reason in query is required"}"#,
            Refused,
            &["422", "reason in query"],
        ),
        (502, nginx, Refused, &["502 Bad Gateway", "proxy in front of book", "down"]),
        (503, "", Overloaded, &["503", "proxy in front of book"]),
        (429, "", TooManyRequests { retry_after: None }, &["429", "limits how often"]),
        (401, "\"nope\"", Refused, &TOKEN),
        (403, "{\"message\":\"no\"}", Refused, &TOKEN),
        (500, r#"{"code":500,"message":"jwt: too many parts"}"#, Refused, &TOKEN),
        (
            400,
            "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
            Refused,
            &["STATUS_SCHEME_BOOK"],
        ),
    ];
    for (status, body, kind, parts) in cases {
        let server = always(*status, body, "application/json").await;
        let failure = soon(book(&server.uri()).manifest()).await.unwrap_err();
        assert_eq!(failure.kind, *kind, "{failure}");
        for part in *parts {
            assert!(failure.detail.contains(part), "{part:?} is not in: {failure}");
        }
        let audience = format!("{}/tenant/x", server.uri());
        assert!(failure.detail.contains(&audience), "{audience:?} is not in: {failure}");
        assert!(!failure.detail.contains('\n'), "{failure}");
    }
}

#[tokio::test]
async fn a_base_path_that_holds_what_is_added_by_itself_is_told_so() {
    let server = always(404, r#"{"code":404,"message":"path /api/v1/api/v1 was not found"}"#, "").await;
    let uri = server.uri();
    let (scheme, host) = uri.split_once("://").unwrap();
    let service =
        status_adapters::service::Service::new("book", scheme, host, "/ed0/book/api/v1", SECRET.into());
    let book = HttpBook::new(service, LIMIT, LIFE, clock()).unwrap();
    let failure = soon(book.manifest()).await.unwrap_err();
    let told = "STATUS_BASEPATH_BOOK ends in /api/v1, which is added by itself: leave it out there";
    assert!(failure.detail.ends_with(told), "{failure}");
}

#[tokio::test]
async fn how_long_book_wants_not_to_be_asked_is_read_in_both_forms() {
    const NOON: &str = "Tue, 24 Nov 2026 12:00:00 GMT";
    let seconds = |n| Some(Duration::from_secs(n));
    for (status, text, retry_after) in [
        (429, "7", seconds(7)),
        (503, "120", seconds(120)),
        (403, "Tue, 24 Nov 2026 12:01:00 GMT", seconds(60)),
        (429, "Tue, 24 Nov 2026 11:00:00 GMT", seconds(0)),
        (429, "99999999999999999999999", seconds(u64::MAX)),
        (429, "soon", None),
    ] {
        let server = MockServer::start().await;
        let answer =
            ResponseTemplate::new(status).insert_header("retry-after", text).insert_header("date", NOON);
        Mock::given(method("GET")).respond_with(answer).mount(&server).await;
        let failure = soon(book(&server.uri()).availability(&pend00())).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::TooManyRequests { retry_after }, "{status} {text}");
    }
}

#[tokio::test]
async fn a_wrong_audience_is_told_with_the_setting_that_makes_it() {
    for (expected, settings) in [
        ("https://{host}/tenant/x", "make STATUS_SCHEME_BOOK say so"),
        ("http://app.example.org/tenant/x", "make STATUS_HOST_BOOK say so"),
        ("http://{host}/book", "make STATUS_BASEPATH_BOOK say so"),
        ("HTTP://{host}/tenant/x", "make STATUS_HOST_BOOK say so"),
        (
            "https://app.example.org/",
            "make STATUS_SCHEME_BOOK and STATUS_HOST_BOOK and STATUS_BASEPATH_BOOK say so",
        ),
        ("nonsense", "no address"),
    ] {
        let server = MockServer::start().await;
        let expected = expected.replace("{host}", &server.address().to_string());
        let message = format!("aud [{}/tenant/x] does not match this host {expected}", server.uri());
        let answer =
            ResponseTemplate::new(500).set_body_json(serde_json::json!({ "code": 500, "message": message }));
        Mock::given(method("GET")).respond_with(answer).mount(&server).await;
        let failure = soon(book(&server.uri()).manifest()).await.unwrap_err();
        assert!(failure.detail.contains(settings), "{settings:?} is not in: {failure}");
        assert!(failure.detail.contains(&expected), "{failure}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = MockServer::start().await;
    let server = MockServer::start().await;
    let to = format!("http://me:pass@{}/login?token=abc", other.address());
    let answer = ResponseTemplate::new(302).insert_header("location", to);
    Mock::given(method("PUT")).respond_with(answer).mount(&server).await;
    let failure = soon(book(&server.uri()).set_availability(&pend00(), true, "x")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
    let shown = format!("302 Found to http://{}/login,", other.address());
    assert!(failure.detail.contains(&shown), "{failure}");
    assert!(!failure.detail.contains("pass") && !failure.detail.contains("abc"), "{failure}");
    assert_eq!(other.received_requests().await.unwrap().len(), 0);

    let secure = ResponseTemplate::new(301)
        .insert_header("location", server.uri().replace("http:", "https:") + RESOURCES);
    Mock::given(method("GET")).respond_with(secure).mount(&server).await;
    let failure = soon(book(&server.uri()).manifest()).await.unwrap_err();
    assert!(failure.detail.ends_with("likely cause: STATUS_SCHEME_BOOK is wrong"), "{failure}");
}

#[tokio::test]
async fn nonsense_is_told_apart_from_web_pages() {
    for (body, part) in [
        ("<!DOCTYPE html><html><title>Welcome</title></html>", "STATUS_BASEPATH_BOOK is wrong"),
        ("", "answered nonsense"),
        ("[]", "object"),
        ("{\"r\":", "JSON"),
        ("null", "object"),
        ("\u{0}\u{1}", "JSON"),
    ] {
        let server = always(200, body, "text/html").await;
        let failure = soon(book(&server.uri()).manifest()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Garbled, "{failure}");
        assert!(failure.detail.contains(part), "{part:?} is not in: {failure}");
        assert!(failure.detail.contains(RESOURCES), "{failure}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let sent = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
        let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x1_0000], b"\r\n"].concat();
        let mut sent = 0_usize;
        while stream.write_all(&chunk).await.is_ok() {
            sent += chunk.len();
        }
        sent
    });
    let failure = soon(book(&address).manifest()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Garbled, "{failure}");
    assert!(failure.detail.contains("more than 16777216 bytes"), "{failure}");
    assert!(soon(sent).await.unwrap() < 40 << 20, "it stopped reading soon");
}

#[tokio::test]
async fn no_answer_in_time_is_told_with_its_setting() {
    let answers: [&'static [u8]; 3] =
        [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"r-pend00\":"];
    for answer in answers {
        let address = format!("http://{}", raw_server(answer, true).await);
        let failure = soon(book_with(&address, Duration::from_millis(300)).manifest()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::TimedOut, "{failure}");
        assert!(failure.detail.contains("300ms (STATUS_TIMEOUT_BOOK)"), "{failure}");
    }
}

#[tokio::test]
async fn broken_connections_are_told_with_their_likely_cause() {
    async fn asked(address: &str) -> Failure {
        soon(book(address).manifest()).await.unwrap_err()
    }
    let closing: [&'static [u8]; 2] = [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"];
    for answer in closing {
        let failure = asked(&format!("http://{}", raw_server(answer, false).await)).await;
        assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
        assert!(failure.detail.contains("broke off"), "{failure}");
    }
    for (address, parts) in [
        (format!("http://{}", nowhere().await), ["nothing listens there", "STATUS_HOST_BOOK"]),
        ("http://no-such-host.invalid".to_owned(), ["its name has no address", "STATUS_HOST_BOOK"]),
        (
            format!("https://{}", always(400, "", "").await.address()),
            ["does not speak TLS", "STATUS_SCHEME_BOOK should be http"],
        ),
    ] {
        let failure = asked(&address).await;
        assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
        for part in parts {
            assert!(failure.detail.contains(part), "{part:?} is not in: {failure}");
        }
    }
}

#[tokio::test]
async fn tls_needs_a_certificate_that_is_trusted_and_for_this_name() {
    let identity = Identity::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = identity.acceptor.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut some = [0; 4096];
            let _ = stream.read(&mut some).await;
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{MANIFEST}", MANIFEST.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let address = format!("https://localhost:{port}");
    let trusted = HttpBook::trusting(identity.root, service("book", &address), LIMIT, LIFE, clock()).unwrap();
    assert_eq!(soon(trusted.manifest()).await.map(|manifest| manifest.len()), Ok(1));

    let failure = soon(book(&address).manifest()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.detail.contains("no authority that this machine trusts has signed it"), "{failure}");
}

#[tokio::test]
async fn addresses_that_make_no_sense_are_refused_at_once() {
    for address in ["http://", "http://a b", "ftp://app.example.org", "http://app.example.org:99999"] {
        let problem = HttpBook::new(service("book", address), LIMIT, LIFE, clock()).err().unwrap();
        assert!(problem.contains("book's address"), "{problem}");
    }
}

#[tokio::test]
async fn a_token_is_hidden_wherever_an_answer_is_cut() {
    const OTHERS: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzb21lYm9keSJ9.c2lnbmF0dXJl";
    for fill in [0, 20, 80, 110, 250, 290] {
        for (status, before, after) in [
            (500, r#"{"code":500,"message":""#, r#""}"#),
            (500, "", ""),
            (200, r#"{"r":"#, "}"),
            (200, r#"{""#, r#"":7}"#),
        ] {
            let server = MockServer::start().await;
            let echo = move |request: &Request| {
                let token = request.headers["authorization"].to_str().unwrap();
                let said = format!("{} {token} {OTHERS}", "x".repeat(fill));
                ResponseTemplate::new(status).set_body_string(format!("{before}{said}{after}"))
            };
            Mock::given(wiremock::matchers::any()).respond_with(echo).mount(&server).await;
            let failure = soon(book(&server.uri()).manifest()).await.unwrap_err();
            assert!(!failure.detail.contains("eyJ"), "{status} {fill}: {failure}");
        }
    }
}

#[tokio::test]
async fn neither_secret_nor_token_shows_up() {
    let log = Log::start();
    // A service that says everything back that it was told.
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(|request: &Request| {
            let token = request.headers["authorization"].to_str().unwrap();
            ResponseTemplate::new(500)
                .set_body_json(serde_json::json!({ "code": 500, "message": format!("what is {token}?") }))
        })
        .mount(&server)
        .await;
    let book = book(&server.uri());
    let failures = [
        soon(book.manifest()).await.unwrap_err(),
        soon(book.set_availability(&pend00(), false, "status server: x")).await.unwrap_err(),
    ];
    let token =
        server.received_requests().await.unwrap()[0].headers["authorization"].to_str().unwrap().to_owned();
    let everything = format!("{failures:?}\n{}", log.text());
    assert!(everything.contains("what is <token>?"), "{everything}");
    for secret in [SECRET, &token, token.rsplit('.').next().unwrap()] {
        assert!(!everything.contains(secret), "{everything}");
    }
}
