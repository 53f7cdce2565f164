//! How people sign in and out: with a token, which the browser then keeps as a cookie.

use askama::Template;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{AppendHeaders, Html, IntoResponse, Response};
use serde::Deserialize;
use url::form_urlencoded;

use super::filters;
use super::who::Who;
use crate::http::auth::{self, Denial, Visitor};
use crate::http::{self, AppState, body, no_such_method, no_such_path};
use crate::view::system::SystemView;

/// Longer addresses are no page's.
const LONGEST_NEXT: usize = 2_000;

#[derive(Template)]
#[template(path = "signin.html")]
struct SignIn<'a> {
    system: &'a SystemView,
    who: &'a Who,
    problem: Option<&'a str>,
    next: &'a str,
}

/// What is to be done.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    signin: Option<String>,
    signout: Option<String>,
}

/// What a form says.
#[derive(Default)]
struct Form {
    token: String,
    next: String,
}

/// The page to sign in at.
pub(super) fn render(app: &AppState, who: &Who, problem: Option<&str>, next: &str) -> askama::Result<String> {
    SignIn { system: &http::api::system::view(app), who, problem, next: local(next) }.render()
}

/// Where the page is, from beside it.
pub(super) async fn moved() -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, "./?signin")]).into_response()
}

/// Signs somebody in or out.
pub(super) async fn post(
    State(app): State<AppState>,
    asked: Result<Query<Asked>, QueryRejection>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let path = uri.path();
    if asked.signout.is_some() || path == "/signout" {
        return sign_out(&app, &uri, &headers).await;
    }
    if asked.signin.is_none() && path != "/signin" {
        return no_such_method(State(app), method, uri).await;
    }
    let form = match body::read(body).await {
        Ok(bytes) => Form::of(&bytes),
        Err(problem) => return problem.into_response(),
    };
    sign_in(&app, &uri, &headers, form).await
}

async fn sign_in(app: &AppState, uri: &Uri, headers: &HeaderMap, form: Form) -> Response {
    let Some(auth) = app.auth() else { return no_such_path(uri.clone()).await };
    match auth::sign_in(app, auth, headers, &form.token) {
        Ok(cookie) => onwards(uri, local(&form.next), [cookie]),
        Err(denial) => {
            auth.turn_away(app, denial, uri).await;
            refused(app, headers, denial, &form.next)
        }
    }
}

async fn sign_out(app: &AppState, uri: &Uri, headers: &HeaderMap) -> Response {
    let Some(auth) = app.auth() else { return no_such_path(uri.clone()).await };
    match auth::sign_out(headers) {
        Ok(cookies) => onwards(uri, "?", cookies),
        Err(denial) => {
            auth.turn_away(app, denial, uri).await;
            refused(app, headers, denial, "")
        }
    }
}

/// On to another page, with these cookies.
fn onwards(uri: &Uri, next: &str, cookies: impl IntoIterator<Item = HeaderValue>) -> Response {
    // The page's own address has no name, and whoever posts beside it must be led back to it.
    let before = if uri.path() == "/" { "" } else { "./" };
    let place = HeaderValue::from_str(&format!("{before}{next}")).unwrap_or(HeaderValue::from_static("?"));
    let headers = [(header::LOCATION, place), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    let cookies = AppendHeaders(cookies.into_iter().map(|cookie| (header::SET_COOKIE, cookie)));
    (StatusCode::SEE_OTHER, headers, cookies).into_response()
}

pub(super) fn refused(app: &AppState, headers: &HeaderMap, denial: Denial, next: &str) -> Response {
    let problem = match denial {
        Denial::NoToken => "paste a token, as `status token` prints it".to_owned(),
        Denial::Elsewhere | Denial::Unproven | Denial::BadToken(_) => denial.told(),
    };
    let who = Who::of(Visitor::of(app, headers), "");
    match render(app, &who, Some(&problem), next) {
        Ok(html) => (denial.status(), [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response(),
        Err(_) => denial.status().into_response(),
    }
}

impl Form {
    fn of(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            match &*name {
                "token" => {
                    let token = value.trim();
                    token.strip_prefix("Bearer ").unwrap_or(token).trim().clone_into(&mut form.token);
                }
                "next" => form.next = value.into_owned(),
                _ => {}
            }
        }
        form
    }
}

/// Where to go next, if that is a page of this server: all of them are queries, so nothing else is.
pub(super) fn local(next: &str) -> &str {
    let is_plain =
        next.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>'));
    if next.starts_with('?') && is_plain && next.len() <= LONGEST_NEXT { next } else { "?" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_on_to_pages_of_this_server_alone() {
        for page in ["?", "?experiment=pend%2000", "?q=a&show=problems", "?q=//evil.example.org"] {
            assert_eq!(local(page), page);
        }
        let long = format!("?{}", "a".repeat(LONGEST_NEXT));
        for elsewhere in [
            "",
            "/",
            "//evil.example.org",
            "https://evil.example.org",
            "javascript:alert(1)",
            "\\\\evil.example.org",
            "?\\evil",
            "?a\r\nSet-Cookie: a=b",
            "?ä",
            "? ",
            " ?",
            &long,
        ] {
            assert_eq!(local(elsewhere), "?", "{elsewhere:?}");
        }
    }

    #[test]
    fn a_form_has_a_token_and_perhaps_where_to_go() {
        let form = Form::of(b"next=%3Fexperiment%3Da%2526b&other=1&token=+Bearer+x.y.z%0A");
        assert_eq!((form.token.as_str(), form.next.as_str()), ("x.y.z", "?experiment=a%26b"));
        assert_eq!(Form::of(b"\xff%ff&&=").token, "");
    }
}
