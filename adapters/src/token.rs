//! Tokens: what proves to a service that we share its secret.
//!
//! They are HS256 JWTs and go into the `Authorization` header as they are, with no `Bearer` before.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use status_core::{Feed, Wall};

use crate::crypto::install_crypto;
use crate::service::Service;

/// How far our clock and a service's may differ before it refuses a token as issued in the future.
/// Tokens are issued so much in the past, and those for book live so much longer than asked.
pub const CLOCKS_DIFFER: Duration = Duration::from_secs(30);

/// A token for the access point of a feed. The feed ends the connection when it expires: `life`
/// after `now`, since the operator chose how long a connection may last.
#[must_use]
pub fn for_feed(feed: Feed, service: &Service, life: Duration, now: Wall) -> SecretString {
    let (prefix, scope) = match feed {
        Feed::Relay => ("session", "read"),
        Feed::Jump => ("connect", "stats"),
    };
    let subject = Subject::Connection { booking_id: US, topic: "stats", prefix };
    signed(service, &Claims::new(service, subject, scope, life, now))
}

/// A token for book's administration. It expires `life` and [`CLOCKS_DIFFER`] after `now`.
#[must_use]
pub fn for_book(service: &Service, life: Duration, now: Wall) -> SecretString {
    let life = life.saturating_add(CLOCKS_DIFFER);
    signed(service, &Claims::new(service, Subject::Person { sub: US }, "booking:admin", life, now))
}

/// What we call ourselves. Relay refuses an empty name.
const US: &str = "status-server";

#[derive(Serialize)]
struct Claims {
    #[serde(flatten)]
    subject: Subject,
    scopes: [&'static str; 1],
    aud: [String; 1],
    /// Seconds since 1970, as the next two.
    iat: u64,
    nbf: u64,
    exp: u64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Subject {
    Person { sub: &'static str },
    Connection { booking_id: &'static str, topic: &'static str, prefix: &'static str },
}

impl Claims {
    fn new(service: &Service, subject: Subject, scope: &'static str, life: Duration, now: Wall) -> Self {
        let issued = (now - CLOCKS_DIFFER).as_millis() / 1_000;
        let expires = u128::from(now.as_millis()).saturating_add(life.as_millis()).div_ceil(1_000);
        // Go's JWT library reads the times as 64-bit floats or signed integers, so stay in range.
        let expires = u64::try_from(expires).unwrap_or(u64::MAX).min(LATEST);
        Self { subject, scopes: [scope], aud: [service.audience()], iat: issued, nbf: issued, exp: expires }
    }
}

/// The end of the year 9999, in seconds since 1970: a life that goes further means "for ever".
const LATEST: u64 = 253_402_300_799;

fn signed(service: &Service, claims: &Claims) -> SecretString {
    install_crypto();
    let key = EncodingKey::from_secret(service.secret().expose_secret().as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key)
        .expect("plain claims serialize, and the provider signs with any key")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use ring::hmac;
    use serde_json::{Value, json};

    const NOW: Wall = Wall::from_millis(1_795_480_166_500);

    fn service(name: &'static str) -> Service {
        Service::new(name, "https", "app.example.org", "/tenant/x/", "somesecret".into())
    }

    /// The header and claims of a token, after its signature was checked without the library.
    fn read(token: &SecretString) -> (Value, Value) {
        let parts: Vec<&str> = token.expose_secret().split('.').collect();
        let [header, claims, tag] = parts[..] else { panic!("{parts:?}") };
        let decode = |part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"somesecret");
        hmac::verify(&key, format!("{header}.{claims}").as_bytes(), &decode(tag)).unwrap();
        let json = |part| serde_json::from_slice(&decode(part)).unwrap();
        (json(header), json(claims))
    }

    #[test]
    fn feeds_get_exactly_their_claims() {
        let day = Duration::from_secs(86_400);
        let (header, claims) = read(&for_feed(Feed::Relay, &service("relay"), day, NOW));
        assert_eq!(header, json!({"alg": "HS256", "typ": "JWT"}));
        assert_eq!(
            claims,
            json!({
                "booking_id": "status-server", "topic": "stats", "prefix": "session", "scopes": ["read"],
                "aud": ["https://app.example.org/tenant/x"],
                "iat": 1_795_480_136, "nbf": 1_795_480_136, "exp": 1_795_566_567,
            })
        );
        let (_, claims) = read(&for_feed(Feed::Jump, &service("jump"), day, NOW));
        assert_eq!(claims["prefix"], "connect");
        assert_eq!(claims["scopes"], json!(["stats"]));
    }

    #[test]
    fn book_gets_exactly_its_claims() {
        let (_, claims) = read(&for_book(&service("book"), Duration::from_secs(900), NOW));
        assert_eq!(
            claims,
            json!({
                "sub": "status-server", "scopes": ["booking:admin"],
                "aud": ["https://app.example.org/tenant/x"],
                "iat": 1_795_480_136, "nbf": 1_795_480_136, "exp": 1_795_481_097,
            })
        );
    }

    #[test]
    fn no_time_is_out_of_range() {
        let (_, claims) = read(&for_book(&service("book"), Duration::MAX, Wall::from_millis(5_000)));
        assert_eq!(claims["iat"], 0);
        assert_eq!(claims["exp"], LATEST);
    }
}
