//! Who may change something: whoever shows a token that is signed with `STATUS_SECRET_ADMIN`, from a page of this server
//! or from no page at all.

mod cookie;
mod origin;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use secrecy::SecretString;
use status_adapters::throttle::LogThrottle;
use status_adapters::token::{Person, TokenFault, verified};
use status_core::printable;
use tokio::sync::Semaphore;

use self::origin::Origin;
use super::{AppState, Problem};

/// How long whoever shows a bad token waits for the answer.
const DELAY: Duration = Duration::from_secs(1);
/// How many wait at once: beyond that they are answered at once, so that they keep no connection from others.
const DELAYED_AT_ONCE: usize = 32;

/// What a request that changes something has to show.
#[derive(Clone)]
pub(crate) struct Auth {
    secret: SecretString,
    delays: Arc<Semaphore>,
    /// Whoever guesses on and on is not to fill the log.
    refusals: Arc<Mutex<LogThrottle>>,
}

/// Why somebody may not change anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    /// It comes from a page of another site.
    Elsewhere,
    /// The browser's cookie proves who it is, but not from where.
    Unproven,
    /// There is no token.
    NoToken,
    /// There is one, and this is wrong with it.
    BadToken(TokenFault),
}

impl Denial {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Elsewhere | Self::Unproven => StatusCode::FORBIDDEN,
            Self::NoToken | Self::BadToken(_) => StatusCode::UNAUTHORIZED,
        }
    }

    pub(crate) fn told(self) -> String {
        match self {
            Self::Elsewhere => "changes are taken from pages of this server alone, and this one comes from elsewhere: a proxy has \
                                to pass the Host on, or to set X-Forwarded-Host"
                .to_owned(),
            Self::Unproven => "the browser does not say which page this comes from: changes are taken from pages of this server \
                               alone"
                .to_owned(),
            Self::NoToken => {
                "changes need a token in the header Authorization, as `status token` prints it".to_owned()
            }
            Self::BadToken(fault) => fault.to_string(),
        }
    }
}

impl Auth {
    pub(crate) fn new(secret: SecretString) -> Self {
        Self { secret, delays: Arc::new(Semaphore::new(DELAYED_AT_ONCE)), refusals: Arc::default() }
    }

    /// Who sends a request that changes something.
    pub(super) fn person(&self, app: &AppState, headers: &HeaderMap) -> Result<Person, Denial> {
        let origin = Origin::of(headers);
        if origin == Origin::Elsewhere {
            return Err(Denial::Elsewhere);
        }
        let token = match (header_token(headers), cookie::token(headers)) {
            (Some(token), _) => token,
            (None, Some(_)) if origin == Origin::Unsaid => return Err(Denial::Unproven),
            (None, Some(token)) => token,
            (None, None) => return Err(Denial::NoToken),
        };
        self.verified(app, token).map_err(Denial::BadToken)
    }

    pub(crate) fn verified(&self, app: &AppState, token: &str) -> Result<Person, TokenFault> {
        verified(&self.secret, token, app.now().wall)
    }

    /// Logs why somebody was turned away, and keeps whoever guesses waiting.
    pub(crate) async fn turn_away(&self, app: &AppState, denial: Denial, uri: &Uri) {
        let text = format!("a change at {} was refused: {}", printable(uri.path()), denial.told());
        let failing = self.refusals.lock().failed(app.now().time, &text);
        if let Some(failing) = failing {
            tracing::warn!("{failing}");
        }
        if let (Denial::BadToken(_), Ok(_turn)) = (denial, self.delays.try_acquire()) {
            tokio::time::sleep(DELAY).await;
        }
    }
}

/// The token in the header, as it is or after `Bearer`. What a proxy's own login leaves there is none.
fn header_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?;
    // Bytes that are no text are no token either, but they are meant as one.
    let text = value.to_str().unwrap_or("?").trim();
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token.trim()),
        Some((scheme, _))
            if ["basic", "digest", "negotiate"].iter().any(|one| scheme.eq_ignore_ascii_case(one)) =>
        {
            None
        }
        Some(_) | None => Some(text),
    }
}

/// Lets a change through if whoever sends it may, and says who that is to whoever makes it.
pub(super) async fn guard(State(app): State<AppState>, mut request: Request, next: Next) -> Response {
    let Some(auth) = app.auth() else { return super::no_such_path(request.uri().clone()).await };
    match auth.person(&app, request.headers()) {
        Ok(person) => {
            request.extensions_mut().insert(person);
            next.run(request).await
        }
        Err(denial) => {
            auth.turn_away(&app, denial, request.uri()).await;
            let answer = Problem::answer(denial.status(), denial.told());
            match denial.status() {
                StatusCode::UNAUTHORIZED => ([(header::WWW_AUTHENTICATE, "Bearer")], answer).into_response(),
                _ => answer,
            }
        }
    }
}

/// Who looks at a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Visitor {
    /// Nobody can change anything, since there is no secret.
    Powerless,
    /// Somebody who has not signed in.
    Guest,
    /// Somebody who has.
    Person(String),
}

impl Visitor {
    /// Who looks at a page with these headers.
    pub(crate) fn of(app: &AppState, headers: &HeaderMap) -> Self {
        let Some(auth) = app.auth() else { return Self::Powerless };
        let person = cookie::token(headers).and_then(|token| auth.verified(app, token).ok());
        person.map_or(Self::Guest, |person| Self::Person(person.name))
    }

    /// His name, if he has signed in.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Person(name) => Some(name),
            Self::Powerless | Self::Guest => None,
        }
    }
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Self::Rejection> {
        Ok(Self::of(app, &parts.headers))
    }
}

/// Signs somebody in who shows this token from a page of this server: the cookie to set.
pub(super) fn sign_in(
    app: &AppState,
    auth: &Auth,
    headers: &HeaderMap,
    token: &str,
) -> Result<HeaderValue, Denial> {
    from_own_page(headers)?;
    if token.is_empty() {
        return Err(Denial::NoToken);
    }
    let person = auth.verified(app, token).map_err(Denial::BadToken)?;
    let life = person.until.since(app.now().wall);
    let cookie = cookie::keep(token, life, headers).ok_or(Denial::BadToken(TokenFault::NoToken))?;
    tracing::info!(name = %printable(&person.name), "signed in until {}", person.until);
    Ok(cookie)
}

/// Signs somebody out who asks for it from a page of this server: the cookies to set.
pub(super) fn sign_out(headers: &HeaderMap) -> Result<[HeaderValue; 2], Denial> {
    from_own_page(headers)?;
    Ok(cookie::forget(headers))
}

/// Nobody else's page signs people in or out. A program that names no page only does so to itself.
fn from_own_page(headers: &HeaderMap) -> Result<(), Denial> {
    match Origin::of(headers) {
        Origin::Own | Origin::Unsaid => Ok(()),
        Origin::Elsewhere => Err(Denial::Elsewhere),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_as_it_is_or_after_bearer() {
        for (value, token) in [
            ("x.y.z", Some("x.y.z")),
            ("Bearer x.y.z", Some("x.y.z")),
            ("bearer  x.y.z ", Some("x.y.z")),
            ("Basic dXNlcjpwYXNz", None),
            ("Token x.y.z", Some("Token x.y.z")),
            ("", Some("")),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            assert_eq!(header_token(&headers), token, "{value}");
        }
    }
}
