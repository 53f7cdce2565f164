//! Opening a websocket, and closing it.
#![expect(clippy::wildcard_enum_match_arm, reason = "the libraries' errors have more variants than matter")]

use std::sync::Arc;
use std::time::Duration;

use futures_util::SinkExt;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use status_core::{Failure, FailureKind, Feed};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::{ProtocolError, TlsError};
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::access::Address;
use super::binary::AsBinary;
use super::handshake::shake_hands;
use super::{LARGEST_MESSAGE, PATIENCE};
use crate::connect_error::ConnectError;
use crate::dial::dial;
use crate::wire::refusal;

/// An open websocket.
pub(super) type Socket = WebSocketStream<AsBinary<MaybeTlsStream<TcpStream>>>;

/// How much of our patience trying the host's addresses may take.
const DIALLING: Duration = Duration::from_secs(8);

/// Opens a websocket. That it is open proves nothing yet: a feed opens one with a bad code, too.
pub(super) async fn open(feed: Feed, address: &Address, tls: &Arc<ClientConfig>) -> Result<Socket, Failure> {
    match timeout(PATIENCE, connect(address, tls)).await {
        Ok(Ok(socket)) => {
            tracing::debug!("{feed}: websocket {} is open", address.shown());
            Ok(socket)
        }
        Ok(Err(error)) => Err(told(feed, address, *error)),
        Err(_) => {
            let what = format!("did not open within {PATIENCE:?}");
            Err(failure(feed, address, FailureKind::TimedOut, &what))
        }
    }
}

/// Ends a connection in good manners, without waiting long for the other side's.
pub(super) async fn say_goodbye(socket: &mut Socket, why: Option<CloseFrame>) {
    const LONG_ENOUGH: Duration = Duration::from_secs(1);
    // It is over either way.
    let _ = match why {
        Some(frame) => timeout(LONG_ENOUGH, socket.close(Some(frame))).await,
        None => timeout(LONG_ENOUGH, socket.flush()).await,
    };
}

async fn connect(address: &Address, tls: &Arc<ClientConfig>) -> Result<Socket, Box<Error>> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(LARGEST_MESSAGE))
        .max_frame_size(Some(LARGEST_MESSAGE));
    let stream = dial(address.host_and_port(), DIALLING).await.map_err(Error::Io)?;
    let mut stream = if address.is_secure() {
        over_tls(stream, address, tls).await?
    } else {
        MaybeTlsStream::Plain(stream)
    };
    let mut came = shake_hands(&mut stream, address.with_code()).await?;
    let stream = AsBinary::new(stream, &mut came);
    Ok(WebSocketStream::from_partially_read(stream, came, Role::Client, Some(config)).await)
}

async fn over_tls(
    stream: TcpStream,
    address: &Address,
    tls: &Arc<ClientConfig>,
) -> Result<MaybeTlsStream<TcpStream>, Box<Error>> {
    let (host, _) = address.host_and_port();
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Error::Tls(TlsError::InvalidDnsName))?;
    let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await.map_err(Error::Io)?;
    Ok(MaybeTlsStream::Rustls(stream))
}

fn told(feed: Feed, address: &Address, error: Error) -> Failure {
    match error {
        Error::Http(response) => refused(feed, address, &response),
        Error::Io(_) | Error::Tls(_) => {
            let what = format!(
                "cannot be reached: {}; {feed}'s access point gave this address",
                address.secrets().redact(&ConnectError::new(&error).to_string())
            );
            failure(feed, address, FailureKind::Unreachable, &what)
        }
        Error::Protocol(ProtocolError::HandshakeIncomplete) => {
            let what = format!("cannot be reached: {}", ConnectError::Closed);
            failure(feed, address, FailureKind::Unreachable, &what)
        }
        error => {
            let what = format!("is no websocket: {}", address.secrets().redact(&error.to_string()));
            failure(feed, address, FailureKind::Garbled, &what)
        }
    }
}

fn refused(feed: Feed, address: &Address, response: &Response) -> Failure {
    let refusal = refusal::read(response.body().as_deref().unwrap_or_default(), &address.secrets());
    let what = format!(
        "refused to open: {}, saying {:?}; likely cause: what is in front of {feed} is down, or passes no \
         websockets on; {feed}'s access point gave this address",
        response.status(),
        refusal.message
    );
    failure(feed, address, FailureKind::Refused, &what)
}

fn failure(feed: Feed, address: &Address, kind: FailureKind, what: &str) -> Failure {
    Failure { kind, detail: format!("{feed}'s websocket {} {what}", address.shown()) }
}
