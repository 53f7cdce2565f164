//! Security headers for every answer.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// Nothing of the page comes from elsewhere, nothing is written into it that could run, and no other page frames it.
const OF_THE_PAGE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                           connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Whatever else is answered fetches and runs nothing, even if it is opened by itself, and no page frames it. To show
/// a badge as a picture is no framing.
const OF_ALL_ELSE: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// Puts these headers on every answer: refusals, redirections and what has not changed included.
///
/// They follow from the address alone: one that says that nothing has changed replaces the headers of what the
/// browser has.
pub(super) async fn guarded(request: Request, next: Next) -> Response {
    // Without a referrer of its own site, a form of the page would come as if from nowhere.
    let (policy, referrer) = if is_page(request.uri().path()) {
        (OF_THE_PAGE, "same-origin")
    } else {
        (OF_ALL_ELSE, "no-referrer")
    };
    let mut answer = next.run(request).await;
    let guards: [(HeaderName, &'static str); 3] = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, referrer),
    ];
    for (name, value) in guards {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// Whether a page is at this path, or what one has below it.
fn is_page(path: &str) -> bool {
    const PAGES: [&str; 7] = ["", "signin", "signout", "students", "timeline", "incidents", "report"];
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    PAGES.contains(&first)
}
