//! What must not be shown, hidden where a service says it back to us.
//!
//! A text is hidden in before it is cut: half a secret would not be known as one. Whatever looks like
//! a token is hidden too, whoever it belongs to.

use std::borrow::Cow;

use secrecy::{ExposeSecret, SecretString};

/// How the text of every token begins: it is `{"` in Base64.
const TOKEN_BEGINS: &str = "eyJ";

/// How long a text is at the least that is taken for a token. A token's first part alone is longer.
const SHORTEST_TOKEN: usize = 16;

/// Secrets, each with what to write in its place. It has no `Debug`, since it would show them.
#[derive(Clone, Default)]
pub struct Secrets(Vec<(String, &'static str)>);

impl Secrets {
    /// The token of a request.
    pub(crate) fn token(token: &SecretString) -> Self {
        let mut secrets = Self::default();
        secrets.add(token.expose_secret(), "<token>");
        secrets
    }

    /// Hides another one, if it isn't empty.
    pub(crate) fn add(&mut self, secret: &str, instead: &'static str) {
        if !secret.is_empty() {
            self.0.push((secret.to_owned(), instead));
            // One that holds another must not be left in pieces.
            self.0.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
        }
    }

    /// A text without what must not be shown.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut hidden = Cow::Borrowed(text);
        for (secret, instead) in &self.0 {
            if hidden.contains(secret) {
                hidden = hidden.replace(secret, instead).into();
            }
        }
        match hidden {
            Cow::Borrowed(text) => redact_tokens(text),
            Cow::Owned(text) => redact_tokens(&text).into_owned().into(),
        }
    }
}

/// A text without whatever looks like a token.
pub(crate) fn redact_tokens(text: &str) -> Cow<'_, str> {
    let mut hidden = String::new();
    let mut behind = 0;
    while let Some((start, end)) = next_token(text, behind) {
        hidden.push_str(&text[behind..start]);
        hidden.push_str("<token>");
        behind = end;
    }
    if behind == 0 {
        return text.into();
    }
    hidden.push_str(&text[behind..]);
    hidden.into()
}

/// Where the token begins that this place is in the middle of, if it is in one.
pub(crate) fn token_around(text: &str, at: usize) -> Option<usize> {
    let before = text[..at].bytes().rev().take_while(|byte| is_of_token(*byte)).count();
    next_token(text, at - before).filter(|(start, end)| (*start..*end).contains(&at)).map(|(start, _)| start)
}

/// Where the next text that looks like a token begins and ends.
fn next_token(text: &str, mut from: usize) -> Option<(usize, usize)> {
    while let Some(found) = text[from..].find(TOKEN_BEGINS) {
        let start = from + found;
        from = start + text[start..].bytes().take_while(|byte| is_of_token(*byte)).count();
        if from - start >= SHORTEST_TOKEN {
            return Some((start, from));
        }
    }
    None
}

/// Whether a token may hold this: Base64 for addresses, in parts with dots between them.
fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl-_8";

    #[test]
    fn whatever_looks_like_a_token_is_hidden() {
        for (text, hidden) in [
            (format!("what is {TOKEN}?"), "what is <token>?"),
            (format!("\"{TOKEN}\",\"{TOKEN}\""), "\"<token>\",\"<token>\""),
            (format!("ä{TOKEN}ä"), "ä<token>ä"),
            (format!("Bearer%20{}", &TOKEN[..30]), "Bearer%20<token>"),
            ("eyJ, or eyJhbGciOi and no more".to_owned(), "eyJ, or eyJhbGciOi and no more"),
            (String::new(), ""),
        ] {
            assert_eq!(redact_tokens(&text), hidden);
        }
    }

    #[test]
    fn known_secrets_are_hidden_the_longest_first() {
        let mut secrets = Secrets::default();
        for (secret, instead) in [("", "nothing"), ("horse", "<b>"), ("correct horse", "<a>")] {
            secrets.add(secret, instead);
        }
        assert_eq!(secrets.redact("a correct horse is no horse"), "a <a> is no <b>");
        assert_eq!(secrets.redact(&format!("horse {TOKEN}")), "<b> <token>");
        assert!(matches!(secrets.redact("nothing"), Cow::Borrowed("nothing")));
        let token = Secrets::token(&"abc.def".into());
        assert_eq!(token.redact("[abc.def]"), "[<token>]");
    }

    #[test]
    fn a_place_within_a_token_is_known_as_such() {
        let text = format!("x {TOKEN} y");
        for at in 2..2 + TOKEN.len() {
            assert_eq!(token_around(&text, at), Some(2), "{at}");
        }
        for at in [0, 1, 2 + TOKEN.len(), text.len()] {
            assert_eq!(token_around(&text, at), None, "{at}");
        }
    }
}
