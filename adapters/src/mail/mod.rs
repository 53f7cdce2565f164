//! Mail, over SMTP.
//!
//! `lettre` writes the messages. What is said to the mail server is here: `session` up to the point where a mail
//! would be taken, `transaction` for one mail, over a `channel` that reads answers with `reply`.

mod address;
mod channel;
mod helo;
mod message;
mod offers;
mod refusal;
mod reply;
mod session;
mod text;
mod tls;
mod transaction;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lettre::Address;
use parking_lot::Mutex;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use secrecy::SecretString;
use smol_str::SmolStr;
use status_core::{Delivery, Mail, MailFailure, MailFailureKind};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::Mailer;
use crate::clock::Clock;
use crate::crypto::install_crypto;
use channel::Channel;
use session::{Problem, SmtpSession};
use tls::Tls;

pub use address::{parse_mailbox, parse_mailboxes};
pub use helo::HeloName;
pub use lettre::message::Mailbox;

/// The ports where a mail server speaks TLS from the first byte on.
const IMPLICIT_TLS: [u16; 2] = [465, 2465];

/// Which mail server, and whose mail.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// The mail server's name (`STATUS_EMAIL_HOST`). Its certificate must be for this name.
    pub host: String,
    /// Its port (`STATUS_EMAIL_PORT`).
    pub port: u16,
    /// How what is said is encrypted (`STATUS_EMAIL_TLS`).
    pub tls: MailTls,
    /// The name that this machine gives for itself (`STATUS_EMAIL_HELO`). `None` for its own where that is a whole
    /// domain, and else its address.
    pub helo: Option<HeloName>,
    /// How to log in (`STATUS_EMAIL_AUTH_TYPE`).
    pub auth: MailAuth,
    /// Who it is from (`STATUS_EMAIL_FROM`).
    pub from: Mailbox,
    /// Who it is to (`STATUS_EMAIL_TO`).
    pub to: Vec<Mailbox>,
    /// Who gets a copy (`STATUS_EMAIL_CC`).
    pub cc: Vec<Mailbox>,
    /// What people call the list of all these mails (`STATUS_EMAIL_SUBJECT`).
    pub list: String,
}

impl MailSettings {
    /// Every To and Cc address, each once.
    #[must_use]
    pub fn recipients(&self) -> Vec<SmolStr> {
        let mut recipients: Vec<SmolStr> = Vec::new();
        for mailbox in self.to.iter().chain(&self.cc) {
            let address = SmolStr::from(mailbox.email.to_string());
            if !recipients.contains(&address) {
                recipients.push(address);
            }
        }
        recipients
    }
}

/// How what is said to a mail server is encrypted. With a login, TLS is always required, and the certificate must
/// prove who the mail server is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MailTls {
    /// From the first byte on at ports 465 and 2465; elsewhere with STARTTLS where that is offered. Without a login,
    /// a certificate that proves nothing and a STARTTLS that fails are noted, and mail is sent all the same.
    #[default]
    Auto,
    /// From the first byte on. Without a login, a certificate that proves nothing is noted.
    Implicit,
    /// With STARTTLS, and with a certificate that proves who the mail server is; else nothing is sent.
    StartTls,
    /// Not at all.
    None,
}

/// How to log in at the mail server.
#[derive(Clone, Debug)]
pub enum MailAuth {
    /// Not at all.
    None,
    /// With a password, and over TLS only.
    Plain {
        /// The user (`STATUS_EMAIL_USER`); most often the address that the mail is from.
        user: String,
        /// The password (`STATUS_EMAIL_PASSWORD`).
        password: SecretString,
    },
}

/// How long to wait for a mail server. Those that look for spam take their time.
#[derive(Clone, Copy, Debug)]
pub struct MailPatience {
    /// Until there is a connection.
    pub connecting: Duration,
    /// Until its greeting, TLS, and each of its answers that has no limit of its own.
    pub answer: Duration,
    /// Until it says that it waits for the text.
    pub data: Duration,
    /// Until it has read a block of the text.
    pub block: Duration,
    /// Until it says that it has taken the mail. Giving up on a mail server that is about to say so sends the mail
    /// again and again.
    pub taking: Duration,
}

impl Default for MailPatience {
    /// What RFC 5321, 4.5.3.2, asks for.
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Self {
            connecting: Duration::from_secs(30),
            answer: minutes(5),
            data: minutes(2),
            block: minutes(3),
            taking: minutes(10),
        }
    }
}

/// What was found out about a mail server without sending a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// Whether TLS was spoken.
    pub encrypted: bool,
    /// What is the matter with TLS, where mail is sent all the same.
    pub note: Option<String>,
}

/// The real mail server.
///
/// - It opens a connection for each mail, and remembers nothing of it.
/// - Each recipient has an outcome of its own: one that is refused does not keep the others from getting the mail.
/// - What goes wrong before the first recipient is named (connection, greeting, TLS, login, sender) is
///   [`Unreachable`](MailFailureKind::Unreachable), whatever the code: it says nothing about the mail.
pub struct SmtpMailer {
    settings: MailSettings,
    tls: Tls,
    patience: MailPatience,
    clock: Arc<dyn Clock>,
    /// What was logged last of what is the matter with TLS.
    noted: Mutex<Option<String>>,
}

impl SmtpMailer {
    /// The mail server of `settings`.
    ///
    /// # Errors
    /// The settings make no sense: the variable and what is expected.
    pub fn new(settings: MailSettings, clock: Arc<dyn Clock>) -> Result<Self, String> {
        Self::build(settings, clock, crate::tls::machine_roots())
    }

    /// The mail server of `settings`, for which this certificate authority (DER) is trusted, and no other. For tests.
    ///
    /// # Errors
    /// The settings or the certificate make no sense.
    pub fn trusting(root: &[u8], settings: MailSettings, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from(root.to_vec());
        roots.add(root).map_err(|error| format!("the certificate: {error}"))?;
        Self::build(settings, clock, Arc::new(roots))
    }

    /// With another patience. For tests.
    #[must_use]
    pub fn with_patience(self, patience: MailPatience) -> Self {
        Self { patience, ..self }
    }

    /// Sends a mail over a connection that is there already, as to a server without TLS or with STARTTLS. For tests.
    pub async fn send_over(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        mail: &Mail,
    ) -> Vec<Delivery> {
        self.send_in(mail, async {
            SmtpSession::over(Channel::new(stream), &self.settings, &self.tls, self.patience)
                .await
                .map_err(|problem| self.failure(&problem))
        })
        .await
    }

    /// Does all that comes before a mail: connects, begins TLS, logs in. Then it takes its leave without having
    /// sent any.
    ///
    /// # Errors
    /// Why a mail could not be sent.
    pub async fn probe(&self) -> Result<Probed, MailFailure> {
        let session = self.begin().await?;
        let probed = Probed { encrypted: session.is_encrypted(), note: session.note().map(str::to_owned) };
        session.end().await;
        Ok(probed)
    }

    fn build(
        settings: MailSettings,
        clock: Arc<dyn Clock>,
        roots: Arc<RootCertStore>,
    ) -> Result<Self, String> {
        install_crypto();
        if settings.to.is_empty() && settings.cc.is_empty() {
            return Err("STATUS_EMAIL_TO: at least one address is needed".to_owned());
        }
        let tls = Tls::new(&settings.host, roots);
        Ok(Self { settings, tls, patience: MailPatience::default(), clock, noted: Mutex::default() })
    }

    async fn begin(&self) -> Result<SmtpSession, MailFailure> {
        let begun = SmtpSession::begin(&self.settings, &self.tls, self.patience).await;
        let session = begun.map_err(|problem| self.failure(&problem))?;
        self.log(session.note());
        Ok(session)
    }

    /// Logs what is the matter with TLS, once for as long as it stays the same.
    fn log(&self, note: Option<&str>) {
        let mut noted = self.noted.lock();
        if noted.as_deref() != note {
            if let Some(note) = note {
                let MailSettings { host, port, .. } = &self.settings;
                tracing::warn!(
                    "mail server {host}:{port} {note}; mail is sent all the same, since no login is set"
                );
            }
            *noted = note.map(str::to_owned);
        }
    }

    /// Sends the mail in the session that is begun so.
    async fn send_in(
        &self,
        mail: &Mail,
        begun: impl Future<Output = Result<SmtpSession, MailFailure>>,
    ) -> Vec<Delivery> {
        let (mut to, mut deliveries) = (Vec::new(), Vec::new());
        for recipient in &mail.recipients {
            match recipient.parse::<Address>() {
                Ok(address) if recipient.is_ascii() => to.push((recipient, address)),
                Ok(_) | Err(_) => deliveries.push(no_address(recipient)),
            }
        }
        let (recipients, addresses): (Vec<&SmolStr>, Vec<Address>) = to.into_iter().unzip();
        if addresses.is_empty() {
            return deliveries;
        }
        let outcomes = match self.deliver(mail, &addresses, begun).await {
            Ok(outcomes) => outcomes,
            Err(failure) => vec![Err(failure); addresses.len()],
        };
        let each = recipients.into_iter().cloned().zip(outcomes);
        deliveries.extend(each.map(|(recipient, outcome)| Delivery { recipient, outcome }));
        deliveries
    }

    /// Sends the mail to these, and returns what became of it for each of them.
    async fn deliver(
        &self,
        mail: &Mail,
        to: &[Address],
        begun: impl Future<Output = Result<SmtpSession, MailFailure>>,
    ) -> Result<Vec<Result<(), MailFailure>>, MailFailure> {
        let text = message::write(&self.settings, mail, self.clock.now().wall)?;
        let mut session = begun.await?;
        let outcomes = transaction::deliver(&mut session, &self.settings.from.email, to, &text).await;
        session.end().await;
        Ok(outcomes.into_iter().map(|outcome| outcome.map_err(|problem| self.failure(&problem))).collect())
    }

    fn failure(&self, problem: &Problem) -> MailFailure {
        let MailSettings { host, port, .. } = &self.settings;
        MailFailure::new(problem.kind, format!("mail server {host}:{port} {}", problem.what))
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Vec<Delivery> {
        self.send_in(mail, self.begin()).await
    }
}

fn no_address(recipient: &SmolStr) -> Delivery {
    let failure = MailFailure::new(MailFailureKind::Permanent, format!("{recipient:?} is no mail address"));
    Delivery { recipient: recipient.clone(), outcome: Err(failure) }
}
