//! An HTTP server with one function behind it, by wiremock.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::future::join3;
use parking_lot::Mutex;
use wiremock::matchers::any;
use wiremock::{Match, Mock, MockServer, Request, Respond, ResponseTemplate};

use super::net::Bound;

/// Longer than anybody waits.
pub(super) const NEVER: Duration = Duration::from_secs(7 * 24 * 3600);

/// What nginx says in front of a service that is down.
pub(super) const BAD_GATEWAY: &str = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
     <center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n";

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// It is answered.
    Reply(Reply),
    /// The connection ends without an answer.
    Cut,
}

/// An answer over HTTP.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    mime: &'static str,
    body: String,
    allow: Option<&'static str>,
    retry_after: Option<u64>,
    delay: Duration,
}

impl Reply {
    /// A body of JSON, verbatim.
    pub(super) fn json(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            mime: "application/json",
            body: body.into(),
            allow: None,
            retry_after: None,
            delay: Duration::ZERO,
        }
    }

    /// `{"code":500,"message":"…"}`, as the framework of the services says it: a number, no newline.
    pub(super) fn error(status: u16, message: &str) -> Self {
        Self::json(status, format!(r#"{{"code":{status},"message":{}}}"#, quoted(message)))
    }

    /// `{"code":"404","message":"…"}`, as the services themselves say it: a text, and a newline.
    pub(super) fn own_error(status: u16, message: &str) -> Self {
        Self::json(status, format!("{{\"code\":\"{status}\",\"message\":{}}}\n", quoted(message)))
    }

    /// Something is missing in the query.
    pub(super) fn required(message: &str) -> Self {
        Self::json(422, format!(r#"{{"code":602,"message":{}}}"#, quoted(message)))
    }

    /// The path is known, the method is not.
    pub(super) fn not_allowed(method: &str, allowed: &'static str) -> Self {
        let message = format!("method {method} is not allowed, but [{allowed}] are");
        Self { allow: Some(allowed), ..Self::error(405, &message) }
    }

    /// The path is not known.
    pub(super) fn no_path(path: &str) -> Self {
        Self::error(404, &format!("path {path} was not found"))
    }

    /// No header to say who asks.
    pub(super) fn unauthenticated() -> Self {
        Self::error(401, "unauthenticated for invalid credentials")
    }

    /// Done, and nothing to say.
    pub(super) fn no_content() -> Self {
        Self { mime: "", ..Self::json(204, "") }
    }

    /// What nginx says in front of a service that is down.
    pub(super) fn bad_gateway() -> Self {
        Self::html(502, BAD_GATEWAY)
    }

    /// What nginx says of a path that leads to no service: a wrong base path.
    pub(super) fn no_service() -> Self {
        Self::html(404, &BAD_GATEWAY.replace("502 Bad Gateway", "404 Not Found"))
    }

    /// A page.
    pub(super) fn html(status: u16, body: &str) -> Self {
        Self { mime: "text/html", ..Self::json(status, body) }
    }

    /// The same reply, after this delay.
    pub(super) fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// The same reply, with the wish not to be asked again for this many seconds.
    pub(super) fn retry_after(self, seconds: Option<u64>) -> Self {
        Self { retry_after: seconds, ..self }
    }

    /// Whether nobody will see it.
    pub(super) fn comes_never(&self) -> bool {
        self.delay >= NEVER
    }

    fn template(self) -> ResponseTemplate {
        let mut template = ResponseTemplate::new(self.status).set_delay(self.delay);
        if !self.mime.is_empty() {
            template = template.set_body_raw(self.body, self.mime);
        }
        if let Some(allow) = self.allow {
            template = template.insert_header("Allow", allow);
        }
        if let Some(seconds) = self.retry_after {
            template = template.insert_header("Retry-After", seconds.to_string());
        }
        template
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A server on loopback that asks one function for every answer, and stops when it is dropped.
pub(super) struct HttpServer {
    server: Arc<MockServer>,
}

impl HttpServer {
    /// Starts to answer.
    pub(super) async fn start(
        bound: Bound,
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let builder = MockServer::builder().listener(bound.listener).disable_request_recording();
        let server = Arc::new(builder.start().await);
        let desk = Arc::new(Desk {
            answer: Box::new(answer),
            reply: Mutex::new(None),
            server: OnceLock::from(Arc::downgrade(&server)),
            remembered: AtomicUsize::new(0),
        });
        for mock in mocks(&desk) {
            server.register(mock).await;
        }
        Self { server }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        *self.server.address()
    }
}

impl fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpServer").field(&self.address()).finish()
    }
}

/// Where requests are answered. wiremock asks the two mocks one request at a time, under a lock:
/// first whether the connection is to be cut, and if not, for the reply.
struct Desk {
    answer: Box<dyn Fn(&Request) -> Answer + Send + Sync>,
    reply: Mutex<Option<Reply>>,
    server: OnceLock<Weak<MockServer>>,
    remembered: AtomicUsize,
}

fn mocks(desk: &Arc<Desk>) -> [Mock; 2] {
    let cut = Mock::given(Cuts(Arc::clone(desk)))
        .respond_with_err(|_: &Request| io::Error::from(io::ErrorKind::ConnectionAborted))
        .with_priority(1);
    let reply = Mock::given(any()).respond_with(Replies(Arc::clone(desk))).with_priority(2);
    [cut, reply]
}

struct Cuts(Arc<Desk>);

impl Match for Cuts {
    fn matches(&self, request: &Request) -> bool {
        forget_old_requests(&self.0);
        match (self.0.answer)(request) {
            Answer::Cut => true,
            Answer::Reply(reply) => {
                *self.0.reply.lock() = Some(reply);
                false
            }
        }
    }
}

struct Replies(Arc<Desk>);

impl Respond for Replies {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let reply = self.0.reply.lock().take();
        reply.expect("Cuts has put the reply to this request here").template()
    }
}

/// A mock keeps a copy of every request that it matched, and a demo runs for days: from time to
/// time, put new mocks in place of the old.
fn forget_old_requests(desk: &Arc<Desk>) {
    const ENOUGH: usize = 500;
    if !(desk.remembered.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(ENOUGH) {
        return;
    }
    let Some(server) = desk.server.get().and_then(Weak::upgrade) else { return };
    let [cut, reply] = mocks(desk);
    let mut renewal = Box::pin(async move {
        join3(server.reset(), server.register(cut), server.register(reply)).await;
    });
    // The request in hand holds the server's lock, which is fair: asked for now, all three get it
    // one after another, and no request comes between them and finds no mock.
    let pending = renewal.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
    debug_assert!(pending, "the request in hand holds the lock");
    tokio::spawn(renewal);
}
