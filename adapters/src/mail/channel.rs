//! A connection to a mail server: bytes out, answers in, each within its time.

use std::fmt;
use std::io;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::reply::{BadReply, Reply, ReplyReader};
use crate::connect_error::ConnectError;

/// How many bytes are read at a time.
const PIECE: usize = 4_096;

/// What a conversation is held over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// An open connection.
pub(super) struct Channel {
    stream: Box<dyn Stream>,
    /// What has come and was not read yet.
    received: Vec<u8>,
    reader: ReplyReader,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoReply {
    /// Nothing came in time.
    Late(Duration),
    /// The connection was closed or broke.
    Lost(ConnectError),
    /// What came is no answer.
    Bad(BadReply),
}

/// What has come before anything was asked.
#[derive(Debug)]
pub(super) enum Early {
    /// Nothing, as it should be.
    Nothing,
    /// Something that the mail server could not know to be asked.
    Something,
    /// The end of the connection.
    End(ConnectError),
}

impl Channel {
    pub(super) fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), received: Vec::new(), reader: ReplyReader::default() }
    }

    /// The bare connection, for TLS to begin on it. `None` if something came already that nobody has read: that was
    /// said in clear, and must not be believed later.
    pub(super) async fn into_stream(mut self) -> Option<Box<dyn Stream>> {
        match self.early().await {
            Early::Something => None,
            Early::Nothing | Early::End(_) => Some(self.stream),
        }
    }

    /// The next answer.
    pub(super) async fn reply(&mut self, time: Duration) -> Result<Reply, NoReply> {
        timeout(time, self.next_reply()).await.unwrap_or(Err(NoReply::Late(time)))
    }

    async fn next_reply(&mut self) -> Result<Reply, NoReply> {
        loop {
            if let Some(reply) = self.reader.read(&mut self.received).map_err(NoReply::Bad)? {
                return Ok(reply);
            }
            let mut piece = [0; PIECE];
            match self.stream.read(&mut piece).await {
                Ok(0) => return Err(NoReply::Lost(ConnectError::Closed)),
                Ok(length) => self.received.extend_from_slice(&piece[..length]),
                Err(error) => return Err(NoReply::Lost(ConnectError::new(&error))),
            }
        }
    }

    /// Says something.
    pub(super) async fn say(&mut self, bytes: &[u8], time: Duration) -> Result<(), NoReply> {
        let saying = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        let said: io::Result<()> = timeout(time, saying).await.map_err(|_| NoReply::Late(time))?;
        said.map_err(|error| NoReply::Lost(ConnectError::new(&error)))
    }

    /// Whether something has come that was not asked for. It does not wait.
    pub(super) async fn early(&mut self) -> Early {
        // What has arrived is known only once the system was asked for it.
        tokio::task::yield_now().await;
        let mut piece = [0; PIECE];
        match self.stream.read(&mut piece).now_or_never() {
            Some(Ok(0)) if self.received.is_empty() => Early::End(ConnectError::Closed),
            Some(Err(error)) if self.received.is_empty() => Early::End(ConnectError::new(&error)),
            Some(Ok(length)) => {
                self.received.extend_from_slice(&piece[..length]);
                Early::Something
            }
            Some(Err(_)) => Early::Something,
            None if self.received.is_empty() => Early::Nothing,
            None => Early::Something,
        }
    }
}

impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late(time) => write!(f, "nothing came within {time:?}"),
            Self::Lost(connect_error) => connect_error.fmt(f),
            Self::Bad(bad) => bad.fmt(f),
        }
    }
}
