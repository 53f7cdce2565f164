//! Foreign text made fit to be shown.

use std::borrow::Cow;

use smol_str::{SmolStr, SmolStrBuilder};

use crate::secrets::redact_tokens;

/// How long a name (a topic, a topic stub, ...) or a shown text may be, in bytes.
pub(super) const LONGEST: usize = 256;

/// How much of a foreign text a complaint quotes, in characters.
const QUOTED: usize = 60;

/// The beginning of a foreign text for a complaint: short, on one line, without tokens, and with
/// everything that a terminal might obey escaped.
pub(super) fn excerpt(text: &str) -> String {
    excerpt_of(text, QUOTED)
}

/// The same with another length, in characters before escaping.
pub(super) fn excerpt_of(text: &str, longest: usize) -> String {
    // Some characters more than are shown, so that a token is known as one before it is cut.
    let near = &text[..text.floor_char_boundary(longest * 4 + 64)];
    let hidden = redact_tokens(near);
    let mut out = String::new();
    let mut rest = hidden.chars();
    for c in rest.by_ref().take(longest) {
        match c {
            '"' | '\'' | '\\' => out.push(c),
            _ => out.extend(c.escape_debug()),
        }
    }
    if rest.next().is_some() || near.len() < text.len() {
        out.push('…');
    }
    out
}

/// What keeps a text from being a name, if anything.
pub(super) fn unfit_as_name(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("is empty")
    } else if text.len() > LONGEST {
        Some("is longer than 256 bytes")
    } else if !is_plain(text) && text.contains(char::is_control) {
        Some("holds a control character")
    } else {
        None
    }
}

/// A text to be shown: without control characters, and of at most [`LONGEST`] bytes.
pub(super) fn shown(text: &str) -> SmolStr {
    if text.len() <= LONGEST && is_plain(text) {
        return SmolStr::new(text);
    }
    let mut out = SmolStrBuilder::new();
    push_shown(&mut out, text);
    out.finish()
}

/// Appends a text to be shown, as far as there is room.
pub(super) fn push_shown(out: &mut SmolStrBuilder, text: &str) {
    if is_plain(text) && out.len() + text.len() <= LONGEST {
        out.push_str(text);
        return;
    }
    for c in text.chars().filter(|c| !c.is_control()) {
        if out.len() + c.len_utf8() > LONGEST {
            break;
        }
        out.push(c);
    }
}

/// A text with its control characters left out.
pub(super) fn without_controls(text: Cow<'_, str>) -> String {
    if text.contains(char::is_control) {
        text.chars().filter(|c| !c.is_control()).collect()
    } else {
        text.into_owned()
    }
}

/// Whether a text is printable ASCII: nearly all are, and it is quickly seen.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| (b' '..=b'~').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_short_and_harmless() {
        assert_eq!(excerpt("a \"b\" ä"), "a \"b\" ä");
        assert_eq!(excerpt("\u{1b}[2J\n\u{202e}\0"), "\\u{1b}[2J\\n\\u{202e}\\0");
        assert_eq!(excerpt(&"ä".repeat(61)), "ä".repeat(60) + "…");
        assert_eq!(excerpt(&"x".repeat(60)), "x".repeat(60));
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl";
        assert_eq!(excerpt(&("x".repeat(50) + " " + token)), "x".repeat(50) + " <token>");
    }

    #[test]
    fn shown_texts_are_cut_between_characters() {
        assert_eq!(shown("a\u{7f}b\u{85}c\nd"), "abcd");
        assert_eq!(shown(&"ä".repeat(200)).len(), 256);
        assert_eq!(shown(&("x".to_owned() + &"ä".repeat(200))).len(), 255);
        assert_eq!(shown(&"x".repeat(300)), "x".repeat(256));
    }

    #[test]
    fn names_are_told_from_other_texts() {
        assert_eq!(unfit_as_name("pend00-st-video"), None);
        assert_eq!(unfit_as_name("ä"), None);
        assert_eq!(unfit_as_name(&"x".repeat(256)), None);
        assert_eq!(unfit_as_name(""), Some("is empty"));
        assert_eq!(unfit_as_name(&"x".repeat(257)), Some("is longer than 256 bytes"));
        assert_eq!(unfit_as_name("a\u{9b}"), Some("holds a control character"));
    }
}
