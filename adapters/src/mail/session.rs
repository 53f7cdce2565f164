//! What is said to a mail server, step by step, up to the point where it would take a mail.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret, SecretString};
use status_core::MailFailureKind;
use tokio::time::timeout;

use super::channel::{Channel, Early, NoReply};
use super::helo::HeloName;
use super::offers::{Mechanism, Offers};
use super::refusal::{About, Names};
use super::reply::Reply;
use super::tls::{Encrypted, Proof, Tls};
use super::{MailAuth, MailPatience, MailSettings, MailTls};
use crate::connect_error::ConnectError;
use crate::dial::dial;
use crate::secrets::Secrets;

/// How much is quoted of an answer, in characters.
const QUOTED: usize = 300;
/// How long to wait for the last words of a mail server that has closed the connection.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);
/// 421: the mail server ends the session, whatever the command.
const HANGS_UP: u16 = 421;

const NO_TLS: &str =
    "offers no TLS; without TLS no password is sent, and with STATUS_EMAIL_TLS=starttls no mail either";
const GREETED_IN_CLEAR: &str = "does not speak TLS from the first byte: it greets in clear; likely cause: \
                                STATUS_EMAIL_TLS or STATUS_EMAIL_PORT is wrong (STARTTLS is usual at 587 and 25)";
const ANSWERED_IN_CLEAR: &str = "sent more in clear after it had agreed to begin TLS; likely cause: something between \
                                 this machine and the mail server tampers with the connection, or the mail server is broken";

/// What went wrong, and what it means for the mail.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) kind: MailFailureKind,
    pub(super) what: String,
    /// Whether the mail server's earlier answers may have been meant for something else.
    pub(super) out_of_step: bool,
}

impl Problem {
    pub(super) fn new(kind: MailFailureKind, what: String) -> Self {
        Self { kind, what, out_of_step: false }
    }

    /// It says nothing about the mail, and may be set right.
    pub(super) fn unreachable(what: String) -> Self {
        Self::new(MailFailureKind::Unreachable, what)
    }

    /// The same, once a recipient was named: it may have been about that one.
    pub(super) fn of_these_recipients(self) -> Self {
        match self.kind {
            MailFailureKind::Unreachable => Self { kind: MailFailureKind::Transient, ..self },
            MailFailureKind::Transient
            | MailFailureKind::Unknown
            | MailFailureKind::Permanent
            | MailFailureKind::TooLong => self,
        }
    }
}

/// Why there is no session.
enum Stop {
    /// A problem.
    Problem(Problem),
    /// TLS could not be begun, and mail may go without.
    NoTls(String),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Why TLS was not begun.
enum NoHandshake {
    /// Something was said in clear that should have come over TLS, or not at all.
    SaidInClear,
    /// The handshake failed.
    Failed(String),
}

impl NoHandshake {
    /// Returns what went wrong, where this says what it means that something was said in clear.
    fn told(self, in_clear: &str) -> String {
        match self {
            Self::SaidInClear => in_clear.to_owned(),
            Self::Failed(what) => what,
        }
    }
}

/// What is asked of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encryption {
    /// From the first byte on.
    Implicit(Proof),
    /// With STARTTLS: a must, or where it is offered.
    StartTls { required: bool, proof: Proof },
    /// Not at all.
    Never,
}

/// An open connection, on which we are logged in if we are to be.
pub(super) struct SmtpSession {
    pub(super) channel: Channel,
    pub(super) offers: Offers,
    pub(super) names: Names,
    pub(super) patience: MailPatience,
    /// Whether what is said is the text of a mail, and no command.
    pub(super) in_text: bool,
    secrets: Secrets,
    encrypted: bool,
    note: Option<String>,
}

impl SmtpSession {
    /// Connects, begins TLS, and logs in.
    pub(super) async fn begin(
        settings: &MailSettings,
        tls: &Tls,
        patience: MailPatience,
    ) -> Result<Self, Problem> {
        match Self::connect(settings, tls, patience, Encryption::of(settings)).await {
            Ok(session) => Ok(session),
            Err(Stop::Problem(problem)) => Err(problem),
            Err(Stop::NoTls(note)) => match Self::connect(settings, tls, patience, Encryption::Never).await {
                Ok(session) => Ok(session.noting(note)),
                Err(Stop::Problem(problem)) => Err(problem),
                Err(Stop::NoTls(what)) => Err(Problem::unreachable(what)),
            },
        }
    }

    /// Speaks over a connection that is there already.
    pub(super) async fn over(
        channel: Channel,
        settings: &MailSettings,
        tls: &Tls,
        patience: MailPatience,
    ) -> Result<Self, Problem> {
        let session = Self::new(channel, Ipv4Addr::LOCALHOST.into(), settings, patience);
        match session.open(settings, tls, Encryption::of(settings)).await {
            Ok(session) => Ok(session),
            Err(Stop::Problem(problem)) => Err(problem),
            Err(Stop::NoTls(what)) => Err(Problem::unreachable(what)),
        }
    }

    async fn connect(
        settings: &MailSettings,
        tls: &Tls,
        patience: MailPatience,
        encryption: Encryption,
    ) -> Result<Self, Stop> {
        let server = (settings.host.as_str(), settings.port);
        let unreachable = |why: String| Problem::unreachable(format!("cannot be reached: {why}"));
        let dialed = timeout(patience.connecting, dial(server, patience.connecting)).await;
        let stream = dialed
            .map_err(|_| unreachable(format!("no connection within {:?}", patience.connecting)))?
            .map_err(|error| unreachable(ConnectError::new(&error).to_string()))?;
        let local = stream.local_addr().map_err(|error| unreachable(error.to_string()))?.ip();
        let session = Self::new(Channel::new(stream), local, settings, patience);
        session.open(settings, tls, encryption).await
    }

    /// Speaks up to the point where a mail would be taken.
    async fn open(self, settings: &MailSettings, tls: &Tls, encryption: Encryption) -> Result<Self, Stop> {
        let mut session = self;
        if let Encryption::Implicit(proof) = encryption {
            let begun = session.handshake(tls, proof).await;
            session = begun.map_err(|why| Problem::unreachable(why.told(GREETED_IN_CLEAR)))?;
        }
        session.greeted().await?;
        session.hello().await?;
        if let Encryption::StartTls { required, proof } = encryption {
            session = session.starttls(tls, required, proof).await?;
        }
        session.log_in(&settings.auth).await?;
        Ok(session)
    }

    fn new(channel: Channel, local: IpAddr, settings: &MailSettings, patience: MailPatience) -> Self {
        let helo = settings.helo.clone().unwrap_or_else(|| HeloName::of_this_machine(local));
        let names = Names { helo: helo.to_string(), sender: settings.from.email.to_string() };
        let secrets = secrets(&settings.auth);
        let offers = Offers::default();
        Self { channel, offers, names, patience, in_text: false, secrets, encrypted: false, note: None }
    }

    fn noting(self, note: String) -> Self {
        Self { note: Some(note), ..self }
    }

    /// Whether nobody on the way can read what is said.
    pub(super) fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// What is the matter with TLS, where it is not needed.
    pub(super) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    async fn greeted(&mut self) -> Result<(), Problem> {
        let step = "greet us";
        let reply = self.channel.reply(self.patience.answer).await.map_err(|no_reply| {
            let problem = self.no_reply(step, &no_reply);
            let may_speak_tls = matches!(no_reply, NoReply::Late(_)) && !self.encrypted;
            let hint = "; likely cause: it speaks TLS from the start (STATUS_EMAIL_TLS=implicit), or is busy";
            if may_speak_tls { Problem { what: problem.what + hint, ..problem } } else { problem }
        })?;
        match reply.code / 100 {
            2 => Ok(()),
            4 => Err(self.refused("is there, but takes no mail now", &reply)),
            5 => Err(self.refused("is there, but takes no mail from this machine", &reply)),
            _ => Err(self.senseless(step, &reply)),
        }
    }

    /// Says who we are, and hears what is offered.
    async fn hello(&mut self) -> Result<(), Problem> {
        let name = self.names.helo.clone();
        let reply = self.ask(&format!("EHLO {name}"), "answer EHLO").await?;
        if reply.is_ok() {
            self.offers = Offers::read(&reply);
            return Ok(());
        }
        let refused = self.refused_name(&format!("refused EHLO {name}"), &reply);
        if reply.code / 100 != 5 {
            return Err(refused);
        }
        // An old one knows no EHLO, and offers nothing.
        self.offers = Offers::default();
        match self.ask(&format!("HELO {name}"), "answer HELO").await {
            Ok(reply) if reply.is_ok() => Ok(()),
            Ok(reply) => Err(self.refused_name(&format!("refused HELO {name}"), &reply)),
            Err(_) => Err(refused),
        }
    }

    async fn starttls(mut self, tls: &Tls, required: bool, proof: Proof) -> Result<Self, Stop> {
        if !self.offers.starttls {
            return if required { Err(Problem::unreachable(NO_TLS.to_owned()).into()) } else { Ok(self) };
        }
        let reply = self.ask("STARTTLS", "answer STARTTLS").await?;
        if !reply.is_ok() {
            let refused = self.refused("offers TLS, but refuses to begin it", &reply);
            return if required { Err(refused.into()) } else { Ok(self.noting(refused.what)) };
        }
        let mut session = self.handshake(tls, proof).await.map_err(|why| match why {
            NoHandshake::Failed(what) if !required => Stop::NoTls(what),
            NoHandshake::Failed(_) | NoHandshake::SaidInClear => {
                Stop::Problem(Problem::unreachable(why.told(ANSWERED_IN_CLEAR)))
            }
        })?;
        // What was offered in clear may have been said by anybody.
        session.offers = Offers::default();
        session.hello().await?;
        Ok(session)
    }

    /// Begins TLS.
    async fn handshake(self, tls: &Tls, proof: Proof) -> Result<Self, NoHandshake> {
        let time = self.patience.answer;
        let stream = self.channel.into_stream().await.ok_or(NoHandshake::SaidInClear)?;
        let begun = timeout(time, tls.begin(stream, proof)).await;
        let Encrypted { stream, unproven } = begun
            .map_err(|_| NoHandshake::Failed(format!("did not begin TLS within {time:?}")))?
            .map_err(|connect_error| NoHandshake::Failed(format!("fails to begin TLS: {connect_error}")))?;
        let channel = Channel::new(stream);
        let note = unproven.map(|why| format!("speaks TLS, but {why}"));
        Ok(Self { channel, encrypted: true, note, ..self })
    }

    async fn log_in(&mut self, auth: &MailAuth) -> Result<(), Problem> {
        let MailAuth::Plain { user, password } = auth else { return Ok(()) };
        if !self.encrypted {
            return Err(Problem::unreachable(NO_TLS.to_owned()));
        }
        let Some(mechanism) = self.offers.mechanism() else {
            return Err(Problem::unreachable(self.no_login()));
        };
        let reply = match mechanism {
            Mechanism::Plain => self.log_in_at_once(user, password).await?,
            Mechanism::Login => self.log_in_in_steps(user, password).await?,
        };
        if reply.is_ok() {
            return Ok(());
        }
        let said = self.quote(&reply.to_string());
        let what = format!(
            "refused the login of {user:?}: {said}; likely cause: STATUS_EMAIL_PASSWORD or STATUS_EMAIL_USER is wrong"
        );
        Err(Problem::unreachable(what))
    }

    fn no_login(&self) -> String {
        let possible = "possible here are PLAIN and LOGIN";
        match self.offers.ways_to_log_in() {
            Some(ways) => format!(
                "offers only AUTH {ways} for the login, and {possible}; likely cause: it wants a password made for \
                 programs, or another port or mail server"
            ),
            None => format!(
                "offers no login (no AUTH), and {possible}; likely cause: STATUS_EMAIL_PORT is not its port for \
                 mail programs, or it needs no login (STATUS_EMAIL_AUTH_TYPE=none)"
            ),
        }
    }

    async fn log_in_at_once(&mut self, user: &str, password: &SecretString) -> Result<Reply, Problem> {
        let step = "answer the login";
        let given = plain(user, password);
        let reply = self.ask(&format!("AUTH PLAIN {given}"), step).await?;
        // Some want to ask before they listen.
        if reply.is_go_on() { self.ask(&given, step).await } else { Ok(reply) }
    }

    async fn log_in_in_steps(&mut self, user: &str, password: &SecretString) -> Result<Reply, Problem> {
        let step = "answer the login";
        let mut reply = self.ask("AUTH LOGIN", step).await?;
        for given in [user, password.expose_secret()] {
            if !reply.is_go_on() {
                return Ok(reply);
            }
            reply = self.ask(&BASE64_STANDARD.encode(given), step).await?;
        }
        Ok(reply)
    }

    /// Says a command, and returns the answer to it.
    pub(super) async fn ask(&mut self, command: &str, step: &str) -> Result<Reply, Problem> {
        self.ask_within(command, step, self.patience.answer).await
    }

    pub(super) async fn ask_within(
        &mut self,
        command: &str,
        step: &str,
        time: Duration,
    ) -> Result<Reply, Problem> {
        self.in_step(step).await?;
        let line = format!("{command}\r\n");
        if let Err(no_reply) = self.channel.say(line.as_bytes(), time).await {
            return Err(self.last_words(step, &no_reply).await);
        }
        let reply = self.channel.reply(time).await.map_err(|no_reply| self.no_reply(step, &no_reply))?;
        if reply.code == HANGS_UP {
            return Err(self.refused(&format!("hung up when it was to {step}"), &reply));
        }
        if !reply.is_ok() && !reply.is_go_on() && !reply.is_refusal() {
            return Err(self.senseless(step, &reply));
        }
        Ok(reply)
    }

    /// Makes sure that nothing was said that was not asked for: such an answer is not one to what is asked next.
    pub(super) async fn in_step(&mut self, step: &str) -> Result<(), Problem> {
        match self.channel.early().await {
            Early::Nothing => Ok(()),
            Early::End(connect_error) => Err(self.no_reply(step, &NoReply::Lost(connect_error))),
            Early::Something => Err(match self.channel.reply(LAST_WORDS).await {
                Ok(reply) if reply.code == HANGS_UP => self.refused("hung up", &reply),
                Ok(reply) => self.out_of_step(step, &reply.to_string()),
                Err(_) => self.out_of_step(step, "no whole answer"),
            }),
        }
    }

    /// What a mail server said before it closed the connection, while we spoke.
    async fn last_words(&mut self, step: &str, no_reply: &NoReply) -> Problem {
        match self.channel.reply(LAST_WORDS).await {
            Ok(reply) if reply.is_refusal() => {
                self.refused(&format!("hung up when it was to {step}"), &reply)
            }
            Ok(_) | Err(_) => self.no_reply(step, no_reply),
        }
    }

    /// Ends it in good manners, without waiting long for the other side's.
    pub(super) async fn end(mut self) {
        if self.in_text {
            return;
        }
        // Everything that matters was said before.
        let _ = self.channel.say(b"QUIT\r\n", LAST_WORDS).await;
        let _ = self.channel.reply(LAST_WORDS).await;
    }

    /// A refusal that is about no recipient.
    pub(super) fn refused(&self, what: &str, reply: &Reply) -> Problem {
        Problem::unreachable(self.hinted(what, reply, About::new(reply, &self.names)))
    }

    /// A refusal of the name that we gave, unless it says otherwise.
    fn refused_name(&self, what: &str, reply: &Reply) -> Problem {
        let about = About::new(reply, &self.names);
        let says_nothing = matches!(about, About::Command | About::Recipient);
        let about = if says_nothing && reply.code / 100 == 5 { About::Helo } else { about };
        Problem::unreachable(self.hinted(what, reply, about))
    }

    /// What a refusal says, and what to look at.
    pub(super) fn hinted(&self, what: &str, reply: &Reply, about: About) -> String {
        let said = self.quote(&reply.to_string());
        let hint = about.hint(reply, &self.names).map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("{what}: {said}{hint}")
    }

    pub(super) fn no_reply(&self, step: &str, no_reply: &NoReply) -> Problem {
        Problem::unreachable(match no_reply {
            NoReply::Late(time) => format!("did not {step} within {time:?}"),
            NoReply::Lost(_) | NoReply::Bad(_) => {
                format!("did not {step}: {}", self.quote(&no_reply.to_string()))
            }
        })
    }

    /// An answer that is none to what was asked.
    pub(super) fn senseless(&self, step: &str, reply: &Reply) -> Problem {
        let said = self.quote(&reply.to_string());
        let what = format!("did not {step}: its answer makes no sense there: {said}");
        Problem { out_of_step: true, ..Problem::unreachable(what) }
    }

    fn out_of_step(&self, step: &str, said: &str) -> Problem {
        let what = format!("sent an answer before it was asked to {step}: {}", self.quote(said));
        Problem { out_of_step: true, ..Problem::unreachable(what) }
    }

    /// What the mail server said, on one line, without what must not be shown.
    pub(super) fn quote(&self, said: &str) -> String {
        let one_line = said.replace(char::is_control, " ");
        self.secrets.redact(&one_line).chars().take(QUOTED).collect()
    }
}

impl Encryption {
    fn of(settings: &MailSettings) -> Self {
        let logs_in = matches!(settings.auth, MailAuth::Plain { .. });
        let proof = if logs_in { Proof::Required } else { Proof::Noted };
        match settings.tls {
            MailTls::None => Self::Never,
            MailTls::StartTls => Self::StartTls { required: true, proof: Proof::Required },
            MailTls::Implicit => Self::Implicit(proof),
            MailTls::Auto if super::IMPLICIT_TLS.contains(&settings.port) => Self::Implicit(proof),
            MailTls::Auto => Self::StartTls { required: logs_in, proof },
        }
    }
}

/// User and password as `AUTH PLAIN` has them (RFC 4616).
fn plain(user: &str, password: &SecretString) -> String {
    BASE64_STANDARD.encode(format!("\0{user}\0{}", password.expose_secret()))
}

/// The password, plain and as it is sent.
fn secrets(auth: &MailAuth) -> Secrets {
    let mut secrets = Secrets::default();
    if let MailAuth::Plain { user, password } = auth {
        let bare = password.expose_secret();
        for secret in [bare, &plain(user, password), &BASE64_STANDARD.encode(bare)] {
            secrets.add(secret, "<password>");
        }
    }
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unless_chosen_otherwise_tls_is_spoken_from_the_start_at_its_ports_alone() {
        let from = "Lab <lab@a.org>".parse().unwrap();
        let mut settings = MailSettings {
            host: "smtp.a.org".into(),
            port: 0,
            tls: MailTls::Auto,
            helo: None,
            auth: MailAuth::None,
            from,
            to: Vec::new(),
            cc: Vec::new(),
            list: String::new(),
        };
        for (port, from_the_start) in [(25, false), (465, true), (587, false), (2465, true), (2525, false)] {
            settings.port = port;
            let chosen = Encryption::of(&settings);
            assert_eq!(matches!(chosen, Encryption::Implicit(_)), from_the_start, "{port}");
        }
        (settings.tls, settings.port) = (MailTls::StartTls, 465);
        assert!(matches!(Encryption::of(&settings), Encryption::StartTls { required: true, .. }));
        (settings.tls, settings.port) = (MailTls::Implicit, 25);
        assert!(matches!(Encryption::of(&settings), Encryption::Implicit(_)));
    }
}
