//! What a service, or a proxy in front of it, says when it refuses.

use std::fmt;

use super::{cursor, json, text};
use crate::secrets::Secrets;

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
/// or whatever else. What must not be shown is hidden in it.
#[must_use]
pub fn read(body: &[u8], secrets: &Secrets) -> Refusal {
    let text = String::from_utf8_lossy(body);
    let text = secrets.redact(text.trim());
    let text = &*text;
    let (mut code, mut message) = (None, None);
    if let Ok(value) = cursor::only_value(text) {
        json::members(value, |key, value| match key {
            r#""code""# => code = number(value),
            r#""message""# => message = json::string(value),
            _ => (),
        });
        message = message.or_else(|| json::string(value));
    }
    let message = match message {
        // Where it was written with escapes, only the message as it is meant shows a secret.
        Some(message) if !message.trim().is_empty() => {
            text::excerpt_of(&secrets.redact(message.trim()), LONGEST)
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(body: &[u8]) -> Refusal {
        read(body, &Secrets::default())
    }

    #[test]
    fn what_must_not_be_shown_is_hidden_before_the_text_is_cut() {
        let mut secrets = Secrets::default();
        secrets.add("correct-horse", "<secret>");
        let said = |fill: usize| format!("{}correct-horse", "x".repeat(fill));
        for body in [
            format!("{{\"message\":\"{}\"}}", said(295)),
            "{\"message\":\"correct\\u002dhorse\"}".to_owned(),
            format!("<title>{}</title>", said(110)),
            said(110),
        ] {
            let message = read(body.as_bytes(), &secrets).message;
            assert!(message.contains("<sec") && !message.contains("correct"), "{message}");
        }
    }

    #[test]
    fn refusals_are_put_in_a_few_words() {
        let (long, words) = ("x".repeat(100_000), "a b\n".repeat(100_000));
        for (body, code, message) in [
            (r#"{"code":500,"message":"token invalid"}"#, Some(500), "token invalid"),
            (r#"{"code":"404","message":"resource r not found"}"#, Some(404), "resource r not found"),
            ("\"Token Wrong Topic\"\n", None, "Token Wrong Topic"),
            (r#"{"message":"a\u001b[2J\nb"}"#, None, "a\\u{1b}[2J\\nb"),
            (r#"{"code":-1,"message":7}"#, None, r#"{"code":-1,"message":7}"#),
            (r#"{"message":" "}"#, None, r#"{"message":" "}"#),
            ("<html>\r\n<head><title>502 Bad Gateway</title></head>", None, "a page titled 502 Bad Gateway"),
            ("<TITLE lang=en>\n  Oh\n dear </TITLE>", None, "a page titled Oh dear"),
            ("İİ<title>ä</title>", None, "a page titled ä"),
            ("<title></title><p>x", None, "<title></title><p>x"),
            ("<title", None, "<title"),
            ("Not Found", None, "Not Found"),
            ("", None, "nothing"),
            (" \n", None, "nothing"),
            ("\0", None, "\\0"),
            (&long, None, &("x".repeat(120) + "…")),
            (&words, None, &("a b ".repeat(30) + "…")),
        ] {
            assert_eq!(told(body.as_bytes()), Refusal { code, message: message.to_owned() });
        }
        assert_eq!(told(b"\xff\xfe").message, "��");
    }

    proptest! {
        #[test]
        fn no_body_is_too_odd(body in prop::collection::vec(any::<u8>(), 0..60), text in "(<title|>|</title>|İ|ß|\"|\\{|\\}|:|\"code\"){0,9}") {
            let told = [told(&body), told(text.as_bytes())];
            prop_assert!(told.iter().all(|told| !told.message.contains(char::is_control)));
        }
    }
}
