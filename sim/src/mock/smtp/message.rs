//! A mail, as it came and decoded.

use mail_parser::parsers::MessageStream;
use mail_parser::{MessageParser, MessagePart, PartType};

/// A mail that a mail server has kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// The sender, as the envelope says.
    pub from: String,
    /// The recipients, as the envelope says.
    pub recipients: Vec<String>,
    /// The text as it came, with the dots of the protocol taken away.
    pub raw: String,
    /// The headers in their order, unfolded, and decoded where they hold encoded words.
    pub headers: Vec<(String, String)>,
    /// The body, decoded, with lines ended by `\n`.
    pub body: String,
    /// Its part in HTML, decoded likewise, if it has one.
    pub html: Option<String>,
    /// Whether the connection was encrypted.
    pub over_tls: bool,
    /// The user who had logged in, if one had.
    pub user: Option<String>,
}

impl Mail {
    /// Reads a text as it came: headers, an empty line, and a body.
    pub(super) fn parse(raw: String) -> Self {
        let (headers, body, html) = match MessageParser::default().parse(&raw) {
            None => Default::default(),
            Some(message) => (
                message.headers_raw().map(|(name, value)| (name.to_owned(), decoded(value))).collect(),
                message.body_text(0).unwrap_or_default().replace("\r\n", "\n"),
                message.html_bodies().find_map(html),
            ),
        };
        Self { headers, body, html, raw, ..Self::default() }
    }

    /// How long its text and its HTML are together, decoded.
    pub(super) fn length(&self) -> usize {
        self.body.len() + self.html.as_ref().map_or(0, String::len)
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

/// The text of a part that is HTML itself.
fn html(part: &MessagePart<'_>) -> Option<String> {
    let PartType::Html(text) = &part.body else { return None };
    Some(text.replace("\r\n", "\n"))
}

/// A header as it reads: on one line, and without encoding.
fn decoded(value: &str) -> String {
    MessageStream::new(value.as_bytes()).parse_unstructured().into_text().unwrap_or_default().into_owned()
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
    fn each_part_of_a_mail_is_decoded() {
        let mail = Mail::parse(
            "Subject: x\r\nContent-Type: multipart/alternative; boundary=\"p\"\r\n\r\n\
             --p\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
             caf=C3=A9\r\n--p\r\nContent-Type: text/html; charset=utf-8\r\n\
             Content-Transfer-Encoding: base64\r\n\r\nPGI+Y2Fmw6k8L2I+\r\n--p--\r\n"
                .to_owned(),
        );
        assert_eq!((mail.body.as_str(), mail.html.as_deref()), ("café", Some("<b>café</b>")));
        assert_eq!(mail.length(), 17);
        assert_eq!(Mail::parse("Subject: x\r\n\r\n<b>\r\n".to_owned()).html, None);
    }

    #[test]
    fn a_base64_mail_is_decoded() {
        let mail = Mail::parse(
            "Subject: x\r\nContent-Transfer-Encoding: base64\r\n\r\nY2Fmw6kN\r\nCm9r\r\n".to_owned(),
        );
        assert_eq!(mail.body, "café\nok");
    }
}
