//! What is made of what a mail server says: bytes that may be anything, at any time, in any pieces.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

mod support;

use std::time::Duration;

use status_adapters::Mailer;
use status_adapters::mail::{HeloName, MailPatience, MailSettings};
use status_core::{Delivery, Mail, MailFailureKind};
use support::mail::{everybody, mail, mailer, settings, why};
use support::smtp::{self, Do, bytes, say};
use support::soon;

use MailFailureKind::{Permanent, TooLong, Transient, Unknown, Unreachable};

/// Sends the mail to a server with this script, and returns what came of it.
async fn outcome(script: impl Fn(&str) -> Do + Send + Sync + 'static) -> Vec<Delivery> {
    let (port, _) = smtp::start(&[], None, script).await;
    soon(mailer(settings(port)).send(&mail())).await
}

/// What became of the mail for alpha, beta and gamma.
fn kinds(outcome: &[Delivery]) -> Vec<Option<MailFailureKind>> {
    outcome.iter().map(|one| one.outcome.as_ref().err().map(|failure| failure.kind)).collect()
}

#[tokio::test]
async fn only_the_code_of_an_answer_decides_in_whatever_pieces_it_comes() {
    for (at, answer) in [
        ("GREETING", &b"220 Willkommen auf M\xfcnchen\r\n"[..]),
        ("GREETING", b"220-one\r\n220-\r\n220 three\r\n"),
        ("GREETING", b"220\r\n"),
        ("GREETING", b"220 \xd3\xca\xbc\xfe\n"),
        ("EHLO", b"250\r\n"),
        ("EHLO", b"250-\xff\xfe\r\n250-SIZE lots\r\n250\r\n"),
        ("EHLO", b"250-mock\n250-8bitmime\n250 help\n"),
        ("MAIL", b"250\n"),
        ("RCPT", b"250-2.1.5 yes\r\n250\r\n"),
        ("RCPT", b"251 user not local\r\n"),
        ("DATA", b"354\r\n"),
        ("DATA", b"354 los geht's, f\xfcr immer\r\n"),
        ("TEXT", b"250 Mail \xfcbernommen\r\n"),
        ("TEXT", b"250\r\n"),
        ("TEXT", b"250-2.0.0\r\n250-\0\r\n250 2.0.0 queued as 4711\r\n"),
    ] {
        for size in [1, 2, 7, usize::MAX] {
            let script = move |line: &str| match line {
                line if line.starts_with(at) => Do::Say(answer.to_vec(), size),
                _ => Do::Well,
            };
            assert_eq!(outcome(script).await, everybody(), "{at} {}", String::from_utf8_lossy(answer));
        }
    }
}

#[tokio::test]
async fn one_address_that_is_refused_in_any_encoding_keeps_the_others_from_nothing() {
    let script = |line: &str| match line {
        "RCPT TO:<alpha@a.org>" => bytes(b"550 Empf\xe4nger unbekannt\r\n"),
        "RCPT TO:<beta@a.org>" => bytes(b"550\r\n"),
        _ => Do::Well,
    };
    assert_eq!(kinds(&outcome(script).await), [Some(Permanent), Some(Permanent), None]);
}

#[tokio::test]
async fn a_long_text_is_cut_and_an_endless_one_ends_the_conversation() {
    let long = [b"250 ", &b"x".repeat(20_000)[..], b"\r\n"].concat();
    for at in ["EHLO", "MAIL", "RCPT", "TEXT"] {
        let long = long.clone();
        let script = move |line: &str| if line.starts_with(at) { bytes(&long) } else { Do::Well };
        assert_eq!(outcome(script).await, everybody(), "{at}");
    }
    for (at, kind) in [
        ("GREETING", Unreachable),
        ("EHLO", Unreachable),
        ("RCPT", Transient),
        ("DATA", Transient),
        ("TEXT", Unknown),
    ] {
        for endless in [&b"x"[..], b"250-x\r\n", b"250 ", b"\0"] {
            let said = endless.repeat(1_000);
            let script =
                move |line: &str| if line.starts_with(at) { Do::Endless(said.clone()) } else { Do::Well };
            let failure = why(&outcome(script).await);
            assert_eq!(failure.kind, kind, "{at} {failure:?}");
            assert!(failure.detail.len() < 1_000, "{failure:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_came_before_its_command_delivers_nothing() {
    let all = "250 hello\r\n250 sender\r\n250 a\r\n250 b\r\n250 c\r\n354 go\r\n250 taken\r\n221 bye\r\n";
    for (at, answer, kind) in [
        ("GREETING", "220 hello\r\n", Unreachable),
        ("EHLO", "250 hello\r\n", Unreachable),
        ("MAIL", "250 sender\r\n", Transient),
        ("RCPT TO:<alpha", "250 a\r\n", Transient),
        ("RCPT TO:<gamma", "250 c\r\n", Transient),
        ("DATA", "354 go\r\n", Transient),
        ("DATA", "354 go\r\n250 taken\r\n", Transient),
        ("MAIL", "250 sender\r\n550", Transient),
    ] {
        let behind = [answer, all].concat();
        let (port, heard) = smtp::start(&[], None, move |line| match line {
            line if line.starts_with(at) => bytes(&behind),
            _ => Do::Well,
        })
        .await;
        let failure = why(&soon(mailer(settings(port)).send(&mail())).await);
        assert_eq!(failure.kind, kind, "{at} {failure:?}");
        assert!(failure.detail.contains("sent an answer before it was asked") || at == "DATA", "{failure:?}");
        assert_eq!(heard.texts().len(), 0, "{at}");
    }
}

#[tokio::test]
async fn one_answer_too_many_refuses_nobody_for_good() {
    let script = |line: &str| match line {
        "RCPT TO:<alpha@a.org>" => bytes("550 no\r\n550 no\r\n"),
        _ => Do::Well,
    };
    assert_eq!(kinds(&outcome(script).await), [Some(Transient); 3]);
}

#[tokio::test]
async fn what_is_no_answer_says_nothing_of_the_mail() {
    for (at, answer, kind) in [
        ("GREETING", "hello\r\n", Unreachable),
        ("GREETING", "354 go\r\n", Unreachable),
        ("EHLO", "250-mock\r\n550 no\r\n", Unreachable),
        ("MAIL", "354 go\r\n", Unreachable),
        ("RCPT", "354 go\r\n", Transient),
        ("RCPT", "\r\n", Transient),
        ("DATA", "250 ok\r\n", Transient),
        ("TEXT", "354 go\r\n", Unknown),
        ("TEXT", "250-ok\r\n550 no\r\n", Unknown),
        ("TEXT", "ok\r\n", Unknown),
    ] {
        let script = move |line: &str| if line.starts_with(at) { bytes(answer) } else { Do::Well };
        assert_eq!(why(&outcome(script).await).kind, kind, "{at} {answer}");
    }
}

#[tokio::test]
async fn a_mail_server_that_hangs_up_is_heard_to_its_last_word() {
    for (at, kind) in [
        ("GREETING", Unreachable),
        ("EHLO", Unreachable),
        ("MAIL", Unreachable),
        ("RCPT", Transient),
        ("DATA", Transient),
        ("TEXT", Transient),
    ] {
        let script = move |line: &str| match line {
            line if line.starts_with(at) => Do::SayAndLeave(b"421 4.3.2 closing for the night\r\n".to_vec()),
            _ => Do::Well,
        };
        let failure = why(&outcome(script).await);
        assert_eq!(failure.kind, kind, "{at} {failure:?}");
        assert!(failure.detail.contains("421 4.3.2 closing for the night"), "{failure:?}");
    }
    let greeted = why(&outcome(|line| if line == "GREETING" { say("421 busy") } else { Do::Well }).await);
    assert!(greeted.detail.contains("is there, but takes no mail now: 421 busy"), "{greeted:?}");
    assert!(!greeted.detail.contains("reached"), "{greeted:?}");
}

#[tokio::test]
async fn one_that_hangs_up_on_its_own_is_heard_too() {
    let script = |line: &str| match line {
        "RCPT TO:<alpha@a.org>" => bytes("550 no\r\n421 closing\r\n"),
        _ => Do::Well,
    };
    let outcome = outcome(script).await;
    assert_eq!(kinds(&outcome), [Some(Permanent), Some(Transient), Some(Transient)]);
    assert!(outcome[1].outcome.as_ref().unwrap_err().detail.contains("hung up: 421 closing"), "{outcome:?}");
}

#[tokio::test]
async fn a_refusal_at_a_recipient_that_is_about_us_is_for_now_and_named() {
    let helo = "likely cause: it does not accept the name vm.lab that this machine gives for itself: set STATUS_EMAIL_HELO";
    for (answer, diagnosis) in [
        ("504 <vm.lab>: need fully-qualified hostname", helo),
        ("504 5.5.2 <vm.lab>: Helo command rejected: need fully-qualified hostname", helo),
        ("550 5.7.1 Helo command rejected: no", helo),
        ("550 5.1.8 <status@b.org>: Sender address rejected: Domain not found", "look at STATUS_EMAIL_FROM"),
        ("530 5.7.0 authentication required", "look at STATUS_EMAIL_PASSWORD"),
        ("554 5.7.1 <beta@a.org>: Relay access denied", "be told to relay for this machine"),
        ("552 5.5.3 too many recipients", ""),
        ("452 4.5.3 too many recipients", ""),
    ] {
        let script = move |line: &str| if line == "RCPT TO:<beta@a.org>" { say(answer) } else { Do::Well };
        let (port, heard) = smtp::start(&[], None, script).await;
        let named = MailSettings { helo: Some(HeloName::parse("vm.lab").unwrap()), ..settings(port) };
        let outcome = soon(mailer(named).send(&mail())).await;
        assert_eq!(kinds(&outcome), [None, Some(Transient), None], "{answer}");
        let detail = &outcome[1].outcome.as_ref().unwrap_err().detail;
        assert!(detail.contains(answer) && detail.contains(diagnosis), "{detail}");
        assert_eq!(heard.lines()[0], "EHLO vm.lab");
        assert_eq!(heard.texts().len(), 1);
    }
}

#[tokio::test]
async fn a_name_that_is_refused_at_once_is_named() {
    for (at, answer) in [
        ("EHLO", "501 5.5.4 invalid domain name"),
        ("EHLO", "550 bad EHLO"),
        ("MAIL", "550 5.7.1 Helo command rejected"),
    ] {
        let script = move |line: &str| match line {
            line if line.starts_with(at) || (at == "EHLO" && line.starts_with("HELO")) => say(answer),
            _ => Do::Well,
        };
        let failure = why(&outcome(script).await);
        assert_eq!(failure.kind, Unreachable);
        assert!(
            failure.detail.contains("set STATUS_EMAIL_HELO") && failure.detail.contains(answer),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn one_that_knows_only_helo_is_spoken_to_so() {
    for answer in ["500 what?", "502 not implemented", "550 no EHLO here"] {
        let (port, heard) = smtp::start(&[], None, move |line| match line {
            line if line.starts_with("EHLO") => say(answer),
            _ => Do::Well,
        })
        .await;
        assert_eq!(soon(mailer(settings(port)).send(&mail())).await, everybody());
        assert!(heard.lines()[1].starts_with("HELO "), "{:?}", heard.lines());
    }
}

#[tokio::test]
async fn this_machine_names_itself_with_a_whole_domain_or_its_address() {
    let (port, heard) = smtp::start(&[], None, |_| Do::Well).await;
    soon(mailer(settings(port)).send(&mail())).await;
    let lines = heard.lines();
    let name = lines[0].strip_prefix("EHLO ").unwrap();
    assert!(HeloName::parse(name).is_ok() && (name.starts_with('[') || name.contains('.')), "{name}");
}

#[tokio::test]
async fn a_mail_that_is_too_long_is_not_offered() {
    let (port, heard) = smtp::start(&["SIZE 500"], None, |_| Do::Well).await;
    let long = Mail { body: "x\n".repeat(1_000), ..mail() };
    let failure = why(&soon(mailer(settings(port)).send(&long)).await);
    assert_eq!(failure.kind, TooLong);
    assert!(failure.detail.contains("takes mails of at most 500 bytes, and this one has "), "{failure:?}");
    assert!(heard.lines().iter().all(|line| !line.starts_with("MAIL")), "{:?}", heard.lines());
    for unlimited in [&["SIZE"][..], &["SIZE 0"], &["SIZE 10M"], &["size 100000"]] {
        let (port, _) = smtp::start(unlimited, None, |_| Do::Well).await;
        assert_eq!(soon(mailer(settings(port)).send(&long)).await, everybody(), "{unlimited:?}");
    }
}

#[tokio::test]
async fn the_answer_to_the_text_is_for_those_that_were_accepted() {
    for (answer, kind) in [("452 full", Transient), ("552 too long", TooLong), ("554 spam", Permanent)] {
        let script = move |line: &str| match line {
            "RCPT TO:<alpha@a.org>" => say("550 no such user"),
            "RCPT TO:<beta@a.org>" => say("450 busy"),
            "TEXT" => say(answer),
            _ => Do::Well,
        };
        let outcome = outcome(script).await;
        assert_eq!(kinds(&outcome), [Some(Permanent), Some(Transient), Some(kind)]);
        assert!(outcome[0].outcome.as_ref().unwrap_err().detail.contains("no such user"), "{outcome:?}");
    }
}

#[tokio::test]
async fn without_anybody_who_is_accepted_no_text_is_sent() {
    let (port, heard) = smtp::start(&[], None, |line| match line {
        line if line.starts_with("RCPT") => say("550 no such user"),
        _ => Do::Well,
    })
    .await;
    assert_eq!(kinds(&soon(mailer(settings(port)).send(&mail())).await), [Some(Permanent); 3]);
    assert!(!heard.lines().contains(&"DATA".to_owned()));
}

/// How long a mail server may take at a step before it is given up, in virtual time.
async fn waits_for(at: &'static str) -> Duration {
    let (came, mut has_come) = tokio::sync::mpsc::unbounded_channel();
    let (port, _) = smtp::start(&[], None, move |line| {
        if line.starts_with(at) {
            came.send(()).unwrap();
            return Do::Hang;
        }
        Do::Well
    })
    .await;
    let sending = tokio::spawn(async move { mailer(settings(port)).send(&mail()).await });
    // What goes over sockets has to arrive before time is moved.
    soon(has_come.recv()).await.unwrap();
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let failure = why(&sending.await.unwrap());
    assert!(failure.detail.contains("within"), "{failure:?}");
    let waited = begun.elapsed();
    tokio::time::resume();
    waited
}

#[tokio::test]
async fn a_mail_server_is_given_the_time_that_it_may_take() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    for (at, patience) in [
        ("GREETING", minutes(5)),
        ("EHLO", minutes(5)),
        ("MAIL", minutes(5)),
        ("RCPT", minutes(5)),
        ("DATA", minutes(2)),
        ("TEXT", minutes(10)),
    ] {
        let waited = waits_for(at).await;
        assert!(waited.abs_diff(patience) < Duration::from_secs(30), "{at}: {waited:?}");
    }
    assert_eq!(MailPatience::default().connecting, Duration::from_secs(30));
    assert_eq!(MailPatience::default().block, minutes(3));
}
