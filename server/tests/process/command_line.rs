//! How it is started, and what it says if that is wrong.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitStatus;

use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::support::{LONG, Status, environment, free_port, get, lab_services, mail, port_in};

/// Runs it without any settings until it ends by itself.
async fn run(arguments: &[&str]) -> (ExitStatus, String, String) {
    let mut status = Status::run(arguments, BTreeMap::new());
    let ended = status.ended(LONG).await;
    (ended, status.out.all().join("\n"), status.err.all().join("\n"))
}

#[tokio::test]
async fn help_tells_the_commands_and_what_they_need() {
    let (ended, out, err) = run(&["--help"]).await;
    assert_eq!((ended.code(), err.as_str()), (Some(0), ""));
    for part in ["Usage: status", "serve", "demo", "simulate", "STATUS_"] {
        assert!(out.contains(part), "{part} is not in {out}");
    }
    let (ended, out, err) = run(&["serve", "--help"]).await;
    assert_eq!((ended.code(), err.as_str()), (Some(0), ""));
    for part in ["STATUS_HOST_BOOK", "STATUS_SECRET_JUMP", "STATUS_PORT_SERVE", "Exit codes"] {
        assert!(out.contains(part), "{part} is not in {out}");
    }
    let (ended, out, _) = run(&["--version"]).await;
    assert_eq!(ended.code(), Some(0));
    let version = format!("status {}", env!("CARGO_PKG_VERSION"));
    let built = out.strip_prefix(&version).unwrap_or_else(|| panic!("{out}"));
    // Outside of its repository it has no commit to tell.
    let is_told = built.starts_with(" (") && built.ends_with(')') && built.matches('-').count() == 2;
    assert!(built.is_empty() || is_told, "{out}");
    let (ended, out, _) = run(&["completions", "bash"]).await;
    assert!(ended.code() == Some(0) && out.contains("--send-test-mail"), "{out}");
}

#[tokio::test]
async fn a_wrong_command_line_is_exit_code_2() {
    for arguments in [&[][..], &["sreve"], &["serve", "now"], &["demo", "--port", "none"]] {
        let (ended, out, err) = run(arguments).await;
        assert_eq!((ended.code(), out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(err.contains("Usage") || err.contains("--help"), "{err}");
    }
}

#[tokio::test]
async fn bad_settings_are_exit_code_2_and_all_told_at_once_without_a_secret() {
    let set = [
        ("STATUS_HOST_BOOK", "https://app.example.org/"),
        ("STATUS_HOST_RELAY", "app.example.org/tenant"),
        ("STATUS_SECRET_JUMP", "Hidden-Jump-Secret"),
        ("STATUS_SECRET_RELLAY", "Hidden-Relay-Secret"),
        ("STATUS_HEALTH_LAST", "soon"),
        ("STATUS_HEALTH_EVENTS", "-1"),
        ("STATUS_PORT_SERVE", "99999"),
        ("STATUS_BOOK_OVERRIDE", "maybe"),
        ("STATUS_EMAIL_TO", "nobody"),
        ("STATUS_EMAIL_PASSWORD", "Hidden-Mail-Password"),
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_status"));
    command.arg("serve").env_clear().envs(set);
    command.env("STATUS_SECRET_BOOK", OsStr::from_bytes(b"Hidden-Book-Secret\xff"));
    let mut status = Status::spawn(command);
    assert_eq!(status.ended(LONG).await.code(), Some(2));
    let err = status.err.all().join("\n");
    for expected in [
        "STATUS_HOST_BOOK is \"https://app.example.org/\": expected ",
        "STATUS_HOST_RELAY is \"app.example.org/tenant\": expected ",
        "STATUS_HOST_JUMP is not set: expected ",
        "STATUS_SECRET_BOOK has a value that can't be used: expected ",
        "STATUS_SECRET_RELAY is not set: expected ",
        "STATUS_SECRET_RELLAY is no setting, and is ignored: did you mean STATUS_SECRET_RELAY?",
        "STATUS_HEALTH_LAST is \"soon\": expected ",
        "STATUS_HEALTH_EVENTS is \"-1\": expected ",
        "STATUS_PORT_SERVE is \"99999\": expected ",
        "STATUS_BOOK_OVERRIDE is \"maybe\": expected ",
        "STATUS_EMAIL_TO is \"nobody\": expected ",
        "STATUS_EMAIL_HOST is not set: expected ",
        "STATUS_EMAIL_FROM is not set: expected ",
    ] {
        assert!(err.contains(expected), "{expected} is not in {err}");
    }
    assert!(err.contains("\n  STATUS_") && err.starts_with("status: 12 settings are wrong:"), "{err}");
    assert!(!err.contains("Hidden"), "{err}");
    assert!(status.out.all().is_empty());
}

#[tokio::test]
async fn a_port_that_is_taken_is_exit_code_1_with_a_clear_line() {
    let services = lab_services(1).await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut status = Status::serve(&services, &[("STATUS_PORT_SERVE", &port)]);
    assert_eq!(status.ended(LONG).await.code(), Some(1));
    let expected = format!("cannot listen on port {port}: ");
    for lines in [&status.out, &status.err] {
        let line = lines.line(&[&expected]).await;
        assert!(line.contains("choose another STATUS_PORT_SERVE"), "{line}");
    }
}

#[tokio::test]
async fn a_demo_whose_port_is_taken_says_which_option_chooses_another() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (ended, _, err) = run(&["demo", "--port", &port]).await;
    assert_eq!(ended.code(), Some(1));
    assert!(err.contains(&format!("cannot listen on port {port}: ")), "{err}");
    assert!(err.contains("choose another --port") && !err.contains("STATUS_"), "{err}");
}

#[tokio::test]
async fn the_demo_can_be_reached_from_this_machine_alone() {
    let port = free_port();
    let mut status = Status::run(&["demo", "--port", &port.to_string()], BTreeMap::new());
    status.out.line(&[&format!("look at http://127.0.0.1:{port}/")]).await;
    // Whoever listens on every address listens on this one, too.
    assert!(TcpStream::connect(("127.0.0.2", port)).await.is_err());
    assert!(TcpStream::connect(("::1", port)).await.is_err());
    status.stop().await;
}

#[tokio::test]
async fn the_profile_shows_figures_on_loopback_and_many_files_may_be_open() {
    let services = lab_services(1).await;
    let port = free_port();
    let chosen = [("STATUS_PROFILE", "true"), ("STATUS_PORT_PROFILE", &port.to_string())];
    let mut status = Status::serve(&services, &chosen);
    mail(&services, 1).await;
    let [now, most] = status.files_allowed();
    assert_eq!(now, most, "a process may raise its own limit to what is allowed at all");
    let figures = get(port, "/").await;
    assert!(figures.starts_with("HTTP/1.1 200"), "{figures}");
    for part in ["resident memory", "open files", "tasks alive"] {
        assert!(figures.contains(part), "{part} is not in {figures}");
    }
    status.stop().await;
}

#[tokio::test]
async fn it_says_once_that_no_mail_is_sent_and_which_variables_it_does_not_know() {
    let services = lab_services(1).await;
    let mut variables = environment(&services, &[("STATUS_HELTH_LAST", "Hidden")]);
    variables.retain(|name, _| !name.starts_with("STATUS_EMAIL_"));
    let mut status = Status::run(&["serve"], variables);
    let port = status.port().await;
    status.out.line(&["warn", "STATUS_HELTH_LAST is no setting", "did you mean STATUS_HEALTH_LAST?"]).await;
    status.out.line(&["pend00 is healthy, can be booked"]).await;
    assert!(get(port, "/api/v1/experiments").await.contains("\"topic_name\":\"pend00\""));
    status.stop().await;
    let about_mail = status.out.all().iter().filter(|line| line.contains("no mail will be sent")).count();
    assert_eq!(about_mail, 1);
    assert!(!status.out.all().iter().any(|line| line.contains("Hidden")));
}

#[tokio::test]
async fn the_demo_prints_its_address_answers_and_stops() {
    let mut status = Status::run(&["demo"], BTreeMap::new());
    let line = status.out.line(&["look at http://127.0.0.1:"]).await;
    let port = line.split("127.0.0.1:").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
    assert!(get(port, "/healthz").await.starts_with("HTTP/1.1 200"));
    status.stop().await;
}

#[tokio::test]
async fn it_listens_where_it_is_told_to_and_nowhere_else() {
    let services = lab_services(1).await;
    let mut status = Status::serve(&services, &[("STATUS_ADDRESS_SERVE", "127.0.0.3, 127.0.0.1")]);
    let first = status.out.line(&["serving at 127.0.0.3:"]).await;
    let second = status.out.line(&["serving at 127.0.0.1:"]).await;
    let port = port_in(&first);
    assert_eq!(port, port_in(&second));
    for (address, there) in [("127.0.0.1", true), ("127.0.0.3", true), ("127.0.0.2", false)] {
        assert_eq!(TcpStream::connect((address, port)).await.is_ok(), there, "{address}");
    }
    status.stop().await;

    let mut status = Status::serve(&services, &[("STATUS_ADDRESS_SERVE", "127.0.0.1, lab.example.org")]);
    assert_eq!(status.ended(LONG).await.code(), Some(2));
    status.err.line(&["STATUS_ADDRESS_SERVE", "\"lab.example.org\" is no IP address"]).await;
    let mut status = Status::serve(&services, &[("STATUS_ADDRESS_SERVE", "192.0.2.1")]);
    assert_eq!(status.ended(LONG).await.code(), Some(1));
    status.err.line(&["cannot listen on port 0 at 192.0.2.1", "STATUS_ADDRESS_SERVE has to name"]).await;
}
