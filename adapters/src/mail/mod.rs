//! Mail, over SMTP.

mod address;
mod conversation;
mod delivery;
mod letter;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lettre::transport::smtp::client::{Certificate, CertificateStore, TlsParameters};
use secrecy::SecretString;
use smol_str::SmolStr;
use status_core::{Delivery, Mail, MailFailure, MailFailureKind};

use crate::Mailer;
use crate::clock::Clock;
use crate::crypto::install_crypto;
use conversation::{Conversation, Problem};
use delivery::Transaction;

pub use address::{parse_mailbox, parse_mailboxes};
pub use lettre::message::Mailbox;

/// The port where a mail server speaks TLS from the first byte on.
const IMPLICIT_TLS: u16 = 465;

/// Which mail server, and whose mail.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// The mail server's name (`STATUS_EMAIL_HOST`). Its certificate must be for this name.
    pub host: String,
    /// Its port (`STATUS_EMAIL_PORT`). On 465 it speaks TLS from the start; on others TLS is
    /// begun where the mail server offers it.
    pub port: u16,
    /// How to log in (`STATUS_EMAIL_AUTH_TYPE`).
    pub auth: MailAuth,
    /// Who it is from (`STATUS_EMAIL_FROM`).
    pub from: Mailbox,
    /// Who it is to (`STATUS_EMAIL_TO`).
    pub to: Vec<Mailbox>,
    /// Who gets a copy (`STATUS_EMAIL_CC`).
    pub cc: Vec<Mailbox>,
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

/// How to log in at the mail server.
#[derive(Clone, Debug)]
pub enum MailAuth {
    /// Not at all.
    None,
    /// With a password, and over TLS only.
    Plain {
        /// The user; most often the address that the mail is from.
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
    /// Until each of its answers, and its greeting.
    pub answer: Duration,
    /// Until it says that it has taken the mail. Whoever gives up earlier than a mail server that is
    /// about to say so sends the mail again and again.
    pub taking: Duration,
}

impl Default for MailPatience {
    /// RFC 5321, 4.5.3.2, wants 10 minutes for the mail, and 5 for most answers. Those come in
    /// seconds, or else the mail is better tried again.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connecting: seconds(30), answer: seconds(30), taking: seconds(600) }
    }
}

/// The real mail server.
///
/// - It opens a connection for each mail.
/// - One address that is refused or put off does not keep the others from getting the mail: each has
///   an outcome of its own.
/// - What goes wrong before an address is spoken of (connection, TLS, login, sender) is
///   [`MailFailureKind::Unreachable`] for all, whatever the code: it may be set right.
pub struct SmtpMailer {
    settings: MailSettings,
    tls: TlsParameters,
    implicit_tls: bool,
    patience: MailPatience,
    clock: Arc<dyn Clock>,
}

impl SmtpMailer {
    /// The mail server of `settings`.
    ///
    /// # Errors
    /// The settings make no sense: the variable and what is expected.
    pub fn new(settings: MailSettings, clock: Arc<dyn Clock>) -> Result<Self, String> {
        Self::build(settings, clock, None)
    }

    /// Likewise, where this certificate authority (DER) is trusted, and none else. For tests.
    ///
    /// # Errors
    /// The settings or the certificate make no sense.
    pub fn trusting(root: &[u8], settings: MailSettings, clock: Arc<dyn Clock>) -> Result<Self, String> {
        Self::build(settings, clock, Some(root))
    }

    /// With another patience. For tests.
    #[must_use]
    pub fn with_patience(self, patience: MailPatience) -> Self {
        Self { patience, ..self }
    }

    /// Speaking TLS from the start on other ports than 465, too. For tests, which can't have that port.
    #[must_use]
    pub fn with_implicit_tls(self) -> Self {
        Self { implicit_tls: true, ..self }
    }

    /// Does all that comes before a mail: connects, begins TLS, logs in. Then it takes its leave without having
    /// sent any. Returns whether it was over TLS.
    ///
    /// # Errors
    /// Why a mail could not be sent.
    pub async fn probe(&self) -> Result<bool, MailFailure> {
        let begun = Conversation::begin(&self.settings, &self.tls, self.implicit_tls, self.patience);
        let conversation = begun.await.map_err(|problem| self.named(problem.kind, &problem.what))?;
        let encrypted = conversation.is_encrypted();
        conversation.end().await;
        Ok(encrypted)
    }

    fn build(settings: MailSettings, clock: Arc<dyn Clock>, root: Option<&[u8]>) -> Result<Self, String> {
        install_crypto();
        if settings.to.is_empty() && settings.cc.is_empty() {
            return Err("STATUS_EMAIL_TO: at least one address is needed".to_owned());
        }
        let mut tls = TlsParameters::builder(settings.host.clone());
        if let Some(root) = root {
            let root = Certificate::from_der(root.to_vec()).map_err(|e| format!("the certificate: {e}"))?;
            tls = tls.certificate_store(CertificateStore::None).add_root_certificate(root);
        }
        let tls = tls.build().map_err(|e| format!("no TLS to {}: {e}", settings.host))?;
        let implicit_tls = settings.port == IMPLICIT_TLS;
        Ok(Self { settings, tls, implicit_tls, patience: MailPatience::default(), clock })
    }

    /// Offers the mail to its recipients, and hands over the text if any of them is accepted.
    async fn deliver(&self, mail: &Mail, transaction: &mut Transaction) -> Result<(), MailFailure> {
        let text = letter::write(&self.settings, mail, self.clock.now().wall)?;
        let told = |problem: Problem| self.named(problem.kind, &problem.what);
        let begun = Conversation::begin(&self.settings, &self.tls, self.implicit_tls, self.patience);
        let mut conversation = begun.await.map_err(told)?;
        conversation.offer(&self.settings, transaction, told).await.map_err(told)?;
        if transaction.is_wanted() {
            let taken = conversation.hand_over(&text).await.map_err(told);
            transaction.handed_over(&taken);
        }
        conversation.end().await;
        Ok(())
    }

    fn named(&self, kind: MailFailureKind, what: &str) -> MailFailure {
        let MailSettings { host, port, .. } = &self.settings;
        MailFailure::new(kind, format!("mail server {host}:{port} {what}"))
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Vec<Delivery> {
        let mut transaction = Transaction::new(mail);
        match self.deliver(mail, &mut transaction).await {
            Ok(()) => transaction.outcome(),
            Err(failure) => transaction.ended_by(&failure),
        }
    }
}
