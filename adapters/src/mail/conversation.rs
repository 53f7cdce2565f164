//! What is said to a mail server, step by step: the library's own way of sending gives up at the
//! first address that is refused.

use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Auth, Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use secrecy::{ExposeSecret, SecretString};
use status_core::{MailFailure, MailFailureKind};
use tokio::time::timeout;

use super::delivery::Transaction;
use super::{MailAuth, MailPatience, MailSettings};
use crate::broken::Broken;
use crate::dial::dial;
use crate::secrets::Secrets;

/// How much is quoted of an answer, in characters.
const QUOTED: usize = 300;

/// What went wrong, and what it means for the mail.
pub(super) struct Problem {
    pub(super) kind: MailFailureKind,
    pub(super) what: String,
}

/// An open connection, on which we are logged in if we are to be.
pub(super) struct Conversation {
    connection: AsyncSmtpConnection,
    answers: Answers,
    patience: MailPatience,
}

impl Conversation {
    /// Connects, begins TLS, and logs in.
    pub(super) async fn begin(
        settings: &MailSettings,
        tls: &TlsParameters,
        implicit_tls: bool,
        patience: MailPatience,
    ) -> Result<Self, Problem> {
        let us = ClientId::default();
        let answers = Answers::new(&settings.auth);
        let implicit = implicit_tls.then(|| tls.clone());
        let mut connection = connect(settings, &us, implicit, patience, &answers).await?;
        if connection.can_starttls() {
            let begun = in_time("begin TLS", patience.answer, connection.starttls(tls.clone(), &us)).await?;
            begun.map_err(|error| answers.for_now("offers TLS, but fails to begin it", &error))?;
        }
        let mut conversation = Self { connection, answers, patience };
        conversation.log_in(&settings.auth).await?;
        Ok(conversation)
    }

    async fn log_in(&mut self, auth: &MailAuth) -> Result<(), Problem> {
        let MailAuth::Plain { user, password } = auth else { return Ok(()) };
        let problem = |what: &str| Problem { kind: MailFailureKind::Unreachable, what: what.to_owned() };
        if !self.connection.is_encrypted() {
            return Err(problem("offers no TLS, and the password is not sent without"));
        }
        if self.connection.server_info().get_auth_mechanism(DEFAULT_MECHANISMS).is_none() {
            return Err(problem(
                "offers no login with a password; likely cause: STATUS_EMAIL_AUTH_TYPE should be none",
            ));
        }
        let credentials = credentials(user, password);
        let login = self.connection.auth(DEFAULT_MECHANISMS, &credentials);
        in_time("answer the login", self.patience.answer, login).await?.map(drop).map_err(|error| {
            let cause = "likely cause: STATUS_EMAIL_PASSWORD or STATUS_EMAIL_FROM is wrong";
            let said = self.answers.said(&error);
            problem(&format!("refused the login of {user:?}: {said}; {cause}"))
        })
    }

    /// Whether nobody on the way can read what is said.
    pub(super) fn is_encrypted(&self) -> bool {
        self.connection.is_encrypted()
    }

    /// Offers a mail from `settings.from` to everybody who is left. When this returns well, the mail server either
    /// waits for the text or wants it for nobody.
    pub(super) async fn offer(
        &mut self,
        settings: &MailSettings,
        transaction: &mut Transaction,
        told: impl Fn(Problem) -> MailFailure,
    ) -> Result<(), Problem> {
        let from = &settings.from.email;
        let answers = &self.answers;
        let patience = self.patience.answer;
        let begun = self.connection.command(Mail::new(Some(from.clone()), Vec::new()));
        in_time("answer MAIL FROM", patience, begun).await?.map_err(|error| {
            // It names no address that is to get it, and may be set right.
            answers.for_now(&format!("refused a mail from {from}"), &error)
        })?;
        for address in transaction.left.clone() {
            let named = self.connection.command(Rcpt::new(address.clone(), Vec::new()));
            match in_time(&format!("answer RCPT TO {address}"), patience, named).await? {
                Ok(_) => transaction.accepted(address),
                Err(error) if is_about_login(&error) || hangs_up(&error) => {
                    return Err(answers.for_now(&format!("refused a mail to {address}"), &error));
                }
                Err(error) if error.is_permanent() || error.is_transient() => {
                    transaction.failed(&address, told(answers.to_recipient(&address, &error)));
                }
                Err(error) => return Err(answers.for_now(&format!("failed at a mail to {address}"), &error)),
            }
        }
        if transaction.is_wanted() {
            let waiting = in_time("answer DATA", patience, self.connection.command(Data)).await?;
            waiting
                .map_err(|error| answers.by_code("refused the mail", &error, MailFailureKind::Transient))?;
        }
        Ok(())
    }

    /// Hands over the text that the mail server waits for.
    pub(super) async fn hand_over(&mut self, text: &[u8]) -> Result<(), Problem> {
        let taken = in_time("say that it has the mail", self.patience.taking, self.connection.message(text));
        // It may have it, and may be about to say so.
        let taken = taken.await.map_err(|late| Problem { kind: MailFailureKind::Unknown, ..late })?;
        taken
            .map(drop)
            .map_err(|error| self.answers.by_code("did not take the mail", &error, MailFailureKind::Unknown))
    }

    /// Ends it in good manners, without waiting long for the other side's.
    pub(super) async fn end(mut self) {
        // Everything that matters was said before.
        let _ = timeout(Duration::from_secs(1), self.connection.quit()).await;
    }
}

/// A connection to the mail server, and its greeting.
async fn connect(
    settings: &MailSettings,
    us: &ClientId,
    implicit_tls: Option<TlsParameters>,
    patience: MailPatience,
    answers: &Answers,
) -> Result<AsyncSmtpConnection, Problem> {
    let server = (settings.host.as_str(), settings.port);
    let greeted = if implicit_tls.is_some() {
        // The library can begin TLS only on a connection that it has made.
        let (time, one) = (patience.connecting + patience.answer, Some(patience.connecting / 3));
        let greeted = AsyncSmtpConnection::connect_tokio1(server, one, us, implicit_tls, None);
        in_time("greet us over TLS", time, greeted).await?
    } else {
        let stream = in_time("take a connection", patience.connecting, dial(server, patience.connecting));
        let stream = stream.await?.map_err(|error| {
            let what = format!("cannot be reached: {}", Broken::new(&error));
            Problem { kind: MailFailureKind::Unreachable, what }
        })?;
        let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(stream), us);
        in_time("greet us", patience.answer, greeted).await?
    };
    greeted.map_err(|error| answers.for_now("cannot be reached", &error))
}

/// Waits for a step that the mail server is to take, but not for ever.
async fn in_time<T>(step: &str, patience: Duration, taking: impl Future<Output = T>) -> Result<T, Problem> {
    let late = |_| Problem {
        kind: MailFailureKind::Unreachable,
        what: format!("did not {step} within {patience:?}"),
    };
    timeout(patience, taking).await.map_err(late)
}

/// Puts the mail server's answers in words, without what must not be shown.
struct Answers(Secrets);

impl Answers {
    fn new(auth: &MailAuth) -> Self {
        Self(match auth {
            MailAuth::None => Secrets::default(),
            MailAuth::Plain { user, password } => secrets(user, password),
        })
    }

    fn for_now(&self, what: &str, error: &Error) -> Problem {
        Problem { kind: MailFailureKind::Unreachable, what: format!("{what}: {}", self.said(error)) }
    }

    /// A problem with a mail, for as long as the answer's code says; without one, it is `otherwise`.
    fn by_code(&self, what: &str, error: &Error, otherwise: MailFailureKind) -> Problem {
        let kind = if is_about_login(error) {
            MailFailureKind::Unreachable
        } else if error.is_transient() {
            MailFailureKind::Transient
        } else if is_about_length(error) {
            MailFailureKind::TooLong
        } else if error.is_permanent() {
            MailFailureKind::Permanent
        } else {
            otherwise
        };
        Problem { kind, what: format!("{what}: {}", self.said(error)) }
    }

    /// A problem with one recipient. What is said of storage (552) is about a mailbox that is full.
    fn to_recipient(&self, address: &Address, error: &Error) -> Problem {
        let put_off = error.is_transient() || is_about_length(error);
        let kind = if put_off { MailFailureKind::Transient } else { MailFailureKind::Permanent };
        let what =
            format!("{} {address}: {}", if put_off { "puts off" } else { "refused" }, self.said(error));
        Problem { kind, what }
    }

    /// What the mail server said, or what was the matter with the connection.
    fn said(&self, error: &Error) -> String {
        let text = match (error.status(), std::error::Error::source(error)) {
            (Some(code), Some(text)) => format!("{code} {text}"),
            (Some(code), None) => code.to_string(),
            (None, _) => Broken::new(error).to_string(),
        };
        let one_line = text.replace(char::is_control, " ");
        self.0.hide(&one_line).chars().take(QUOTED).collect()
    }
}

/// Whether an answer is about who we are, and not about the mail.
fn is_about_login(error: &Error) -> bool {
    error.status().is_some_and(|code| matches!(u16::from(code), 530 | 534 | 535 | 538))
}

/// Whether an answer says that the mail is too long, or that there is no room for it.
fn is_about_length(error: &Error) -> bool {
    error.status().is_some_and(|code| u16::from(code) == 552)
}

/// Whether the mail server ends the connection with this answer, whatever was asked.
fn hangs_up(error: &Error) -> bool {
    error.status().is_some_and(|code| u16::from(code) == 421)
}

fn credentials(user: &str, password: &SecretString) -> Credentials {
    Credentials::new(user.to_owned(), password.expose_secret().to_owned())
}

/// The password, plain and as it is sent.
fn secrets(user: &str, password: &SecretString) -> Secrets {
    let mut secrets = Secrets::default();
    secrets.add(password.expose_secret(), "<password>");
    let challenge = Some("Password:".to_owned());
    for (mechanism, challenge) in [(Mechanism::Plain, None), (Mechanism::Login, challenge)] {
        let line = Auth::new(mechanism, credentials(user, password), challenge).map(|auth| auth.to_string());
        let sent = line.as_deref().ok().and_then(|line| line.split_whitespace().next_back());
        secrets.add(sent.unwrap_or_default(), "<password>");
    }
    secrets
}
