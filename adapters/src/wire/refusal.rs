//! What a service, or a proxy in front of it, says when it refuses.

use std::fmt;

use super::{json, text};

/// How long the text of a refusal may be, in characters.
const LONGEST: usize = 300;

/// How much is quoted of a body that is no message, in characters.
const QUOTED: usize = 120;

/// The body of an answer that is a refusal, in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code in it, which is finer than the answer's status at times: 602.
    pub code: Option<u32>,
    /// What it says, on one line.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Reads the body of a refusal: `{"code":…,"message":"…"}`, a bare JSON string, a proxy's HTML page,
/// or whatever else.
#[must_use]
pub fn read(body: &[u8]) -> Refusal {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let valid = serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok();
    let (mut code, mut message) = (None, None);
    if valid {
        json::members(text, |key, value| match key {
            r#""code""# => code = number(value),
            r#""message""# => message = json::string(value),
            _ => (),
        });
        message = message.or_else(|| json::string(text));
    }
    let message = match message {
        Some(message) if !message.trim().is_empty() => text::excerpt_of(message.trim(), LONGEST),
        Some(_) | None => summary(text),
    };
    Refusal { code, message }
}

/// A code: book writes `"404"` in one place and `602` in another.
fn number(value: &str) -> Option<u32> {
    json::string(value).as_deref().unwrap_or(value).parse().ok()
}

/// What to say of a body that is no message.
fn summary(text: &str) -> String {
    if text.is_empty() {
        return "nothing".to_owned();
    }
    match title(text) {
        Some(title) => format!("a page titled {}", text::excerpt_of(&title, QUOTED)),
        None => text::excerpt_of(&words(text), QUOTED),
    }
}

/// The title of an HTML page.
fn title(text: &str) -> Option<String> {
    // Lower case of ASCII only, so that places in it are places in the text.
    let lower = text.to_ascii_lowercase();
    let tag = lower.find("<title")?;
    let begin = tag + lower[tag..].find('>')? + 1;
    let end = begin + lower[begin..].find("</title")?;
    Some(words(&text[begin..end])).filter(|title| !title.is_empty())
}

/// The text on one line, with single spaces, and no longer than anybody will want.
fn words(text: &str) -> String {
    text.split_whitespace().take(QUOTED).collect::<Vec<_>>().join(" ")
}
