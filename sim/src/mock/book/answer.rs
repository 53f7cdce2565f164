//! What book answers to a request.

use serde_json::json;
use tokio::time::Instant;
use wiremock::Request;

use super::{BookFault, BookRequest, BookState, Shared};
use crate::mock::http::{Answer, NEVER, Reply};
use crate::mock::token::Refusal;

/// Answers a request, or doesn't, and notes it. Whoever waits for what it did sees the note, too.
pub(super) fn answer(shared: &Shared, request: &Request) -> Answer {
    let fault = shared.next_fault();
    let call = Call::of(shared, request);
    let mut answer = Answer::Cut;
    shared.state.send_modify(|state| {
        answer = with_fault(&fault, &call, state);
        let status = match &answer {
            Answer::Reply(reply) if !reply.comes_never() => Some(reply.status),
            Answer::Reply(_) | Answer::Cut => None,
        };
        state.note(call.noted(status));
    });
    answer
}

fn with_fault(fault: &BookFault, call: &Call<'_>, state: &mut BookState) -> Answer {
    let reply = match fault {
        BookFault::None => call.perform(state),
        BookFault::Unavailable => Reply::error(503, "service unavailable"),
        BookFault::Down => Reply::bad_gateway(),
        BookFault::Cut => return Answer::Cut,
        BookFault::Hang => Reply::bad_gateway().after(NEVER),
        BookFault::Slow(delay) => call.perform(state).after(*delay),
        BookFault::RefuseTokens => refused(&Refusal::Signature),
        BookFault::Answers { status, body } => Reply::json(*status, body),
        BookFault::Html => {
            Reply::html(200, "<!DOCTYPE html>\n<html><body>Sign in to the network</body></html>\n")
        }
        BookFault::LosesAnswers if call.changes() => call.perform(state).after(NEVER),
        BookFault::CutsAnswers if call.changes() => {
            call.perform(state);
            return Answer::Cut;
        }
        BookFault::IgnoresChanges if call.changes() => Reply::no_content(),
        BookFault::RefusesChanges if call.changes() => Reply::error(503, "service unavailable"),
        // A hundred requests in a row fail as often as they are to, and not in one piece.
        BookFault::FailsSome(percent) if state.asked * 37 % 100 < u64::from(*percent) => {
            Reply::bad_gateway().after(NEVER)
        }
        BookFault::Limits { every, status, retry_after } if !call.shared.lets_through(*every, call.when) => {
            Reply::error(*status, "too many requests").retry_after(*retry_after)
        }
        BookFault::FailsSome(_)
        | BookFault::Limits { .. }
        | BookFault::LosesAnswers
        | BookFault::CutsAnswers
        | BookFault::IgnoresChanges
        | BookFault::RefusesChanges => call.perform(state),
    };
    Answer::Reply(reply)
}

/// A request, taken apart.
struct Call<'a> {
    shared: &'a Shared,
    request: &'a Request,
    method: &'a str,
    /// The path after the base path; `None` if it isn't below that.
    path: Option<String>,
    when: Instant,
}

impl<'a> Call<'a> {
    fn of(shared: &'a Shared, request: &'a Request) -> Self {
        let path = single_slashes(request.url.path());
        let path = path.strip_prefix(&shared.base_path).map(str::to_owned);
        Self { shared, request, method: request.method.as_str(), path, when: Instant::now() }
    }

    /// The resource that it is about.
    fn resource(&self) -> Option<&str> {
        self.path.as_deref()?.strip_prefix("/api/v1/admin/resources/").filter(|name| !name.is_empty())
    }

    /// Whether it is there to change an availability.
    fn changes(&self) -> bool {
        self.method == "PUT" && self.resource().is_some()
    }

    fn query(&self, name: &str) -> Option<String> {
        self.request.url.query_pairs().find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }

    fn noted(&self, status: Option<u16>) -> BookRequest {
        BookRequest {
            method: self.method.to_owned(),
            resource: self.resource().map(str::to_owned),
            available: self.query("available"),
            reason: self.query("reason"),
            status,
            when: self.when,
        }
    }

    /// Does what was asked, and answers as book does in good health.
    fn perform(&self, state: &mut BookState) -> Reply {
        let Some(path) = self.path.as_deref() else { return Reply::no_service() };
        if !path.starts_with("/api/v1/admin/") {
            return Reply::no_path(path);
        }
        match (self.method, path, self.resource()) {
            ("GET" | "PUT", _, Some(_)) | ("GET", "/api/v1/admin/resources", None) => {}
            ("GET" | "PUT", "/api/v1/admin/status", _) | ("PUT", "/api/v1/admin/manifest", _) => {}
            (method, _, Some(_)) => return Reply::not_allowed(method, "PUT,GET"),
            (method, "/api/v1/admin/resources", None) => return Reply::not_allowed(method, "GET"),
            _ => return Reply::no_path(path),
        }
        if let Some(refusal) = self.refusal() {
            return refusal;
        }
        match (self.method, path, self.resource()) {
            ("GET", _, Some(name)) => read(name, state),
            ("PUT", _, Some(name)) => self.set(name, state),
            ("PUT", "/api/v1/admin/manifest", _) => self.upload(state),
            ("PUT", _, None) => self.lock(state),
            (_, "/api/v1/admin/status", _) => self.status(state),
            _ => Reply::json(200, format!("{}\n", state.list())),
        }
    }

    fn refusal(&self) -> Option<Reply> {
        let token = self.request.headers.get("authorization").and_then(|value| value.to_str().ok());
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Some(Reply::unauthenticated());
        };
        match self.shared.gate.check(token, self.shared.time_of_day()) {
            Err(refusal) => Some(refused(&refusal)),
            Ok(claims) if !claims.allows("booking:admin") => {
                Some(Reply::own_error(401, "no scope booking:admin"))
            }
            Ok(_) => None,
        }
    }

    fn set(&self, name: &str, state: &mut BookState) -> Reply {
        let Some(available) = self.query("available").filter(|text| !text.is_empty()) else {
            return Reply::required("available in query is required");
        };
        let Some(reason) = self.query("reason").filter(|text| !text.is_empty()) else {
            return Reply::required("reason in query is required");
        };
        // Anything else counts as false.
        let available = matches!(available.as_str(), "true" | "1");
        match state.book.set(name, available, &reason) {
            true => Reply::no_content(),
            false => not_found(name),
        }
    }

    fn upload(&self, state: &mut BookState) -> Reply {
        match state.upload(&self.request.body, self.shared.time_of_day()) {
            true => self.status(state),
            false => Reply::own_error(500, "missing reference(s)"),
        }
    }

    fn lock(&self, state: &mut BookState) -> Reply {
        let locked = self.query("lock").as_deref() == Some("true");
        let message = self.query("msg").unwrap_or_default();
        state.lock(locked, &message);
        self.status(state)
    }

    fn status(&self, state: &BookState) -> Reply {
        let status = state.status(self.shared.time_of_day());
        Reply::json(200, format!("{status}\n"))
    }
}

fn read(name: &str, state: &BookState) -> Reply {
    let Some(known) = state.book.says(name) else { return not_found(name) };
    let before = if known.available { "" } else { "unavailable because " };
    let body = json!({ "available": known.available, "reason": format!("{before}{}", known.reason) });
    Reply::json(200, format!("{body}\n"))
}

fn not_found(name: &str) -> Reply {
    Reply::own_error(404, &format!("resource {name} not found"))
}

fn refused(refusal: &Refusal) -> Reply {
    let before = if refusal.is_audience() { "" } else { "error parsing claims was " };
    Reply::error(500, &format!("{before}{refusal}"))
}

/// Book's router takes `//` for `/`.
fn single_slashes(path: &str) -> String {
    let mut single = String::with_capacity(path.len());
    for c in path.chars() {
        if !(c == '/' && single.ends_with('/')) {
            single.push(c);
        }
    }
    single
}
