//! The request that makes a websocket of a connection.
//!
//! The library's own refuses an answer that lists more than one option of the connection, such as
//! `Connection: keep-alive, Upgrade`, as some proxies do. The rest of it is the library's.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::{Response, generate_request};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;
use tokio_tungstenite::tungstenite::http::{StatusCode, header};

/// How long the head of an answer may be, with those of the answers before it, in bytes.
const LARGEST_HEAD: usize = 16 << 10;

/// How many answers may say that the real one is still to come (1xx).
const INTERIM_AT_MOST: usize = 8;

/// How much is read of what is said to a refusal, in bytes.
const LARGEST_REFUSAL: usize = 64 << 10;

/// How long to wait for what is said to a refusal.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks for a websocket at an address. Returns the bytes of the websocket that came with the answer.
pub(super) async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    address: &str,
) -> Result<Vec<u8>, Box<Error>> {
    let (request, key) = generate_request(address.into_client_request()?)?;
    stream.write_all(&request).await.map_err(Error::Io)?;
    stream.flush().await.map_err(Error::Io)?;
    let (mut response, came) = head(stream).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        check(&response, &key).map_err(Error::Protocol)?;
        return Ok(came);
    }
    // What it says of the refusal may not come at all, and it is one all the same.
    let said = timeout(PATIENCE, body(stream, &response, came)).await;
    *response.body_mut() = said.ok();
    Err(Box::new(Error::Http(Box::new(response))))
}

/// The answer, and what came behind it. One that only says that another follows, such as `103 Early
/// Hints`, is skipped (RFC 9110, 15.2).
async fn head<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(Response, Vec<u8>), Box<Error>> {
    let mut came = Vec::with_capacity(4 << 10);
    let (mut skipped, mut interim) = (0, 0);
    loop {
        if let Some((length, response)) = Response::try_parse(&came)? {
            let behind = came.split_off(length);
            let status = response.status();
            if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok((response, behind));
            }
            interim += 1;
            if interim > INTERIM_AT_MOST {
                return Err(Box::new(Error::Http(Box::new(response))));
            }
            skipped += length;
            came = behind;
            continue;
        }
        let ended = stream.read_buf(&mut came).await.map_err(Error::Io)? == 0;
        if ended || skipped + came.len() > LARGEST_HEAD {
            return Err(Box::new(ProtocolError::HandshakeIncomplete.into()));
        }
    }
}

/// All that is said to a refusal: of half a text, half a code could not be known as one.
async fn body<S: AsyncRead + Unpin>(stream: &mut S, response: &Response, mut came: Vec<u8>) -> Vec<u8> {
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length: Option<usize> = length.and_then(|length| length.parse().ok());
    let whole = |came: &Vec<u8>| match length {
        Some(length) => came.len() >= length,
        None => came.ends_with(b"0\r\n\r\n"),
    };
    while !whole(&came) && came.len() <= LARGEST_REFUSAL {
        match stream.read_buf(&mut came).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    if came.len() > LARGEST_REFUSAL { Vec::new() } else { came }
}

/// Whether the answer makes a websocket of the connection.
fn check(response: &Response, key: &str) -> Result<(), ProtocolError> {
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let options = response.headers().get_all(header::CONNECTION);
    let mut options =
        options.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let problem = if header(header::UPGRADE).is_none_or(|to| !to.eq_ignore_ascii_case("websocket")) {
        ProtocolError::MissingUpgradeWebSocketHeader
    } else if !options.any(|option| option.trim().eq_ignore_ascii_case("upgrade")) {
        ProtocolError::MissingConnectionUpgradeHeader
    } else if header(header::SEC_WEBSOCKET_ACCEPT) != Some(&*derive_accept_key(key.as_bytes())) {
        ProtocolError::SecWebSocketAcceptKeyMismatch
    } else if header(header::SEC_WEBSOCKET_PROTOCOL).is_some() {
        ProtocolError::SecWebSocketSubProtocolError(SubProtocolError::ServerSentSubProtocolNoneRequested)
    } else {
        return Ok(());
    };
    Err(problem)
}
