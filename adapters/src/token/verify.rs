//! Whether a token that somebody shows proves that he may change something here.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use status_core::Wall;

use super::{NAME_AT_MOST, OUR_AUDIENCE, OUR_SCOPE, is_name};

/// The longest token, in bytes.
const LONGEST: usize = 8_000;
/// How far the clock of whoever issued a token may be ahead of ours.
const LEEWAY: Duration = Duration::from_secs(60);

/// Who has shown a token that is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// What the token calls him.
    pub name: String,
    /// Until when it is good.
    pub until: Wall,
}

/// Why a token is no good. Nothing of the token is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// It is longer than any of ours.
    TooLong,
    /// It is no JWT.
    NoToken,
    /// It is not signed with HS256, or asks for more than that.
    Algorithm,
    /// Its signature is not one of our secret.
    Signature,
    /// What it claims makes no sense.
    Claims,
    /// It is for another service.
    Audience,
    /// It does not allow to change something here.
    Scope,
    /// It is over.
    Expired,
    /// It is from the future.
    TooEarly,
    /// It does not say whose it is.
    Name,
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the token is longer than {LONGEST} bytes"),
            Self::NoToken => {
                f.write_str("the token is no JSON Web Token: it has to be whole, as `status token` prints it")
            }
            Self::Algorithm => f.write_str("the token has to be signed with HS256, and with nothing else"),
            Self::Signature => f.write_str("the token is not signed with this server's STATUS_SECRET_ADMIN"),
            Self::Claims => f.write_str(
                "the token's claims make no sense: exp, nbf and iat are seconds since 1970, scopes a list",
            ),
            Self::Audience => {
                write!(f, "the token is for another service: its aud has to contain {OUR_AUDIENCE}")
            }
            Self::Scope => {
                write!(f, "the token does not allow changes: its scopes have to contain {OUR_SCOPE}")
            }
            Self::Expired => f.write_str("the token has expired: make a new one with `status token`"),
            Self::TooEarly => f.write_str(
                "the token is not valid yet: the clock of whoever made it is ahead of this server's",
            ),
            Self::Name => write!(
                f,
                "the token does not say whose it is: its sub has to be a name of 1 to {NAME_AT_MOST} characters"
            ),
        }
    }
}

impl std::error::Error for TokenFault {}

/// Whose a token is, if it is good at this time.
///
/// Nothing that it claims counts, or is told, before its signature is found to be one of our secret: that takes the
/// same time wherever the two differ.
///
/// # Errors
/// What is wrong with it.
pub fn verified(secret: &SecretString, token: &str, now: Wall) -> Result<Person, TokenFault> {
    if token.len() > LONGEST {
        return Err(TokenFault::TooLong);
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { return Err(TokenFault::NoToken) };
    let Head { alg, crit } = json(header).ok_or(TokenFault::NoToken)?;
    if alg != "HS256" || crit.is_some() {
        return Err(TokenFault::Algorithm);
    }
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenFault::Signature)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let signed = &token.as_bytes()[..header.len() + 1 + claims.len()];
    hmac::verify(&key, signed, &signature).map_err(|_| TokenFault::Signature)?;
    json::<Claims>(claims).ok_or(TokenFault::Claims)?.person(now)
}

fn json<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[derive(Deserialize)]
struct Head {
    alg: String,
    /// What whoever reads it must understand, and nothing is understood here.
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    sub: String,
    aud: Option<Audience>,
    #[serde(default)]
    scopes: Vec<String>,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Claims {
    fn person(self, now: Wall) -> Result<Person, TokenFault> {
        let is_ours = match &self.aud {
            Some(Audience::One(one)) => one == OUR_AUDIENCE,
            Some(Audience::Many(many)) => many.iter().any(|one| one == OUR_AUDIENCE),
            None => false,
        };
        if !is_ours {
            return Err(TokenFault::Audience);
        }
        if !self.scopes.iter().any(|scope| scope == OUR_SCOPE) {
            return Err(TokenFault::Scope);
        }
        let until = at(self.exp).ok_or(TokenFault::Claims)?;
        if until <= now {
            return Err(TokenFault::Expired);
        }
        for begin in [self.nbf, self.iat].into_iter().flatten() {
            if at(begin).ok_or(TokenFault::Claims)?.since(now) > LEEWAY {
                return Err(TokenFault::TooEarly);
            }
        }
        if !is_name(&self.sub) {
            return Err(TokenFault::Name);
        }
        Ok(Person { name: self.sub, until })
    }
}

/// Seconds since 1970, which JWTs may have with decimals; `None` if they make no sense.
fn at(seconds: f64) -> Option<Wall> {
    let since_1970 = Duration::try_from_secs_f64(seconds).ok()?;
    Some(Wall::from_millis(u64::try_from(since_1970.as_millis()).ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::service::Service;
    use crate::token::{for_book, for_person};

    const NOW: Wall = Wall::from_millis(1_795_480_166_500);
    const SECONDS: u64 = 1_795_480_166;
    const MINUTE: Duration = Duration::from_secs(60);

    fn secret() -> SecretString {
        "somesecret".into()
    }

    fn encoded(value: &Value) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
    }

    fn with_header(header: &Value, claims: &Value, secret: &str) -> String {
        let signed = format!("{}.{}", encoded(header), encoded(claims));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes())))
    }

    fn good() -> Value {
        json!({"sub": "alice", "aud": ["status"], "scopes": ["status:admin"], "exp": SECONDS + 60})
    }

    /// What is said of good claims with these in place of theirs; `null` stands for none.
    fn said(change: &Value) -> Result<Person, TokenFault> {
        let mut claims = good();
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        verified(&secret(), &with_header(&json!({"alg": "HS256"}), &claims, "somesecret"), NOW)
    }

    #[test]
    fn what_is_issued_is_good_until_it_expires() {
        let token = for_person(&secret(), "alice \"al\" o'hara", MINUTE, NOW);
        let token = token.expose_secret();
        let person = verified(&secret(), token, NOW).unwrap();
        assert_eq!(person.name, "alice \"al\" o'hara");
        assert_eq!(person.until, Wall::from_millis((SECONDS + 61) * 1_000));
        let last = Wall::from_millis((SECONDS + 61) * 1_000 - 1);
        assert!(verified(&secret(), token, last).is_ok());
        assert_eq!(verified(&secret(), token, person.until), Err(TokenFault::Expired), "replayed");
        assert!(verified(&secret(), token, NOW - Duration::from_secs(89)).is_ok());
        assert_eq!(verified(&secret(), token, NOW - Duration::from_secs(91)), Err(TokenFault::TooEarly));
    }

    #[test]
    fn only_hs256_is_taken_whatever_the_signature() {
        for alg in ["none", "None", "", "hs256", "Hs256", "HS384", "HS512", "RS256", "ES256"] {
            let token = with_header(&json!({"alg": alg}), &good(), "somesecret");
            assert_eq!(verified(&secret(), &token, NOW), Err(TokenFault::Algorithm), "{alg}");
            let unsigned = &token[..=token.rfind('.').unwrap()];
            assert_eq!(verified(&secret(), unsigned, NOW), Err(TokenFault::Algorithm), "{alg}");
        }
        let critical =
            with_header(&json!({"alg": "HS256", "crit": ["b64"], "b64": false}), &good(), "somesecret");
        assert_eq!(verified(&secret(), &critical, NOW), Err(TokenFault::Algorithm));
    }

    #[test]
    fn what_another_secret_signed_or_nobody_is_refused_before_its_claims_are_read() {
        let header = json!({"alg": "HS256", "typ": "JWT"});
        for claims in [good(), json!({}), json!({"exp": 1})] {
            let foreign = with_header(&header, &claims, "othersecret");
            assert_eq!(verified(&secret(), &foreign, NOW), Err(TokenFault::Signature));
        }
        let token = with_header(&header, &good(), "somesecret");
        let parts: Vec<&str> = token.split('.').collect();
        let forged = encoded(
            &json!({"sub": "mallory", "aud": "status", "scopes": ["status:admin"], "exp": SECONDS + 60}),
        );
        let half = &parts[2][..20];
        for bad in [
            format!("{}.{forged}.{}", parts[0], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}.{half}", parts[0], parts[1]),
            format!("{}.{}.{}=", parts[0], parts[1], parts[2]),
        ] {
            assert_eq!(verified(&secret(), &bad, NOW), Err(TokenFault::Signature), "{bad}");
        }
    }

    #[test]
    fn a_token_of_another_service_is_refused_even_if_it_has_the_same_secret() {
        let book = Service::new("book", "https", "app.example.org", "/book", secret());
        let token = for_book(&book, MINUTE, NOW);
        assert_eq!(verified(&secret(), token.expose_secret(), NOW), Err(TokenFault::Audience));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for none in ["", ".", "..", "a.b", "a.b.c.d", "....", "e30.e30.e30", "\u{1F600}.\u{1F600}.\u{1F600}"]
        {
            assert_eq!(verified(&secret(), none, NOW), Err(TokenFault::NoToken), "{none}");
        }
        assert_eq!(verified(&secret(), &"a".repeat(8_001), NOW), Err(TokenFault::TooLong));
    }

    #[test]
    fn claims_are_taken_as_they_are_meant_or_not_at_all() {
        for fine in [
            json!({}),
            json!({"aud": "status"}),
            json!({"aud": ["book", "status"]}),
            json!({"scopes": ["booking:admin", "status:admin"]}),
            json!({"exp": 1_795_480_167.5}),
            json!({"exp": 253_402_300_799_u64}),
            json!({"nbf": SECONDS + 60, "iat": SECONDS + 60}),
            json!({"other": {"a": []}}),
            json!({"sub": "ä".repeat(100)}),
        ] {
            assert!(said(&fine).is_ok(), "{fine}: {:?}", said(&fine));
        }
        for (bad, fault) in [
            (json!({"aud": null}), TokenFault::Audience),
            (json!({"aud": "Status"}), TokenFault::Audience),
            (json!({"aud": ["https://status"]}), TokenFault::Audience),
            (json!({"aud": []}), TokenFault::Audience),
            (json!({"aud": 7}), TokenFault::Claims),
            (json!({"scopes": null}), TokenFault::Scope),
            (json!({"scopes": null, "scope": "status:admin"}), TokenFault::Scope),
            (json!({"scopes": ["status:read", "STATUS:ADMIN"]}), TokenFault::Scope),
            (json!({"scopes": "status:admin"}), TokenFault::Claims),
            (json!({"exp": null}), TokenFault::Claims),
            (json!({"exp": "4000000000"}), TokenFault::Claims),
            (json!({"exp": -1}), TokenFault::Claims),
            (json!({"exp": 1e300}), TokenFault::Claims),
            (json!({"exp": SECONDS}), TokenFault::Expired),
            (json!({"nbf": SECONDS + 62}), TokenFault::TooEarly),
            (json!({"iat": SECONDS + 62}), TokenFault::TooEarly),
            (json!({"iat": "now"}), TokenFault::Claims),
            (json!({"sub": null}), TokenFault::Name),
            (json!({"sub": " "}), TokenFault::Name),
            (json!({"sub": "a\u{1b}[31m"}), TokenFault::Name),
            (json!({"sub": "a".repeat(101)}), TokenFault::Name),
            (json!({"sub": ["alice"]}), TokenFault::Claims),
        ] {
            assert_eq!(said(&bad), Err(fault), "{bad}");
        }
    }

    #[test]
    fn a_claim_that_is_there_twice_makes_no_sense() {
        let signed = format!(
            "{}.{}",
            encoded(&json!({"alg": "HS256"})),
            BASE64_URL_SAFE_NO_PAD
                .encode(r#"{"sub":"a","sub":"b","aud":"status","scopes":["status:admin"],"exp":4e9}"#)
        );
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"somesecret");
        let token =
            format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes())));
        assert_eq!(verified(&secret(), &token, NOW), Err(TokenFault::Claims));
    }
}
