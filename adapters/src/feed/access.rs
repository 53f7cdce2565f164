//! The access point: it takes a token, and gives the address of a websocket.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Url};
use rustls::ClientConfig;
use serde::Deserialize;
use status_core::{Failure, Feed, Wall};

use super::PATIENCE;
use crate::http::{Caller, Limits, shown};
use crate::secrets::Secrets;
use crate::service::Service;
use crate::token;

/// How large its answer may be, in bytes. It is an address.
const LARGEST_ANSWER: usize = 64 << 10;

/// The access point of a feed.
#[derive(Debug)]
pub(super) struct Access {
    feed: Feed,
    caller: Caller,
    url: Url,
}

impl Access {
    /// # Errors
    /// The service's address makes no sense.
    pub(super) fn new(feed: Feed, service: Service, tls: &Arc<ClientConfig>) -> Result<Self, String> {
        let path = match feed {
            Feed::Relay => "/session/stats",
            Feed::Jump => "/api/v1/connect/stats",
        };
        let url = Url::parse(&service.url(path)).map_err(|e| format!("{feed}'s address: {e}"))?;
        let limits = Limits { time: PATIENCE, set_by: None, body: LARGEST_ANSWER };
        Ok(Self { feed, caller: Caller::new(service, limits, tls)?, url })
    }

    /// Asks for a connection that may last for `expires`.
    pub(super) async fn ask(&self, expires: Duration, now: Wall) -> Result<Address, Failure> {
        let token = token::for_feed(self.feed, self.caller.service(), expires, now);
        let body = self.caller.ask(Method::POST, self.url.clone(), &token).await?;
        Address::read(&body)
            .map_err(|problem| self.caller.garbled(Method::POST, self.url.clone(), &body, problem))
    }
}

/// Where to open a websocket. Its query holds the code that lets us in, so it has no `Debug`.
pub(super) struct Address(Url);

impl Address {
    /// Reads an access point's answer: `{"uri":"ws://…"}`.
    ///
    /// The problems quote nothing of it, since the code is somewhere in it.
    fn read(body: &[u8]) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct Answer {
            uri: String,
        }
        let Answer { uri } = serde_json::from_slice(body).map_err(|_| "it is no object with a uri in it")?;
        let mut url = Url::parse(&uri).map_err(|_| "the uri in it is no address")?;
        if !matches!(url.scheme(), "ws" | "wss") {
            return Err("the uri in it is neither ws nor wss");
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err("the uri in it has no host");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the uri in it has a user");
        }
        url.set_fragment(None);
        Ok(Self(url))
    }

    /// The whole of it, the code included.
    pub(super) fn with_code(&self) -> &str {
        self.0.as_str()
    }

    /// Whether TLS is spoken there.
    pub(super) fn is_secure(&self) -> bool {
        self.0.scheme() == "wss"
    }

    /// The host as a resolver takes it, and the port.
    pub(super) fn host_and_port(&self) -> (&str, u16) {
        let host = self.0.host_str().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        (host, self.0.port_or_known_default().unwrap_or(80))
    }

    /// As it may be shown.
    pub(super) fn shown(&self) -> String {
        shown(&self.0)
    }

    /// What must not be shown of it: the code, as it is meant and as it is written.
    pub(super) fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        let pairs = self.0.query().unwrap_or_default().split('&');
        let written = pairs.filter_map(|pair| pair.split_once('=')).map(|(_, value)| value.into());
        let meant = self.0.query_pairs().map(|(_, value)| value);
        for value in written.chain(meant).filter(|value| value.len() > 3) {
            secrets.add(&value, "<code>");
        }
        secrets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &str) -> Result<Address, &'static str> {
        Address::read(serde_json::json!({ "uri": uri }).to_string().as_bytes())
    }

    #[test]
    fn addresses_of_websockets_are_taken() {
        let address = read("wss://app.example.org/ed0/relay/session/stats?code=54e45778-e376#x").unwrap();
        assert_eq!(address.with_code(), "wss://app.example.org/ed0/relay/session/stats?code=54e45778-e376");
        assert_eq!(address.shown(), "wss://app.example.org/ed0/relay/session/stats");
        assert_eq!(address.host_and_port(), ("app.example.org", 443));
        assert_eq!(address.secrets().hide("bad code 54e45778-e376!"), "bad code <code>!");
        let address = read("ws://a.org/?code=54e%2F45%22").unwrap();
        assert_eq!(address.secrets().hide("code=54e%2F45%22 is 54e/45\""), "code=<code> is <code>");
        let address = read("ws://[::1]:8080/x?code=1").unwrap();
        assert_eq!(address.host_and_port(), ("::1", 8080));
        assert_eq!(address.shown(), "ws://[::1]:8080/x");
    }

    #[test]
    fn others_are_refused_without_quoting_them() {
        for uri in [
            "",
            "54e45778",
            "/session/stats?code=54e45778",
            "http://app.example.org/?code=54e45778",
            "file:///etc/passwd?code=54e45778",
            "ws://?code=54e45778",
            "ws://me@app.example.org/?code=54e45778",
            "ws://:54e45778@app.example.org/",
        ] {
            let problem = read(uri).err().unwrap();
            assert!(!problem.contains("54e4"), "{problem}");
        }
        for body in [&b""[..], b"null", b"[]", b"\"ws://a/?code=54e45778\"", b"{\"uri\":null}", b"<html>"] {
            let problem = Address::read(body).err().unwrap();
            assert!(!problem.contains("54e4"), "{problem}");
        }
    }
}
