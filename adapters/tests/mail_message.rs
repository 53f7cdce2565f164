//! A mail as a mail program reads it: its headers, and its two parts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

mod support;

use status_adapters::Mailer;
use status_adapters::mail::MailSettings;
use status_core::Mail;
use status_sim::mock;
use support::mail::{everybody, mail, mailer, settings};
use support::soon;

const HTML: &str = "<!DOCTYPE html>\n<table><tr><td>Prüfstand &gt;&lt; U</td></tr></table>\n";

/// The mail as it comes in, if it is sent with these settings but for the port.
async fn received(settings: impl FnOnce(u16) -> MailSettings, mail: &Mail) -> mock::Mail {
    let smtp = mock::Smtp::start(mock::SmtpOptions::default()).await.unwrap();
    let settings = settings(smtp.address().port());
    assert_eq!(soon(mailer(settings).send(mail)).await, everybody());
    smtp.mails().remove(0)
}

fn with_html() -> Mail {
    Mail { html: Some(HTML.to_owned()), ..mail() }
}

#[tokio::test]
async fn a_mail_without_html_is_one_part() {
    let read = received(settings, &mail()).await;
    assert_eq!(
        (read.header("Content-Type"), read.html.as_deref()),
        (Some("text/plain; charset=utf-8"), None)
    );
    assert_eq!(read.body, mail().body);
}

#[tokio::test]
async fn text_and_html_are_alternatives_and_the_text_is_first() {
    let read = received(settings, &with_html()).await;
    let kind = read.header("Content-Type").unwrap();
    assert!(
        kind.starts_with("multipart/alternative;") && kind.contains("1795480166000.1.status.part"),
        "{kind}"
    );
    assert_eq!(read.header("MIME-Version"), Some("1.0"));
    assert_eq!(read.html.as_deref(), Some(HTML));
    assert_eq!(read.body.trim_end(), mail().body.trim_end());
    let (plain, html) = (read.raw.find("Content-Type: text/plain"), read.raw.find("Content-Type: text/html"));
    assert!(plain.is_some() && plain < html, "{}", read.raw);
    assert!(read.raw.is_ascii());
}

#[tokio::test]
async fn no_line_is_too_long_and_nothing_in_a_part_ends_it() {
    let long = "<b>x</b>".repeat(2_000);
    let body = format!("--1795480166000.1.status.part\n--1795480166000.1.status.part1--\n{long}\n.\n");
    let odd = Mail { html: Some(format!("{long}ü\n{body}")), body: body.clone(), ..mail() };
    let read = received(settings, &odd).await;
    assert!(read.raw.is_ascii() && read.raw.lines().all(|line| line.len() <= 998), "{}", read.raw);
    assert!(
        read.header("Content-Type").unwrap().contains("status.part2"),
        "{:?}",
        read.header("Content-Type")
    );
    assert_eq!(read.body.trim_end(), body.trim_end());
    assert_eq!(read.html.unwrap().trim_end(), format!("{long}ü\n{body}").trim_end());
}

#[tokio::test]
async fn mails_of_one_day_are_one_thread_and_all_are_of_one_list() {
    let read = received(settings, &with_html()).await;
    assert_eq!(read.header("References"), Some("<day-2026-11-24.status@b.org>"));
    assert_eq!(read.header("List-Id"), Some("\"app.practable.io/tenant\" <status.b.org>"));
    assert_eq!(read.header("Auto-Submitted"), Some("auto-generated"));
    let later = received(settings, &Mail { id: "2.1.status".into(), ..mail() }).await;
    assert_eq!(later.header("References"), read.header("References"));
    let other = received(settings, &Mail { thread: "2026-11-25".into(), ..mail() }).await;
    assert_eq!(other.header("References"), Some("<day-2026-11-25.status@b.org>"));
    let none = received(settings, &Mail { thread: "".into(), ..mail() }).await;
    assert_eq!(none.header("References"), None);
}

#[tokio::test]
async fn a_mail_is_the_same_at_each_try() {
    let smtp = mock::Smtp::start(mock::SmtpOptions::default()).await.unwrap();
    let mailer = mailer(settings(smtp.address().port()));
    for _ in 0..2 {
        assert_eq!(soon(mailer.send(&with_html())).await, everybody());
    }
    let mails = smtp.mails();
    assert_eq!(mails[0].raw, mails[1].raw);
}

#[tokio::test]
async fn a_list_is_named_only_where_the_name_is_safe() {
    for name in [
        "",
        " ",
        "Prüfstände",
        "a\"b",
        "a\\b",
        "a\r\nBcc: eve@a.org",
        "<x@y>",
        "=?utf-8?q?x?=",
        &"x".repeat(61),
    ] {
        let named = |port| MailSettings { list: name.to_owned(), ..settings(port) };
        let read = received(named, &mail()).await;
        assert_eq!(read.header("List-Id"), Some("<status.b.org>"), "{name:?}");
    }
}

#[tokio::test]
async fn a_subject_reads_as_it_was_written_whatever_names_are_in_it() {
    let subject = "lab 3 new health events: 3 down (=?utf-8?q?all=20well?=, a\r\nBcc: eve@a.org, größe)";
    let read = received(settings, &Mail { subject: subject.to_owned(), ..mail() }).await;
    let shown = "lab 3 new health events: 3 down (= ?utf-8?q?all=20well?=, a  Bcc: eve@a.org, größe)";
    assert_eq!(read.subject(), shown);
    assert_eq!(read.header("Bcc"), None);
    let long = format!("lab 1 new health events: 1 down ({})", "ü".repeat(90));
    let read = received(settings, &Mail { subject: long.clone(), ..mail() }).await;
    assert_eq!(read.subject(), long);
    assert!(read.raw.lines().all(|line| line.len() <= 998), "{}", read.raw);
}
