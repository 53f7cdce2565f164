//! A mail server whose every answer can be scripted.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// What the mail server does at a command (`GREETING`, a line of the client, or `TEXT` once the
/// whole text has come).
pub enum Do {
    /// What a willing mail server does.
    Well,
    /// Answers with these bytes, in pieces of this size. It goes on as their code says.
    Say(Vec<u8>, usize),
    /// Answers with these bytes, and hangs up.
    SayAndLeave(Vec<u8>),
    /// Says these bytes again and again, for as long as anybody listens.
    Endless(Vec<u8>),
    /// Hangs up.
    Leave,
    /// Never answers.
    Hang,
    /// Does well, once this says so.
    Wait(watch::Receiver<bool>),
}

/// Answers this line.
pub fn say(line: &str) -> Do {
    bytes(format!("{line}\r\n"))
}

/// Answers exactly this.
pub fn bytes(bytes: impl AsRef<[u8]>) -> Do {
    Do::Say(bytes.as_ref().to_vec(), usize::MAX)
}

type Script = dyn Fn(&str) -> Do + Send + Sync;

/// What was said to the mail server.
#[derive(Clone, Default)]
pub struct Heard {
    lines: Arc<Mutex<Vec<String>>>,
    texts: Arc<Mutex<Vec<String>>>,
}

impl Heard {
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// The mails that were handed over, with the doubled dots still in them.
    pub fn texts(&self) -> Vec<String> {
        self.texts.lock().unwrap().clone()
    }

    /// Who was to get the mail, for each time that one was offered.
    pub fn recipients(&self) -> Vec<String> {
        let all = self.lines();
        all.iter().filter_map(|line| line.strip_prefix("RCPT TO:").map(str::to_owned)).collect()
    }
}

/// Starts one. `offers` are the extensions that it offers, `tls` is what it begins TLS with: on
/// STARTTLS, or from the start.
pub async fn start(
    offers: &'static [&'static str],
    tls: Option<(TlsAcceptor, bool)>,
    script: impl Fn(&str) -> Do + Send + Sync + 'static,
) -> (u16, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Heard::default();
    let script: Arc<Script> = Arc::new(script);
    let session = Session { offers, heard: heard.clone(), script };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (session, tls) = (session.clone(), tls.clone());
            let _ = stream.set_nodelay(true);
            tokio::spawn(async move {
                match tls {
                    Some((acceptor, true)) => {
                        let Ok(stream) = acceptor.accept(stream).await else { return };
                        session.hold(stream, true).await;
                    }
                    Some((acceptor, false)) => {
                        let Some(stream) = session.hold(stream, true).await else { return };
                        let Ok(stream) = acceptor.accept(stream).await else { return };
                        session.hold(stream, false).await;
                    }
                    None => drop(session.hold(stream, true).await),
                }
            });
        }
    });
    (port, heard)
}

#[derive(Clone)]
struct Session {
    offers: &'static [&'static str],
    heard: Heard,
    script: Arc<Script>,
}

impl Session {
    /// Converses until the end. Gives the stream back where TLS is to begin.
    async fn hold<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, greet: bool) -> Option<S> {
        let mut stream = BufReader::new(stream);
        if greet {
            self.answer(&mut stream, "GREETING", "220 ready").await?;
        }
        loop {
            let mut line = Vec::new();
            if stream.read_until(b'\n', &mut line).await.ok()? == 0 {
                return None;
            }
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end();
            self.heard.lines.lock().unwrap().push(line.to_owned());
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let usual = match verb.as_str() {
                "EHLO" => self.offered(),
                "AUTH" => "235 welcome".to_owned(),
                "STARTTLS" => "220 go".to_owned(),
                "DATA" => "354 go on".to_owned(),
                "QUIT" => "221 bye".to_owned(),
                _ => "250 fine".to_owned(),
            };
            let accepted = self.answer(&mut stream, line, &usual).await?;
            match verb.as_str() {
                "STARTTLS" if accepted => return Some(stream.into_inner()),
                "DATA" if accepted => {
                    let mut text = String::new();
                    while !text.ends_with("\r\n.\r\n") {
                        if stream.read_line(&mut text).await.ok()? == 0 {
                            return None;
                        }
                    }
                    self.heard.texts.lock().unwrap().push(text[..text.len() - 3].to_owned());
                    self.answer(&mut stream, "TEXT", "250 taken").await?;
                }
                "QUIT" => return None,
                _ => {}
            }
        }
    }

    fn offered(&self) -> String {
        let mut lines = vec!["mock"];
        lines.extend(self.offers);
        let last = lines.len() - 1;
        let line = |(i, line): (usize, &&str)| format!("250{}{line}", if i == last { " " } else { "-" });
        lines.iter().enumerate().map(line).collect::<Vec<_>>().join("\r\n")
    }

    /// Answers as the script wants; true if that is to go on, `None` if the conversation is over.
    async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut BufReader<S>,
        to: &str,
        usual: &str,
    ) -> Option<bool> {
        let usual = format!("{usual}\r\n").into_bytes();
        let (said, piece) = match (self.script)(to) {
            Do::Well => (usual, usize::MAX),
            Do::Say(said, piece) => (said, piece),
            Do::SayAndLeave(said) => {
                write(stream, &said).await?;
                return None;
            }
            Do::Endless(said) => loop {
                write(stream, &said).await?;
            },
            Do::Leave => return None,
            Do::Hang => return std::future::pending().await,
            Do::Wait(mut until) => {
                until.wait_for(|go_on| *go_on).await.ok()?;
                (usual, usize::MAX)
            }
        };
        for piece in said.chunks(piece) {
            write(stream, piece).await?;
            tokio::task::yield_now().await;
        }
        Some(matches!(said.first(), Some(b'2' | b'3')))
    }
}

async fn write<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).await.ok()?;
    stream.flush().await.ok()
}
