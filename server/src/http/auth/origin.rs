//! Which page a request comes from, as its browser says.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A page of this server.
    Own,
    /// No page: programs such as curl say nothing.
    Unsaid,
    /// Another page, or one that its browser does not name.
    Elsewhere,
}

impl Origin {
    /// What the headers say.
    ///
    /// Scripts of web pages cannot set `Sec-Fetch-Site` or `Origin`, and older browsers, as well as all of them where
    /// there is no https, send only the latter. Ports do not count, since a proxy may listen at another.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let site = headers.get(SITE).map(HeaderValue::as_bytes);
        if site == Some(b"same-origin") && headers.get_all(SITE).iter().count() == 1 {
            return Self::Own;
        }
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next(), site) {
            (None, _, None | Some(b"none")) => Self::Unsaid,
            (None, _, Some(_)) | (Some(_), Some(_), _) => Self::Elsewhere,
            (Some(origin), None, _) => {
                let origin = origin.to_str().ok().and_then(host_of_origin);
                if origin.is_some_and(|origin| hosts(headers).any(|host| host == origin)) {
                    Self::Own
                } else {
                    Self::Elsewhere
                }
            }
        }
    }
}

/// The host of an origin such as `https://lab.example.org:8443`, without its port.
fn host_of_origin(origin: &str) -> Option<String> {
    let url = Url::parse(origin).ok()?;
    let is_origin = matches!(url.scheme(), "http" | "https") && url.path() == "/" && url.query().is_none();
    is_origin.then(|| url.host_str().map(bare)).flatten()
}

/// What this server is called, as the browser asked for it, and as a proxy says that it did.
fn hosts(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let named = [header::HOST, FORWARDED_HOST].into_iter().flat_map(|name| headers.get_all(name));
    let texts = named.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
    texts.filter_map(|text| Url::parse(&format!("http://{}", text.trim())).ok()?.host_str().map(bare))
}

fn bare(host: &str) -> String {
    host.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[(&'static str, &str)]) -> Origin {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        Origin::of(&headers)
    }

    #[test]
    fn own_is_what_the_browser_calls_so_or_what_has_our_host() {
        const HOST: (&str, &str) = ("host", "lab.example.org:3007");
        for own in [
            &[HOST, ("sec-fetch-site", "same-origin")][..],
            &[HOST, ("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[HOST, ("origin", "http://lab.example.org:3007")],
            &[HOST, ("origin", "https://LAB.example.org")],
            &[HOST, ("origin", "https://lab.example.org"), ("sec-fetch-site", "same-site")],
            &[
                ("host", "127.0.0.1:3007"),
                ("x-forwarded-host", "lab.example.org"),
                ("origin", "https://lab.example.org"),
            ],
            &[("host", "[::1]:3007"), ("origin", "http://[::1]:3007")],
        ] {
            assert_eq!(of(own), Origin::Own, "{own:?}");
        }
        for elsewhere in [
            &[HOST, ("origin", "null")][..],
            &[HOST, ("origin", "")],
            &[HOST, ("origin", "https://evil.example.org")],
            &[HOST, ("origin", "https://lab.example.org.evil.org")],
            &[HOST, ("origin", "https://evil.org/lab.example.org")],
            &[HOST, ("origin", "https://lab.example.org@evil.org")],
            &[HOST, ("origin", "file://lab.example.org")],
            &[HOST, ("origin", "http://lab.example.org"), ("origin", "http://evil.org")],
            &[HOST, ("sec-fetch-site", "cross-site")],
            &[HOST, ("sec-fetch-site", "same-site")],
            &[HOST, ("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-origin")],
            &[HOST, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
            &[("origin", "https://lab.example.org")],
        ] {
            assert_eq!(of(elsewhere), Origin::Elsewhere, "{elsewhere:?}");
        }
        assert_eq!(of(&[HOST]), Origin::Unsaid);
        assert_eq!(of(&[HOST, ("sec-fetch-site", "none")]), Origin::Unsaid);
    }
}
