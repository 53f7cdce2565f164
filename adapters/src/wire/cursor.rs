//! JSON in one pass, each value left as text until somebody wants to know it.
//!
//! A mistyped field must not spoil its neighbours, most fields are never needed, and snapshots are
//! megabytes long. Derived types give up at the first odd value, and trees of values take many
//! times as long. So values are only delimited here, which is quick and accepts every value
//! whatever its type, size or depth. The tests hold it against `serde_json`.

use super::text;
use crate::secrets::token_around;

/// The text is not JSON: it names what was expected instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JsonError(&'static str);

impl JsonError {
    /// What is wrong with a text, at the place where a cursor stopped.
    pub(super) fn told(self, text: &str, at: usize) -> String {
        const BEFORE: usize = 20;
        let near = text.floor_char_boundary(at.saturating_sub(BEFORE));
        // A token without its beginning would not be known as one.
        let near = token_around(text, near).unwrap_or(near);
        format!("expected {} at byte {at}, near: {}", self.0, text::excerpt(&text[near..]))
    }
}

/// Goes through a text value by value, and hands them out as they stand there: strings have their
/// quotes.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the beginning of a text.
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// How many bytes lie behind; after an error, where it was noticed.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// Goes to another place, which must be a character's first byte.
    pub(super) const fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    /// The first byte of what comes after any space.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.byte() {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// The next value, whatever it is.
    pub(super) fn value(&mut self) -> Result<&'a str, JsonError> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'{' | b'[') => self.nested()?,
            Some(_) | None => self.scalar()?,
        }
        Ok(&self.text[start..self.at])
    }

    /// Goes through the object that comes next. The function is given each key, and must take the value.
    #[inline]
    pub(super) fn members(
        &mut self,
        mut each: impl FnMut(&'a str, &mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.expect(b'{', JsonError("an object"))?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let key = self.key()?;
            each(key, self)?;
            if self.ends(b'}')? {
                return Ok(());
            }
        }
    }

    /// Goes through the array that comes next. The function must take the value that is next.
    #[inline]
    pub(super) fn elements(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.expect(b'[', JsonError("an array"))?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            each(self)?;
            if self.ends(b']')? {
                return Ok(());
            }
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expect(&mut self, byte: u8, otherwise: JsonError) -> Result<(), JsonError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(otherwise)
        }
    }

    /// Whether an object or array ends here, or goes on behind a comma.
    fn ends(&mut self, end: u8) -> Result<bool, JsonError> {
        let ends = match self.peek() {
            Some(b',') => false,
            Some(byte) if byte == end => true,
            Some(_) | None => return Err(JsonError("a comma or the end of an object or array")),
        };
        self.at += 1;
        Ok(ends)
    }

    fn key(&mut self) -> Result<&'a str, JsonError> {
        if self.peek() != Some(b'"') {
            return Err(JsonError("a key"));
        }
        let start = self.at;
        self.string()?;
        let key = &self.text[start..self.at];
        self.expect(b':', JsonError("a colon"))?;
        Ok(key)
    }

    /// Skips an object or array with a list of what is still to be closed: nothing here calls
    /// itself, so no depth is too deep.
    fn nested(&mut self) -> Result<(), JsonError> {
        let mut open = Vec::new();
        loop {
            let end = match self.peek() {
                Some(b'{') => Some(b'}'),
                Some(b'[') => Some(b']'),
                Some(_) | None => None,
            };
            match end {
                None => self.scalar()?,
                Some(end) => {
                    self.at += 1;
                    open.push(end);
                    if self.peek() != Some(end) {
                        if end == b'}' {
                            self.key()?;
                        }
                        continue;
                    }
                    self.at += 1;
                    open.pop();
                }
            }
            while let Some(&end) = open.last() {
                if self.ends(end)? {
                    open.pop();
                } else {
                    if end == b'}' {
                        self.key()?;
                    }
                    break;
                }
            }
            if open.is_empty() {
                return Ok(());
            }
        }
    }

    fn scalar(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(_) | None => Err(JsonError("a value")),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), JsonError> {
        let rest = &self.text.as_bytes()[self.at..];
        if !rest.starts_with(word.as_bytes()) {
            return Err(JsonError("true, false or null"));
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonError> {
        self.skip_if(|b| b == b'-');
        let zero = self.skip_if(|b| b == b'0');
        let more = self.digits();
        if zero == more {
            return Err(JsonError("a number: digits, and no zeros before them"));
        }
        if self.skip_if(|b| b == b'.') && !self.digits() {
            return Err(JsonError("digits behind the point"));
        }
        if self.skip_if(|b| b == b'e' || b == b'E') {
            self.skip_if(|b| b == b'+' || b == b'-');
            if !self.digits() {
                return Err(JsonError("digits of an exponent"));
            }
        }
        Ok(())
    }

    fn skip_if(&mut self, fits: impl Fn(u8) -> bool) -> bool {
        let fits = self.byte().is_some_and(fits);
        self.at += usize::from(fits);
        fits
    }

    /// Skips digits, and says whether there were any.
    fn digits(&mut self) -> bool {
        let start = self.at;
        while self.skip_if(|b| b.is_ascii_digit()) {}
        self.at > start
    }

    #[inline]
    fn string(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        loop {
            self.at = end_of_plain(self.text.as_bytes(), self.at);
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(_) | None => return Err(JsonError("the end of a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        let length = match &self.text.as_bytes()[self.at + 1..] {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) => 6,
            _ => return Err(JsonError("a character that may be escaped")),
        };
        self.at += length;
        Ok(())
    }
}

/// Where the first quote, backslash or control character is, or the end. Eight bytes at a time.
#[inline]
fn end_of_plain(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    // The highest bit of each byte that is zero, and of some behind the first such one.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    while let Some(chunk) = bytes[at..].first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        let controls = word.wrapping_sub(ONES * 0x20) & !word;
        let quotes = zeros(word ^ (ONES * u64::from(b'"')));
        let backslashes = zeros(word ^ (ONES * u64::from(b'\\')));
        let found = (controls | quotes | backslashes) & (ONES << 7);
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += size_of::<u64>();
    }
    let special = |b: &u8| *b < b' ' || *b == b'"' || *b == b'\\';
    at + bytes[at..].iter().position(special).unwrap_or(bytes.len() - at)
}

/// The one value that a text consists of.
///
/// # Errors
/// What keeps it from being that.
pub(super) fn only_value(text: &str) -> Result<&str, String> {
    let mut cursor = Cursor::new(text);
    let value = match cursor.value() {
        Ok(_) if cursor.peek().is_some() => Err(JsonError("the end")),
        value => value,
    };
    value.map_err(|broken| broken.told(text, cursor.at()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    /// Where the first value ends, as `serde_json` sees it; `None` if there is none.
    fn end_as_serde_sees_it(text: &str) -> Option<usize> {
        let mut json = serde_json::Deserializer::from_str(text);
        serde::Deserialize::deserialize(&mut json).map(|IgnoredAny| ()).ok()?;
        Some(json.into_iter::<IgnoredAny>().byte_offset())
    }

    fn end(text: &str) -> Option<usize> {
        let mut cursor = Cursor::new(text);
        let value = cursor.value().ok()?;
        assert!(cursor.at() <= text.len() && text[..cursor.at()].ends_with(value));
        Some(cursor.at())
    }

    #[expect(clippy::too_many_lines, reason = "it is a table")]
    #[test]
    fn values_end_where_they_should() {
        for text in [
            "",
            " ",
            "null",
            "nul",
            "nulll",
            "true]",
            "fals",
            "0",
            "-0",
            "-",
            "00",
            "01",
            "-01",
            "10",
            "1.",
            "1.5",
            "1.e5",
            "1e5",
            "1E+5",
            "1e-5x",
            "1e",
            "1e400",
            "-1e400",
            ".5",
            "+1",
            "NaN",
            "Infinity",
            "\"\"",
            "\"",
            "\"a\"b",
            "\"\\\"\"",
            "\"\\",
            "\"\\u12\"",
            "\"\\u12aF\"",
            "\"\\ud800\"",
            "\"\\x\"",
            "\"\n\"",
            "\"\u{7f}ä\"",
            "[]",
            "[ ]",
            "[",
            "]",
            "[,]",
            "[1,]",
            "[1 2]",
            "[1,2 ,3]",
            "[[],[[]]]x",
            "[}",
            "{}",
            "{ }",
            "{",
            "{,}",
            "{1:2}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"a\" : 1 , \"a\":[{}]} ",
            "{\"a\":1]",
            "{\"a\":{}",
            "{}{}",
            "\u{a0}1",
            "\t\r\n 1",
            "\u{c}1",
            "\u{feff}1",
        ] {
            assert_eq!(end(text), end_as_serde_sees_it(text), "{text:?}");
        }
    }

    #[test]
    fn a_mistake_is_shown_without_a_token_that_is_near() {
        let token = format!("eyJ{}.{}", "h".repeat(70), "c2ln".repeat(20));
        for text in [format!("{{\"a\": {token}}}"), format!("[\"{token}\" oh")] {
            let problem = only_value(&text).unwrap_err();
            assert!(problem.contains("<token>") && !problem.contains("hhh"), "{problem}");
            assert!(!problem.contains("c2ln"), "{problem}");
        }
    }

    #[test]
    fn depth_needs_no_stack() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = open.repeat(100_000) + "1" + &close.repeat(100_000);
            assert_eq!(end(&deep), Some(deep.len()));
            assert_eq!(end(&deep[..deep.len() - 1]), None);
        }
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(text in "[\\[\\]{},:\" \\\\u0-9a-f.eE+\\-ntä\n]{0,40}") {
            prop_assert_eq!(end(&text), end_as_serde_sees_it(&text));
        }

        #[test]
        fn agrees_with_serde_json_on_near_misses(
            text in "(\\[|\\{|\\]|\\}|,|:|\"a\"|\"a\":|1|-2\\.5e3|true|null| |\"\\\\u00e4\"|\"ä long text\"){0,12}"
        ) {
            prop_assert_eq!(end(&text), end_as_serde_sees_it(&text));
        }

        #[test]
        fn plain_text_ends_where_a_plain_search_says(text in "[a-zä\u{1}\u{1f}\u{7f}\u{80}\"\\\\#!\\[\\]]{0,40}") {
            let bytes = text.as_bytes();
            let special = |b: &u8| *b < 0x20 || *b == b'"' || *b == b'\\';
            prop_assert_eq!(end_of_plain(bytes, 0), bytes.iter().position(special).unwrap_or(bytes.len()));
        }
    }
}
