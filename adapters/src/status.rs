//! This server itself, as its own command line speaks with it.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{Method, Response, Url};
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};

use crate::connect_error::ConnectError;
use crate::tls;

/// How long a change may take: the server gives up on it sooner.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest answer that is read, in bytes: a thousand windows of maintenance have less.
const LARGEST: usize = 32 << 20;

/// Speaks with a server.
#[derive(Debug)]
pub struct StatusClient {
    client: reqwest::Client,
    base: String,
}

/// What it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl StatusClient {
    /// A client of the server whose page is at this address, such as `http://127.0.0.1:3007`.
    ///
    /// # Errors
    /// The address makes no sense, or there is no way to make connections.
    pub fn new(base: &str) -> Result<Self, String> {
        let expected =
            "an address such as http://127.0.0.1:3007 or https://lab.example.org/status was expected";
        let url = Url::parse(base).map_err(|error| format!("{base:?}: {error}; {expected}"))?;
        let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_plain {
            return Err(format!("{base:?}: {expected}"));
        }
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(ClientConfig::clone(&tls::config()))
            .redirect(Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .timeout(PATIENCE)
            .user_agent(concat!("status/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("no connections can be made: {}", ConnectError::new(&error)))?;
        Ok(Self { client, base: base.trim_end_matches('/').to_owned() })
    }

    /// Where the server is.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Asks for something, such as `GET` of `/api/v1/maintenance`, perhaps with a token and a body of JSON.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        token: Option<&SecretString>,
        body: Option<String>,
    ) -> Result<StatusAnswer, String> {
        let method = Method::from_bytes(method.as_bytes()).map_err(|error| error.to_string())?;
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token.expose_secret());
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let answer = request.send().await.map_err(|error| self.silent(&error))?;
        self.read(answer).await
    }

    async fn read(&self, mut answer: Response) -> Result<StatusAnswer, String> {
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| self.silent(&error))? {
            if body.len() + part.len() > LARGEST {
                return Err(format!("{} answers with more than {LARGEST} bytes", self.base));
            }
            body.extend_from_slice(&part);
        }
        Ok(StatusAnswer { status, body })
    }

    fn silent(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() {
            return format!("no answer from {} within {PATIENCE:?}", self.base);
        }
        format!("no answer from {}: {}", self.base, ConnectError::new(error))
    }
}
