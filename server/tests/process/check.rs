//! `status check`: what it says of good and bad installations, and that it changes none.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rustix::process::Signal;
use status_server::command::check::{Finding, How, Verdict, check};
use status_server::settings::Settings;
use status_sim::mock::{
    BookFault, BookOptions, Dialect, FeedFault, FeedOptions, Lab, Services, ServicesOptions, SmtpFault,
    SmtpOptions, SmtpTls,
};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::support::{LONG, Status, environment, free_port, lab_services, services};

/// An installation in a folder of its own, whose services are mocks.
struct Place {
    folder: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

impl Place {
    fn new(services: &Services, chosen: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut variables = environment(services, &[("STATUS_PORT_SERVE", &free_port().to_string())]);
        for (name, file) in [("STATUS_STORE", "status.db"), ("STATUS_LOG_FILE", "log/status.log")] {
            variables.insert(name.to_owned(), folder.path().join(file).to_str().unwrap().to_owned());
        }
        variables.extend(chosen.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self { folder, variables }
    }

    /// The exit code and the lines, in which the folder is called `FOLDER`.
    async fn check(&self, arguments: &[&str]) -> (Option<i32>, Vec<String>) {
        let mut status = Status::run(&[&["check"], arguments].concat(), self.variables.clone());
        let code = status.ended(LONG).await.code();
        // On a busy machine it may have to say what it waits for.
        assert!(
            status.err.all().iter().all(|line| line.starts_with("waiting for")),
            "{:?}",
            status.err.all()
        );
        let lines = status.out.all().into_iter();
        let folder = self.folder.path().to_str().unwrap();
        (code, lines.map(|line| line.replace(folder, "FOLDER")).collect())
    }

    /// The one thing that is wrong, in which everything else is well.
    async fn wrong(&self) -> String {
        let (code, lines) = self.check(&[]).await;
        let wrong: Vec<&String> = lines.iter().filter(|line| !line.starts_with("ok ")).collect();
        assert_eq!(code, Some(1), "{lines:#?}");
        let text = wrong.into_iter().map(|line| format!("{line}\n")).collect::<String>();
        assert!(text.starts_with("WRONG ") && text.matches("WRONG ").count() == 1, "{lines:#?}");
        text
    }

    /// What the library finds of one thing if it waits for no longer than this.
    async fn finding(&self, subject: &str, longest: Duration) -> Finding {
        let vars = self.variables.iter().map(|(name, value)| (name.into(), value.into()));
        let (settings, _) = Settings::from_vars(vars).unwrap();
        let mut findings = Vec::new();
        let how = How { send_test_mail: false, longest };
        assert!(
            check(&settings, how, &CancellationToken::new(), &mut |finding| findings.push(finding)).await
        );
        findings.into_iter().find(|finding| finding.subject == subject).unwrap()
    }
}

fn assert_all(text: &str, parts: &[&str]) {
    parts.iter().for_each(|part| assert!(text.contains(part), "{part} is not in {text}"));
}

/// Nothing was set in book, no mail was sent, and no file was made.
fn assert_unchanged(services: &Services, place: &Place) {
    assert!(services.book.requests().iter().all(|request| request.method == "GET"));
    assert_eq!(services.smtp.seen().kept, 0);
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_good_installation_is_all_ok_and_nothing_changes() {
    let services = lab_services(2).await;
    let place = Place::new(&services, &[]);
    let (code, lines) = place.check(&[]).await;
    let [book, relay, jump] = [services.book.audience(), services.relay.audience(), services.jump.audience()];
    assert_eq!(
        lines,
        [
            "ok     settings  every variable makes sense".to_owned(),
            "ok     store     FOLDER/status.db: there is none yet, and it can be made".to_owned(),
            "ok     log       FOLDER/log/status.log: there is none yet, and it can be made".to_owned(),
            format!("ok     port      {} is free", place.variables["STATUS_PORT_SERVE"]),
            format!("ok     book      {book}: 2 resources, 4 required streams"),
            format!("ok     relay     {relay}: 4 streams of 2 experiments connected"),
            format!("ok     jump      {jump}: 2 experiments connected"),
            format!(
                "ok     mail      {}: without TLS, without login; no mail was sent",
                services.smtp.address()
            ),
            "ok     changes   STATUS_SECRET_ADMIN is not set, so there are neither maintenance nor acknowledgements"
                .to_owned(),
            "ok     page      the page has no name, since STATUS_NAME is not set; its groups: pend (2)".to_owned(),
        ]
    );
    assert_eq!(code, Some(0));
    assert_eq!(services.smtp.seen().connections, 1);
    assert_unchanged(&services, &place);
}

#[tokio::test]
async fn beside_a_server_that_runs_all_is_ok_too() {
    let services = lab_services(1).await;
    let place = Place::new(&services, &[]);
    let mut server = Status::run(&["serve"], place.variables.clone());
    services.smtp.wait_for_mails(1, LONG).await.unwrap();
    let (code, lines) = place.check(&[]).await;
    assert_eq!(code, Some(0), "{lines:#?}");
    assert_all(
        &lines.join("\n"),
        &[
            "note   store     FOLDER/status.db: in use by a server that runs; only one at a time can use it",
            "note   port ",
            "is in use: by status itself",
        ],
    );
    server.stop().await;
    let (code, lines) = place.check(&[]).await;
    assert_eq!(
        (code, lines[1].as_str()),
        (Some(0), "ok     store     FOLDER/status.db: whole, with 1 change in health")
    );
    assert_eq!(services.smtp.seen().kept, 1);

    let store = fs::OpenOptions::new().append(true).open(place.folder.path().join("status.db")).unwrap();
    store.set_len(1_500_000).unwrap();
    let mut small = place;
    small.variables.insert("STATUS_STORE_MAX_SIZE".to_owned(), "1MB".to_owned());
    let (code, lines) = small.check(&[]).await;
    assert_eq!(code, Some(0));
    let said = "note   store     FOLDER/status.db: whole, but it has 1500000 bytes, and STATUS_STORE_MAX_SIZE allows";
    assert!(lines[1].starts_with(said), "{lines:#?}");
}

#[tokio::test]
async fn wrong_settings_are_told_at_once_and_warnings_are_notes() {
    let services = lab_services(1).await;
    let mut place = Place::new(&services, &[("STATUS_HELTH_LAST", "Hidden")]);
    place.variables.retain(|name, _| !name.starts_with("STATUS_EMAIL_"));
    let (code, lines) = place.check(&[]).await;
    assert_eq!(code, Some(0), "{lines:#?}");
    assert_all(
        &lines.join("\n"),
        &[
            "note   settings  STATUS_HELTH_LAST is no setting",
            "note   mail      no mail will be sent: set STATUS_EMAIL_HOST",
        ],
    );
    let (code, lines) = place.check(&["--send-test-mail"]).await;
    assert_eq!(code, Some(1));
    assert!(
        lines.iter().any(|line| line.starts_with("WRONG  mail      no test mail was sent: no mail")),
        "{lines:#?}"
    );

    place.variables.insert("STATUS_HEALTH_LAST".to_owned(), "soon".to_owned());
    place.variables.insert("STATUS_SECRET_BOOK".to_owned(), String::new());
    let asked = services.book.state().asked;
    let (code, lines) = place.check(&[]).await;
    assert_eq!(code, Some(1));
    assert_eq!(lines[0], "WRONG  settings  2 settings are wrong:");
    assert_all(
        &lines.join("\n"),
        &[
            "STATUS_HEALTH_LAST is \"soon\": expected ",
            "STATUS_SECRET_BOOK is not set: ",
            "note   book      was not tried, since its settings are wrong",
            "ok     relay     ",
            "ok     store     ",
        ],
    );
    assert_eq!(services.book.state().asked, asked);
    assert!(!lines.join("\n").contains("Hidden"));
}

#[tokio::test]
async fn a_wrong_secret_is_told_with_its_variable_and_without_the_secret() {
    let services = lab_services(1).await;
    for (name, said) in
        [("BOOK", "signature is invalid"), ("RELAY", "token invalid"), ("JUMP", "signature is invalid")]
    {
        let variable = format!("STATUS_SECRET_{name}");
        let place = Place::new(&services, &[(&variable, "Wrong-Secret")]);
        let wrong = place.wrong().await;
        let lower = name.to_lowercase();
        assert_all(&wrong, &[&format!("WRONG  {lower:8}  refused "), said, "likely cause: ", &variable]);
        assert!(!wrong.contains("Wrong-Secret") && !wrong.contains("eyJ"), "{wrong}");
        assert_unchanged(&services, &place);
    }
}

#[tokio::test]
async fn a_book_that_is_down_or_hangs_or_has_no_manifest_is_told() {
    let lab = Lab::with_experiments(1, &["video"]);
    let options = ServicesOptions {
        book: BookOptions { loaded: false, ..BookOptions::default() },
        ..ServicesOptions::default()
    };
    let services = services(&lab, options).await;
    let place = Place::new(&services, &[]);
    assert_all(&place.wrong().await, &["book ", "has no manifest: upload it"]);
    services.book.set_fault(BookFault::Down);
    assert_all(
        &place.wrong().await,
        &["502", "likely cause: a proxy in front of book answers, and book behind it is down"],
    );
    services.book.set_fault(BookFault::Hang);
    let book = place.finding("book", Duration::from_millis(300)).await;
    assert_eq!(book.verdict, Verdict::Wrong);
    assert_all(&book.text, &["no answer within 300ms"]);
    assert_unchanged(&services, &place);
}

#[tokio::test]
async fn a_feed_that_never_speaks_is_told_after_a_while() {
    let services = lab_services(1).await;
    services.relay.set_fault(FeedFault::Mute);
    let place = Place::new(&services, &[]);
    let relay = place.finding("relay", Duration::from_secs(2)).await;
    assert_eq!(relay.verdict, Verdict::Wrong);
    assert_all(
        &relay.text,
        &["takes the connection, and sent no snapshot within 2s; expected was one each 5 s", "relay hangs"],
    );
    assert_eq!(services.relay.seen().opened, 1);
}

#[tokio::test]
async fn what_the_manifest_requires_and_nobody_has_connected_is_a_note() {
    let lab = Lab::with_experiments(3, &["data", "video"]);
    let relay = FeedOptions::new(Dialect::RelayV08);
    let services = services(&lab, ServicesOptions { relay, ..ServicesOptions::default() }).await;
    lab.unplug("pend00");
    lab.unplug("pend01");
    let place = Place::new(&services, &[]);
    let (code, lines) = place.check(&[]).await;
    assert_eq!(code, Some(0), "{lines:#?}");
    assert_all(&lines.join("\n"), &["2 streams of 1 experiment connected, without statistics"]);
    assert_eq!(
        lines[lines.len() - 2..],
        [
            "note   relay     does not list 4 of book's 6 required streams at the moment: pend00-st-data, pend00-st-video, pend01-st-data and 1 more",
            "note   jump      does not list 2 of book's 3 experiments at the moment: pend00, pend01",
        ]
    );
}

/// Mock services whose mail server wants a login, and what makes the process trust it.
async fn with_login() -> (Services, tempfile::NamedTempFile) {
    let lab = Lab::with_experiments(1, &["video"]);
    let credentials = Some(("status@lab.example.org".to_owned(), "Mail-Password-4711".to_owned()));
    let smtp = SmtpOptions { tls: SmtpTls::StartTls, credentials, ..SmtpOptions::default() };
    let services = services(&lab, ServicesOptions { smtp, ..ServicesOptions::default() }).await;
    let trusted = tempfile::NamedTempFile::new().unwrap();
    fs::write(trusted.path(), services.smtp.certificate_pem()).unwrap();
    (services, trusted)
}

#[tokio::test]
async fn the_login_at_the_mail_server_is_tried_with_a_password_from_a_file() {
    let (services, trusted) = with_login().await;
    let password = tempfile::NamedTempFile::new().unwrap();
    fs::write(password.path(), "Mail-Password-4711\n").unwrap();
    let chosen = [
        ("SSL_CERT_FILE", trusted.path().to_str().unwrap()),
        ("STATUS_EMAIL_PASSWORD", ""),
        ("STATUS_EMAIL_PASSWORD_FILE", password.path().to_str().unwrap()),
    ];
    let place = Place::new(&services, &chosen);
    let (code, lines) = place.check(&[]).await;
    assert_eq!(code, Some(0), "{lines:#?}");
    assert_all(&lines[7], &["with TLS, logged in as status@lab.example.org; no mail was sent"]);
    fs::write(password.path(), "Wrong-Password").unwrap();
    let wrong = place.wrong().await;
    assert_all(&wrong, &["WRONG  mail ", "refused the login", "535", "likely cause: STATUS_EMAIL_PASSWORD"]);
    assert!(!wrong.contains("Wrong-Password"), "{wrong}");
    services.smtp.set_fault(SmtpFault::Unavailable);
    assert_all(&place.wrong().await, &["WRONG  mail ", "421", "look at STATUS_EMAIL_HOST"]);
    assert_unchanged(&services, &place);
}

#[tokio::test]
async fn one_test_mail_is_sent_if_asked_for_and_who_is_refused_is_told() {
    let services = lab_services(1).await;
    let place = Place::new(&services, &[("STATUS_EMAIL_CC", "other@lab.example.org")]);
    let (code, lines) = place.check(&["--send-test-mail"]).await;
    assert_eq!(code, Some(0), "{lines:#?}");
    assert_all(
        &lines[7],
        &["ok     mail ", "took a test mail to maintainer@lab.example.org, other@lab.example.org"],
    );
    let mails = services.smtp.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].recipients, ["maintainer@lab.example.org", "other@lab.example.org"]);
    assert_eq!(mails[0].subject(), "lab.example.org test mail");
    assert_all(&mails[0].body, &["This is a test", "nothing to do", "http://lab.example.org/status"]);

    services.smtp.set_unknown_recipients(&["other@lab.example.org"]);
    let (code, lines) = place.check(&["--send-test-mail"]).await;
    assert_eq!(code, Some(1));
    assert_all(&lines[7..].join("\n"), &["WRONG  mail ", "but not for\n", "other@lab.example.org: 550 "]);
    services.smtp.set_fault(SmtpFault::RecipientsLater);
    let (code, lines) = place.check(&["--send-test-mail"]).await;
    assert_eq!(code, Some(1));
    assert_all(&lines[7..].join("\n"), &["WRONG  mail ", "the test mail was not sent to all", "451"]);
    assert_eq!(services.smtp.seen().kept, 2);
}

#[tokio::test]
async fn a_pipe_where_a_file_of_the_store_belongs_is_wrong_and_keeps_nobody_waiting() {
    let services = lab_services(1).await;
    for part in ["", ".lock"] {
        let place = Place::new(&services, &[]);
        let pipe = place.folder.path().join(format!("status.db{part}"));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_all(&place.wrong().await, &["status.db", "regular file"]);
        let mut variables = place.variables.clone();
        variables.insert("STATUS_LOG_FILE".into(), "stdout".into());
        let mut status = Status::run(&["serve"], variables);
        status.out.line(&["\"level\":\"error\"", "status.db", "regular file"]).await;
        status.stop().await;
    }
}

#[tokio::test]
async fn an_access_point_that_sends_to_another_host_is_noted() {
    let services = lab_services(1).await;
    let uri = r#"{"uri":"ws://localhost:1/session/stats?code=hidden"}"#;
    services.relay.set_fault(FeedFault::AccessAnswers { status: 200, body: uri.into() });
    let place = Place::new(&services, &[]);
    let mut status = Status::run(&["check"], place.variables.clone());
    status.ended(LONG).await;
    let lines = status.out.all();
    let note = lines.iter().find(|line| line.starts_with("note ")).unwrap_or_else(|| panic!("{lines:#?}"));
    assert_all(note, &["relay", "127.0.0.1", "another host", "ws://localhost:1"]);
    assert!(!note.contains("hidden"), "{note}");
}

#[tokio::test]
async fn a_newer_store_is_refused_and_left_as_it_is() {
    let services = lab_services(1).await;
    let place = Place::new(&services, &[]);
    let path = place.folder.path().join("status.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute_batch(include_str!("../../../adapters/fixtures/store-v1.sql")).unwrap();
    database.pragma_update(None, "user_version", 77).unwrap();
    drop(database);
    let before = fs::read(&path).unwrap();
    assert_all(&place.wrong().await, &["WRONG  store ", "has version 77", "run the newer program"]);
    assert!(before == fs::read(&path).unwrap());
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn folders_that_cannot_be_written_to_are_told() {
    /// Nobody. Root may write wherever it likes.
    const NOBODY: u32 = 65_534;
    let services = lab_services(1).await;
    let place = Place::new(&services, &[]);
    fs::set_permissions(place.folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_status"));
    command.arg("check").env_clear().envs(&place.variables);
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut status = Status::spawn(command);
    assert_eq!(status.ended(LONG).await.code(), Some(1));
    let text = status.out.all().join("\n");
    let folder = place.folder.path().display();
    assert_all(
        &text,
        &[
            &format!(
                "WRONG  store     the store {folder}/status.db cannot be used by this user: its folder {folder} cannot be written to: Permission denied"
            ),
            &format!(
                "WRONG  log       {folder}/log/status.log cannot be written by this user: its folder {folder}/log does not exist, and cannot be made in {folder}"
            ),
            "or set STATUS_LOG_FILE=stdout",
            "ok     book ",
        ],
    );
    fs::set_permissions(place.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_unchanged(&services, &place);
}

#[tokio::test]
async fn a_signal_ends_it_at_once_with_what_is_known_by_then() {
    let services = lab_services(1).await;
    services.relay.set_fault(FeedFault::Silent);
    let place = Place::new(&services, &[]);
    let mut status = Status::run(&["check"], place.variables.clone());
    status.out.line(&["ok     book "]).await;
    status.signal(Signal::INT);
    assert_eq!(status.ended(LONG).await.code(), Some(1));
    status.err.line(&["interrupted: not everything was tried"]).await;
    assert!(!status.out.all().iter().any(|line| line.contains("jump")));
}

#[tokio::test]
async fn who_only_observes_is_told_so() {
    let services = lab_services(1).await;
    let place = Place::new(&services, &[("STATUS_MODE", "observe")]);
    let (code, lines) = place.check(&[]).await;
    assert_eq!(code, Some(0), "{lines:#?}");
    assert_all(&lines.join("\n"), &["note   settings  only observing, as STATUS_MODE=observe says"]);
}
