//! Mail over real sockets: what is said to the mail server, and what is made of its answers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use status_adapters::Mailer;
use status_adapters::mail::{MailPatience, MailSettings, MailTls, SmtpMailer};
use status_core::{Delivery, Mail, MailFailureKind};
use support::mail::{PASSWORD, everybody, mail, mailer, settings, trusting, why, with_password};
use support::smtp::{self, Do, say};
use support::{Identity, Log, clock, nowhere, soon};

/// Sends a mail to a server with this script, and returns what came of it.
async fn outcome(script: impl Fn(&str) -> Do + Send + Sync + 'static) -> Vec<Delivery> {
    let (port, _) = smtp::start(&[], None, script).await;
    soon(mailer(settings(port)).send(&mail())).await
}

#[tokio::test]
async fn a_mail_is_a_proper_message() {
    let (port, heard) = smtp::start(&["8BITMIME"], None, |_| Do::Well).await;
    assert_eq!(soon(mailer(settings(port)).send(&mail())).await, everybody());
    let lines = heard.lines();
    assert!(lines[0].starts_with("EHLO "), "{lines:?}");
    assert_eq!(
        lines[1..],
        [
            "MAIL FROM:<status@b.org>",
            "RCPT TO:<alpha@a.org>",
            "RCPT TO:<beta@a.org>",
            "RCPT TO:<gamma@a.org>",
            "DATA",
            "QUIT"
        ]
    );
    let text = &heard.texts()[0];
    let (headers, body) = text.split_once("\r\n\r\n").unwrap();
    for header in [
        "From: \"Lab Status\" <status@b.org>",
        "Cc: gamma@a.org, alpha@a.org",
        "Subject: app.practable.io/tenant 3 new health events",
        "Date: Tue, 24 Nov 2026 00:29:26 +0000",
        "Message-ID: <1795480166000.1.status@b.org>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 7bit",
    ] {
        assert!(headers.lines().any(|line| line == header), "{header:?} is not in {headers}");
    }
    assert!(headers.contains("To: alpha@a.org, =?utf-8?"), "{headers}");
    // Dots that begin a line are doubled on the wire.
    let wire = "System alerts:\r\n\r\n..\r\n...dots\r\npend00 ><   U [missing required pend00-st-video]\r\n";
    assert_eq!(body, wire);
}

#[tokio::test]
async fn a_probe_says_all_that_comes_before_a_mail_and_no_more() {
    let (port, heard) = smtp::start(&[], None, |_| Do::Well).await;
    let probed = soon(mailer(settings(port)).probe()).await.unwrap();
    assert_eq!((probed.encrypted, probed.note), (false, None));
    let lines = heard.lines();
    assert!(lines.len() == 2 && lines[0].starts_with("EHLO ") && lines[1] == "QUIT", "{lines:?}");
    let failure = soon(mailer(with_password(port)).probe()).await.unwrap_err();
    assert!(failure.detail.contains("offers no TLS; without TLS no password is sent"), "{failure:?}");
}

#[tokio::test]
async fn copies_alone_are_sent_too() {
    let (port, heard) = smtp::start(&[], None, |_| Do::Well).await;
    let copies = MailSettings { to: Vec::new(), ..settings(port) };
    assert_eq!(soon(mailer(copies).send(&mail())).await, everybody());
    assert_eq!(heard.recipients(), ["<alpha@a.org>", "<beta@a.org>", "<gamma@a.org>"]);
    let text = &heard.texts()[0];
    assert!(text.contains("\r\nCc: gamma@a.org, alpha@a.org\r\n") && !text.contains("\r\nTo:"), "{text}");
}

#[tokio::test]
async fn any_text_goes_as_ascii() {
    let (port, heard) = smtp::start(&[], None, |_| Do::Well).await;
    let long = "x".repeat(5_000);
    let body = format!("Prüfstand: größer ≥ 3 µs\r\n{long}\nend");
    let subject = "Störung\r\nBcc: eve@a.org 🧪".to_owned();
    let odd = Mail { id: "ä b>@\r\n".into(), subject, body, ..mail() };
    assert_eq!(soon(mailer(settings(port)).send(&odd)).await, everybody());
    let text = &heard.texts()[0];
    assert!(text.is_ascii());
    assert!(text.split("\r\n").all(|line| line.len() < 1_000 && !line.contains('\n')));
    assert!(!text.contains("\r\nBcc:"), "{text}");
    assert!(text.contains("\r\nMessage-ID: <--b----@b.org>\r\n"), "{text}");
    assert!(text.contains("Subject: =?utf-8?"), "{text}");
}

#[tokio::test]
async fn each_recipient_has_an_outcome_of_its_own() {
    let (port, heard) = smtp::start(&[], None, |line| match line {
        "RCPT TO:<alpha@a.org>" => say("550 no such user"),
        "RCPT TO:<beta@a.org>" => say("450 busy"),
        _ => Do::Well,
    })
    .await;
    let mut outcome = soon(mailer(settings(port)).send(&mail())).await;
    outcome.sort_by(|one, other| one.recipient.cmp(&other.recipient));
    let kinds: Vec<_> = outcome.iter().map(|one| one.outcome.as_ref().err().map(|why| why.kind)).collect();
    assert_eq!(kinds, [Some(MailFailureKind::Permanent), Some(MailFailureKind::Transient), None]);
    let said = &outcome[1].outcome.as_ref().unwrap_err().detail;
    assert!(said.starts_with("mail server localhost:"), "{said}");
    assert!(said.ends_with(" puts beta@a.org off: 450 busy"), "{said}");
    assert_eq!(heard.texts().len(), 1);
}

#[tokio::test]
async fn a_mail_goes_to_its_recipients_alone() {
    let (port, heard) = smtp::start(&[], None, |_| Do::Well).await;
    let mail = Mail { recipients: vec!["beta@a.org".into()], ..mail() };
    let outcome = soon(mailer(settings(port)).send(&mail)).await;
    assert_eq!(outcome, Delivery::to_each(&mail.recipients, &Ok(())));
    assert_eq!(heard.recipients(), ["<beta@a.org>"]);
    assert!(heard.texts()[0].contains("\r\nTo: alpha@a.org, "), "the headers name everybody");
}

#[tokio::test]
async fn refusals_mean_what_their_codes_say() {
    use MailFailureKind::{Permanent, TooLong, Transient, Unknown, Unreachable};
    for (at, answer, kind) in [
        ("GREETING", "421 too busy", Unreachable),
        ("GREETING", "554 go away", Unreachable),
        ("MAIL", "451 later", Unreachable),
        ("MAIL", "550 not you", Unreachable),
        ("MAIL", "530 log in first", Unreachable),
        ("RCPT", "450 busy", Transient),
        ("RCPT", "552 mailbox is full", Transient),
        ("RCPT", "421 bye", Transient),
        ("RCPT", "550 no such user", Permanent),
        ("RCPT", "rubbish", Transient),
        ("DATA", "451 later", Transient),
        ("DATA", "554 no", Permanent),
        ("TEXT", "452 no space", Transient),
        ("TEXT", "552 too long", TooLong),
        ("TEXT", "554 looks like spam", Permanent),
        ("TEXT", "rubbish", Unknown),
    ] {
        let script = move |line: &str| if line.starts_with(at) { say(answer) } else { Do::Well };
        let failure = why(&outcome(script).await);
        assert_eq!(failure.kind, kind, "{at} {answer}: {failure:?}");
        assert!(failure.detail.starts_with("mail server localhost:"), "{failure:?}");
        if answer != "rubbish" {
            assert!(failure.detail.contains(answer), "{failure:?}");
        }
    }
}

#[tokio::test]
async fn a_lost_connection_is_unclear_only_after_the_text() {
    for (at, step, kind) in [
        ("GREETING", "greet us", MailFailureKind::Unreachable),
        ("EHLO", "answer EHLO", MailFailureKind::Unreachable),
        ("MAIL", "answer MAIL FROM", MailFailureKind::Unreachable),
        ("RCPT", "answer RCPT TO alpha@a.org", MailFailureKind::Transient),
        ("DATA", "answer DATA", MailFailureKind::Transient),
        ("TEXT", "say that it has the mail", MailFailureKind::Unknown),
    ] {
        let script = move |line: &str| if line.starts_with(at) { Do::Leave } else { Do::Well };
        assert_eq!(why(&outcome(script).await).kind, kind, "{at}");
        let (port, _) =
            smtp::start(&[], None, move |line| if line.starts_with(at) { Do::Hang } else { Do::Well }).await;
        let patience = if at == "TEXT" { impatient_at_the_end() } else { impatient() };
        let failure = why(&soon(mailer(settings(port)).with_patience(patience).send(&mail())).await);
        assert_eq!(failure.kind, kind, "{at}: {failure:?}");
        assert!(failure.detail.contains(&format!("did not {step} within 200ms")), "{failure:?}");
    }
}

const SHORT: Duration = Duration::from_millis(200);

fn impatient() -> MailPatience {
    MailPatience { answer: SHORT, data: SHORT, ..MailPatience::default() }
}

fn impatient_at_the_end() -> MailPatience {
    MailPatience { taking: SHORT, ..MailPatience::default() }
}

#[tokio::test]
async fn a_step_of_tls_or_of_the_login_that_hangs_is_named() {
    let identity = Identity::new();
    for (at, step) in [("STARTTLS", "answer STARTTLS"), ("AUTH", "answer the login")] {
        let tls = Some((identity.acceptor.clone(), false));
        let script = move |line: &str| if line.starts_with(at) { Do::Hang } else { Do::Well };
        let (port, _) = smtp::start(&["STARTTLS", "AUTH PLAIN"], tls, script).await;
        let trusted = trusting(&identity, with_password(port));
        let failure = why(&soon(trusted.with_patience(impatient()).send(&mail())).await);
        assert_eq!(failure.kind, MailFailureKind::Unreachable);
        assert!(failure.detail.contains(&format!("did not {step} within 200ms")), "{failure:?}");
    }
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let implicit = MailSettings { tls: MailTls::Implicit, ..settings(port) };
    let detail = why(&soon(mailer(implicit).with_patience(impatient()).send(&mail())).await).detail;
    assert!(detail.contains("did not begin TLS within 200ms"), "{detail}");
    let detail = why(&soon(mailer(settings(port)).with_patience(impatient()).send(&mail())).await).detail;
    assert!(detail.contains("it speaks TLS from the start (STATUS_EMAIL_TLS=implicit)"), "{detail}");
}

#[tokio::test]
async fn a_mail_server_may_take_minutes_to_take_a_mail() {
    let (came, mut has_come) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, may_go_on) = tokio::sync::watch::channel(false);
    let script = move |line: &str| match line {
        "TEXT" => {
            came.send(()).unwrap();
            Do::Wait(may_go_on.clone())
        }
        _ => Do::Well,
    };
    let (port, heard) = smtp::start(&[], None, script).await;
    let sending = tokio::spawn(async move { mailer(settings(port)).send(&mail()).await });
    soon(has_come.recv()).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(9 * 60)).await;
    tokio::time::resume();
    assert!(!sending.is_finished());
    go_on.send(true).unwrap();
    assert_eq!(soon(sending).await.unwrap(), everybody());
    assert_eq!(heard.texts().len(), 1);
}

#[tokio::test]
async fn what_is_unclear_is_sent_to_everybody_again() {
    let tries = AtomicUsize::new(0);
    let (port, heard) = smtp::start(&[], None, move |line| match line {
        "TEXT" if tries.fetch_add(1, Ordering::SeqCst) == 0 => Do::Leave,
        _ => Do::Well,
    })
    .await;
    let mailer = mailer(settings(port));
    assert_eq!(why(&soon(mailer.send(&mail())).await).kind, MailFailureKind::Unknown);
    assert_eq!(soon(mailer.send(&mail())).await, everybody());
    assert_eq!(heard.recipients().len(), 6);
    assert_eq!(heard.texts()[0], heard.texts()[1], "and is the same, so that it can be known as one");
}

#[tokio::test]
async fn after_the_mail_is_taken_nothing_matters() {
    for script in [
        |line: &str| if line == "QUIT" { Do::Leave } else { Do::Well },
        |line: &str| {
            if line == "QUIT" { Do::Hang } else { Do::Well }
        },
    ] {
        assert_eq!(outcome(script).await, everybody());
    }
}

#[tokio::test]
async fn nobody_there_is_told_with_where() {
    let port = nowhere().await.rsplit(':').next().unwrap().parse().unwrap();
    let failure = why(&soon(mailer(settings(port)).send(&mail())).await);
    assert_eq!(failure.kind, MailFailureKind::Unreachable);
    assert!(
        failure.detail.contains(&format!("localhost:{port} cannot be reached: nothing listens")),
        "{failure:?}"
    );
}

#[tokio::test]
async fn tls_is_begun_where_it_is_offered() {
    let identity = Identity::new();
    let tls = Some((identity.acceptor.clone(), false));
    let (port, heard) = smtp::start(&["STARTTLS", "AUTH PLAIN LOGIN"], tls, |_| Do::Well).await;
    let trusted = trusting(&identity, settings(port));
    assert_eq!(soon(trusted.send(&mail())).await, everybody());
    assert_eq!(heard.lines()[1], "STARTTLS");

    let trusted = trusting(&identity, with_password(port));
    assert_eq!(soon(trusted.send(&mail())).await, everybody());
    let sent = BASE64_STANDARD.encode(format!("\0status@b.org\0{PASSWORD}"));
    assert!(heard.lines().contains(&format!("AUTH PLAIN {sent}")), "{:?}", heard.lines());
}

#[tokio::test]
async fn tls_may_be_spoken_from_the_start() {
    let implicit = |settings| MailSettings { tls: MailTls::Implicit, ..settings };
    let identity = Identity::new();
    let (port, heard) =
        smtp::start(&["AUTH PLAIN"], Some((identity.acceptor.clone(), true)), |_| Do::Well).await;
    let trusted = trusting(&identity, implicit(with_password(port)));
    assert_eq!(soon(trusted.send(&mail())).await, everybody());
    assert_eq!(heard.lines().iter().filter(|line| *line == "STARTTLS").count(), 0);

    // And to a server that doesn't, it isn't.
    let (port, _) = smtp::start(&[], None, |_| Do::Well).await;
    let failure = why(&soon(mailer(implicit(settings(port))).send(&mail())).await);
    assert_eq!(failure.kind, MailFailureKind::Unreachable);
    assert!(failure.detail.contains("does not speak TLS"), "{failure:?}");
}

#[tokio::test]
async fn a_password_is_never_sent_without_tls() {
    let (port, heard) = smtp::start(&["AUTH PLAIN LOGIN"], None, |_| Do::Well).await;
    let failure = why(&soon(mailer(with_password(port)).send(&mail())).await);
    assert_eq!(failure.kind, MailFailureKind::Unreachable);
    assert!(failure.detail.contains("offers no TLS; without TLS no password is sent"), "{failure:?}");
    assert!(heard.lines().iter().all(|line| !line.starts_with("AUTH") && !line.starts_with("MAIL")));
}

#[tokio::test]
async fn a_refused_login_shows_no_password() {
    let log = Log::start();
    let identity = Identity::new();
    for (offer, answer) in [
        (
            &["STARTTLS", "AUTH PLAIN"][..],
            format!("535 what is {} {PASSWORD}", {
                BASE64_STANDARD.encode(format!("\0status@b.org\0{PASSWORD}"))
            }),
        ),
        (&["STARTTLS", "AUTH LOGIN"], format!("535 what is {}", BASE64_STANDARD.encode(PASSWORD))),
    ] {
        let tls = Some((identity.acceptor.clone(), false));
        let (port, _) = smtp::start(offer, tls, move |line| match line {
            line if line.starts_with("AUTH") => say(&answer),
            _ => Do::Well,
        })
        .await;
        let trusted = trusting(&identity, with_password(port));
        let failure = why(&soon(trusted.send(&mail())).await);
        assert_eq!(failure.kind, MailFailureKind::Unreachable, "somebody may set the password right");
        assert!(failure.detail.contains("535 what is <password>"), "{failure:?}");
        assert!(failure.detail.contains("STATUS_EMAIL_PASSWORD"), "{failure:?}");
        assert!(!failure.detail.contains(PASSWORD));
    }
    assert!(!log.text().contains(PASSWORD));
    assert!(!log.text().contains(&BASE64_STANDARD.encode(PASSWORD)));
}

#[tokio::test]
async fn no_answer_shows_the_password_however_long_it_is() {
    let identity = Identity::new();
    let sent = BASE64_STANDARD.encode(format!("\0status@b.org\0{PASSWORD}"));
    for at in ["AUTH", "MAIL", "RCPT", "DATA", "TEXT"] {
        let (long, sent) = (format!("{} {PASSWORD}", "x".repeat(285)), sent.clone());
        for said in [long, sent] {
            let tls = Some((identity.acceptor.clone(), false));
            let answer = format!("554 {said}");
            let script = move |line: &str| match line {
                line if line.starts_with(at) => say(&answer),
                _ => Do::Well,
            };
            let (port, _) = smtp::start(&["STARTTLS", "AUTH PLAIN"], tls, script).await;
            let trusted = trusting(&identity, with_password(port));
            let failure = why(&soon(trusted.send(&mail())).await);
            assert!(failure.detail.contains("<pass"), "{at}: {failure:?}");
            assert!(!failure.detail.contains("correct"), "{at}: {failure:?}");
            assert!(
                !failure.detail.contains(&BASE64_STANDARD.encode("\0status@b.org\0")[..10]),
                "{failure:?}"
            );
        }
    }
}

#[test]
fn somebody_must_be_written_to() {
    let nobody = MailSettings { to: Vec::new(), cc: Vec::new(), ..settings(25) };
    assert!(SmtpMailer::new(nobody, clock()).err().unwrap().contains("STATUS_EMAIL_TO"));
    let shown = format!("{:?}", with_password(25));
    assert!(!shown.contains(PASSWORD), "{shown}");
}
