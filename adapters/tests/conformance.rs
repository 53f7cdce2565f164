//! The fakes and the real adapters, the latter against mock servers, do the same.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use status_adapters::book::HttpBook;
use status_adapters::clock::SystemClock;
use status_adapters::fake::{FakeBook, FakeFeed, FakeMailer};
use status_adapters::feed::WsFeed;
use status_adapters::mail::{MailAuth, MailSettings, MailTls, SmtpMailer, parse_mailbox, parse_mailboxes};
use status_adapters::service::Service;
use status_adapters::{Book, FeedSource, Mailer};
use status_core::{
    Connection, Delivery, Failure, FailureKind, Feed, Mail, MailFailure, MailFailureKind, Manifest, Report,
    Requirements, Transmitted,
};
use status_sim::mock;
use support::{LIMIT, soon};
use tokio::sync::mpsc;

const EVERY: Duration = Duration::from_millis(20);

fn service(name: &'static str, address: &dyn std::fmt::Display, base: &str, secret: &str) -> Service {
    Service::new(name, "http", &address.to_string(), base, secret.into())
}

fn no_answer(detail: &str) -> Option<Failure> {
    Some(Failure { kind: FailureKind::Unreachable, detail: detail.to_owned() })
}

/// A book with one resource, in the hands of a test.
trait BookInHand {
    fn book(&self) -> &dyn Book;
    fn load(&self);
    fn restart(&self);
    fn break_down(&self);
}

impl BookInHand for FakeBook {
    fn book(&self) -> &dyn Book {
        self
    }

    fn load(&self) {
        let streams = vec!["st-data".into(), "st-video".into()];
        let needs = Requirements { stub: "pend00".into(), streams };
        FakeBook::load(self, Manifest::from([("r-pend00".into(), needs)]));
    }

    fn restart(&self) {
        FakeBook::restart(self);
    }

    fn break_down(&self) {
        self.fail(no_answer("the connection was closed"));
    }
}

struct MockBook(mock::Book, HttpBook);

impl BookInHand for MockBook {
    fn book(&self) -> &dyn Book {
        &self.1
    }

    fn load(&self) {
        self.0.load_manifest();
    }

    fn restart(&self) {
        self.0.restart();
    }

    fn break_down(&self) {
        self.0.set_fault(mock::BookFault::Cut);
    }
}

async fn books_conform(hand: &dyn BookInHand) {
    let (book, pend00) = (hand.book(), "r-pend00".into());
    hand.load();
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

    hand.restart();
    assert_eq!(soon(book.manifest()).await, Ok(Manifest::new()));
    assert_eq!(soon(book.availability(&pend00)).await.unwrap_err().kind, FailureKind::NotFound);
    hand.break_down();
    assert_eq!(soon(book.manifest()).await.unwrap_err().kind, FailureKind::Unreachable);
}

#[tokio::test]
async fn book() {
    books_conform(&FakeBook::default()).await;
    let lab = mock::Lab::with_experiments(1, &["data", "video"]);
    let book = mock::Book::start(lab, mock::BookOptions::default()).await.unwrap();
    let at = service("book", &book.address(), book.base_path(), book.secret());
    let real = HttpBook::new(at, LIMIT, Duration::from_secs(900), Arc::new(SystemClock)).unwrap();
    books_conform(&MockBook(book, real)).await;
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
async fn a_fake_feed_sends_ends_and_refuses() {
    let feed = Arc::new(FakeFeed::default());
    let (sender, mut snapshots) = mpsc::channel(1);
    let listener = Arc::clone(&feed);
    let listening = tokio::spawn(async move { listener.listen(Duration::ZERO, sender).await });
    let report = Report {
        topic: "pend00".into(),
        transmitted: Transmitted::Unknown,
        connection: Connection::default(),
    };
    while feed.send(std::slice::from_ref(&report)) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(soon(snapshots.recv()).await.unwrap(), [report]);
    let restarted = Failure { kind: FailureKind::Ended, detail: "restarted".to_owned() };
    feed.end(&restarted);
    assert_eq!(soon(listening).await.unwrap(), restarted);
    feed.fail(no_answer("down"));
    let (sender, _snapshots) = mpsc::channel(1);
    assert_eq!(soon(feed.listen(Duration::ZERO, sender)).await.kind, FailureKind::Unreachable);
}

#[tokio::test]
async fn mailers() {
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
    let fake = FakeMailer::default();
    let later = MailFailure::new(MailFailureKind::Transient, "451 later");
    fake.fail(Some(later));
    assert_eq!(kinds(soon(fake.send(&mail)).await), [MailFailureKind::Transient; 2]);
    fake.fail(None);
    assert_eq!(soon(fake.send(&mail)).await, taken);
    assert_eq!(fake.sent(), [mail.clone(), mail.clone()]);

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
