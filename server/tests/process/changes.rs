//! `status token`, `status maintain` and `status ack`: what they say with a server, with another and with none.

use std::collections::BTreeMap;

use secrecy::SecretString;
use status_adapters::clock::{Clock, SystemClock};
use status_adapters::token::{TokenFault, verified};
use status_core::Wall;

use crate::support::{LONG, Status, free_port, lab_services};

const SECRET: &str = "Admin-Secret-4715";

/// The exit code of a command, and what it says.
async fn run(arguments: &[&str], set: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let set: BTreeMap<String, String> =
        set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut status = Status::run(arguments, set);
    let code = status.ended(LONG).await.code();
    (code, status.out.all().join("\n"), status.err.all().join("\n"))
}

const COMMANDS: [&[&str]; 4] = [
    &["maintain", "pend0*", "--for", "2h", "--reason", "new bearings"],
    &["maintain", "--end", "7"],
    &["ack", "pend00", "--note", "camera ordered"],
    &["ack", "--withdraw", "pend00"],
];

#[tokio::test]
async fn a_token_is_printed_that_is_good_for_so_long() {
    let admin = ("STATUS_SECRET_ADMIN", SECRET);
    let now = SystemClock.now().wall;
    let later = |seconds: u64| Wall::from_millis(now.as_millis() + seconds * 1_000);
    for (arguments, good_for) in [(vec![], 8 * 3600), (vec!["--for", "90m"], 90 * 60)] {
        let arguments = [&["token", "--name", "alice"], &arguments[..]].concat();
        let (code, token, err) = run(&arguments, &[admin]).await;
        assert_eq!((code, err.as_str()), (Some(0), ""));
        let secret = SecretString::from(SECRET);
        assert_eq!(verified(&secret, &token, later(good_for - 1)).unwrap().name, "alice");
        assert_eq!(verified(&secret, &token, later(good_for + 120)), Err(TokenFault::Expired));
    }
}

#[tokio::test]
async fn without_the_secret_the_variable_is_named() {
    for arguments in COMMANDS.into_iter().chain([&["token", "--name", "alice"][..]]) {
        let (code, out, err) = run(arguments, &[]).await;
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(err.contains("STATUS_SECRET_ADMIN is not set"), "{err}");
    }
}

#[tokio::test]
async fn without_a_server_it_is_said_where_it_was_looked_for() {
    let port = free_port().to_string();
    let set = [("STATUS_SECRET_ADMIN", SECRET), ("STATUS_PORT_SERVE", port.as_str())];
    for arguments in COMMANDS.into_iter().chain([&["maintain", "--list"][..]]) {
        let (code, out, err) = run(arguments, &set).await;
        assert_eq!((code, out.as_str()), (Some(1), ""), "{arguments:?}");
        let said = format!("no answer from http://127.0.0.1:{port}: ");
        assert!(err.contains(&said) && err.contains("does the server run"), "{err}");
    }
    let (code, _, err) = run(&["maintain", "--list", "--server", "lab.example.org"], &[]).await;
    assert!(code == Some(2) && err.contains("an address such as"), "{err}");
    let (code, _, err) = run(&["maintain", "--list"], &[("STATUS_PORT_SERVE", "0")]).await;
    assert!(code == Some(2) && err.contains("--server has to say"), "{err}");
}

#[tokio::test]
async fn a_server_without_the_secret_takes_no_changes_and_says_what_to_do() {
    let services = lab_services(1).await;
    let mut server = Status::serve(&services, &[]);
    let port = server.port().await.to_string();
    let set = [("STATUS_SECRET_ADMIN", SECRET), ("STATUS_PORT_SERVE", port.as_str())];
    for arguments in COMMANDS {
        let (code, out, err) = run(arguments, &set).await;
        assert_eq!((code, out.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(err.contains("takes no changes: set STATUS_SECRET_ADMIN where it runs"), "{err}");
    }
    let (code, out, _) = run(&["maintain", "--list"], &set).await;
    assert_eq!((code, out.as_str()), (Some(0), "there is no window of maintenance"));
    server.stop().await;
}

#[tokio::test]
async fn a_token_of_another_secret_is_refused_and_logged_without_it() {
    let services = lab_services(1).await;
    let chosen = [("STATUS_SECRET_ADMIN", SECRET), ("STATUS_LOG_LEVEL", "trace")];
    let mut server = Status::serve(&services, &chosen);
    let port = server.port().await.to_string();
    let set = [("STATUS_SECRET_ADMIN", "Other-Secret"), ("STATUS_PORT_SERVE", port.as_str())];
    let (code, out, err) = run(COMMANDS[0], &set).await;
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("the server refuses: the token is not signed with"), "{err}");
    // Its own gets through to what it says, which makes no sense.
    let set = [("STATUS_SECRET_ADMIN", SECRET), ("STATUS_PORT_SERVE", port.as_str())];
    let nonsense = ["maintain", "a", "--every", "always", "--reason", "x"];
    let (code, _, err) = run(&nonsense, &set).await;
    assert!(code == Some(1) && err.contains("the server refuses: every: "), "{err}");
    server.stop().await;
    let log = server.out.all();
    assert!(log.iter().any(|line| line.contains("a change at /api/v1/maintenance was refused")), "{log:#?}");
    for line in log.iter().chain(&server.err.all()) {
        assert!(!line.contains(SECRET) && !line.contains("Other-Secret") && !line.contains("eyJ"), "{line}");
    }
}
