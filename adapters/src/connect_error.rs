//! What was the matter with a connection, in words.
#![expect(clippy::wildcard_enum_match_arm, reason = "the libraries' errors have more variants than matter")]

use std::error::Error;
use std::{fmt, io};

use rustls::CertificateError;

/// Why a connection could not be made, or broke.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// The host's name has no address.
    NoSuchName(String),
    /// Nothing listens there.
    NobodyThere,
    /// Its certificate doesn't prove that it is who it should be.
    Certificate(String),
    /// What answers does not speak TLS.
    NoTls,
    /// It was closed while something was expected.
    Closed,
    /// Something else, as the library put it.
    Other(String),
}

impl ConnectError {
    /// Reads it off an error and what caused that.
    pub(crate) fn new(error: &(dyn Error + 'static)) -> Self {
        let mut innermost = error;
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(connect_error) = Self::told_by(error) {
                return connect_error;
            }
            innermost = error;
            next = error.source();
        }
        Self::Other(innermost.to_string())
    }

    fn told_by(error: &(dyn Error + 'static)) -> Option<Self> {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(Self::by_tls(error));
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Self::by_io(error);
        }
        let text = error.to_string();
        // Neither library has a type of its own for this.
        if text.starts_with("failed to lookup address information") {
            return Some(Self::NoSuchName(text));
        }
        (text == "connection closed before message completed").then_some(Self::Closed)
    }

    fn by_tls(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidMessage(_) => Self::NoTls,
            rustls::Error::InvalidCertificate(problem) => Self::Certificate(certificate(problem)),
            error => Self::Other(error.to_string()),
        }
    }

    fn by_io(error: &io::Error) -> Option<Self> {
        // An error that wraps another is not among that one's sources, but it is inside.
        if let Some(inner) = error.get_ref() {
            return Some(Self::new(inner))
                .filter(|inner| !matches!(inner, Self::Other(_)))
                .or_else(|| Self::by_kind(error));
        }
        Self::by_kind(error)
    }

    fn by_kind(error: &io::Error) -> Option<Self> {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Some(Self::NobodyThere),
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Some(Self::Closed),
            _ => None,
        }
    }
}

fn certificate(problem: &CertificateError) -> String {
    let known = match problem {
        CertificateError::UnknownIssuer => "no authority that this machine trusts has signed it",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name"
        }
        problem => return problem.to_string(),
    };
    known.to_owned()
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchName(text) => write!(f, "its name has no address ({text})"),
            Self::NobodyThere => f.write_str("nothing listens there (connection refused)"),
            Self::Certificate(problem) => write!(f, "its certificate is not valid: {problem}"),
            Self::NoTls => f.write_str("what answers there does not speak TLS"),
            Self::Closed => f.write_str("the connection was closed before the answer was whole"),
            Self::Other(text) => f.write_str(text),
        }
    }
}
