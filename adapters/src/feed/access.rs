//! The access point: it takes a token, and gives the address of a websocket.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Url};
use rustls::ClientConfig;
use serde::Deserialize;
use status_core::{Failure, Feed, Wall};

use super::PATIENCE;
use crate::http::{Limits, ServiceClient};
use crate::secrets::Secrets;
use crate::service::{Service, is_loopback_host};
use crate::token;

/// How large its answer may be, in bytes. It is an address.
const LARGEST_ANSWER: usize = 64 << 10;

/// The access point of a feed.
#[derive(Debug)]
pub(super) struct Access {
    feed: Feed,
    caller: ServiceClient,
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
        Ok(Self { feed, caller: ServiceClient::new(service, limits, tls)?, url })
    }

    /// Asks for a connection that may last for `token_life`.
    pub(super) async fn ask(&self, token_life: Duration, now: Wall) -> Result<Address, Failure> {
        let token = token::for_feed(self.feed, self.caller.service(), token_life, now);
        let body = self.caller.ask(Method::POST, self.url.clone(), &token).await?;
        Address::read(&body, &self.url)
            .map_err(|problem| self.caller.garbled(Method::POST, self.url.clone(), &body, problem))
    }
}

/// Where to open a websocket. The code that lets us in is in it, so it has no `Debug`.
pub(super) struct Address {
    url: Url,
    /// The access point that gave it.
    given_by: Url,
    /// As it came, since a fragment is cut off.
    written: String,
}

impl Address {
    /// Reads an access point's answer: `{"uri":"ws://…"}`.
    ///
    /// The problems quote nothing of it, since the code is somewhere in it.
    fn read(body: &[u8], given_by: &Url) -> Result<Self, &'static str> {
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
        Ok(Self { url, given_by: given_by.clone(), written: uri })
    }

    /// The whole of it, the code included.
    pub(super) fn with_code(&self) -> &str {
        self.url.as_str()
    }

    /// Whether TLS is spoken there.
    pub(super) fn is_secure(&self) -> bool {
        self.url.scheme() == "wss"
    }

    /// The host as a resolver takes it, and the port.
    pub(super) fn host_and_port(&self) -> (&str, u16) {
        let host = self.url.host_str().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        (host, self.url.port_or_known_default().unwrap_or(80))
    }

    /// As it may be shown. Which part of a path is a code cannot be known, so of the path only those parts
    /// are shown that the access point's own address has, too.
    pub(super) fn shown(&self) -> String {
        let segments = self.url.path().split('/').skip(1);
        let shown = segments.map(|part| if self.is_plain(part) { part } else { "<hidden>" });
        let path: String = shown.flat_map(|part| ["/", part]).collect();
        format!("{}{path}", origin(&self.url))
    }

    /// What must not be shown of it: everything that may be a code, as it is meant and as it is written.
    pub(super) fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        let query = self.url.query().unwrap_or_default();
        let behind = self.written.split_once('#').map(|(_, fragment)| fragment);
        let parts = self.url.path().split('/').filter(|part| !self.is_plain(part));
        let written = query.split(['&', '=']).chain(behind).chain(parts);
        for part in written.filter(|part| part.len() > 3 && *part != "code") {
            secrets.add(part, "<code>");
            // What stands for what in a query is so in a path, too, but for the plus sign.
            for (name, _) in url::form_urlencoded::parse(part.as_bytes()).filter(|(name, _)| name.len() > 3) {
                secrets.add(&name, "<code>");
            }
        }
        secrets
    }

    /// What is odd about it, and may be meant so: each with a name of its kind.
    pub(super) fn oddities(&self, feed: Feed) -> impl Iterator<Item = (Oddity, String)> {
        let shown = self.shown();
        let in_clear = self.given_by.scheme() == "https" && !self.is_secure() && !is_loopback(&self.url);
        let in_clear = in_clear.then(|| {
            let text = format!(
                "{feed}'s access point is asked over https, and gave an address without TLS ({shown}): the code \
                 and what {feed} lists go over the network in clear; have {feed} give a wss address"
            );
            (Oddity::InClear, text)
        });
        let host = |url: &Url| url.host_str().unwrap_or_default().to_ascii_lowercase();
        let elsewhere = (host(&self.url) != host(&self.given_by)).then(|| {
            let text = format!(
                "{feed}'s access point at {} gave an address on another host ({shown}): see whether {feed}'s own \
                 settings name the host that is meant",
                host(&self.given_by)
            );
            (Oddity::Elsewhere, text)
        });
        in_clear.into_iter().chain(elsewhere)
    }

    fn is_plain(&self, part: &str) -> bool {
        part.is_empty() || self.given_by.path().split('/').any(|own| own == part)
    }
}

/// What may be odd about the address of a websocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Oddity {
    /// It is without TLS, though the access point has it.
    InClear,
    /// It is on another host than the access point.
    Elsewhere,
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Whether an address is on this machine.
fn is_loopback(url: &Url) -> bool {
    is_loopback_host(url.host_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &str) -> Result<Address, &'static str> {
        let given_by = Url::parse("https://app.example.org/ed0/relay/session/stats").unwrap();
        Address::read(serde_json::json!({ "uri": uri }).to_string().as_bytes(), &given_by)
    }

    #[test]
    fn addresses_of_websockets_are_taken() {
        let address = read("wss://app.example.org/ed0/relay/session/stats?code=54e45778-e376#x").unwrap();
        assert_eq!(address.with_code(), "wss://app.example.org/ed0/relay/session/stats?code=54e45778-e376");
        assert_eq!(address.shown(), "wss://app.example.org/ed0/relay/session/stats");
        assert_eq!(address.host_and_port(), ("app.example.org", 443));
        assert_eq!(address.secrets().redact("bad code 54e45778-e376!"), "bad code <code>!");
        let address = read("ws://a.org/?code=54e%2F45%22").unwrap();
        assert_eq!(address.secrets().redact("code=54e%2F45%22 is 54e/45\""), "code=<code> is <code>");
        let address = read("ws://[::1]:8080/x?code=1").unwrap();
        assert_eq!(address.host_and_port(), ("::1", 8080));
        assert_eq!(address.shown(), "ws://[::1]:8080/<hidden>");
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
            let problem = Address::read(body, &Url::parse("http://a/").unwrap()).err().unwrap();
            assert!(!problem.contains("54e4"), "{problem}");
        }
    }

    #[test]
    fn whatever_may_be_a_code_is_hidden_wherever_it_stands() {
        for uri in [
            "wss://app.example.org/ed0/relay/session/54e4%2F5778",
            "wss://app.example.org/54e4%2F5778/session/stats",
            "wss://app.example.org/session/stats?54e4%2F5778",
            "wss://app.example.org/session/stats?token=54e4%2F5778&a=b",
            "wss://app.example.org/session/stats?54e4%2F5778=1",
            "wss://app.example.org/session/stats#54e4%2F5778",
        ] {
            let address = read(uri).unwrap();
            let told = address.secrets().redact("54e4%2F5778 is 54e4/5778").into_owned();
            for text in [address.shown(), told] {
                assert!(!text.contains("5778") && !text.contains("54e4"), "{uri}: {text}");
            }
        }
    }

    #[test]
    fn odd_is_an_address_in_clear_and_one_on_another_host() {
        use Oddity::{Elsewhere, InClear};
        for (uri, odd) in [
            ("wss://app.example.org/session/stats?code=1", &[][..]),
            ("wss://APP.example.org:8443/x", &[]),
            ("ws://app.example.org/x", &[InClear]),
            ("wss://relay.example.org/x", &[Elsewhere]),
            ("ws://10.0.0.7/x", &[InClear, Elsewhere]),
            ("ws://127.0.0.1:3000/x", &[Elsewhere]),
        ] {
            let found: Vec<Oddity> =
                read(uri).unwrap().oddities(Feed::Relay).map(|(oddity, _)| oddity).collect();
            assert_eq!(found, odd, "{uri}");
        }
    }
}
