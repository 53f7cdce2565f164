//! Clients that are written by hand, so that nothing is shared with the server that is tested
//! against these mocks.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};
use status_sim::mock::{Feed, clock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// More than anything here takes, unless it is broken.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// An answer over HTTP; without a status if the connection ended before there was one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Asks once, on a connection of its own.
pub(crate) async fn ask(to: SocketAddr, method: &str, path: &str, token: Option<&str>, body: &str) -> Answer {
    let authorization = token.map_or_else(String::new, |token| format!("Authorization: {token}\r\n"));
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nContent-Length: {length}\r\n{authorization}\r\n{body}"
    );
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    // A connection that is broken off gives what came before.
    let _ = tokio::time::timeout(LIMIT, stream.read_to_string(&mut text)).await.unwrap();
    parse(&text)
}

/// Takes an answer apart.
pub(crate) fn parse(text: &str) -> Answer {
    let text = text.replace("\r\n", "\n");
    let Some((head, body)) = text.split_once("\n\n") else { return Answer::default() };
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_lowercase(), value.to_owned())
    };
    Answer { status, headers: lines.map(header).collect(), body: body.to_owned() }
}

/// A token of HS256.
pub(crate) fn sign(claims: &Value, secret: &str) -> String {
    signed_by("HS256", hmac::HMAC_SHA256, claims, secret)
}

/// A token of any algorithm.
pub(crate) fn signed_by(name: &str, algorithm: hmac::Algorithm, claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&json!({ "alg": name, "typ": "JWT" })), part(claims));
    let key = hmac::Key::new(algorithm, secret.as_bytes());
    let signature = hmac::sign(&key, text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

/// Claims that are good for now and so many seconds, and whatever else is given.
pub(crate) fn claims(audience: &str, life: u64, others: Value) -> Value {
    let now = clock::since_1970().as_secs();
    let mut claims = json!({ "aud": [audience], "iat": now - 1, "nbf": now - 1, "exp": now + life });
    let Value::Object(others) = others else { panic!("claims are an object") };
    claims.as_object_mut().unwrap().extend(others);
    claims
}

/// The token with which the server asks a feed for its statistics.
pub(crate) fn stats_token(feed: &Feed, life: u64) -> String {
    let (prefix, scope) = match feed.base_path() {
        "/tenant/jump" => ("connect", "stats"),
        _ => ("session", "read"),
    };
    let others =
        json!({ "booking_id": "status-server", "topic": "stats", "prefix": prefix, "scopes": [scope] });
    sign(&claims(feed.audience(), life, others), feed.secret())
}

/// Asks a feed's access point for its statistics.
pub(crate) async fn ask_stats(feed: &Feed, token: &str) -> Answer {
    let path = match feed.base_path() {
        "/tenant/jump" => "/tenant/jump/api/v1/connect/stats",
        _ => "/tenant/relay/session/stats",
    };
    ask(feed.address(), "POST", path, Some(token), "").await
}
