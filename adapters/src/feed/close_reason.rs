//! How a connection ended, in words.
#![expect(clippy::wildcard_enum_match_arm, reason = "the libraries' errors have more variants than matter")]

use std::borrow::Cow;

use status_core::{Failure, FailureKind, Feed};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::access::Address;
use crate::connect_error::ConnectError;

/// How much is quoted of what the other side says as it closes, in characters.
const QUOTED: usize = 125;

/// How a connection ended.
pub(super) struct CloseReason {
    how: String,
    /// What it means if there was no snapshot before.
    kind: FailureKind,
    goodbye: Option<CloseCode>,
}

impl CloseReason {
    /// It was closed in good manners.
    pub(super) fn closed(frame: Option<&CloseFrame>, address: &Address) -> Self {
        let how = match frame {
            Some(frame) if frame.reason.is_empty() => format!("closed with code {}", u16::from(frame.code)),
            Some(frame) => {
                let reason: String = frame.reason.chars().filter(|c| !c.is_control()).collect();
                let reason: String = address.secrets().redact(&reason).chars().take(QUOTED).collect();
                format!("closed with code {} and {reason:?}", u16::from(frame.code))
            }
            None => "closed without a code".to_owned(),
        };
        Self::unreachable(how)
    }

    /// It was closed without a word, as a feed does that is restarted.
    pub(super) fn closed_silently() -> Self {
        Self::unreachable("closed without a close frame".to_owned())
    }

    /// The library reported this error, so the connection cannot go on.
    pub(super) fn failed(error: &Error) -> Self {
        match error {
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::closed_silently(),
            Error::Io(_) => match ConnectError::new(error) {
                ConnectError::Closed => Self::closed_silently(),
                connect_error => Self::unreachable(format!("broke: {connect_error}")),
            },
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => Self::ours(
                format!("we closed it, since a message of {size} bytes came and at most {max_size} are read"),
                CloseCode::Size,
            ),
            Error::Utf8(_) => Self::ours(
                "we closed it, since the reason to close it is not UTF-8".to_owned(),
                CloseCode::Invalid,
            ),
            error => Self::ours(format!("we closed it: {error}"), CloseCode::Protocol),
        }
    }

    /// Nobody takes the snapshots any more.
    pub(super) fn unwanted(feed: Feed) -> Failure {
        Failure { kind: FailureKind::Ended, detail: format!("{feed} is not listened to any more") }
    }

    /// What to close it with, if the other side still may be told.
    pub(super) fn goodbye(&self) -> Option<CloseFrame> {
        self.goodbye.map(|code| CloseFrame { code, reason: "".into() })
    }

    /// The same as a failure, after so many snapshots. A connection without any has not worked.
    pub(super) fn told(&self, feed: Feed, address: &Address, snapshots: u64) -> Failure {
        let (kind, after) = match snapshots {
            0 => (self.kind, Cow::Borrowed("before any snapshot")),
            1 => (FailureKind::Ended, Cow::Borrowed("after 1 snapshot")),
            n => (FailureKind::Ended, Cow::Owned(format!("after {n} snapshots"))),
        };
        let how = address.secrets().redact(&self.how).into_owned();
        Failure { kind, detail: format!("{feed}'s websocket {} ended {after}: {how}", address.shown()) }
    }

    fn unreachable(how: String) -> Self {
        Self { how, kind: FailureKind::Unreachable, goodbye: None }
    }

    fn ours(how: String, code: CloseCode) -> Self {
        Self { how, kind: FailureKind::Garbled, goodbye: Some(code) }
    }
}
