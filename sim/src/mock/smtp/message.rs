//! A mail, as it came and decoded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A mail that a mail server has kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// Who sends it, as the envelope says.
    pub from: String,
    /// Who is to have it, as the envelope says.
    pub recipients: Vec<String>,
    /// The text as it came, with the dots of the protocol taken away.
    pub raw: String,
    /// The headers in their order, unfolded, and decoded where they hold encoded words.
    pub headers: Vec<(String, String)>,
    /// The body, decoded, with lines ended by `\n`.
    pub body: String,
    /// Whether the connection was encrypted.
    pub over_tls: bool,
    /// Who had logged in.
    pub user: Option<String>,
}

impl Mail {
    /// Reads a text as it came: headers, an empty line, and a body.
    pub(super) fn parse(raw: String) -> Self {
        let (head, body) = raw.split_once("\r\n\r\n").unwrap_or((&raw, ""));
        let headers = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.trim().to_owned(), decode_words(value.trim()))
        };
        let headers: Vec<_> = headers.lines().map(header).collect();
        let mail = Self { headers, ..Self::default() };
        let encoding = mail.header("Content-Transfer-Encoding").unwrap_or_default().to_ascii_lowercase();
        let decoded = match encoding.as_str() {
            "base64" => base64(body),
            "quoted-printable" => quoted_printable(body),
            _ => body.as_bytes().to_vec(),
        };
        let body = String::from_utf8_lossy(&decoded).replace("\r\n", "\n");
        Self { body, raw, ..mail }
    }

    /// The first header of a name; upper and lower case mean the same.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The subject, decoded; empty if there is none.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.header("Subject").unwrap_or_default()
    }
}

fn base64(text: &str) -> Vec<u8> {
    let clean: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(clean).unwrap_or_default()
}

/// A body in quoted-printable (RFC 2045, 6.7).
fn quoted_printable(text: &str) -> Vec<u8> {
    unquote(&text.replace("=\r\n", ""), b'=')
}

fn unquote(text: &str, mark: u8) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while let Some(byte) = bytes.get(i) {
        let code = (*byte == mark).then(|| text.get(i + 1..i + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(decoded) => {
                plain.push(decoded);
                i += 3;
            }
            None => {
                plain.push(*byte);
                i += 1;
            }
        }
    }
    plain
}

/// A header with encoded words (RFC 2047), such as `=?utf-8?b?w6k=?=`. White space between two of
/// them means nothing.
fn decode_words(value: &str) -> String {
    let mut plain = String::new();
    let mut rest = value;
    let mut after_word = false;
    while let Some((before, word, after)) = next_word(rest) {
        if !(after_word && before.trim().is_empty()) {
            plain.push_str(before);
        }
        plain.push_str(&word);
        rest = after;
        after_word = true;
    }
    plain.push_str(rest);
    plain
}

/// What comes before the first encoded word, that word decoded, and what comes after it.
fn next_word(text: &str) -> Option<(&str, String, &str)> {
    let start = text.find("=?")?;
    let mut parts = text[start + 2..].splitn(4, '?');
    let (_charset, encoding, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    let after = parts.next()?.strip_prefix('=')?;
    let bytes = match encoding {
        "b" | "B" => base64(encoded),
        _ => unquote(&encoded.replace('_', " "), b'='),
    };
    Some((&text[..start], String::from_utf8_lossy(&bytes).into_owned(), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_printable_mail_is_decoded() {
        let mail = Mail::parse(
            "Subject: =?utf-8?b?w6l0w6k=?=\r\n =?UTF-8?Q?_=C3=A9?= plain\r\n\
             To: a@b.org,\r\n\tc@d.org\r\ncontent-transfer-encoding: quoted-printable\r\n\r\n\
             caf=C3=A9 is lo=\r\nng=3D\r\nand done\r\n"
                .to_owned(),
        );
        assert_eq!(mail.subject(), "été é plain");
        assert_eq!(mail.header("to"), Some("a@b.org, c@d.org"));
        assert_eq!(mail.body, "café is long=\nand done\n");
    }

    #[test]
    fn a_base64_mail_is_decoded() {
        let mail = Mail::parse(
            "Subject: x\r\nContent-Transfer-Encoding: base64\r\n\r\nY2Fmw6kN\r\nCm9r\r\n".to_owned(),
        );
        assert_eq!(mail.body, "café\nok");
    }

    #[test]
    fn what_only_looks_encoded_stays() {
        assert_eq!(decode_words("a =? b =?utf-8? c"), "a =? b =?utf-8? c");
        assert_eq!(quoted_printable("50 = 50, =ZZ"), b"50 = 50, =ZZ");
    }
}
