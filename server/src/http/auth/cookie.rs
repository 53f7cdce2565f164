//! The token of whoever has signed in, as the browser keeps it.
//!
//! The cookie names no path, so that it is for the folder of the page that set it: two servers below two paths of one
//! site do not get each other's, and neither do book and its like.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

const NAME: &str = "status_token";
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Browsers keep none for longer.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 3600);

/// The token in a request's cookies, if there is one.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).map(|(_, value)| value).filter(|value| !value.is_empty())
}

/// What makes the browser keep a token for so long, if one can be kept so.
pub(super) fn keep(token: &str, life: Duration, request: &HeaderMap) -> Option<HeaderValue> {
    let is_plain =
        token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    let line = line(token, life.min(LONGEST).as_secs(), request);
    let mut value = HeaderValue::from_str(&line).ok().filter(|_| is_plain)?;
    value.set_sensitive(true);
    Some(value)
}

/// What makes it forget the token: also one that it got below a path without a slash at its end, which is for the whole
/// site.
pub(super) fn forget(request: &HeaderMap) -> [HeaderValue; 2] {
    let line = line("", 0, request);
    [format!("{line}; Path=/"), line].map(|line| HeaderValue::from_str(&line).expect("it is plain text"))
}

fn line(token: &str, seconds: u64, request: &HeaderMap) -> String {
    let secure = if is_https(request) { "; Secure" } else { "" };
    format!("{NAME}={token}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// Whether the browser speaks https, as the proxy before this server or the browser itself says.
fn is_https(request: &HeaderMap) -> bool {
    let text =
        |name: &HeaderName| request.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let first = |text: &str| text.split(',').next().unwrap_or_default().trim().to_ascii_lowercase();
    let forwarded = first(text(&header::FORWARDED));
    let mut parts = forwarded.split(';').map(str::trim);
    first(text(&FORWARDED_PROTO)) == "https"
        || parts.any(|part| matches!(part, "proto=https" | "proto=\"https\""))
        || text(&header::ORIGIN).to_ascii_lowercase().starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_token_is_found_among_others() {
        assert_eq!(token(&headers(&[("cookie", "a=b; status_token=x.y.z; c=d")])), Some("x.y.z"));
        assert_eq!(token(&headers(&[("cookie", "a=b"), ("cookie", "status_token=x")])), Some("x"));
        for none in ["status_token=", "status_tokens=x", "xstatus_token=x", "status_token"] {
            assert_eq!(token(&headers(&[("cookie", none)])), None, "{none}");
        }
    }

    #[test]
    fn it_is_for_this_site_alone_and_for_no_longer_than_the_token() {
        let kept = |lines: &[(&'static str, &str)]| {
            keep("x.y-_z", Duration::from_millis(59_900), &headers(lines))
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        };
        let plain = "status_token=x.y-_z; Max-Age=59; HttpOnly; SameSite=Strict";
        assert_eq!(kept(&[]), plain);
        assert_eq!(kept(&[("x-forwarded-proto", "http"), ("origin", "http://a.org")]), plain);
        for https in [
            ("x-forwarded-proto", "https"),
            ("x-forwarded-proto", "HTTPS, http"),
            ("forwarded", "for=192.0.2.1;proto=https;host=a.org"),
            ("forwarded", "for=192.0.2.1; Proto=\"https\", for=10.0.0.1;proto=http"),
            ("origin", "https://a.org"),
        ] {
            assert_eq!(kept(&[https]), format!("{plain}; Secure"), "{https:?}");
        }
        assert!(keep("x; Domain=evil.org", Duration::from_secs(1), &headers(&[])).is_none());
        let forgotten = "status_token=; Max-Age=0; HttpOnly; SameSite=Strict";
        assert_eq!(forget(&headers(&[])), [&format!("{forgotten}; Path=/"), forgotten]);
    }
}
