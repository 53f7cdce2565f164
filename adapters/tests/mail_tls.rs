//! TLS and the login: what is required, what is only noted, and what is never believed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

mod support;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use status_adapters::Mailer;
use status_adapters::mail::{MailAuth, MailSettings, MailTls};
use status_core::MailFailureKind::Unreachable;
use support::mail::{PASSWORD, everybody, mail, mailer, settings, trusting, why, with_password};
use support::smtp::{self, Do, Heard, bytes, say};
use support::{Identity, Log, soon};

const OFFERS: &[&str] = &["STARTTLS", "AUTH PLAIN LOGIN"];

async fn start(
    offers: &'static [&'static str],
    implicit: bool,
    script: impl Fn(&str) -> Do + Send + Sync + 'static,
) -> (Identity, u16, Heard) {
    let identity = Identity::new();
    let (port, heard) = smtp::start(offers, Some((identity.acceptor.clone(), implicit)), script).await;
    (identity, port, heard)
}

fn with_tls(tls: MailTls, settings: MailSettings) -> MailSettings {
    MailSettings { tls, ..settings }
}

#[tokio::test]
async fn without_a_login_an_unproven_certificate_is_noted_once() {
    let log = Log::start();
    for implicit in [false, true] {
        let (_, port, heard) = start(OFFERS, implicit, |_| Do::Well).await;
        let tls = if implicit { MailTls::Implicit } else { MailTls::Auto };
        let mailer = mailer(with_tls(tls, settings(port)));
        let before = log.ours(&["WARN"]).len();
        for _ in 0..3 {
            assert_eq!(soon(mailer.send(&mail())).await, everybody());
        }
        let probed = soon(mailer.probe()).await.unwrap();
        assert!(probed.encrypted, "encrypted for nobody in particular is more than in clear");
        assert!(
            probed.note.as_ref().unwrap().contains("no authority that this machine trusts"),
            "{probed:?}"
        );
        let warned = log.ours(&["WARN"]).split_off(before);
        assert_eq!(warned.len(), 1, "{warned:?}");
        assert_eq!(heard.texts().len(), 3);
    }
}

#[tokio::test]
async fn without_a_login_a_starttls_that_fails_is_noted() {
    let (_, port, heard) = start(OFFERS, false, |line| match line {
        "STARTTLS" => say("454 TLS not available due to temporary reason"),
        _ => Do::Well,
    })
    .await;
    let auto = mailer(settings(port));
    assert_eq!(soon(auto.send(&mail())).await, everybody());
    let probed = soon(auto.probe()).await.unwrap();
    assert!(
        !probed.encrypted && probed.note.as_ref().unwrap().contains("454 TLS not available"),
        "{probed:?}"
    );
    let failure = why(&soon(mailer(with_tls(MailTls::StartTls, settings(port))).send(&mail())).await);
    assert!(failure.kind == Unreachable && failure.detail.contains("454"), "{failure:?}");
    let failure = why(&soon(mailer(with_password(port)).send(&mail())).await);
    assert!(failure.kind == Unreachable && failure.detail.contains("454"), "{failure:?}");
    assert_eq!(heard.texts().len(), 1);
}

#[tokio::test]
async fn without_a_login_a_handshake_that_fails_leads_to_a_connection_in_clear() {
    // It says that it begins TLS, and then hangs up.
    let (port, heard) = smtp::start(OFFERS, None, |_| Do::Well).await;
    let auto = mailer(settings(port));
    assert_eq!(soon(auto.send(&mail())).await, everybody());
    let probed = soon(auto.probe()).await.unwrap();
    assert!(!probed.encrypted && probed.note.as_ref().unwrap().contains("fails to begin TLS"), "{probed:?}");
    for strict in [with_tls(MailTls::StartTls, settings(port)), with_password(port)] {
        let failure = why(&soon(mailer(strict).send(&mail())).await);
        assert!(failure.detail.contains("fails to begin TLS"), "{failure:?}");
    }
    assert_eq!(heard.texts().len(), 1);
}

#[tokio::test]
async fn with_a_login_or_where_it_is_asked_for_the_certificate_must_prove_who_it_is() {
    for implicit in [false, true] {
        let (identity, port, heard) = start(OFFERS, implicit, |_| Do::Well).await;
        let tls = if implicit { MailTls::Implicit } else { MailTls::StartTls };
        let logged_in = with_tls(tls, with_password(port));
        let failure = why(&soon(mailer(logged_in.clone()).send(&mail())).await);
        assert_eq!(failure.kind, Unreachable);
        assert!(failure.detail.contains("no authority that this machine trusts"), "{failure:?}");
        assert_eq!(soon(trusting(&identity, logged_in).send(&mail())).await, everybody());
        if !implicit {
            let failure = why(&soon(mailer(with_tls(tls, settings(port))).send(&mail())).await);
            assert!(failure.detail.contains("no authority that this machine trusts"), "{failure:?}");
            let proven = trusting(&identity, with_tls(tls, settings(port)));
            assert_eq!(soon(proven.send(&mail())).await, everybody());
        }
        let mut lines = heard.lines();
        lines.retain(|line| line.starts_with("AUTH"));
        assert_eq!(lines.len(), 1, "the password went to nobody else: {lines:?}");
    }
}

#[tokio::test]
async fn starttls_that_is_required_and_not_offered_sends_nothing() {
    let (port, heard) = smtp::start(&[], None, |_| Do::Well).await;
    let failure = why(&soon(mailer(with_tls(MailTls::StartTls, settings(port))).send(&mail())).await);
    assert!(failure.kind == Unreachable && failure.detail.contains("offers no TLS"), "{failure:?}");
    assert!(heard.texts().is_empty());
}

#[tokio::test]
async fn none_goes_in_clear_whatever_is_offered() {
    let (_, port, heard) = start(OFFERS, false, |_| Do::Well).await;
    let mailer = mailer(with_tls(MailTls::None, settings(port)));
    assert_eq!(soon(mailer.send(&mail())).await, everybody());
    assert_eq!(soon(mailer.probe()).await.unwrap().note, None);
    assert!(!heard.lines().contains(&"STARTTLS".to_owned()));
}

#[tokio::test]
async fn words_in_small_letters_are_offers_too() {
    for offers in [&["starttls", "auth plain login"][..], &["StartTls", "AUTH=LOGIN PLAIN"]] {
        let (identity, port, heard) = start(offers, false, |_| Do::Well).await;
        assert_eq!(soon(trusting(&identity, with_password(port)).send(&mail())).await, everybody());
        let lines = heard.lines();
        assert_eq!(lines[1], "STARTTLS");
        assert!(lines[3].starts_with("AUTH PLAIN "), "{lines:?}");
    }
}

#[tokio::test]
async fn what_came_in_clear_behind_the_word_to_begin_tls_is_never_believed() {
    let behind = "220 go ahead\r\n250-mock\r\n250 AUTH PLAIN\r\n235 welcome\r\n250 ok\r\n250 ok\r\n250 ok\r\n\
                  250 ok\r\n354 go\r\n250 taken\r\n221 bye\r\n";
    let (identity, port, heard) = start(OFFERS, false, move |line| match line {
        "STARTTLS" => bytes(behind),
        _ => Do::Well,
    })
    .await;
    for each in [settings(port), with_password(port), with_tls(MailTls::StartTls, settings(port))] {
        let failure = why(&soon(trusting(&identity, each).send(&mail())).await);
        assert_eq!(failure.kind, Unreachable);
        assert!(
            failure.detail.contains("sent more in clear after it had agreed to begin TLS"),
            "{failure:?}"
        );
    }
    assert!(heard.texts().is_empty());
    assert!(heard.lines().iter().all(|line| !line.starts_with("AUTH")), "{:?}", heard.lines());
}

#[tokio::test]
async fn what_was_offered_in_clear_does_not_hold_over_tls() {
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let (identity, port, _) = start(OFFERS, false, move |line| match line {
        line if line.starts_with("EHLO") && tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 1 => {
            bytes("250-mock\r\n250 HELP\r\n")
        }
        _ => Do::Well,
    })
    .await;
    let failure = why(&soon(trusting(&identity, with_password(port)).send(&mail())).await);
    assert!(failure.detail.contains("offers no login"), "{failure:?}");
}

#[tokio::test]
async fn what_is_offered_for_the_login_and_what_is_possible_is_told() {
    for (offers, told) in [
        (&["STARTTLS", "AUTH XOAUTH2"][..], "offers only AUTH XOAUTH2 for the login"),
        (&["STARTTLS", "auth cram-md5", "AUTH=NTLM"], "offers only AUTH CRAM-MD5 NTLM for the login"),
        (&["STARTTLS"], "offers no login (no AUTH)"),
        (&["STARTTLS", "AUTH"], "offers no login (no AUTH)"),
    ] {
        let (identity, port, _) = start(offers, false, |_| Do::Well).await;
        let failure = why(&soon(trusting(&identity, with_password(port)).send(&mail())).await);
        assert!(failure.detail.contains(told), "{failure:?}");
        assert!(failure.detail.contains("possible here are PLAIN and LOGIN"), "{failure:?}");
    }
}

#[tokio::test]
async fn the_login_is_the_user_and_goes_step_by_step_where_that_is_wanted() {
    let named = |port| {
        let auth = MailAuth::Plain { user: "apikey".to_owned(), password: PASSWORD.into() };
        MailSettings { auth, ..settings(port) }
    };
    let user = BASE64_STANDARD.encode("apikey");
    let password = BASE64_STANDARD.encode(PASSWORD);
    let (first, second) = (user.clone(), password.clone());
    let (identity, port, heard) = start(&["STARTTLS", "AUTH LOGIN"], false, move |line| match line {
        "AUTH LOGIN" => bytes("334\r\n"),
        line if line == first => bytes(b"334 Pa\xdfwort:\r\n"),
        line if line == second => say("235 welcome"),
        _ => Do::Well,
    })
    .await;
    assert_eq!(soon(trusting(&identity, named(port)).send(&mail())).await, everybody());
    let lines = heard.lines();
    assert_eq!(lines[3..6], ["AUTH LOGIN".to_owned(), user, password]);
    assert_eq!(lines[6], "MAIL FROM:<status@b.org>");

    // Some want to ask for what was said already.
    let sent = BASE64_STANDARD.encode(format!("\0apikey\0{PASSWORD}"));
    let again = sent.clone();
    let (identity, port, heard) = start(&["STARTTLS", "AUTH PLAIN"], false, move |line| match line {
        line if line.starts_with("AUTH") => bytes("334 \r\n"),
        line if line == again => say("235 welcome"),
        _ => Do::Well,
    })
    .await;
    assert_eq!(soon(trusting(&identity, named(port)).send(&mail())).await, everybody());
    assert_eq!(heard.lines()[4], sent);
}
