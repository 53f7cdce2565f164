//! A mail server that says any bytes, in any pieces.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use status_adapters::clock::SystemClock;
use status_adapters::mail::{HeloName, MailAuth, MailSettings, MailTls, SmtpMailer, parse_mailboxes};
use status_core::Mail;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a mail server says between two of the client's commands ends with this byte.
const TURN: u8 = 0;

/// The first byte is the size of the pieces; after it comes what the mail server says, in turns: the first at once, and
/// each other one once something was said to it. Whatever it says, each recipient has one outcome, and nobody has got
/// a mail that was not asked for.
///
/// # Panics
/// If that is not so.
pub fn mail_server(bytes: &[u8]) {
    let Some((size, said)) = bytes.split_first() else { return };
    let settings = settings();
    let recipients = settings.recipients();
    let (subject, body, thread) = ("s".to_owned(), ".\n".to_owned(), "2026-11-24".into());
    let mail = Mail { id: "1".into(), subject, body, html: None, thread, recipients };
    let mailer = SmtpMailer::new(settings, Arc::new(SystemClock)).expect("the settings make sense");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without sockets needs nothing");
    let deliveries = runtime.block_on(mailer.send_over(Said::new(said, *size), &mail));
    let names: Vec<_> = deliveries.iter().map(|delivery| delivery.recipient.clone()).collect();
    assert_eq!(names, mail.recipients, "each recipient has one outcome");
    if deliveries.iter().any(|delivery| delivery.outcome.is_ok()) {
        let go_on = said.split(|byte| *byte == TURN).any(|turn| turn.contains(&b'3'));
        assert!(go_on, "nobody asked for the text");
    }
}

fn settings() -> MailSettings {
    let mailboxes = |text| parse_mailboxes(text).expect("they are addresses");
    MailSettings {
        host: "localhost".to_owned(),
        port: 25,
        tls: MailTls::Auto,
        helo: HeloName::parse("status.example.org").ok(),
        auth: MailAuth::None,
        from: mailboxes("status@b.org").remove(0),
        to: mailboxes("alpha@a.org, beta@a.org"),
        cc: Vec::new(),
        list: String::new(),
    }
}

/// The other end of the connection.
struct Said {
    /// What may be read now.
    now: VecDeque<u8>,
    later: VecDeque<Vec<u8>>,
    piece: usize,
    /// Whether somebody looked for more than there is, since the client said something.
    looked: bool,
}

impl Said {
    fn new(said: &[u8], size: u8) -> Self {
        let mut later: VecDeque<Vec<u8>> = said.split(|byte| *byte == TURN).map(<[u8]>::to_vec).collect();
        let now = later.pop_front().unwrap_or_default().into();
        Self { now, later, piece: usize::from(size).max(1), looked: false }
    }

    fn next_turn(&mut self) -> bool {
        let next = self.later.pop_front();
        let more = next.is_some();
        self.now.extend(next.unwrap_or_default());
        more
    }
}

impl AsyncRead for Said {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.now.is_empty() && !self.looked {
            // A glance finds nothing. Who waits looks again.
            self.looked = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.now.is_empty() {
            self.next_turn();
        }
        let length = self.piece.min(into.remaining()).min(self.now.len());
        let bytes: Vec<u8> = self.now.drain(..length).collect();
        into.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Said {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.looked = false;
        self.next_turn();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
