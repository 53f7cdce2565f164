//! The mail that the tests send, and the settings that they send it with.

use status_adapters::mail::{MailAuth, MailSettings, MailTls, SmtpMailer, parse_mailbox, parse_mailboxes};
use status_core::{Delivery, Mail, MailFailure};

use super::{Identity, clock};

pub const PASSWORD: &str = "correct horse";

pub fn settings(port: u16) -> MailSettings {
    MailSettings {
        host: "localhost".to_owned(),
        port,
        tls: MailTls::Auto,
        helo: None,
        auth: MailAuth::None,
        from: parse_mailbox("Lab Status <status@b.org>").unwrap(),
        to: parse_mailboxes("alpha@a.org, Käthe <beta@a.org>").unwrap(),
        cc: parse_mailboxes("gamma@a.org, alpha@a.org").unwrap(),
        list: "app.practable.io/tenant".to_owned(),
    }
}

pub fn with_password(port: u16) -> MailSettings {
    let auth = MailAuth::Plain { user: "status@b.org".to_owned(), password: PASSWORD.into() };
    MailSettings { auth, ..settings(port) }
}

pub fn mailer(settings: MailSettings) -> SmtpMailer {
    SmtpMailer::new(settings, clock()).unwrap()
}

pub const EVERYBODY: [&str; 3] = ["alpha@a.org", "beta@a.org", "gamma@a.org"];

pub fn mail() -> Mail {
    Mail {
        id: "1795480166000.1.status".into(),
        subject: "app.practable.io/tenant 3 new health events".to_owned(),
        body: "System alerts:\n\n.\n..dots\npend00 ><   U [missing required pend00-st-video]\n".to_owned(),
        html: None,
        thread: "2026-11-24".into(),
        recipients: EVERYBODY.map(Into::into).to_vec(),
    }
}

pub fn everybody() -> Vec<Delivery> {
    Delivery::to_each(&mail().recipients, &Ok(()))
}

/// Why the mail was not sent to anybody: the same for each.
pub fn why(outcome: &[Delivery]) -> MailFailure {
    let first = outcome[0].outcome.clone().unwrap_err();
    let same = |one: &Delivery| one.outcome.as_ref().is_err_and(|failure| failure.kind == first.kind);
    assert!(outcome.len() == 3 && outcome.iter().all(same), "{outcome:?}");
    first
}

/// A mailer that trusts this certificate alone.
pub fn trusting(identity: &Identity, settings: MailSettings) -> SmtpMailer {
    SmtpMailer::trusting(&identity.root, settings, clock()).unwrap()
}
