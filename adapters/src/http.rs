//! One request to a service, and its answer: bounded in time and in size, and never redirected.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Method, Response, StatusCode, Url};
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use status_core::{Failure, FailureKind};

use crate::connect_error::ConnectError;
use crate::crypto::install_crypto;
use crate::diagnosis;
use crate::secrets::Secrets;
use crate::service::Service;
use crate::wire::{refusal, retry_after};

/// How much is read of the body of an answer that is a refusal, in bytes.
const LARGEST_REFUSAL: usize = 64 << 10;

/// Sends requests to one service.
#[derive(Debug)]
pub(crate) struct ServiceClient {
    service: Service,
    client: reqwest::Client,
    limits: Limits,
}

/// What is waited for and read at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// From connecting to the end of the answer.
    pub(crate) time: Duration,
    /// The setting that says so, to be named when it is over.
    pub(crate) set_by: Option<&'static str>,
    /// Size of an answer's body, in bytes.
    pub(crate) body: usize,
}

impl ServiceClient {
    /// # Errors
    /// The service's address makes no sense, or there is no way to make connections.
    pub(crate) fn new(service: Service, limits: Limits, tls: &Arc<ClientConfig>) -> Result<Self, String> {
        install_crypto();
        let address = service.audience();
        let problem =
            |problem: &dyn fmt::Display| format!("{}'s address {address:?}: {problem}", service.name());
        let url = Url::parse(&address).map_err(|e| problem(&e))?;
        // Without a host, the first step of the path would be taken for one.
        if !matches!(url.scheme(), "http" | "https") || address.contains(":///") {
            return Err(problem(&"it should be http://host or https://host and a path"));
        }
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(ClientConfig::clone(tls))
            .redirect(Policy::none())
            // Websockets and mails go without one, so what is half behind one would only seem to work.
            .no_proxy()
            .retry(reqwest::retry::never())
            .timeout(limits.time)
            // Long enough for requests in a row, and too short for the other end to have closed it.
            .pool_idle_timeout(Duration::from_secs(5))
            .user_agent(concat!("status/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| format!("no connections to {}: {}", service.name(), ConnectError::new(&e)))?;
        Ok(Self { service, client, limits })
    }

    /// The service that it sends requests to.
    pub(crate) fn service(&self) -> &Service {
        &self.service
    }

    /// Asks for something, and reads the answer if it says success.
    ///
    /// Our token is hidden in it before it is read, since what is wrong with it is told by quoting it.
    pub(crate) async fn ask_for<T>(
        &self,
        url: Url,
        token: &SecretString,
        read: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<T, Failure> {
        let body = self.ask(Method::GET, url.clone(), token).await?;
        let secrets = Secrets::token(token);
        let hidden = str::from_utf8(&body).map(|text| secrets.redact(text));
        let read = read(hidden.as_deref().map_or(&body, str::as_bytes));
        read.map_err(|problem| self.garbled(Method::GET, url, &body, &problem))
    }

    /// Sends a request without a body, and returns the body of the answer if it says success.
    pub(crate) async fn ask(
        &self,
        method: Method,
        url: Url,
        token: &SecretString,
    ) -> Result<Vec<u8>, Failure> {
        let asked = self.asked(method.clone(), url.clone(), Secrets::token(token));
        let response = self
            .client
            .request(method, url)
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, secret_header(token))
            .header(CONTENT_LENGTH, 0)
            .send()
            .await
            .map_err(|error| asked.transport_failure(&error, &self.limits))?;
        let status = response.status();
        if status.is_success() {
            return self.body(response, &asked, self.limits.body).await;
        }
        if let Some(location) = response.headers().get(LOCATION).filter(|_| status.is_redirection()) {
            return Err(asked.redirected(status, location));
        }
        let busy = busy(status, response.headers());
        // What it says of the refusal may be long or not come at all, and it is one all the same.
        let body = self.body(response, &asked, LARGEST_REFUSAL).await.unwrap_or_default();
        Err(asked.refused(status, busy, &body))
    }

    async fn body(
        &self,
        mut response: Response,
        asked: &RequestContext<'_>,
        limit: usize,
    ) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(part) =
            response.chunk().await.map_err(|e| asked.transport_failure(&e, &self.limits))?
        {
            if body.len() + part.len() > limit {
                let what = format!("sent more than {limit} bytes in answer to");
                return Err(asked.failure(FailureKind::Garbled, &what, "", None));
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }

    /// The answer said success, but makes no sense: `problem` says why, and shows no secret.
    pub(crate) fn garbled(&self, method: Method, url: Url, body: &[u8], problem: &str) -> Failure {
        let asked = self.asked(method, url, Secrets::default());
        let page = diagnosis::is_page(body);
        let problem = if page { "a web page" } else { problem };
        let diagnosis = page.then(|| diagnosis::of_page(&self.service));
        asked.failure(FailureKind::Garbled, "answered nonsense to", problem, diagnosis.as_deref())
    }

    fn asked(&self, method: Method, url: Url, secrets: Secrets) -> RequestContext<'_> {
        RequestContext { service: &self.service, method, url, secrets }
    }
}

/// Whether a service, or a proxy before it, refused since it is asked too often, and for how long it
/// does not want to be.
fn busy(status: StatusCode, headers: &HeaderMap) -> Option<FailureKind> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let retry_after = text(RETRY_AFTER).and_then(|value| retry_after::read(value, text(DATE)));
    match status {
        _ if retry_after.is_some() => Some(FailureKind::TooManyRequests { retry_after }),
        StatusCode::TOO_MANY_REQUESTS => Some(FailureKind::TooManyRequests { retry_after }),
        StatusCode::SERVICE_UNAVAILABLE => Some(FailureKind::Overloaded),
        _ => None,
    }
}

fn secret_header(token: &SecretString) -> HeaderValue {
    let mut value = HeaderValue::from_str(token.expose_secret())
        .expect("a token is letters, digits, dots, dashes and underscores");
    value.set_sensitive(true);
    value
}

/// A request, for saying what came of it.
struct RequestContext<'a> {
    service: &'a Service,
    method: Method,
    url: Url,
    secrets: Secrets,
}

impl RequestContext<'_> {
    fn refused(&self, status: StatusCode, busy: Option<FailureKind>, body: &[u8]) -> Failure {
        let refusal = refusal::read(body, &self.secrets);
        let diagnosis = diagnosis::of_refusal(self.service, status, &refusal, diagnosis::is_page(body));
        // The service itself knows the path but not what it names; a proxy or another service
        // that knows neither has no code, or speaks of the path.
        let unknown = status == StatusCode::NOT_FOUND
            && refusal.code.is_some()
            && !refusal.message.starts_with("path ");
        let kind = busy.unwrap_or(if unknown { FailureKind::NotFound } else { FailureKind::Refused });
        let answer =
            format!("{status}, saying {:?}, to a token for {}", refusal.message, self.service.audience());
        self.failure(kind, "refused", &answer, diagnosis.filter(|_| !unknown).as_deref())
    }

    fn redirected(&self, status: StatusCode, location: &HeaderValue) -> Failure {
        let to = location.to_str().ok().and_then(|text| self.url.join(text).ok());
        let (to, diagnosis) = match to {
            Some(to) => (
                self.secrets.redact(&shown(&to)).into_owned(),
                diagnosis::of_redirect(self.service, &self.url, &to),
            ),
            None => ("an address that makes no sense".to_owned(), None),
        };
        let answer = format!("{status} to {to}, which was not followed, since the token is not for others");
        self.failure(FailureKind::Refused, "redirected", &answer, diagnosis.as_deref())
    }

    fn transport_failure(&self, error: &reqwest::Error, limits: &Limits) -> Failure {
        if error.is_timeout() {
            let setting = limits.set_by.map(|name| format!(" ({name})")).unwrap_or_default();
            let how = format!("nothing within {:?}{setting}", limits.time);
            return self.failure(FailureKind::TimedOut, "did not finish its answer to", &how, None);
        }
        let connect_error = ConnectError::new(error);
        let diagnosis = diagnosis::of_broken(self.service, &connect_error);
        let what = if error.is_connect() { "cannot be reached for" } else { "broke off" };
        self.failure(FailureKind::Unreachable, what, &connect_error.to_string(), diagnosis.as_deref())
    }

    /// `<service> <what> <method> <url>: <how>; likely cause: …`
    fn failure(&self, kind: FailureKind, what: &str, how: &str, diagnosis: Option<&str>) -> Failure {
        let mut detail = format!("{} {what} {} {}", self.service.name(), self.method, shown(&self.url));
        for (before, text) in [(": ", Some(how)), ("; likely cause: ", diagnosis)] {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                detail.push_str(before);
                detail.push_str(text);
            }
        }
        Failure { kind, detail }
    }
}

/// An address without what is secret in it or doesn't matter: user, query and fragment.
pub(crate) fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}
