//! Tokens: what proves to a service that we share its secret, and to this server that a person may change something.
//!
//! They are HS256 JWTs and go into the `Authorization` header as they are, with no `Bearer` before.

mod verify;

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use status_core::{Feed, Wall};

use crate::crypto::install_crypto;
use crate::service::Service;
pub use verify::{Person, TokenFault, verified};

/// Whom the tokens are for with which people change something here.
const OUR_AUDIENCE: &str = "status";
/// What they allow.
const OUR_SCOPE: &str = "status:admin";
/// The longest name of a person, in characters.
pub const NAME_AT_MOST: usize = 100;

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
    signed(service.secret(), &Claims::new(service.audience(), subject, scope, life, now))
}

/// A token for book's administration. It expires `life` and [`CLOCKS_DIFFER`] after `now`.
#[must_use]
pub fn for_book(service: &Service, life: Duration, now: Wall) -> SecretString {
    let life = life.saturating_add(CLOCKS_DIFFER);
    let subject = Subject::Person { sub: US };
    signed(service.secret(), &Claims::new(service.audience(), subject, "booking:admin", life, now))
}

/// A token with which a person of this name changes something here. It expires `life` after `now`.
#[must_use]
pub fn for_person(secret: &SecretString, name: &str, life: Duration, now: Wall) -> SecretString {
    let subject = Subject::Person { sub: name };
    signed(secret, &Claims::new(OUR_AUDIENCE.to_owned(), subject, OUR_SCOPE, life, now))
}

/// Whether people can be called so: what is shown beside all that they change.
#[must_use]
pub fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= NAME_AT_MOST && !text.chars().any(char::is_control)
}

/// What we call ourselves. Relay refuses an empty name.
const US: &str = "status-server";

#[derive(Serialize)]
struct Claims<'a> {
    #[serde(flatten)]
    subject: Subject<'a>,
    scopes: [&'static str; 1],
    aud: [String; 1],
    /// Seconds since 1970, as the next two.
    iat: u64,
    nbf: u64,
    exp: u64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Subject<'a> {
    Person { sub: &'a str },
    Connection { booking_id: &'static str, topic: &'static str, prefix: &'static str },
}

impl<'a> Claims<'a> {
    fn new(audience: String, subject: Subject<'a>, scope: &'static str, life: Duration, now: Wall) -> Self {
        let issued = (now - CLOCKS_DIFFER).as_millis() / 1_000;
        let expires = u128::from(now.as_millis()).saturating_add(life.as_millis()).div_ceil(1_000);
        // Go's JWT library reads the times as 64-bit floats or signed integers, so stay in range.
        let expires = u64::try_from(expires).unwrap_or(u64::MAX).min(LATEST);
        Self { subject, scopes: [scope], aud: [audience], iat: issued, nbf: issued, exp: expires }
    }
}

/// The end of the year 9999, in seconds since 1970: a life that goes further means "for ever".
const LATEST: u64 = 253_402_300_799;

fn signed(secret: &SecretString, claims: &Claims<'_>) -> SecretString {
    install_crypto();
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
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
    fn people_get_exactly_their_claims() {
        let (_, claims) = read(&for_person(&"somesecret".into(), "alice", Duration::from_secs(900), NOW));
        assert_eq!(
            claims,
            json!({
                "sub": "alice", "scopes": ["status:admin"], "aud": ["status"],
                "iat": 1_795_480_136, "nbf": 1_795_480_136, "exp": 1_795_481_067,
            })
        );
    }

    #[test]
    fn a_name_is_a_line_that_is_not_empty_and_not_too_long() {
        for name in ["a", "alice o'hara \"al\"", &"ä".repeat(100)] {
            assert!(is_name(name), "{name}");
        }
        for none in ["", " ", "a\nb", "\u{7f}", &"a".repeat(101)] {
            assert!(!is_name(none), "{none}");
        }
    }

    #[test]
    fn no_time_is_out_of_range() {
        let (_, claims) = read(&for_book(&service("book"), Duration::MAX, Wall::from_millis(5_000)));
        assert_eq!(claims["iat"], 0);
        assert_eq!(claims["exp"], LATEST);
    }
}
