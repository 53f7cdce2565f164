//! One connection to the database, and what came of asking something.

use std::error::Error as _;
use std::fmt::Write as _;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use status_core::{Failure, FailureKind};
use tokio::task::AbortHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::{DbError, Severity, SqlState};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Connection, NoTls, Row, Socket};

use super::address::Address;
use super::tls::Tls;

/// How long to wait for a connection with which something can be asked, beside what it takes to try each host.
const GREET_WITHIN: Duration = Duration::from_secs(3);
/// How long to wait for one answer. The database gives up before (`statement_timeout` below), unless it hangs itself.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// The oldest version that can end a session in which nothing is asked.
const OLDEST: i32 = 140_000;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To ask for the lock, to hold it, and to write, each of which is short. The database ends it after 10 s without a
    /// question, as from a machine that is suspended; what was begun by then is not done.
    ShortQuestions,
    /// To read something that a person waits for, beside the server that writes.
    Reading,
    /// To read, however long that takes: at the start, and for a command.
    PatientReading,
    /// To hold the lock, and to read or write the whole store, however long that takes.
    Copying,
}

impl Purpose {
    /// What is set first. The folder of the schema comes in its place.
    fn settings(self, schema: &str) -> String {
        let own = match self {
            Self::Copying => "SET statement_timeout = 0; SET lock_timeout = '5s'",
            Self::ShortQuestions => {
                "SET idle_session_timeout = '10s'; SET statement_timeout = '10s'; SET lock_timeout = '5s'; \
                 SET idle_in_transaction_session_timeout = '10s'; \
                 SELECT set_config('client_connection_check_interval', '3s', false) WHERE version() LIKE '%linux%'; \
                 SET tcp_keepalives_idle = 3; SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 2; \
                 SET tcp_user_timeout = '10s'"
            }
            Self::Reading => {
                "SET statement_timeout = '30s'; SET lock_timeout = '5s'; \
                 SET idle_in_transaction_session_timeout = '10s'; SET default_transaction_read_only = on"
            }
            Self::PatientReading => {
                "SET statement_timeout = 0; SET lock_timeout = '5s'; SET default_transaction_read_only = on"
            }
        };
        format!(
            "SET search_path TO \"{schema}\"; SET client_min_messages = warning; {own}; \
             SELECT set_config('synchronous_commit', 'on', false) \
             WHERE current_setting('synchronous_commit') = 'off'"
        )
    }
}

/// A connection. When it is dropped it is closed at once, and the database forgets what was not committed.
pub(super) struct Session {
    client: Client,
    connection: AbortHandle,
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The client or the database says why.
    Said(tokio_postgres::Error),
    /// There was no answer in time.
    Late,
    /// The address or what it leads to cannot be used, for this reason.
    Unusable(String),
    /// Somebody else has written there since, so that nothing more may be written.
    Stale,
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Said(error)
    }
}

/// Waits for an answer, for no longer than that may take.
pub(super) async fn answered<T>(
    asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(ANSWER_WITHIN, asked).await {
        Ok(answer) => answer.map_err(Trouble::Said),
        Err(_) => Err(Trouble::Late),
    }
}

impl Session {
    /// Opens a connection, and sets what its purpose needs.
    pub(super) async fn open(address: &Address, purpose: Purpose) -> Result<Self, Trouble> {
        let within = address.connect_within() + GREET_WITHIN;
        tokio::time::timeout(within, Self::connect(address, purpose)).await.unwrap_or(Err(Trouble::Late))
    }

    async fn connect(address: &Address, purpose: Purpose) -> Result<Self, Trouble> {
        let config = address.config();
        let session = if config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = config.connect(NoTls).await?;
            Self { client, connection: drive(connection) }
        } else {
            let tls = Tls::of(address.encryption()).map_err(Trouble::Unusable)?;
            let (client, connection) = config.connect(tls).await?;
            Self { client, connection: drive(connection) }
        };
        let sql = "SELECT current_setting('server_version_num')::int4, current_setting('server_encoding')";
        let row = session.query_one(sql, &[]).await?;
        let (version, encoding): (i32, String) = (row.get(0), row.get(1));
        if version < OLDEST {
            let found = version / 10_000;
            return Err(Trouble::Unusable(format!("it is PostgreSQL {found}, and 14 or newer is needed")));
        }
        if encoding != "UTF8" {
            let what = format!("the database's encoding is {encoding}: create one with ENCODING 'UTF8'");
            return Err(Trouble::Unusable(what));
        }
        session.batch_execute(&purpose.settings(address.schema())).await?;
        Ok(session)
    }

    /// Asks for rows.
    pub(super) async fn rows(
        &self,
        sql: &str,
        values: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, Trouble> {
        answered(self.query_typed(sql, values)).await
    }
}

/// Lets a connection work until it ends or is ended. Why it ended, the next question through it says.
fn drive<S>(connection: Connection<Socket, S>) -> AbortHandle
where
    Connection<Socket, S>: Future + Send + 'static,
    <Connection<Socket, S> as Future>::Output: Send,
{
    tokio::spawn(connection).abort_handle()
}

impl Trouble {
    /// Whether the tables, or the row in them that this process knows, are not there any more.
    pub(super) fn is_of_another_store(&self) -> bool {
        const GONE: [SqlState; 3] =
            [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME, SqlState::UNDEFINED_COLUMN];
        match self {
            Self::Stale => true,
            Self::Said(error) => error.code().is_some_and(|code| GONE.contains(code)),
            Self::Late | Self::Unusable(_) => false,
        }
    }

    /// Whether the database answered, and refused what was asked, and did not end the session.
    pub(super) fn is_refusal(&self) -> bool {
        let ends =
            |refusal: &DbError| matches!(refusal.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
        matches!(self, Self::Said(error) if error.as_db_error().is_some_and(|refusal| !ends(refusal)))
    }

    /// Whether a lock is held by another session.
    pub(super) fn is_locked(&self) -> bool {
        matches!(self, Self::Said(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
    }

    /// The same for people, with what to do about it. No password is in it.
    pub(super) fn into_failure(self, address: &Address, doing: &str) -> Failure {
        let (kind, what) = match self {
            Self::Late => (
                FailureKind::TimedOut,
                "no answer in time: the database hangs, or is cut off; look at its log".to_owned(),
            ),
            Self::Unusable(what) => (FailureKind::Refused, what),
            Self::Stale => {
                (FailureKind::Refused, "another server has written to it since this one did".to_owned())
            }
            Self::Said(error) => said(&error),
        };
        Failure { kind, detail: format!("the store {address} cannot be {doing}: {what}") }
    }
}

/// What the client or the database says, without the details, which may quote what is stored.
fn said(error: &tokio_postgres::Error) -> (FailureKind, String) {
    if let Some(refusal) = error.as_db_error() {
        let hint = hint(refusal.code());
        let (message, code) = (refusal.message(), refusal.code().code());
        return (FailureKind::Refused, format!("{message} ({code}){hint}"));
    }
    let mut what = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let _ = write!(what, ": {deeper}");
        cause = deeper.source();
    }
    let hint = if what.contains("certificate") {
        ": name the authority that signed it with sslrootcert, or see sslmode in the manual"
    } else if what.contains("password missing") {
        ": set STATUS_STORE_PASSWORD"
    } else if what.contains("does not support TLS") {
        ": let it use TLS, or say sslmode=disable if the network is trusted"
    } else if what.contains("does not allow writes") {
        ": this is a standby; name the server that takes changes"
    } else {
        ": see that the database runs, and that the address leads to it"
    };
    (FailureKind::Unreachable, format!("{what}{hint}"))
}

/// What to do about a refusal of the database.
fn hint(code: &SqlState) -> &'static str {
    const HINTS: [(&[SqlState], &str); 8] = [
        (
            &[SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION],
            ": see STATUS_STORE_PASSWORD, the user in STATUS_STORE, and pg_hba.conf",
        ),
        (&[SqlState::UNDEFINED_DATABASE], ": make it with createdb, or name another in STATUS_STORE"),
        (&[SqlState::INSUFFICIENT_PRIVILEGE], ": let this user own the schema, or create it in the database"),
        (&[SqlState::DISK_FULL], ": make room on the disk of the database"),
        (&[SqlState::TOO_MANY_CONNECTIONS], ": raise max_connections of the database, or use fewer"),
        (&[SqlState::LOCK_NOT_AVAILABLE], ": another program holds a lock on its tables"),
        (&[SqlState::QUERY_CANCELED], ": the database is too slow; look at its load and its log"),
        (
            &[SqlState::READ_ONLY_SQL_TRANSACTION],
            ": this is a standby or read-only; name the server that takes changes",
        ),
    ];
    HINTS.iter().find(|(codes, _)| codes.contains(code)).map_or("", |(_, hint)| hint)
}
