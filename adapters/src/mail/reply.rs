//! What a mail server answers, read from bytes that may be anything and may come in any pieces.
//!
//! Only the code decides (RFC 5321, 4.2): the text may be missing, and in any encoding. The grammar is
//! `smtp-proto`'s; what it leaves to its caller is here: how long a line and an answer may be, and that
//! all lines of an answer have the same code.

use std::fmt;

use smtp_proto::Error;
use smtp_proto::response::parser::ResponseReceiver;

/// How much of a line is kept, in bytes. The rest of it does not matter.
const LINE_KEPT: usize = 4_096;
/// How long an answer may be, in bytes, before the conversation ends.
const LONGEST: usize = 65_536;
/// How many lines an answer may have.
const MOST_LINES: usize = 100;
/// How much of each line is looked at for the code and the enhanced code. All lines together stay below
/// what the parser takes.
const GRAMMAR: usize = 32;

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// The code, such as 250.
    pub(super) code: u16,
    /// Class, subject and detail of the enhanced code (RFC 3463); zeros if there is none.
    pub(super) enhanced: [u8; 3],
    /// The text of each line, without the code.
    pub(super) lines: Vec<String>,
}

/// Why an answer makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BadReply {
    /// It doesn't end within the limits.
    TooLong,
    /// A line doesn't begin with a code.
    NoCode(String),
    /// Its lines have different codes.
    TwoCodes,
}

/// Reads one answer after another.
#[derive(Default)]
pub(super) struct ReplyReader {
    line: Vec<u8>,
    grammar: ResponseReceiver,
    code: Option<[u8; 3]>,
    lines: Vec<String>,
    /// The bytes of this answer so far.
    taken: usize,
}

impl Reply {
    /// Whether the mail server did what it was asked to.
    pub(super) fn is_ok(&self) -> bool {
        self.code / 100 == 2
    }

    /// Whether the mail server wants more.
    pub(super) fn is_go_on(&self) -> bool {
        self.code / 100 == 3
    }

    /// Whether it refuses, for now or for good.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.code / 100, 4 | 5)
    }
}

/// The answer on one line.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        let texts = self.lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty());
        texts.into_iter().try_for_each(|text| write!(f, " {text}"))
    }
}

impl fmt::Display for BadReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => {
                write!(f, "its answer is longer than {MOST_LINES} lines or {} kB", LONGEST / 1024)
            }
            Self::NoCode(line) => write!(f, "its answer does not begin with a code of three digits: {line}"),
            Self::TwoCodes => f.write_str("the lines of its answer have different codes"),
        }
    }
}

impl ReplyReader {
    /// Takes bytes from the front up to the end of the answer, and all of them if it is not whole yet.
    ///
    /// # Errors
    /// The answer makes no sense. What follows it makes none either.
    pub(super) fn read(&mut self, bytes: &mut Vec<u8>) -> Result<Option<Reply>, BadReply> {
        let mut used = 0;
        while let Some(piece) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let end = piece.iter().position(|byte| *byte == b'\n');
            let piece = &piece[..end.unwrap_or(piece.len())];
            used += piece.len() + usize::from(end.is_some());
            self.taken += piece.len() + usize::from(end.is_some());
            if self.taken > LONGEST {
                return Err(BadReply::TooLong);
            }
            let room = LINE_KEPT - self.line.len();
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            if end.is_some()
                && let Some(reply) = self.end_line()?
            {
                bytes.drain(..used);
                return Ok(Some(reply));
            }
        }
        bytes.clear();
        Ok(None)
    }

    fn end_line(&mut self) -> Result<Option<Reply>, BadReply> {
        let mut line = std::mem::take(&mut self.line);
        while line.last() == Some(&b'\r') {
            line.pop();
        }
        if self.lines.len() == MOST_LINES {
            return Err(BadReply::TooLong);
        }
        let text = String::from_utf8_lossy(line.get(4..).unwrap_or_default()).into_owned();
        let begins = line.first_chunk::<3>().copied();
        if self.code.is_some_and(|code| begins != Some(code)) {
            let is_code = begins.is_some_and(|begins| begins.iter().all(u8::is_ascii_digit));
            return Err(if is_code { BadReply::TwoCodes } else { no_code(&line) });
        }
        self.code = begins;
        let mut head = line[..line.len().min(GRAMMAR)].to_vec();
        head.push(b'\n');
        match self.grammar.parse(&mut head.iter()) {
            // A code outside of what there is says nothing.
            Ok(reply) if !(200..600).contains(&reply.code) => Err(no_code(&line)),
            Ok(reply) => {
                self.lines.push(text);
                let lines = std::mem::take(&mut self.lines);
                *self = Self::default();
                Ok(Some(Reply { code: reply.code, enhanced: reply.esc, lines }))
            }
            Err(Error::NeedsMoreData { .. }) => {
                self.lines.push(text);
                Ok(None)
            }
            Err(_) => Err(no_code(&line)),
        }
    }
}

fn no_code(line: &[u8]) -> BadReply {
    BadReply::NoCode(String::from_utf8_lossy(line).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every answer in these bytes, given in pieces of a size, and what ended the reading.
    fn read(bytes: &[u8], size: usize) -> (Vec<(u16, String)>, Option<BadReply>) {
        let (mut reader, mut left, mut replies) = (ReplyReader::default(), Vec::new(), Vec::new());
        for piece in bytes.chunks(size) {
            left.extend_from_slice(piece);
            loop {
                match reader.read(&mut left) {
                    Ok(Some(reply)) => replies.push((reply.code, reply.to_string())),
                    Ok(None) => break,
                    Err(bad) => return (replies, Some(bad)),
                }
            }
            assert!(left.is_empty() && reader.line.len() <= LINE_KEPT);
        }
        (replies, None)
    }

    fn one(bytes: &[u8]) -> (u16, String) {
        for size in [1, 2, 3, 5, 7, bytes.len()] {
            let (replies, bad) = read(bytes, size);
            assert_eq!((replies.len(), bad), (1, None), "{:?}", String::from_utf8_lossy(bytes));
            if size == bytes.len() {
                return replies.into_iter().next().unwrap();
            }
        }
        unreachable!("the last size is that of the whole")
    }

    #[test]
    fn only_the_code_decides() {
        for (bytes, code, text) in [
            (&b"250 ok\r\n"[..], 250, "250 ok"),
            (b"250\r\n", 250, "250"),
            (b"354\r\n", 354, "354"),
            (b"250 \r\n", 250, "250"),
            (b"250\n", 250, "250"),
            (b"250-a\n250-\n250 b\n", 250, "250 a b"),
            (b"250-a\r\n250\r\n", 250, "250 a"),
            (b"250 Mail \xfcbernommen\r\n", 250, "250 Mail \u{fffd}bernommen"),
            (b"550 5.7.515 not you\r\n", 550, "550 5.7.515 not you"),
            (b"250 a\0\rb\r\r\n", 250, "250 a\0\rb"),
            ("220 邮件服务器\r\n".as_bytes(), 220, "220 邮件服务器"),
            (b"220 \xff\xfe\r\n", 220, "220 \u{fffd}\u{fffd}"),
        ] {
            assert_eq!(one(bytes), (code, text.to_owned()));
        }
    }

    #[test]
    fn an_enhanced_code_is_read() {
        for (bytes, enhanced) in [
            ("550 5.1.1 nobody\r\n", [5, 1, 1]),
            ("550-5.7.1 a\r\n550 5.7.1 b\r\n", [5, 7, 1]),
            ("550 5.7.26\r\n", [5, 7, 26]),
            ("550 5.1 nobody\r\n", [0, 0, 0]),
            ("550\r\n", [0, 0, 0]),
        ] {
            let reply = ReplyReader::default().read(&mut bytes.as_bytes().to_vec());
            assert_eq!(reply.unwrap().unwrap().enhanced, enhanced, "{bytes}");
        }
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for (bytes, bad) in [
            ("hello\r\n", BadReply::NoCode("hello".to_owned())),
            ("\r\n250 ok\r\n", BadReply::NoCode(String::new())),
            ("25\r\n", BadReply::NoCode("25".to_owned())),
            ("250ok\r\n", BadReply::NoCode("250ok".to_owned())),
            ("099 x\r\n", BadReply::NoCode("099 x".to_owned())),
            ("999 x\r\n", BadReply::NoCode("999 x".to_owned())),
            ("250-ok\r\n550 no\r\n", BadReply::TwoCodes),
            ("550-ok\r\n250 no\r\n", BadReply::TwoCodes),
            ("250-ok\r\nyes\r\n", BadReply::NoCode("yes".to_owned())),
        ] {
            for size in [1, 3, bytes.len()] {
                assert_eq!(read(bytes.as_bytes(), size), (vec![], Some(bad.clone())), "{bytes}");
            }
        }
    }

    #[test]
    fn a_long_text_is_cut_and_one_without_an_end_is_refused() {
        let long = [b"250 ", &b"x".repeat(60_000)[..], b"\r\n"].concat();
        assert_eq!(one(&long).1.len(), LINE_KEPT);
        for endless in [b"x".repeat(100_000), b"250-x\r\n".repeat(100_000)] {
            assert_eq!(read(&endless, 1_000), (vec![], Some(BadReply::TooLong)));
        }
        let most = [b"250-x\r\n".repeat(MOST_LINES - 1), b"250 x\r\n".to_vec()].concat();
        assert_eq!(one(&most).0, 250);
        let wide =
            [format!("250-5.7.26 {}\r\n", "x".repeat(400)).repeat(99), "250 x\r\n".to_owned()].concat();
        assert_eq!(one(wide.as_bytes()).0, 250);
        assert_eq!(read(&[b"250-x\r\n".to_vec(), most].concat(), 9).1, Some(BadReply::TooLong));
    }

    #[test]
    fn what_follows_an_answer_is_left() {
        let (mut reader, mut bytes) = (ReplyReader::default(), b"220 go\r\n250 not yet\r\n".to_vec());
        assert_eq!(reader.read(&mut bytes).unwrap().unwrap().code, 220);
        assert_eq!(bytes, b"250 not yet\r\n");
    }
}
