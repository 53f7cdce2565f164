//! The mail server: up to the point where a mail would be sent, or a test mail if one is asked for.

use std::sync::Arc;
use std::time::Duration;

use status_adapters::Mailer;
use status_adapters::clock::Clock;
use status_adapters::mail::{MailAuth, MailPatience, MailSettings, Probed, SmtpMailer};
use status_adapters::store::new_life;
use status_core::{Mail, MailText, Wall};
use tokio::time::timeout;

use super::How;
use super::finding::Finding;
use crate::command::serve;

const NAME: &str = "mail";

/// A server waits for minutes, as RFC 5321 asks it to. Here a person waits, and is told at which step.
const ANSWER: Duration = Duration::from_secs(60);

/// Tries the mail server, if there is one.
pub(super) async fn mail(
    settings: Option<(MailSettings, MailText)>,
    clock: Arc<dyn Clock>,
    how: How,
) -> Finding {
    let Some((settings, text)) = settings else {
        return if how.send_test_mail {
            Finding::wrong(NAME, format!("no test mail was sent: {}", serve::NO_MAIL))
        } else {
            Finding::note(NAME, serve::NO_MAIL)
        };
    };
    let now = clock.now().wall;
    let mailer = match SmtpMailer::new(settings.clone(), clock) {
        Ok(mailer) => mailer.with_patience(MailPatience {
            answer: ANSWER,
            data: ANSWER,
            block: ANSWER,
            taking: ANSWER,
            ..MailPatience::default()
        }),
        Err(problem) => return Finding::wrong(NAME, problem),
    };
    let trying = async {
        if how.send_test_mail {
            send(&mailer, &settings, &test_mail(&text, now)).await
        } else {
            probe(&mailer, &settings).await
        }
    };
    let address = format!("{}:{}", settings.host, settings.port);
    timeout(how.longest, trying)
        .await
        .unwrap_or_else(|_| Finding::wrong(NAME, format!("{address}: not done within {:?}", how.longest)))
}

async fn probe(mailer: &SmtpMailer, settings: &MailSettings) -> Finding {
    let MailSettings { host, port, auth, .. } = settings;
    match mailer.probe().await {
        Err(failure) => Finding::wrong(NAME, hinted(failure.detail)),
        Ok(Probed { encrypted, note }) => {
            let tls = if encrypted { "with TLS" } else { "without TLS" };
            let login = match auth {
                MailAuth::None => "without login".to_owned(),
                MailAuth::Plain { user, .. } => format!("logged in as {user}"),
            };
            let text = format!("{host}:{port}: {tls}, {login}; no mail was sent");
            match note {
                Some(note) => Finding::note(NAME, format!("{text}\nit {note}")),
                None => Finding::ok(NAME, text),
            }
        }
    }
}

async fn send(mailer: &SmtpMailer, settings: &MailSettings, mail: &Mail) -> Finding {
    let MailSettings { host, port, .. } = settings;
    let told = mailer.send(mail).await;
    let failed: Vec<String> = told
        .iter()
        .filter_map(|one| Some(format!("{}: {}", one.recipient, one.outcome.as_ref().err()?.detail)))
        .collect();
    if failed.is_empty() {
        let everybody = mail.recipients.join(", ");
        return Finding::ok(
            NAME,
            format!("{host}:{port}: took a test mail to {everybody}: see whether it arrives"),
        );
    }
    if failed.len() < told.len() {
        let text = format!("{host}:{port}: took a test mail, but not for\n{}", failed.join("\n"));
        return Finding::wrong(NAME, text);
    }
    let mut details: Vec<&str> =
        told.iter().filter_map(|one| Some(one.outcome.as_ref().err()?.detail.as_str())).collect();
    details.dedup();
    Finding::wrong(NAME, format!("the test mail was not sent to all: {}", details.join("; ")))
}

/// With what to look at where the adapter knows of no likely cause.
fn hinted(detail: String) -> String {
    if detail.contains("likely cause") {
        return detail;
    }
    format!(
        "{detail}\nlook at STATUS_EMAIL_HOST, STATUS_EMAIL_PORT, STATUS_EMAIL_TLS and STATUS_EMAIL_AUTH_TYPE"
    )
}

/// It begins as all our mails do, so that it goes where they go.
fn test_mail(text: &MailText, now: Wall) -> Mail {
    let MailText { subject, link, recipients, .. } = text;
    Mail {
        id: format!("{}.test.{}", now.as_millis(), new_life()).into(),
        subject: format!("{subject} test mail"),
        body: format!(
            "This is a test, sent by `status check --send-test-mail` at {now}.\n\n\
             Nothing has happened, and there is nothing to do. Where this arrives, the mails of status arrive, too.\n\n\
             {link}\n"
        ),
        html: None,
        thread: "".into(),
        recipients: recipients.clone(),
    }
}
