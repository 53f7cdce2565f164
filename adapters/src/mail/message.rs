//! A mail as it goes over the wire: headers, and text and HTML in an encoding that every server takes.

use std::time::{Duration, UNIX_EPOCH};

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{MessageBuilder, MultiPart, SinglePart};
use status_core::{Mail, MailFailure, MailFailureKind, Wall};

use super::MailSettings;

/// The end of the year 9999, in milliseconds since 1970. A later date can't be written.
const LATEST: u64 = 253_402_300_799_000;
/// The longest name of the list of all mails, in characters.
const LIST_AT_MOST: usize = 60;

/// Writes a mail. It is ASCII throughout, whatever is in the mail.
pub(super) fn write(settings: &MailSettings, mail: &Mail, now: Wall) -> Result<Vec<u8>, MailFailure> {
    let message = with_parts(headers(settings, mail, now), mail).map_err(|problem| {
        MailFailure::new(MailFailureKind::Permanent, format!("the mail can't be written: {problem}"))
    })?;
    let mut text = message.formatted();
    // The line end that closes the text comes with the mark of its end.
    while text.ends_with(b"\r\n") {
        text.truncate(text.len() - 2);
    }
    Ok(text)
}

fn headers(settings: &MailSettings, mail: &Mail, now: Wall) -> MessageBuilder {
    let date = UNIX_EPOCH + Duration::from_millis(now.as_millis().min(LATEST));
    let mut message = Message::builder()
        .from(settings.from.clone())
        .subject(subject(&mail.subject))
        .date(date)
        .message_id(Some(message_id(settings, &mail.id)))
        .raw_header(header("List-Id", list_id(settings)))
        // So that nobody's holiday notice answers it.
        .raw_header(header("Auto-Submitted", "auto-generated".into()));
    if !mail.thread.is_empty() {
        message = message.references(message_id(settings, &format!("day-{}.status", mail.thread)));
    }
    for to in &settings.to {
        message = message.to(to.clone());
    }
    for cc in &settings.cc {
        message = message.cc(cc.clone());
    }
    message
}

/// The text alone, or text and HTML of which the reader's program shows the one that it prefers: the last that it can.
fn with_parts(message: MessageBuilder, mail: &Mail) -> Result<Message, lettre::error::Error> {
    let text = SinglePart::plain(mail.body.clone());
    let Some(html) = &mail.html else { return message.singlepart(text) };
    let alternatives = MultiPart::alternative().boundary(boundary(mail, html)).singlepart(text);
    message.multipart(alternatives.singlepart(SinglePart::html(html.clone())))
}

fn header(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

/// On one line, and without anything that a mail program takes for an encoded word and shows as other than it is.
fn subject(subject: &str) -> String {
    subject.replace(char::is_control, " ").replace("=?", "= ?")
}

/// The same each time that the same mail is sent, so that a mail that comes twice is known as one.
fn message_id(settings: &MailSettings, id: &str) -> String {
    format!("<{}@{}>", fitting(id), settings.from.email.domain())
}

/// The list that all these mails are of, so that people can file them by it (RFC 2919): its name stands before it where
/// that needs no encoding.
fn list_id(settings: &MailSettings) -> String {
    let id = format!("<status.{}>", fitting(settings.from.email.domain()));
    let name = &settings.list;
    let is_plain = |c: char| (c == ' ' || c.is_ascii_graphic()) && !"\"\\<>".contains(c);
    if name.trim().is_empty()
        || name.len() > LIST_AT_MOST
        || !name.chars().all(is_plain)
        || name.contains("=?")
    {
        return id;
    }
    format!("\"{name}\" {id}")
}

/// What separates the parts: the same each time that the same mail is sent, and nowhere in them.
fn boundary(mail: &Mail, html: &str) -> String {
    // A boundary has at most 70 characters.
    let id: String = fitting(&mail.id).chars().take(40).collect();
    let mut boundary = format!("{id}.part");
    for number in 1_u32.. {
        if !mail.body.contains(&boundary) && !html.contains(&boundary) {
            break;
        }
        boundary = format!("{id}.part{number}");
    }
    boundary
}

/// Only with characters that stand in an identity as they are.
fn fitting(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect()
}
