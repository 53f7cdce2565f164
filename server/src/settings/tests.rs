//! Every variable: left out, with a good value, and with a bad one.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use secrecy::ExposeSecret;
use status_adapters::mail::{MailAuth, MailTls};
use status_core::{BookOverride, FlapBooking, Mode, Zone};

use super::*;
use crate::log::{LogFormat, LogTarget};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LOOPBACK_V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

pub(crate) const REQUIRED: [(&str, &str); 6] = [
    ("STATUS_HOST_BOOK", "book.example.org"),
    ("STATUS_HOST_RELAY", "relay.example.org"),
    ("STATUS_HOST_JUMP", "jump.example.org"),
    ("STATUS_SECRET_BOOK", "book-key"),
    ("STATUS_SECRET_RELAY", "relay-key"),
    ("STATUS_SECRET_JUMP", "jump-key"),
];

const MAIL: [(&str, &str); 3] = [
    ("STATUS_EMAIL_HOST", "smtp.b.org"),
    ("STATUS_EMAIL_FROM", "other@b.org"),
    ("STATUS_EMAIL_TO", "\"alpha@a.org\""),
];

/// Reads what is required, with `more`: what comes later counts.
fn read(more: &[(&str, &str)]) -> Result<(Settings, Vec<Warning>), Problems> {
    let mut vars: std::collections::BTreeMap<&str, &str> = REQUIRED.into();
    vars.extend(more.iter().copied());
    Settings::from_vars(vars.into_iter().map(|(name, value)| (name.into(), value.into())))
}

fn good(more: &[(&str, &str)]) -> Settings {
    read(more).unwrap().0
}

fn with_mail(more: &[(&str, &str)]) -> Result<(Settings, Vec<Warning>), Problems> {
    read(&[&MAIL, more].concat())
}

fn mail(more: &[(&str, &str)]) -> MailSettings {
    with_mail(more).unwrap().0.mail.unwrap()
}

/// A good value of a variable, and how to see that it took effect.
type Good = (&'static str, &'static str, fn(&Settings) -> bool);

const MINUTE: Duration = s(60);

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn what_is_not_set_has_its_default() {
    let (settings, warnings) = read(&[]).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(settings.core, Config::default());
    assert_eq!(settings.log, LogSettings::default());
    assert_eq!(settings.book.audience(), "https://book.example.org");
    assert_eq!(settings.relay.audience(), "https://relay.example.org");
    assert_eq!(settings.jump.audience(), "https://jump.example.org");
    assert_eq!(settings.book.secret().expose_secret(), "book-key");
    assert_eq!(settings.relay.secret().expose_secret(), "relay-key");
    assert_eq!(settings.jump.secret().expose_secret(), "jump-key");
    assert_eq!(settings.timeout_book, s(5));
    assert_eq!((settings.serve_port, settings.profile), (3007, None));
    assert!(settings.mail.is_none());

    let mail = mail(&[]);
    assert_eq!((mail.host.as_str(), mail.port), ("smtp.b.org", 587));
    assert!(matches!(mail.auth, MailAuth::None));
    assert_eq!(mail.cc, []);
}

#[test]
fn the_environment_of_the_readme_is_understood() {
    let text = include_str!("testdata/all.env");
    let vars = text.lines().map(|line| line.split_once('=').unwrap());
    let (settings, warnings) = Settings::from_vars(vars.map(|(k, v)| (k.into(), v.into()))).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(settings.book.audience(), "https://app.example.org/tenant/book");
    let text = settings.core.mail.clone().unwrap();
    assert_eq!(text.subject, "app.practable.io/tenant");
    assert_eq!(text.link, "app.practable.io/tenant/status");
    assert_eq!(settings.core, Config { mail: Some(text), ..Config::default() });
    assert_eq!(settings.log, LogSettings::default());
    let mail = settings.mail.unwrap();
    assert_eq!(mail.to, ["alpha@a.org".parse().unwrap()]);
    assert_eq!(mail.cc, ["beta@a.org".parse().unwrap()]);
    assert!(matches!(mail.auth, MailAuth::Plain { user, password }
        if user == "other@b.org" && password.expose_secret() == "something"));
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
#[test]
fn a_good_value_takes_effect() {
    let cases: &[Good] = &[
        ("STATUS_HOST_BOOK", "[::1]:8080", |s| s.book.audience() == "https://[::1]:8080"),
        ("STATUS_HOST_BOOK", "Lab_1.example.org:80", |s| s.book.audience() == "https://Lab_1.example.org:80"),
        ("STATUS_HOST_BOOK", "a.org.", |s| s.book.audience() == "https://a.org."),
        ("STATUS_HOST_RELAY", "'10.0.0.1'", |s| s.relay.audience() == "https://10.0.0.1"),
        ("STATUS_SCHEME_JUMP", "http", |s| s.jump.audience() == "http://jump.example.org"),
        ("STATUS_SCHEME_BOOK", "HTTP", |s| s.book.audience() == "http://book.example.org"),
        ("STATUS_SCHEME_RELAY", "https", |s| s.relay.audience() == "https://relay.example.org"),
        ("STATUS_BASEPATH_BOOK", "a/b/", |s| s.book.audience().ends_with("org/a/b")),
        ("STATUS_BASEPATH_RELAY", "/a", |s| s.relay.audience().ends_with("org/a")),
        ("STATUS_BASEPATH_JUMP", "/", |s| s.jump.audience().ends_with("org")),
        ("STATUS_SECRET_BOOK", "\"quoted\"", |s| s.book.secret().expose_secret() == "quoted"),
        ("STATUS_SECRET_ADMIN", "'admin key'", |s| {
            s.secret_admin.as_ref().is_some_and(|secret| secret.expose_secret() == "admin key")
        }),
        ("STATUS_SECRET_ADMIN", " ", |s| s.secret_admin.is_none()),
        ("STATUS_HEALTH_LAST", "1m", |s| s.core.last_active == MINUTE && s.core.last_checked == MINUTE),
        ("STATUS_HEALTH_LAST_ACTIVE", "1h30m", |s| s.core.last_active == Duration::from_secs(5400)),
        ("STATUS_HEALTH_LAST_CHECKED", "1500ms", |s| s.core.last_checked.as_millis() == 1500),
        ("STATUS_HEALTH_STARTUP", "0s", |s| s.core.startup.is_zero()),
        ("STATUS_HEALTH_EVENTS", "7", |s| s.core.events == 7),
        ("STATUS_HEALTH_LOG_EVERY", "60s", |s| s.core.log_every == MINUTE),
        ("STATUS_HEALTH_LOG_EVERY", "0", |s| s.core.log_every > MINUTE * 60 * 24 * 36_500),
        ("STATUS_HEALTH_LOG_EVERY", "0s", |s| s.core.log_every > MINUTE * 60 * 24 * 36_500),
        ("STATUS_FORGET_AFTER", "1d12h", |s| s.core.forget_after == MINUTE * 36 * 60),
        ("STATUS_QUERY_BOOK_EVERY", "1.5h", |s| s.core.query_book_every == MINUTE * 90),
        ("STATUS_VERIFY_BOOK_EVERY", "2m", |s| s.core.verify_book_every == MINUTE * 2),
        ("STATUS_RECONNECT_RELAY_EVERY", "60m", |s| s.core.reconnect_relay_every == MINUTE * 60),
        ("STATUS_RECONNECT_JUMP_EVERY", "36600d", |s| {
            s.core.reconnect_jump_every.as_secs() == 36_600 * 86_400
        }),
        ("STATUS_TIMEOUT_BOOK", "250ms", |s| s.timeout_book.as_millis() == 250),
        ("STATUS_MODE", "observe", |s| s.core.mode == Mode::Observe),
        ("STATUS_MODE", "Act", |s| s.core.mode == Mode::Act),
        ("STATUS_BOOK_OVERRIDE", "enforce", |s| s.core.book_override == BookOverride::Enforce),
        ("STATUS_BOOK_OVERRIDE", "Respect", |s| s.core.book_override == BookOverride::Respect),
        ("STATUS_NAME", "Remote Lab", |s| s.core.name == "Remote Lab"),
        ("STATUS_METRICS_EXPERIMENTS", "true", |s| s.metrics_experiments),
        ("STATUS_GROUPS", "Pendulums=pend*", |s| s.groups.of("pend00") == "Pendulums"),
        ("STATUS_TIMEZONE", "europe/berlin", |s| s.core.zone.name() == "Europe/Berlin"),
        ("STATUS_TIMEZONE", "utc", |s| s.core.zone == Zone::utc()),
        ("STATUS_FLAP_AFTER", "0", |s| s.core.flap.after == 0),
        ("STATUS_FLAP_AFTER", "1000", |s| s.core.flap.after == 1000),
        ("STATUS_FLAP_WITHIN", "1s", |s| s.core.flap.within == Duration::from_secs(1)),
        ("STATUS_FLAP_CALM", "1s", |s| s.core.flap.calm == Duration::from_secs(1)),
        ("STATUS_FLAP_BOOKING", "Hold", |s| s.core.flap.booking == FlapBooking::Hold),
        ("STATUS_FLAP_BOOKING", "follow", |s| s.core.flap.booking == FlapBooking::Follow),
        ("STATUS_PORT_SERVE", "0", |s| s.serve_port == 0),
        ("STATUS_PORT_SERVE", "65535", |s| s.serve_port == 65535),
        ("STATUS_ADDRESS_SERVE", "", |s| s.serve_addresses.is_empty()),
        ("STATUS_ADDRESS_SERVE", "127.0.0.1", |s| s.serve_addresses == [LOOPBACK]),
        ("STATUS_ADDRESS_SERVE", "127.0.0.1, ::1", |s| s.serve_addresses == [LOOPBACK, LOOPBACK_V6]),
        ("STATUS_ADDRESS_SERVE", "[::1] ::1", |s| s.serve_addresses == [LOOPBACK_V6]),
        ("STATUS_ADDRESS_SERVE", "::ffff:127.0.0.1", |s| s.serve_addresses == [LOOPBACK]),
        ("STATUS_ADDRESS_SERVE", "127.0.0.1,0.0.0.0,::1", |s| {
            s.serve_addresses == [IpAddr::from([0, 0, 0, 0]), LOOPBACK_V6]
        }),
        ("STATUS_CORS", "true", |s| s.other_sites == OtherSites::MayRead),
        ("STATUS_CORS", "False", |s| s.other_sites == OtherSites::Unsaid),
        ("STATUS_PORT_PROFILE", "1", |s| s.profile.is_none()),
        ("STATUS_PROFILE", "true", |s| s.profile == Some(6061)),
        ("STATUS_PROFILE", "T", |s| s.profile == Some(6061)),
        ("STATUS_PROFILE", "1", |s| s.profile == Some(6061)),
        ("STATUS_PROFILE", "yes", |s| s.profile == Some(6061)),
        ("STATUS_PROFILE", "on", |s| s.profile == Some(6061)),
        ("STATUS_PROFILE", "No", |s| s.profile.is_none()),
        ("STATUS_PROFILE", "Off", |s| s.profile.is_none()),
        ("STATUS_LOG_LEVEL", "TRACE", |s| s.log.level == tracing::Level::TRACE),
        ("STATUS_LOG_LEVEL", "warning", |s| s.log.level == tracing::Level::WARN),
        ("STATUS_LOG_LEVEL", "panic", |s| s.log.level == tracing::Level::ERROR),
        ("STATUS_LOG_FORMAT", "text", |s| s.log.format == LogFormat::Text),
        ("STATUS_LOG_FILE", "stdout", |s| s.log.target == LogTarget::Stdout),
        ("STATUS_LOG_FILE", "stderr", |s| s.log.target == LogTarget::Stderr),
        ("STATUS_LOG_FILE", "a b.log", |s| s.log.target == LogTarget::File("a b.log".into())),
        ("STATUS_LOG_MAX_SIZE", "50MiB", |s| s.log.max_size == 50 << 20),
        ("STATUS_LOG_MAX_SIZE", "2 GB", |s| s.log.max_size == 2_000_000_000),
        ("STATUS_LOG_MAX_SIZE", "1000", |s| s.log.max_size == 1000),
        ("STATUS_STORE_MAX_SIZE", "1MB", |s| s.store_max_size == 1_000_000),
        ("STATUS_STORE_MAX_SIZE", "2GiB", |s| s.store_max_size == 2 << 30),
        ("STATUS_LOG_KEEP", "0", |s| s.log.keep == 0),
    ];
    for (name, value, took_effect) in cases {
        let (settings, warnings) = read(&[(name, value)]).unwrap();
        assert!(took_effect(&settings), "{name}={value}: {settings:?}");
        let of_others: Vec<&Warning> =
            warnings.iter().filter(|warning| !warning.text.contains("in clear")).collect();
        assert!(of_others.is_empty(), "{of_others:?}");
    }
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
#[test]
fn a_bad_value_is_told_with_its_variable_and_what_is_expected() {
    let cases: &[(&str, &[&str])] = &[
        (
            "STATUS_HOST_BOOK",
            &["a b", "/x", "a.org/x", "::1", "a.org:", "a.org:0", "a.org:99999", "u@a.org", "ä.org", "[::1"],
        ),
        (
            "STATUS_HOST_RELAY",
            &["https://a.org", "wss://a.org:80/x", "?", "a..org?x", "a..b", ".b", "https://a..b"],
        ),
        ("STATUS_HOST_JUMP", &[":80", "#", "a.org:80:80"]),
        (
            "STATUS_ADDRESS_SERVE",
            &[
                "localhost",
                "127.0.0.1:3007",
                "[::1]:3007",
                "127.0.0",
                "256.0.0.1",
                "127.0.0.1,lab",
                "10.0.0.0/8",
                ",",
                "*",
            ],
        ),
        ("STATUS_CORS", &["*", "maybe", "https://a.org"]),
        ("STATUS_SCHEME_BOOK", &["ftp", "https://"]),
        ("STATUS_SCHEME_RELAY", &["ws"]),
        ("STATUS_SCHEME_JUMP", &["h"]),
        ("STATUS_BASEPATH_BOOK", &["https://a.org/x", "a b", "/a?x", "/a#x"]),
        ("STATUS_BASEPATH_RELAY", &["../x", "a//b"]),
        ("STATUS_BASEPATH_JUMP", &["/a/./b", "a\nb"]),
        (
            "STATUS_HEALTH_LAST",
            &["10", "0s", "-1s", "1w", "s", "1s1", "1..5s", "36601d", "999999999999999999999s", "1e3s"],
        ),
        ("STATUS_HEALTH_LAST_ACTIVE", &["0", "999us"]),
        ("STATUS_HEALTH_LAST_CHECKED", &["ten"]),
        ("STATUS_HEALTH_STARTUP", &["-1ns", "1 m"]),
        ("STATUS_HEALTH_EVENTS", &["0", "-1", "1.5", "100001", "many"]),
        ("STATUS_HEALTH_LOG_EVERY", &["999us", "-1s", "never"]),
        ("STATUS_FORGET_AFTER", &["0d", "9s"]),
        ("STATUS_QUERY_BOOK_EVERY", &["0s", "300y"]),
        ("STATUS_VERIFY_BOOK_EVERY", &["0s", "999ms", "300y", "often"]),
        ("STATUS_RECONNECT_RELAY_EVERY", &["999ms"]),
        ("STATUS_RECONNECT_JUMP_EVERY", &["0h", "never"]),
        ("STATUS_TIMEOUT_BOOK", &["0s", "5"]),
        ("STATUS_BOOK_OVERRIDE", &["yes"]),
        ("STATUS_METRICS_EXPERIMENTS", &["maybe"]),
        ("STATUS_GROUPS", &["pend*", "=pend*", "A=", "A=@relay", "A=a;A=b"]),
        ("STATUS_TIMEZONE", &["Europe/Berln", "CET-1CEST,M3.5.0,M10.5.0/3", "+01:00", "Etc/Unknown"]),
        ("STATUS_FLAP_AFTER", &["-1", "1001", "often"]),
        ("STATUS_FLAP_WITHIN", &["0s", "999ms", "20"]),
        ("STATUS_FLAP_CALM", &["0s", "999ms", "never"]),
        ("STATUS_FLAP_BOOKING", &["keep", "out"]),
        ("STATUS_EMAIL_WAIT", &["-1s", "10", "never"]),
        ("STATUS_EMAIL_EVERY", &["-1s", "10", "never"]),
        ("STATUS_EMAIL_REMIND_EVERY", &["999ms", "never", "-1d"]),
        ("STATUS_EMAIL_FORMAT", &["plain", "text/html"]),
        ("STATUS_PORT_SERVE", &["65536", "-1", "http", "80.0"]),
        ("STATUS_PORT_PROFILE", &["0", "x"]),
        ("STATUS_PROFILE", &["maybe", "2"]),
        ("STATUS_LOG_LEVEL", &["loud", "4"]),
        ("STATUS_LOG_FORMAT", &["xml"]),
        ("STATUS_LOG_FILE", &["/var/log/"]),
        ("STATUS_LOG_MAX_SIZE", &["999", "MB", "1.5MB", "2TB", "1000001MB", "99999999999999999999", "-1MB"]),
        ("STATUS_STORE_MAX_SIZE", &["999999", "0", "1kB", "976KiB", "2TB", "none", "-1MB", "1.5GB"]),
        ("STATUS_LOG_KEEP", &["-1", "1001", "all"]),
        ("STATUS_EMAIL_TLS", &["yes", "tls", "STARTTLS,none"]),
        ("STATUS_EMAIL_HELO", &["lab_status_1", "192.0.2.1", "[::1]", "a b", "a."]),
        ("STATUS_EMAIL_USER", &["a\tb"]),
        ("STATUS_EMAIL_HOST", &["smtp.b.org:25", "smtp://smtp.b.org", "a b", "b.org/x", "smtp..b.org"]),
        ("STATUS_EMAIL_PORT", &["0", "smtp"]),
        ("STATUS_EMAIL_AUTH_TYPE", &["login"]),
        ("STATUS_EMAIL_FROM", &["nobody", "a@", "a@a.org, b@b.org", "a@a.org\nX: y"]),
        ("STATUS_EMAIL_TO", &["a@a.org, nobody", ",", "a@a.org;b@b.org"]),
        ("STATUS_EMAIL_CC", &["a@a.org b@b.org", "\"a\r\nb\" <a@a.org>"]),
        ("STATUS_EMAIL_SUBJECT", &["a\nBcc: x@y.org"]),
        ("STATUS_EMAIL_LINK", &["a\r\nb"]),
    ];
    for (name, values) in cases {
        for value in *values {
            let problems = with_mail(&[(name, value)]).expect_err(&format!("{name}={value}")).problems;
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!(problems[0].variable, *name);
            let text = problems[0].to_string();
            assert!(text.starts_with(&format!("{name} is \"")) && text.contains("\": expected "), "{text}");
            assert!(!text.contains(char::is_control), "{text:?}");
        }
    }
}

#[test]
fn what_is_required_and_missing_or_empty_is_told() {
    for (name, _) in REQUIRED {
        for empty in ["", "  ", "\"\"", "' '"] {
            if empty == "' '" && name.contains("SECRET") {
                continue; // Between quotes, a blank may be meant.
            }
            let problems = read(&[(name, empty)]).unwrap_err().problems;
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].to_string().starts_with(&format!("{name} is not set: expected ")));
        }
    }
    assert_eq!(Settings::from_vars([]).unwrap_err().problems.len(), 6);
}

#[test]
fn all_problems_are_told_at_once() {
    let problems = Settings::from_vars(
        [
            ("STATUS_HOST_BOK", "book.example.org"),
            ("STATUS_HOST_RELAY", "https://relay.example.org/tenant/relay"),
            ("STATUS_HOST_JUMP", "jump.example.org/tenant/jump"),
            ("STATUS_SECRET_BOOK", "somesecret"),
            ("STATUS_SECRET_RELAY", "somesecret"),
            ("STATUS_HEALTH_LAST", "10"),
            ("STATUS_EMAIL_TO", "alpha@a.org"),
            ("STATUS_EMAIL_AUTH_TYPE", "plain"),
            ("STATUS_LOG_LEVEL", "x\n\u{1b}[31m"),
            ("PATH", "/bin"),
        ]
        .map(|(name, value)| (name.into(), value.into())),
    );
    insta::assert_snapshot!(problems.unwrap_err(), @r#"
    9 settings are wrong:
      STATUS_HEALTH_LAST is "10": expected a span of time such as 10s, 1h30m, 1500ms or 1d
      STATUS_HOST_BOOK is not set: expected a host such as app.example.org, or host:port, or [::1]:port
      STATUS_HOST_RELAY is "https://relay.example.org/tenant/relay": expected a host without scheme and path: write relay.example.org
      STATUS_HOST_JUMP is "jump.example.org/tenant/jump": expected a host such as app.example.org, or host:port, or [::1]:port, without a path: that belongs in STATUS_BASEPATH_JUMP
      STATUS_SECRET_JUMP is not set: expected the secret that jump checks tokens with
      STATUS_EMAIL_HOST is not set: expected the mail server's name, such as smtp.example.org
      STATUS_EMAIL_FROM is not set: expected an address such as alpha@a.org or Name <alpha@a.org>
      STATUS_EMAIL_PASSWORD is not set: expected a password, since STATUS_EMAIL_AUTH_TYPE is plain
      STATUS_LOG_LEVEL is "x\n\u{1b}[31m": expected trace, debug, info, warn or error
      (warning) STATUS_HOST_BOK is no setting, and is ignored: did you mean STATUS_HOST_BOOK?
    "#);
}

#[test]
fn no_secret_is_ever_shown() {
    const SECRETS: [&str; 6] = ["hidden-a", "hidden-b", "hidden-c", "hidden-d", "hidden-e", "hidden-f"];
    let secrets = [
        ("STATUS_SECRET_BOOK", " hidden-a "),
        ("STATUS_SECRET_RELAY", "hidden-b"),
        ("STATUS_SECRET_JUMP", "hidden-c"),
        ("STATUS_EMAIL_PASSWORD", "hidden-d\n"),
        ("STATUS_SECRET_BOOKS", "hidden-e"),
        ("STATUS_SECRET_ADMIN", "hidden-f"),
    ];
    let hides = |text: String| {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{text}");
        }
    };
    let (settings, warnings) = with_mail(&secrets).unwrap();
    assert_eq!(warnings.len(), 3, "two with blanks, one unknown: {warnings:?}");
    hides(format!("{settings:?} {settings:#?} {warnings:?}"));

    for host in ["https://me:hidden-a@a.org", "https://hidden-a@a.org/x", "me:hidden-a@a.org:80"] {
        let problems = with_mail(&[&secrets[..], &[("STATUS_HOST_BOOK", host)]].concat()).unwrap_err();
        hides(format!("{problems} {problems:?}"));
    }

    let mut bytes = b"hidden-a".to_vec();
    bytes.push(0xff);
    let names = ["STATUS_SECRET_BOOK", "STATUS_EMAIL_PASSWORD", "STATUS_SECRET_ADMIN"];
    let vars = names.map(|name| (name.into(), OsString::from_vec(bytes.clone())));
    let problems = Settings::from_vars(vars).unwrap_err();
    assert!(problems.problems.iter().any(|p| p.fault == Fault::BadSecret), "{problems:?}");
    hides(format!("{problems} {problems:?}"));
}

#[test]
fn bytes_that_are_no_text_are_a_problem_with_their_variable_and_only_with_ours() {
    let bad = || OsString::from_vec(vec![b'x', 0xff]);
    let mut vars: Vec<(OsString, OsString)> = REQUIRED.map(|(k, v)| (k.into(), v.into())).into();
    vars.push(("OTHER".into(), bad()));
    vars.push((bad(), bad()));
    assert!(Settings::from_vars(vars.clone()).is_ok());
    vars[0].1 = bad();
    vars.push(("STATUS_LOG_FILE".into(), bad()));
    let problems = Settings::from_vars(vars).unwrap_err();
    insta::assert_snapshot!(problems, @r#"
    2 settings are wrong:
      STATUS_HOST_BOOK is "x�": expected text in UTF-8
      STATUS_LOG_FILE is "x�": expected text in UTF-8
    "#);
}

#[test]
fn a_name_that_is_there_twice_counts_once() {
    let twice = [("STATUS_HOST_BOOK".into(), "first".into()), ("STATUS_HOST_BOOK".into(), "second".into())];
    let rest = REQUIRED[1..].iter().map(|(k, v)| (k.into(), v.into()));
    let (settings, _) = Settings::from_vars(twice.into_iter().chain(rest)).unwrap();
    assert_eq!(settings.book.audience(), "https://first");
}

#[test]
fn http_to_another_machine_is_a_warning() {
    for service in ["BOOK", "RELAY", "JUMP"] {
        let (scheme, host) = (format!("STATUS_SCHEME_{service}"), format!("STATUS_HOST_{service}"));
        for (address, expected) in
            [("10.0.0.7:3000", 1), ("relay", 1), ("localhost:3000", 0), ("[::1]:80", 0)]
        {
            let (_, warnings) = read(&[(&scheme, "http"), (&host, address)]).unwrap();
            assert_eq!(warnings.len(), expected, "{host}={address}: {warnings:?}");
            assert!(
                warnings
                    .iter()
                    .all(|warning| warning.variable == scheme && warning.text.contains("in clear"))
            );
        }
        assert_eq!(read(&[(&scheme, "https"), (&host, "10.0.0.7")]).unwrap().1, []);
    }
}

#[test]
fn an_unknown_variable_is_a_warning() {
    let cases = [
        ("STATUS_HEALTH_LST", "is no setting, and is ignored: did you mean STATUS_HEALTH_LAST?"),
        ("STATUS_HOSTBOOK", "is no setting, and is ignored: did you mean STATUS_HOST_BOOK?"),
        ("STATUS_host_book", "is no setting, and is ignored: did you mean STATUS_HOST_BOOK?"),
        ("STATUS_WEATHER", "is no setting, and is ignored"),
        ("STATUS_", "is no setting, and is ignored"),
        ("STATUS_STATUS_HOST_BOOK", "is no setting, and is ignored"),
    ];
    for (name, text) in cases {
        let (_, warnings) = read(&[(name, "x")]).unwrap();
        assert_eq!(warnings, [Warning { variable: name.into(), text: text.into() }]);
    }
    assert_eq!(read(&[("XSTATUS_Y", "x"), ("STATUSZ", "x"), ("status_host_book", "x")]).unwrap().1, []);
}

#[test]
fn one_limit_is_the_default_of_both_and_each_overrides_it() {
    let settings = good(&[("STATUS_HEALTH_LAST", "20s"), ("STATUS_HEALTH_LAST_ACTIVE", "5s")]);
    assert_eq!((settings.core.last_active, settings.core.last_checked), (s(5), s(20)));
    let settings = good(&[("STATUS_HEALTH_LAST", "20s"), ("STATUS_HEALTH_LAST_CHECKED", "5s")]);
    assert_eq!((settings.core.last_active, settings.core.last_checked), (s(20), s(5)));
}

#[test]
fn flapping_is_counted_for_longer_where_equipment_is_rarely_active() {
    let flap = |more: &[(&str, &str)]| good(more).core.flap;
    let rare = ("STATUS_HEALTH_LAST_ACTIVE", "5m");
    assert_eq!((flap(&[rare]).within, flap(&[rare]).calm), (MINUTE * 60, MINUTE * 60));
    let within = ("STATUS_FLAP_WITHIN", "25m");
    assert_eq!((flap(&[rare, within]).within, flap(&[rare, within]).calm), (MINUTE * 25, MINUTE * 30));
    let calm = ("STATUS_FLAP_CALM", "10m");
    assert_eq!((flap(&[calm]).within, flap(&[calm]).calm), (MINUTE * 20, MINUTE * 10));
}

#[test]
fn when_and_how_news_is_mailed_can_be_chosen() {
    let text = |more: &[(&str, &str)]| with_mail(more).unwrap().0.core.mail.unwrap();
    let usual = text(&[]);
    assert_eq!((usual.wait, usual.every, usual.remind_every, usual.html), (s(10), s(0), None, true));
    assert_eq!(text(&[("STATUS_HEALTH_LAST_CHECKED", "1m")]).wait, MINUTE);
    assert_eq!(text(&[("STATUS_HEALTH_LAST", "3m")]).wait, MINUTE * 2, "no longer unless it is told to");
    assert_eq!(text(&[("STATUS_EMAIL_WAIT", "3m")]).wait, MINUTE * 3);
    assert_eq!(text(&[("STATUS_EMAIL_WAIT", "0s")]).wait, s(0));
    assert_eq!(text(&[("STATUS_EMAIL_EVERY", "1h")]).every, MINUTE * 60);
    assert_eq!(text(&[("STATUS_EMAIL_REMIND_EVERY", "1d")]).remind_every, Some(MINUTE * 60 * 24));
    for never in ["0", "0s"] {
        assert_eq!(text(&[("STATUS_EMAIL_REMIND_EVERY", never)]).remind_every, None);
    }
    assert!(text(&[("STATUS_EMAIL_FORMAT", "HTML")]).html);
    assert!(!text(&[("STATUS_EMAIL_FORMAT", "Text")]).html);
}

#[test]
fn the_two_listeners_need_two_ports() {
    let same = [("STATUS_PORT_PROFILE", "3007")];
    assert_eq!(good(&same).profile, None, "as long as only one listens");
    let problems = read(&[&same[..], &[("STATUS_PROFILE", "1")]].concat()).unwrap_err();
    assert_eq!(problems.problems[0].variable, "STATUS_PORT_PROFILE");
}

#[test]
fn mail_is_wanted_once_there_is_a_server_or_somebody_to_send_to() {
    let missing = |more: &[(&str, &str)]| {
        let problems = read(more).unwrap_err().problems;
        problems.into_iter().map(|problem| problem.variable).collect::<Vec<_>>()
    };
    assert_eq!(missing(&[MAIL[0]]), ["STATUS_EMAIL_FROM", "STATUS_EMAIL_TO"]);
    assert_eq!(missing(&[MAIL[2]]), ["STATUS_EMAIL_HOST", "STATUS_EMAIL_FROM"]);
    assert_eq!(missing(&[("STATUS_EMAIL_CC", "a@a.org")]), ["STATUS_EMAIL_HOST", "STATUS_EMAIL_FROM"]);
    let (settings, warnings) = read(&[MAIL[1], ("STATUS_EMAIL_PASSWORD", "x")]).unwrap();
    assert!(settings.mail.is_none() && settings.core.mail.is_none());
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let defaults = [("STATUS_EMAIL_PORT", "587"), ("STATUS_EMAIL_SUBJECT", "x"), ("STATUS_EMAIL_LINK", "x")];
    assert_eq!(read(&defaults).unwrap().1, []);
}

#[test]
fn who_has_a_password_logs_in_unless_told_otherwise() {
    let password = ("STATUS_EMAIL_PASSWORD", "x");
    let auth = |kind| ("STATUS_EMAIL_AUTH_TYPE", kind);
    assert!(matches!(mail(&[password]).auth, MailAuth::Plain { .. }));
    assert!(matches!(mail(&[password, auth("plain")]).auth, MailAuth::Plain { .. }));
    assert!(matches!(mail(&[password, auth("none")]).auth, MailAuth::None));
    assert!(matches!(mail(&[auth("NONE")]).auth, MailAuth::None));
    let problems = with_mail(&[auth("plain")]).unwrap_err().problems;
    assert_eq!(problems[0].variable, "STATUS_EMAIL_PASSWORD");
    let named = mail(&[password, ("STATUS_EMAIL_FROM", "The Lab <lab@b.org>")]);
    assert!(matches!(named.auth, MailAuth::Plain { user, .. } if user == "lab@b.org"));
}

#[test]
fn several_addresses_are_separated_by_commas() {
    let to = mail(&[("STATUS_EMAIL_TO", "a@a.org,b@b.org , \"Doe, J.\" <c@c.org>,")]).to;
    let emails: Vec<_> = to.iter().map(|mailbox| mailbox.email.to_string()).collect();
    assert_eq!(emails, ["a@a.org", "b@b.org", "c@c.org"]);
    assert_eq!(to[2].name.as_deref(), Some("Doe, J."));
    assert_eq!(mail(&[("STATUS_EMAIL_HOST", "[::1]"), ("STATUS_EMAIL_PORT", "25")]).host, "::1");
}

#[test]
fn the_labs_name_is_in_mails_and_is_the_senders_where_that_has_none() {
    let (settings, _) = with_mail(&[("STATUS_NAME", "Remote Lab")]).unwrap();
    assert_eq!(settings.core.mail.unwrap().lab, "Remote Lab");
    let from = |more: &[(&str, &str)]| mail(more).from.to_string();
    assert_eq!(from(&[]), "other@b.org");
    assert_eq!(from(&[("STATUS_NAME", "Remote Lab")]), "Remote Lab <other@b.org>");
    let named = [("STATUS_NAME", "Remote Lab"), ("STATUS_EMAIL_FROM", "Alpha <a@b.org>")];
    assert_eq!(from(&named), "Alpha <a@b.org>");
}

#[test]
fn copies_are_enough() {
    let cc = ("STATUS_EMAIL_CC", "a@a.org");
    let mail = read(&[MAIL[0], MAIL[1], cc]).unwrap().0.mail.unwrap();
    assert_eq!((mail.to, mail.cc), (vec![], vec!["a@a.org".parse().unwrap()]));
    let problems = read(&[MAIL[0], MAIL[1], ("STATUS_EMAIL_CC", "nobody")]).unwrap_err().problems;
    assert_eq!(problems.iter().map(|problem| &*problem.variable).collect::<Vec<_>>(), ["STATUS_EMAIL_CC"]);
}

#[test]
fn a_dot_too_many_in_a_host_is_told_as_such() {
    for name in ["STATUS_HOST_BOOK", "STATUS_EMAIL_HOST"] {
        let problems = with_mail(&[(name, "a..b")]).unwrap_err().to_string();
        assert!(problems.contains("without a dot before it or two dots in a row"), "{problems}");
    }
}

#[test]
fn what_is_forgotten_must_first_be_missed() {
    let long = ("STATUS_HEALTH_LAST_CHECKED", "8d");
    assert_eq!(good(&[long]).core.forget_after, s(8 * 86_400), "nobody has set it, so it follows");
    assert_eq!(good(&[("STATUS_HEALTH_LAST", "1m")]).core.forget_after, s(7 * 86_400));
    let problems = read(&[long, ("STATUS_FORGET_AFTER", "7d")]).unwrap_err().problems;
    assert_eq!(problems[0].variable, "STATUS_FORGET_AFTER");
    assert_eq!(good(&[long, ("STATUS_FORGET_AFTER", "8d")]).core.forget_after, s(8 * 86_400));
}

#[test]
fn every_variable_is_in_the_documents() {
    let documents = include_str!("../../../docs/configure.md");
    let example = include_str!("../../../deploy/status.env");
    for name in super::variables::names() {
        assert!(documents.contains(&format!("`{name}`")), "docs/configure.md lacks {name}");
    }
    let known: Vec<String> = super::variables::names().collect();
    let words = example.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    for name in words.filter(|word| word.starts_with("STATUS_") && word.len() > "STATUS_".len()) {
        assert!(known.iter().any(|known| known == name), "deploy/status.env has {name}, which there is not");
    }
}

#[test]
fn the_secret_of_persons_and_the_place_are_read_without_all_else() {
    let vars = |set: &[(&str, &str)]| {
        set.iter().map(|(name, value)| (OsString::from(*name), OsString::from(*value))).collect::<Vec<_>>()
    };
    let others = [("STATUS_PORT_SERVE", "x"), ("STATUS_SECRET_BOOK_FILE", "/missing"), ("STATUS_MODE", "x")];
    let secret =
        Settings::secret_admin_from_vars(vars(&[&[("STATUS_SECRET_ADMIN", "a")][..], &others].concat()));
    assert_eq!(secret.unwrap().expose_secret(), "a");
    let missing = Settings::secret_admin_from_vars(vars(&others)).unwrap_err().to_string();
    assert!(missing.contains("STATUS_SECRET_ADMIN is not set: expected the secret"), "{missing}");
    let both = [("STATUS_SECRET_ADMIN", "hidden"), ("STATUS_SECRET_ADMIN_FILE", "/hidden/x")];
    let both = Settings::secret_admin_from_vars(vars(&both)).unwrap_err().to_string();
    assert!(both.contains("are both set") && !both.contains("hidden"), "{both}");

    let place = [("STATUS_PORT_SERVE", "8080"), ("STATUS_ADDRESS_SERVE", "::1"), ("STATUS_MODE", "x")];
    assert_eq!(Settings::place_from_vars(vars(&place)).unwrap(), (8080, vec![LOOPBACK_V6]));
    assert_eq!(Settings::place_from_vars(vars(&[])).unwrap(), (3007, vec![]));
    let bad = Settings::place_from_vars(vars(&others)).unwrap_err().to_string();
    assert!(bad.contains("STATUS_PORT_SERVE is \"x\""), "{bad}");
}

#[test]
fn how_mail_is_encrypted_and_who_logs_in_can_be_chosen() {
    let password = ("STATUS_EMAIL_PASSWORD", "x");
    let plain = mail(&[]);
    assert_eq!((plain.tls, plain.helo), (MailTls::Auto, None));
    for (text, tls) in [
        ("auto", MailTls::Auto),
        ("Implicit", MailTls::Implicit),
        ("STARTTLS", MailTls::StartTls),
        ("none", MailTls::None),
    ] {
        assert_eq!(mail(&[("STATUS_EMAIL_TLS", text)]).tls, tls);
        let with_login = with_mail(&[password, ("STATUS_EMAIL_TLS", text)]);
        assert_eq!(with_login.is_ok(), tls != MailTls::None, "a password is not sent in clear: {text}");
        let not_used = ("STATUS_EMAIL_AUTH_TYPE", "none");
        assert_eq!(mail(&[password, not_used, ("STATUS_EMAIL_TLS", text)]).tls, tls);
    }
    for helo in ["status.example.org", "[192.0.2.1]", "[IPv6:2001:db8::1]"] {
        assert_eq!(mail(&[("STATUS_EMAIL_HELO", helo)]).helo.unwrap().as_str(), helo);
    }
    let logged_in = mail(&[password, ("STATUS_EMAIL_USER", "apikey")]);
    assert!(matches!(logged_in.auth, MailAuth::Plain { user, .. } if user == "apikey"));
    let (_, warnings) = with_mail(&[("STATUS_EMAIL_USER", "apikey")]).unwrap();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].variable, "STATUS_EMAIL_USER");
}

#[test]
fn what_is_meant_as_the_address_of_a_database_is_no_file_and_shows_no_password() {
    for text in [
        "postgres://a:hidden@c.org/b",
        "postgres://a@c.org/b?password=hidden",
        "Postgres:hidden",
        "mysql://c.org/b",
    ] {
        let problems = read(&[("STATUS_STORE", text)]).unwrap_err().to_string();
        assert!(problems.contains("STATUS_STORE "), "{text}: {problems}");
        let is_secret = text.contains("a:hidden") || text.contains("password");
        assert!(!is_secret || !problems.contains("hidden"), "{text}: {problems}");
    }
    let address = read(&[("STATUS_STORE", "postgres://a@c.org/b?schema=lab1")]);
    #[cfg(feature = "postgres")]
    assert!(matches!(address.unwrap().0.store, StoreSettings::Database(_)));
    #[cfg(not(feature = "postgres"))]
    assert!(address.unwrap_err().to_string().contains("was built without PostgreSQL"));
}
