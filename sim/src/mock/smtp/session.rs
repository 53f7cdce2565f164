//! One connection to the mail server.

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

use super::message::Mail;
use super::{Shared, SmtpFault, SmtpTls};

/// Serves one connection until it ends.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    shared.seen.send_modify(|seen| seen.connections += 1);
    // Whatever goes wrong on the way is the client's to notice.
    let _ = converse(&shared, stream).await;
}

async fn converse(shared: &Shared, stream: TcpStream) -> io::Result<()> {
    if shared.fault() == SmtpFault::Down {
        return Ok(());
    }
    if shared.options.tls == SmtpTls::Implicit {
        let stream = shared.acceptor.accept(stream).await?;
        return Session::new(shared, stream, true).run(true).await.map(drop);
    }
    if let Some(plain) = Session::new(shared, stream, false).run(true).await? {
        let stream = shared.acceptor.accept(plain.into_inner()).await?;
        Session::new(shared, stream, true).run(false).await?;
    }
    Ok(())
}

impl Shared {
    fn fault(&self) -> SmtpFault {
        self.control.borrow().fault.clone()
    }

    fn keep(&self, mail: Mail) {
        self.seen.send_modify(|seen| {
            seen.kept += 1;
            seen.mails.push_back(mail);
            while seen.mails.len() > self.options.keep {
                seen.mails.pop_front();
            }
        });
    }
}

/// What comes next after a command.
enum Next {
    /// This answer.
    Say(String),
    /// This answer, and the end of the connection.
    Bye(&'static str),
    /// Encryption.
    Encrypt,
    /// The text of a mail.
    Text,
    /// The login that this mechanism needs, with what came along.
    Login { mechanism: String, initial: Option<String> },
}

impl Next {
    fn say(answer: &str) -> Self {
        Self::Say(answer.to_owned())
    }
}

struct Session<'a, S> {
    shared: &'a Shared,
    stream: BufStream<S>,
    encrypted: bool,
    user: Option<String>,
    from: Option<String>,
    recipients: Vec<String>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Session<'a, S> {
    fn new(shared: &'a Shared, stream: S, encrypted: bool) -> Self {
        let stream = BufStream::new(stream);
        Self { shared, stream, encrypted, user: None, from: None, recipients: Vec::new() }
    }

    /// Talks until the client goes, or until it wants to be encrypted: then the stream is given.
    async fn run(mut self, greet: bool) -> io::Result<Option<BufStream<S>>> {
        if greet && !self.greet().await? {
            return Ok(None);
        }
        while let Some(line) = read_line(&mut self.stream).await? {
            match self.command(&line) {
                Next::Say(answer) => self.say(&answer).await?,
                Next::Bye(answer) => {
                    self.say(answer).await?;
                    break;
                }
                Next::Encrypt => {
                    self.say("220 2.0.0 go ahead").await?;
                    return Ok(Some(self.stream));
                }
                Next::Login { mechanism, initial } => self.login(&mechanism, initial).await?,
                Next::Text => {
                    if !self.text().await? {
                        break;
                    }
                }
            }
        }
        Ok(None)
    }

    /// False if the connection is to end.
    async fn greet(&mut self) -> io::Result<bool> {
        let fault = self.shared.fault();
        if fault == SmtpFault::HangsAtGreeting {
            std::future::pending::<()>().await;
        }
        if fault == SmtpFault::Unavailable {
            self.say("421 4.3.2 mock service not available, try later").await?;
            return Ok(false);
        }
        self.say("220 mock ESMTP").await?;
        Ok(true)
    }

    fn command(&mut self, line: &str) -> Next {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => Next::Say(self.offers()),
            "HELO" => Next::say("250 mock"),
            "STARTTLS" if self.can_encrypt() => Next::Encrypt,
            "STARTTLS" => Next::say("502 5.5.1 not supported"),
            "AUTH" => Self::auth(rest),
            "MAIL" => self.mail(rest),
            "RCPT" => self.recipient(rest),
            "DATA" if self.recipients.is_empty() => Next::say("503 5.5.1 no recipients"),
            "DATA" => Next::Text,
            "RSET" => {
                self.forget_mail();
                Next::say("250 2.0.0 ok")
            }
            "NOOP" => Next::say("250 2.0.0 ok"),
            "QUIT" => Next::Bye("221 2.0.0 bye"),
            _ => Next::say("500 5.5.2 unknown command"),
        }
    }

    fn can_encrypt(&self) -> bool {
        self.shared.options.tls == SmtpTls::StartTls && !self.encrypted
    }

    fn offers(&self) -> String {
        let mut offers = vec!["mock", "8BITMIME", "SMTPUTF8", "SIZE 10485760"];
        if self.can_encrypt() {
            offers.push("STARTTLS");
        } else if self.shared.options.credentials.is_some() {
            // Where it can encrypt, it wants to before it hears a password.
            offers.push("AUTH PLAIN LOGIN");
        }
        let last = offers.len() - 1;
        let lines = offers.iter().enumerate();
        lines
            .map(|(i, offer)| format!("250{}{offer}", if i == last { " " } else { "-" }))
            .collect::<Vec<_>>()
            .join("\r\n")
    }

    fn auth(rest: &str) -> Next {
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        match mechanism.to_ascii_uppercase().as_str() {
            mechanism @ ("PLAIN" | "LOGIN") => Next::Login {
                mechanism: mechanism.to_owned(),
                initial: Some(initial.to_owned()).filter(|text| !text.is_empty()),
            },
            _ => Next::say("504 5.5.4 unknown mechanism"),
        }
    }

    fn mail(&mut self, rest: &str) -> Next {
        if self.shared.options.credentials.is_some() && self.user.is_none() {
            return Next::say("530 5.7.0 authentication required");
        }
        let Some(from) = address(rest, "FROM:") else { return Next::say("501 5.5.4 no address") };
        self.forget_mail();
        self.from = Some(from);
        Next::say("250 2.1.0 ok")
    }

    fn recipient(&mut self, rest: &str) -> Next {
        if self.from.is_none() {
            return Next::say("503 5.5.1 no sender");
        }
        let Some(to) = address(rest, "TO:") else { return Next::say("501 5.5.4 no address") };
        let control = self.shared.control.borrow();
        if control.fault == SmtpFault::RecipientsLater {
            return Next::say("451 4.3.0 try later");
        }
        if let Some(refusal) = control.server.refusal(&to) {
            return Next::Say(refusal.detail);
        }
        self.recipients.push(to);
        Next::say("250 2.1.5 ok")
    }

    /// Takes the text of a mail. False if the connection is to end.
    async fn text(&mut self) -> io::Result<bool> {
        self.say("354 end with a dot").await?;
        let Some(raw) = read_text(&mut self.stream).await? else { return Ok(false) };
        let mail = Mail {
            from: self.from.take().unwrap_or_default(),
            recipients: std::mem::take(&mut self.recipients),
            over_tls: self.encrypted,
            user: self.user.clone(),
            ..Mail::parse(raw)
        };
        let refusal = self.shared.control.borrow().server.refusal_of_text(mail.length());
        if let Some(refusal) = refusal {
            self.say(&refusal.detail).await?;
            return Ok(true);
        }
        match self.shared.fault() {
            SmtpFault::TextLater => self.say("451 4.3.0 try later").await?,
            SmtpFault::RefusesText => self.say("554 5.6.0 not wanted").await?,
            SmtpFault::LosesText => return Ok(false),
            SmtpFault::CutsAfterText => {
                self.shared.keep(mail);
                return Ok(false);
            }
            SmtpFault::HangsAfterText => {
                self.shared.keep(mail);
                std::future::pending::<()>().await;
            }
            SmtpFault::Slow(late) => {
                self.shared.keep(mail);
                tokio::time::sleep(late).await;
                self.say("250 2.0.0 kept").await?;
            }
            SmtpFault::None
            | SmtpFault::Unavailable
            | SmtpFault::Down
            | SmtpFault::HangsAtGreeting
            | SmtpFault::RecipientsLater => {
                self.shared.keep(mail);
                self.say("250 2.0.0 kept").await?;
            }
        }
        Ok(true)
    }

    async fn login(&mut self, mechanism: &str, initial: Option<String>) -> io::Result<()> {
        let given = if mechanism == "PLAIN" {
            let answer = self.ask("", initial).await?;
            let mut parts = answer.split('\0').skip(1).map(str::to_owned);
            (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
        } else {
            (self.ask("VXNlcm5hbWU6", initial).await?, self.ask("UGFzc3dvcmQ6", None).await?)
        };
        let encrypted = self.encrypted;
        self.shared.seen.send_modify(|seen| seen.clear_passwords += u64::from(!encrypted));
        if self.shared.options.credentials.as_ref() == Some(&given) {
            self.user = Some(given.0);
            return self.say("235 2.7.0 welcome").await;
        }
        self.shared.seen.send_modify(|seen| seen.refused_logins += 1);
        self.say("535 5.7.8 wrong user or password").await
    }

    /// A part of a login: what came with the command, or else what the client says when asked.
    async fn ask(&mut self, question: &str, initial: Option<String>) -> io::Result<String> {
        let answer = match initial {
            Some(answer) => answer,
            None => {
                self.say(&format!("334 {question}")).await?;
                read_line(&mut self.stream).await?.ok_or(io::ErrorKind::UnexpectedEof)?
            }
        };
        Ok(String::from_utf8_lossy(&STANDARD.decode(answer.trim()).unwrap_or_default()).into_owned())
    }

    fn forget_mail(&mut self) {
        self.from = None;
        self.recipients.clear();
    }

    async fn say(&mut self, answer: &str) -> io::Result<()> {
        self.stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        self.stream.flush().await
    }
}

/// `FROM:<a@b.org> SIZE=5` is about `a@b.org`.
fn address(rest: &str, before: &str) -> Option<String> {
    let start = rest.get(..before.len()).filter(|start| start.eq_ignore_ascii_case(before))?;
    let inside = rest[start.len()..].trim_start().strip_prefix('<')?;
    inside.split_once('>').map(|(address, _)| address.to_owned())
}

async fn read_line(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()))
}

/// Reads up to the line that is a single dot; a dot that begins a longer line is the protocol's.
async fn read_text(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut text = String::new();
    while let Some(line) = read_line(stream).await? {
        if line == "." {
            return Ok(Some(text));
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
        text.push_str("\r\n");
    }
    Ok(None)
}
