//! A mail as it goes over the wire: headers, and the text in an encoding that every server takes.

use std::time::{Duration, UNIX_EPOCH};

use lettre::Message;
use lettre::message::SinglePart;
use lettre::message::header::{HeaderName, HeaderValue};
use status_core::{Mail, MailFailure, MailFailureKind, Wall};

use super::MailSettings;

/// The end of the year 9999, in milliseconds since 1970. A later date can't be written.
const LATEST: u64 = 253_402_300_799_000;

/// Writes a mail. It is ASCII throughout, whatever is in the mail.
pub(super) fn write(settings: &MailSettings, mail: &Mail, now: Wall) -> Result<Vec<u8>, MailFailure> {
    let date = UNIX_EPOCH + Duration::from_millis(now.as_millis().min(LATEST));
    let mut message = Message::builder()
        .from(settings.from.clone())
        .subject(mail.subject.replace(char::is_control, " "))
        .date(date)
        .message_id(Some(message_id(settings, mail)))
        // So that nobody's holiday notice answers it.
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".into(),
        ));
    for to in &settings.to {
        message = message.to(to.clone());
    }
    for cc in &settings.cc {
        message = message.cc(cc.clone());
    }
    let message = message.singlepart(SinglePart::plain(mail.body.clone())).map_err(|problem| {
        MailFailure::new(MailFailureKind::Permanent, format!("the mail can't be written: {problem}"))
    })?;
    let mut text = message.formatted();
    // The line end that closes the text comes with the mark of its end.
    while text.ends_with(b"\r\n") {
        text.truncate(text.len() - 2);
    }
    Ok(text)
}

/// The same each time that the same mail is sent, so that a mail that comes twice is known as one.
fn message_id(settings: &MailSettings, mail: &Mail) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let id: String = mail.id.chars().map(fit).collect();
    format!("<{id}@{}>", settings.from.email.domain())
}
