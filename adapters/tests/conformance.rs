//! The real adapters do with the mock servers what their traits promise.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use status_adapters::book::HttpBook;
use status_adapters::clock::SystemClock;
use status_adapters::feed::WsFeed;
use status_adapters::mail::{MailAuth, MailSettings, MailTls, SmtpMailer, parse_mailbox, parse_mailboxes};
use status_adapters::service::Service;
use status_adapters::{Book, FeedSource, Mailer};
use status_core::{Delivery, FailureKind, Feed, Mail, MailFailureKind, Manifest};
use status_sim::mock;
use support::{LIMIT, soon};
use tokio::sync::mpsc;

const EVERY: Duration = Duration::from_millis(20);

fn service(name: &'static str, address: &dyn std::fmt::Display, base: &str, secret: &str) -> Service {
    Service::new(name, "http", &address.to_string(), base, secret.into())
}

#[tokio::test]
async fn book() {
    let lab = mock::Lab::with_experiments(1, &["data", "video"]);
    let mock = mock::Book::start(lab, mock::BookOptions::default()).await.unwrap();
    let at = service("book", &mock.address(), mock.base_path(), mock.secret());
    let book = HttpBook::new(at, LIMIT, Duration::from_secs(900), Arc::new(SystemClock)).unwrap();
    let pend00 = "r-pend00".into();
    let manifest = soon(book.manifest()).await.unwrap();
    assert_eq!(manifest.len(), 1);
    assert_eq!(manifest[&pend00].stub.as_str(), "pend00");
    let loaded = soon(book.availability(&pend00)).await.unwrap();
    assert!(loaded.available && !loaded.is_ours());

    soon(book.set_availability(&pend00, false, "status server: no video & data")).await.unwrap();
    let set = soon(book.availability(&pend00)).await.unwrap();
    assert!(!set.available && set.is_ours());
    assert_eq!(set.reason, "status server: no video & data");
    let empty = soon(book.set_availability(&pend00, true, "")).await.unwrap_err();
    assert_eq!(empty.kind, FailureKind::Refused, "{empty}");

    let nobody = "r-nobody/else".into();
    assert_eq!(soon(book.availability(&nobody)).await.unwrap_err().kind, FailureKind::NotFound);
    let unknown = soon(book.set_availability(&nobody, true, "x")).await.unwrap_err();
    assert_eq!(unknown.kind, FailureKind::NotFound, "{unknown}");

    mock.restart();
    assert_eq!(soon(book.manifest()).await, Ok(Manifest::new()));
    assert_eq!(soon(book.availability(&pend00)).await.unwrap_err().kind, FailureKind::NotFound);
    mock.set_fault(mock::BookFault::Cut);
    assert_eq!(soon(book.manifest()).await.unwrap_err().kind, FailureKind::Unreachable);
}

#[tokio::test]
async fn feeds_of_every_dialect() {
    for (which, dialect, reports) in [
        (Feed::Relay, mock::Dialect::RelayV07, 4),
        (Feed::Relay, mock::Dialect::RelayV08, 4),
        (Feed::Jump, mock::Dialect::Jump, 2),
    ] {
        let lab = mock::Lab::with_experiments(2, &["data", "video"]);
        let options = mock::FeedOptions { stats_every: EVERY, ..mock::FeedOptions::new(dialect) };
        let mock = mock::Feed::start(lab, options).await.unwrap();
        let at = service(which.as_str(), &mock.address(), mock.base_path(), mock.secret());
        let feed = WsFeed::new(which, at, Arc::new(SystemClock)).unwrap();
        let (sender, mut snapshots) = mpsc::channel(1);
        let listening = tokio::spawn(async move {
            let ended = feed.listen(Duration::from_secs(3_600), sender.clone()).await;
            (ended, feed.listen(Duration::from_secs(3_600), sender).await)
        });
        for _ in 0..3 {
            assert_eq!(soon(snapshots.recv()).await.unwrap().len(), reports);
        }
        mock.set_fault(mock::FeedFault::Down);
        let (ended, refused) = soon(listening).await.unwrap();
        assert_eq!(ended.kind, FailureKind::Ended, "{ended}");
        assert_eq!(refused.kind, FailureKind::Refused, "{refused}");
        assert!(refused.detail.contains("502"), "{refused}");
    }
}

#[tokio::test]
async fn mailer() {
    let mail = Mail {
        id: "1".into(),
        subject: "Störung".to_owned(),
        body: "pend00\n".to_owned(),
        html: Some("<b>pend00</b>\n".to_owned()),
        thread: "2026-11-24".into(),
        recipients: vec!["alpha@a.org".into(), "beta@a.org".into()],
    };
    let taken = Delivery::to_each(&mail.recipients, &Ok(()));
    let kinds = |outcome: Vec<Delivery>| {
        assert_eq!(outcome.len(), 2);
        outcome.into_iter().map(|one| one.outcome.unwrap_err().kind).collect::<Vec<_>>()
    };

    let smtp = mock::Smtp::start(mock::SmtpOptions::default()).await.unwrap();
    let settings = MailSettings {
        host: "localhost".to_owned(),
        port: smtp.address().port(),
        tls: MailTls::Auto,
        helo: None,
        auth: MailAuth::None,
        from: parse_mailbox("other@b.org").unwrap(),
        to: parse_mailboxes("alpha@a.org").unwrap(),
        cc: parse_mailboxes("beta@a.org").unwrap(),
        list: String::new(),
    };
    let real = SmtpMailer::new(settings, Arc::new(SystemClock)).unwrap();
    smtp.set_fault(mock::SmtpFault::TextLater);
    assert_eq!(kinds(soon(real.send(&mail)).await), [MailFailureKind::Transient; 2]);
    smtp.set_fault(mock::SmtpFault::CutsAfterText);
    assert_eq!(kinds(soon(real.send(&mail)).await), [MailFailureKind::Unknown; 2]);
    smtp.set_fault(mock::SmtpFault::None);
    assert_eq!(soon(real.send(&mail)).await, taken);
    let mails = smtp.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[1].subject(), "Störung");
}
