//! Texts for people.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt::Write;

/// The characters of Unicode's category *format* (Cf), from the first to the last of each range.
const FORMAT: &[(u32, u32)] = &[
    (0x00AD, 0x00AD),
    (0x0600, 0x0605),
    (0x061C, 0x061C),
    (0x06DD, 0x06DD),
    (0x070F, 0x070F),
    (0x0890, 0x0891),
    (0x08E2, 0x08E2),
    (0x180E, 0x180E),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x2064),
    (0x2066, 0x206F),
    (0xFEFF, 0xFEFF),
    (0xFFF9, 0xFFFB),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0001, 0xE0001),
    (0xE0020, 0xE007F),
];

/// Returns a text with everything escaped that cannot be seen, such as `\u{202E}`: control
/// characters, format characters, separators of lines and paragraphs, and blanks at either end.
///
/// What others name may hold anything, and must neither pass for another name nor reorder the text
/// around it.
///
/// ```
/// # use status_core::printable;
/// assert_eq!(printable("pend00"), "pend00");
/// assert_eq!(printable("pend\u{202E}00 "), "pend\\u{202E}00\\u{20}");
/// ```
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    let inner = text.trim();
    if inner.len() == text.len() && !text.chars().any(is_invisible) {
        return Cow::Borrowed(text);
    }
    let start = text.len() - text.trim_start().len();
    let end = start + inner.len();
    let mut shown = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        if is_invisible(c) || at < start || at >= end {
            // Writing to a string cannot fail.
            let _ = write!(shown, "\\u{{{:X}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Returns at most the first `most` bytes of a text, and says so where something is left out.
pub(crate) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    const REST: &str = " (and more)";
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(most.saturating_sub(REST.len()));
    Cow::Owned(alloc::format!("{}{REST}", &text[..end]))
}

fn is_invisible(c: char) -> bool {
    let code = u32::from(c);
    let is_format = || {
        let at = FORMAT.partition_point(|(_, last)| *last < code);
        FORMAT.get(at).is_some_and(|(first, _)| *first <= code)
    };
    c.is_control() || matches!(code, 0x2028 | 0x2029) || (code >= 0xAD && is_format())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_escaped_and_all_else_stays() {
        for plain in ["", "pend00", "Prüfstand 3 µs", "実験", "a\u{A0}b", "🧪", r"a\u{202E}"] {
            assert_eq!(printable(plain), plain);
        }
        for (text, shown) in [
            ("a\u{202E}b", r"a\u{202E}b"),
            ("\u{200B}", r"\u{200B}"),
            ("a\u{2028}b\u{2029}", r"a\u{2028}b\u{2029}"),
            ("a\u{E0041}", r"a\u{E0041}"),
            ("a\u{AD}\u{FEFF}b", r"a\u{AD}\u{FEFF}b"),
            ("a\r\nb\u{7F}\u{85}c", r"a\u{D}\u{A}b\u{7F}\u{85}c"),
            (" a b ", r"\u{20}a b\u{20}"),
            ("a\u{3000}", r"a\u{3000}"),
            ("  ", r"\u{20}\u{20}"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    #[test]
    fn a_text_is_shortened_between_characters() {
        assert_eq!(shortened("ääää", 8), "ääää");
        assert_eq!(shortened("ääääääääää", 14), "ä (and more)");
    }
}
