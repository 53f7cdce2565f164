//! The access point of a feed: a token buys the address of a websocket.

use std::time::Duration;

use wiremock::Request;

use super::{Dialect, Fault, Shared};
use crate::mock::http::{Answer, NEVER, Reply};
use crate::mock::token::{Claims, Refusal};

/// What a code opens.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    /// The path of the websocket, without the base path.
    pub(super) path: String,
    pub(super) scopes: Vec<String>,
    pub(super) can_write: bool,
    /// When the token expires, since 1970.
    pub(super) expires: Duration,
}

/// Answers a request, or doesn't.
pub(super) fn answer(shared: &Shared, request: &Request) -> Answer {
    shared.note_access();
    let reply = match shared.fault() {
        Fault::Down | Fault::Stopping => Some(Reply::bad_gateway()),
        Fault::Cut => None,
        Fault::Hang => Some(Reply::bad_gateway().after(NEVER)),
        Fault::Slow(delay) => ask(shared, request).map(|reply| reply.after(delay)),
        Fault::RefuseTokens => Some(refused(shared.dialect, &Refusal::Signature)),
        Fault::AccessAnswers { status, body } => Some(Reply::html(status, &body)),
        Fault::None | Fault::Silent | Fault::Mute | Fault::Frame(_) | Fault::Merged => ask(shared, request),
    };
    reply.map_or(Answer::Cut, Answer::Reply)
}

/// The answer of a service in good health; `None` where it falls over.
fn ask(shared: &Shared, request: &Request) -> Option<Reply> {
    let full_path = request.url.path();
    let Some(path) = full_path.strip_prefix(&shared.base_path) else {
        return Some(Reply::no_service());
    };
    let prefix = match shared.dialect {
        Dialect::RelayV07 | Dialect::RelayV08 => "/session/",
        Dialect::Jump => "/api/v1/connect/",
    };
    let Some(topic) = path.strip_prefix(prefix).filter(|topic| !topic.is_empty() && !topic.contains('/'))
    else {
        return Some(Reply::no_path(path));
    };
    if request.method.as_str() != "POST" {
        return Some(Reply::not_allowed(request.method.as_str(), "POST"));
    }
    let token = request.headers.get("authorization").and_then(|value| value.to_str().ok());
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return Some(Reply::unauthenticated());
    };
    match shared.gate.check(token, shared.time_of_day()) {
        Err(refusal) => Some(refused(shared.dialect, &refusal)),
        Ok(claims) => match shared.dialect {
            Dialect::RelayV07 | Dialect::RelayV08 => relay(shared, topic, &claims),
            Dialect::Jump => jump(shared, topic, &claims),
        },
    }
}

fn refused(dialect: Dialect, refusal: &Refusal) -> Reply {
    match dialect {
        _ if refusal.is_audience() => Reply::error(500, &refusal.to_string()),
        Dialect::RelayV07 | Dialect::RelayV08 => Reply::error(500, "token invalid"),
        Dialect::Jump => Reply::error(500, &format!("error reading token was {refusal}")),
    }
}

fn relay(shared: &Shared, topic: &str, claims: &Claims) -> Option<Reply> {
    if lacks_claims(claims) {
        return Some(Reply::json(401, "\"Token Missing Required Claims\"\n"));
    }
    if claims.text("topic") != topic {
        return Some(Reply::json(401, "\"Token Wrong Topic\"\n"));
    }
    if lacks_times(claims) {
        return None;
    }
    if claims.text("booking_id").is_empty() {
        return Some(Reply::own_error(400, "empty bookingID field is not permitted"));
    }
    let path = format!("/{}/{topic}", claims.text("prefix"));
    Some(grant(shared, path, claims, claims.allows("write"), &[]))
}

fn jump(shared: &Shared, topic: &str, claims: &Claims) -> Option<Reply> {
    let (host, client, stats) = (claims.allows("host"), claims.allows("client"), claims.allows("stats"));
    let refusal = if lacks_claims(claims) {
        "token missing required claims"
    } else if claims.text("topic") != topic {
        "host_id does not match topic in token"
    } else if host && client {
        "can only have client or host scope, not both"
    } else if !(host || client || stats) {
        "missing client, host or stats scope"
    } else if topic == "stats" && !stats {
        "path not valid without stats scope"
    } else if topic != "stats" && stats {
        "path not valid for stats scope"
    } else {
        ""
    };
    if !refusal.is_empty() {
        return Some(Reply::own_error(401, refusal));
    }
    if lacks_times(claims) {
        return None;
    }
    let mut path = format!("/{}/{topic}", claims.text("prefix"));
    if client {
        path = format!("{path}/{}", shared.uuid());
    }
    Some(grant(shared, path, claims, true, &["read", "write"]))
}

fn lacks_claims(claims: &Claims) -> bool {
    claims.text("topic").is_empty() || claims.text("prefix").is_empty() || claims.list("scopes").is_empty()
}

/// Relay and jump fall over a token without one of its times.
fn lacks_times(claims: &Claims) -> bool {
    ["exp", "nbf", "iat"].iter().any(|name| claims.time(name).is_none())
}

fn grant(shared: &Shared, path: String, claims: &Claims, can_write: bool, added: &[&str]) -> Reply {
    let scopes = claims.list("scopes").iter().chain(added).map(|scope| (*scope).to_owned()).collect();
    let expires = claims.time("exp").unwrap_or_default();
    let url = format!("ws://{}{}{path}", shared.websockets, shared.base_path);
    let code = shared.issue_code(Grant { path, scopes, can_write, expires });
    Reply::json(200, format!("{{\"uri\":\"{url}?code={code}\"}}\n"))
}
