//! Answers that need not be sent again.
//!
//! Two kinds of tags: an answer that holds ages or whatever each snapshot changes is tagged by what was
//! taken in (the same as long as nothing new is known), and one that rarely changes by what is in it.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hasher};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{AppState, Problem};

/// Asks again each time, and takes what is known if it has not changed.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// The tag of an answer.
pub(crate) struct Tag(String);

impl Tag {
    /// As long as a text is the same.
    pub(super) fn of(text: &str) -> Self {
        Self(format!("W/\"{text}\""))
    }

    /// The answer for a client that has this one already.
    pub(crate) fn unchanged(&self, request: &HeaderMap) -> Option<Response> {
        let known = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let is_known =
            known.flat_map(|tags| tags.split(',')).any(|tag| tag.trim() == "*" || bare(tag) == bare(&self.0));
        is_known.then(|| self.on(StatusCode::NOT_MODIFIED))
    }

    /// The answer with this tag.
    pub(crate) fn on(&self, answer: impl IntoResponse) -> Response {
        let mut answer = answer.into_response();
        let headers = answer.headers_mut();
        if let Ok(tag) = HeaderValue::from_str(&self.0) {
            headers.insert(header::ETAG, tag);
        }
        headers.entry(header::CACHE_CONTROL).or_insert(REVALIDATE);
        answer
    }
}

/// The tag of what is known now.
impl FromRequestParts<AppState> for Tag {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, app: &AppState) -> Result<Self, Infallible> {
        Ok(Self::of(&app.state()))
    }
}

/// An answer in JSON that is tagged by what is in it, if it could be written.
pub(super) fn json(request: &HeaderMap, written: serde_json::Result<Vec<u8>>) -> Response {
    match written {
        Ok(body) => by_content(request, "application/json", body),
        Err(error) => {
            Problem::answer(StatusCode::INTERNAL_SERVER_ERROR, format!("this cannot be written: {error}"))
        }
    }
}

/// An answer that is tagged by what is in it.
pub(crate) fn by_content(request: &HeaderMap, content_type: &'static str, body: Vec<u8>) -> Response {
    let tag = Tag::of(&fingerprint(&body));
    tag.unchanged(request).unwrap_or_else(|| tag.on(([(header::CONTENT_TYPE, content_type)], body)))
}

/// A short text that other contents do not have, as a rule: nobody gains by a forged one.
pub(super) fn fingerprint(content: &[u8]) -> String {
    let mut hash = DefaultHasher::new();
    hash.write(content);
    format!("{:x}-{:016x}", content.len(), hash.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_tag_is_found_among_others() {
        let tag = Tag::of("a-1");
        let asked = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().unwrap());
            tag.unchanged(&headers).map(|answer| answer.status())
        };
        for known in ["W/\"a-1\"", "\"a-1\"", "\"b\", W/\"a-1\"", "*"] {
            assert_eq!(asked(known), Some(StatusCode::NOT_MODIFIED), "{known}");
        }
        assert_eq!(asked("W/\"a-2\""), None);
        assert!(tag.unchanged(&HeaderMap::new()).is_none());
    }

    #[test]
    fn contents_tell_tags_apart() {
        assert_ne!(fingerprint(b"[]"), fingerprint(b"[ ]"));
        assert_eq!(fingerprint(b"[]"), fingerprint(b"[]"));
    }
}
