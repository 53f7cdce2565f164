//! A mail server that keeps what it is sent.

mod message;
mod session;
mod tls;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::net::{Bound, Server};
use super::wait::{self, Late};
use crate::service::MailServer;
pub use message::Mail;

/// How a mail server is set up.
#[derive(Clone, Debug)]
pub struct SmtpOptions {
    /// How it encrypts.
    pub tls: SmtpTls,
    /// Name and password without which it takes no mail; anybody's mail if `None`.
    pub credentials: Option<(String, String)>,
    /// How many mails it keeps, at most.
    pub keep: usize,
}

impl Default for SmtpOptions {
    fn default() -> Self {
        Self { tls: SmtpTls::None, credentials: None, keep: 1_000 }
    }
}

/// How a mail server encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// Not at all.
    None,
    /// Once it is asked to; it offers to.
    StartTls,
    /// From the first byte on.
    Implicit,
}

/// What is wrong with a mail server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SmtpFault {
    /// Nothing.
    #[default]
    None,
    /// It greets with 421 and closes the connection.
    Unavailable,
    /// It closes connections at once.
    Down,
    /// It accepts, and never greets.
    HangsAtGreeting,
    /// It answers 451 to every recipient.
    RecipientsLater,
    /// It answers 451 to the text of a mail.
    TextLater,
    /// It answers 554 to the text of a mail.
    RefusesText,
    /// It takes the text, keeps the mail, and says so so much late.
    Slow(Duration),
    /// It takes the text, keeps the mail, and never says so.
    HangsAfterText,
    /// It takes the text, keeps the mail, and closes the connection without saying so.
    CutsAfterText,
    /// It takes the text, and closes the connection without having kept the mail.
    LosesText,
}

/// What a mail server has seen so far.
#[derive(Clone, Default)]
pub struct SmtpSeen {
    /// The mails that it kept, oldest first, and no more than it keeps.
    pub mails: VecDeque<Mail>,
    /// How many mails there were in all.
    pub kept: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Passwords that came before the connection was encrypted.
    pub clear_passwords: u64,
    /// Logins that were refused.
    pub refused_logins: u64,
}

impl fmt::Debug for SmtpSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subjects = self.mails.iter().map(Mail::subject).collect::<Vec<_>>();
        f.debug_struct("SmtpSeen")
            .field("subjects", &subjects)
            .field("connections", &self.connections)
            .field("clear_passwords", &self.clear_passwords)
            .field("refused_logins", &self.refused_logins)
            .finish_non_exhaustive()
    }
}

/// A mock of a mail server. It stops when it is dropped.
#[derive(Debug)]
pub struct Smtp {
    shared: Arc<Shared>,
    server: Server,
    certificate: String,
}

struct Shared {
    options: SmtpOptions,
    acceptor: TlsAcceptor,
    control: watch::Sender<Control>,
    seen: watch::Sender<SmtpSeen>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What a script has decided.
#[derive(Clone, Debug, Default)]
struct Control {
    fault: SmtpFault,
    server: MailServer,
}

impl Smtp {
    /// Starts a mail server.
    ///
    /// # Errors
    /// If it can't listen, or can't make a certificate.
    pub async fn start(options: SmtpOptions) -> io::Result<Self> {
        let (acceptor, certificate) = tls::acceptor()?;
        let (control, seen) = (watch::Sender::default(), watch::Sender::default());
        let shared = Arc::new(Shared { options, acceptor, control, seen });
        let for_sessions = Arc::clone(&shared);
        let serve = move |stream, _| session::serve(Arc::clone(&for_sessions), stream);
        let server = Server::start(Bound::new()?, serve)?;
        Ok(Self { shared, server, certificate })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Its certificate for `localhost` and `127.0.0.1`, in PEM, for a client that is to trust it.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// How it is set up.
    #[must_use]
    pub fn options(&self) -> &SmtpOptions {
        &self.shared.options
    }

    /// Makes something go wrong, or well again.
    pub fn set_fault(&self, fault: SmtpFault) {
        self.shared.control.send_modify(|control| control.fault = fault);
    }

    /// Answers 550 to these recipients from now on, and to no others.
    pub fn set_unknown_recipients(&self, addresses: &[&str]) {
        self.shared.control.send_modify(|control| control.server.refuse(addresses));
    }

    /// Answers 452 to these recipients from now on, and to no others.
    pub fn set_full_mailboxes(&self, addresses: &[&str]) {
        self.shared.control.send_modify(|control| control.server.put_off(addresses));
    }

    /// Answers 552 to mails with a longer text from now on; 0 for none.
    pub fn set_longest_mail(&self, bytes: usize) {
        self.shared.control.send_modify(|control| control.server.limit(bytes));
    }

    /// What it has seen so far.
    #[must_use]
    pub fn seen(&self) -> SmtpSeen {
        self.shared.seen.borrow().clone()
    }

    /// The mails that it kept, oldest first.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        self.shared.seen.borrow().mails.iter().cloned().collect()
    }

    /// What it has seen, for whoever wants to see each change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<SmtpSeen> {
        self.shared.seen.subscribe()
    }

    /// Waits until there were so many mails in all, and gives those that it kept.
    ///
    /// # Errors
    /// If there aren't so many in time.
    pub async fn wait_for_mails(&self, count: u64, limit: Duration) -> Result<Vec<Mail>, Late> {
        let seen = self.wait_for(|seen| seen.kept >= count, limit).await?;
        Ok(seen.mails.into())
    }

    /// Waits until a condition holds for what it has seen, and gives that.
    ///
    /// # Errors
    /// If it doesn't hold in time.
    pub async fn wait_for(
        &self,
        condition: impl FnMut(&SmtpSeen) -> bool,
        limit: Duration,
    ) -> Result<SmtpSeen, Late> {
        wait::until(self.shared.seen.subscribe(), limit, condition).await
    }
}
