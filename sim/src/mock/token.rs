//! The check of a token, as the real services do it, quirks included.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Map, Value};

use super::go;

/// What a token says.
#[derive(Clone, Debug)]
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    /// A claim that is a text; empty if there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A claim that is a list of texts, or a single text.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        match self.0.get(name) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// A claim that is a time, since 1970.
    pub(super) fn time(&self, name: &str) -> Option<Duration> {
        let seconds = self.0.get(name)?.as_f64()?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// Whether it holds the scope.
    pub(super) fn allows(&self, scope: &str) -> bool {
        self.list("scopes").contains(&scope)
    }
}

/// Why a token was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Bearer,
    Segments,
    NotBase64,
    NotJson(char),
    Algorithm(String),
    Signature,
    Expired(Duration),
    UsedBeforeIssued,
    NotYetValid,
    Audience { given: String, ours: String },
}

impl Refusal {
    /// Whether all was well but whom the token is for: the services say that in other words.
    pub(super) fn is_audience(&self) -> bool {
        matches!(self, Self::Audience { .. })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer => f.write_str("tokenstring should not contain 'bearer '"),
            Self::Segments => f.write_str("token contains an invalid number of segments"),
            Self::NotBase64 => f.write_str("illegal base64 data at input byte 0"),
            Self::NotJson(found) => write!(f, "invalid character '{found}' looking for beginning of value"),
            Self::Algorithm(name) => write!(f, "unexpected signing method was {name}"),
            Self::Signature => f.write_str("signature is invalid"),
            Self::Expired(ago) => write!(f, "token is expired by {}", go::duration(*ago)),
            Self::UsedBeforeIssued => f.write_str("token used before issued"),
            Self::NotYetValid => f.write_str("token is not valid yet"),
            Self::Audience { given, ours } => write!(f, "aud [{given}] does not match this host {ours}"),
        }
    }
}

/// What a service wants of a token.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    pub(super) secret: String,
    pub(super) audience: String,
}

impl Gate {
    /// Checks a token at a time of day, in the order that the services have.
    pub(super) fn check(&self, token: &str, now: Duration) -> Result<Claims, Refusal> {
        if token.to_ascii_lowercase().starts_with("bearer ") {
            return Err(Refusal::Bearer);
        }
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else { return Err(Refusal::Segments) };
        let algorithm = algorithm(&json(header)?)?;
        let claims = Claims(json(claims)?);
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refusal::Signature)?;
        let signed = &token[..token.rfind('.').unwrap_or_default()];
        let key = hmac::Key::new(algorithm, self.secret.as_bytes());
        hmac::verify(&key, signed.as_bytes(), &signature).map_err(|_| Refusal::Signature)?;
        check_times(&claims, now)?;
        let audiences = claims.list("aud");
        if !audiences.contains(&self.audience.as_str()) {
            return Err(Refusal::Audience { given: audiences.join(" "), ours: self.audience.clone() });
        }
        Ok(claims)
    }
}

fn json(part: &str) -> Result<Map<String, Value>, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::NotBase64)?;
    let first = bytes.first().map_or(' ', |byte| char::from(*byte));
    serde_json::from_slice(&bytes).map_err(|_| Refusal::NotJson(first))
}

/// The services take every HMAC, not only HS256.
fn algorithm(header: &Map<String, Value>) -> Result<hmac::Algorithm, Refusal> {
    match header.get("alg").and_then(Value::as_str).unwrap_or_default() {
        "HS256" => Ok(hmac::HMAC_SHA256),
        "HS384" => Ok(hmac::HMAC_SHA384),
        "HS512" => Ok(hmac::HMAC_SHA512),
        other => Err(Refusal::Algorithm(other.to_owned())),
    }
}

/// Where several times are wrong, the services name the last of these.
fn check_times(claims: &Claims, now: Duration) -> Result<(), Refusal> {
    let seconds = Duration::from_secs(now.as_secs());
    if claims.time("nbf").is_some_and(|from| from > seconds) {
        return Err(Refusal::NotYetValid);
    }
    if claims.time("iat").is_some_and(|from| from > seconds) {
        return Err(Refusal::UsedBeforeIssued);
    }
    match claims.time("exp") {
        Some(end) if end < now => Err(Refusal::Expired(now - end)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7515, appendix A.1, whose key is given there in base64url.
    const RFC_TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
         eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
         dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const RFC_KEY: &str =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

    #[test]
    fn the_rfcs_own_example_has_a_good_signature() {
        // The key is no text, so it can't be a Gate's; what is checked is the same.
        let key = hmac::Key::new(hmac::HMAC_SHA256, &URL_SAFE_NO_PAD.decode(RFC_KEY).unwrap());
        let (signed, signature) = RFC_TOKEN.rsplit_once('.').unwrap();
        assert!(hmac::verify(&key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).is_ok());
    }

    #[test]
    fn a_wrong_secret_is_a_bad_signature_whatever_else_is_wrong() {
        let gate = Gate { secret: "other".into(), audience: "http://x".into() };
        let refusal = gate.check(RFC_TOKEN, Duration::from_secs(1_795_480_000)).unwrap_err();
        assert_eq!(refusal, Refusal::Signature);
    }
}
