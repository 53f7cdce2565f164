//! What must never be written, at the finest level and with everything going wrong.

use status_sim::mock::{
    BookFault, FeedFault, Lab, Services, ServicesOptions, SmtpFault, SmtpOptions, SmtpTls,
};

use crate::support::{LONG, Status, environment, mail, services, silence};

const PASSWORD: &str = "Mail-Password-4711";
/// What must not be found: the password, also as it goes over the wire, the three secrets, and how
/// every token and every query with an access code begins.
const HIDDEN: [&str; 8] = [
    PASSWORD,
    "AHN0YXR1c0BsYWIuZXhhbXBsZS5vcmcATWFpbC1QYXNzd29yZC00NzEx",
    "TWFpbC1QYXNzd29yZC00NzEx",
    "Relay-Secret-4712",
    "Jump-Secret-4713",
    "Book-Secret-4714",
    "eyJ",
    "code=",
];

#[tokio::test]
async fn no_secret_token_or_code_is_written_at_the_finest_level_as_json() {
    nothing_hidden_is_written_as("json").await;
}

#[tokio::test]
async fn no_secret_token_or_code_is_written_at_the_finest_level_as_text() {
    nothing_hidden_is_written_as("text").await;
}

async fn nothing_hidden_is_written_as(format: &str) {
    let lab = Lab::with_experiments(2, &["data", "video"]);
    let services = services(&lab, guarded()).await;
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("roots.pem");
    std::fs::write(&trusted, services.smtp.certificate_pem()).unwrap();
    let path = folder.path().join("status.log");
    let chosen = [
        ("STATUS_LOG_FILE", path.to_str().unwrap()),
        ("STATUS_LOG_LEVEL", "trace"),
        ("STATUS_LOG_FORMAT", format),
        ("STATUS_HEALTH_LOG_EVERY", "500ms"),
        ("STATUS_RECONNECT_RELAY_EVERY", "2s"),
        ("STATUS_TIMEOUT_BOOK", "1s"),
        ("SSL_CERT_FILE", trusted.to_str().unwrap()),
    ];
    let mut status = Status::serve(&services, &chosen);
    everything_goes_wrong(&services).await;
    status.stop().await;
    let log = std::fs::read_to_string(&path).unwrap();
    assert_nothing_hidden(&log);
    status.out.all().iter().chain(&status.err.all()).for_each(|line| assert_nothing_hidden(line));
    // It is no wonder if nothing is found in a log that says nothing.
    for spoken_of in ["relay refused", "jump refused", "book refused", "451", "connecting to relay"] {
        assert!(log.contains(spoken_of), "{spoken_of} is not in {log}");
    }
}

#[tokio::test]
async fn secrets_are_read_from_files_and_credentials() {
    let lab = Lab::with_experiments(1, &["video"]);
    let services = services(&lab, guarded()).await;
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("roots.pem");
    std::fs::write(&trusted, services.smtp.certificate_pem()).unwrap();
    let chosen = [("STATUS_LOG_LEVEL", "trace"), ("SSL_CERT_FILE", trusted.to_str().unwrap())];
    let mut variables = environment(&services, &chosen);
    let names: [String; 4] =
        ["SECRET_BOOK", "SECRET_RELAY", "SECRET_JUMP", "EMAIL_PASSWORD"].map(|name| format!("STATUS_{name}"));
    let mut files = Vec::new();
    for name in names {
        let secret = variables.remove(&name).unwrap();
        let path = folder.path().join(name.to_lowercase());
        std::fs::write(&path, format!("{secret}\n")).unwrap();
        files.push((format!("{name}_FILE"), path.to_str().unwrap().to_owned()));
    }
    let credentials = ("CREDENTIALS_DIRECTORY".to_owned(), folder.path().to_str().unwrap().to_owned());
    for (number, secrets) in [files, vec![credentials]].into_iter().enumerate() {
        let mut status = Status::run(&["serve"], variables.clone().into_iter().chain(secrets));
        let told = mail(&services, number + 1).await;
        assert_eq!(told.user.as_deref(), Some("status@lab.example.org"));
        assert!(told.body.contains("pend00 ok A"), "{}", told.body);
        status.stop().await;
        status.out.all().iter().chain(&status.err.all()).for_each(|line| assert_nothing_hidden(line));
    }
}

fn guarded() -> ServicesOptions {
    let mut options = ServicesOptions::default();
    options.relay.secret = "Relay-Secret-4712".to_owned();
    options.jump.secret = "Jump-Secret-4713".to_owned();
    options.book.secret = "Book-Secret-4714".to_owned();
    let credentials = Some(("status@lab.example.org".to_owned(), PASSWORD.to_owned()));
    options.smtp = SmtpOptions { tls: SmtpTls::StartTls, credentials, ..SmtpOptions::default() };
    options
}

/// An exchange with every service, all that they can refuse, and the way back.
async fn everything_goes_wrong(services: &Services) {
    let first = mail(services, 1).await;
    assert_eq!((first.over_tls, first.user.as_deref()), (true, Some("status@lab.example.org")));
    silence(services, "pend00-st-video");
    services.book.wait_for(|state| !state.is_available("r-pend00"), LONG).await.unwrap();
    mail(services, 2).await;

    let accesses = [services.relay.seen().accesses, services.jump.seen().accesses];
    services.relay.set_fault(FeedFault::RefuseTokens);
    services.jump.set_fault(FeedFault::RefuseTokens);
    services.relay.drop_websockets();
    services.jump.drop_websockets();
    for fault in [BookFault::RefuseTokens, BookFault::Html, BookFault::LosesAnswers, BookFault::Cut] {
        services.book.set_fault(fault);
        let asked = services.book.state().asked;
        services.book.wait_for(|state| state.asked >= asked + 2, LONG).await.unwrap();
    }
    services.relay.wait_for(|seen| seen.accesses >= accesses[0] + 2, LONG).await.unwrap();
    services.jump.wait_for(|seen| seen.accesses >= accesses[1] + 2, LONG).await.unwrap();
    // A websocket that a proxy refuses, with the address in its answer.
    services.relay.set_fault(FeedFault::Down);
    let connections = services.smtp.seen().connections;
    services.smtp.set_fault(SmtpFault::TextLater);
    services.lab.set_jump("pend01", false);
    // Whether jump was silent for long enough by now or was not: something is news.
    services.jump.set_fault(FeedFault::None);
    // Tried again, it has been refused before.
    services.smtp.wait_for(|seen| seen.connections >= connections + 2, LONG).await.unwrap();

    services.book.set_fault(BookFault::None);
    services.relay.set_fault(FeedFault::None);
    services.jump.set_fault(FeedFault::None);
    services.lab.plug_all();
    services.book.wait_for(|state| state.is_available("r-pend00"), LONG).await.unwrap();
}

fn assert_nothing_hidden(text: &str) {
    for line in text.lines() {
        for hidden in HIDDEN {
            assert!(!line.contains(hidden), "{hidden} is in {line}");
        }
        assert!(!holds_uuid(line), "a code, perhaps, is in {line}");
    }
}

/// Whether a text holds something like `54e45778-e376-4e70-9d4d-0123456789ab`, as access codes look.
fn holds_uuid(line: &str) -> bool {
    let is_uuid = |window: &[u8]| {
        window.iter().enumerate().all(|(i, byte)| match i {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    line.as_bytes().windows(36).any(is_uuid)
}

#[test]
fn codes_are_recognized() {
    assert!(holds_uuid("ws://x/?c=54e45778-e376-4e70-9d4d-0123456789ab&x"));
    assert!(!holds_uuid("2026-11-24T00:28:13.792Z 54e45778-e376-4e70-9d4d"));
}
