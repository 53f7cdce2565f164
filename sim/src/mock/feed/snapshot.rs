//! A snapshot in the dialect of each feed.

use std::time::Duration;

use serde::Serialize;

use crate::mock::go::{self, Number};
use crate::mock::lab::{Connection, Traffic};

/// How a feed writes its snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Relay v0.7: with statistics.
    RelayV07,
    /// Relay v0.8 and later: without statistics.
    RelayV08,
    /// Jump v0.4.
    Jump,
}

impl Dialect {
    /// The connection that the feed has to itself, which it always lists.
    pub(super) fn own_connection(self, started: Duration) -> Connection {
        let (agent, scopes) = match self {
            Self::RelayV07 | Self::RelayV08 => ("crossbar", Some(["read", "stats", "write"])),
            Self::Jump => ("internal", None),
        };
        Connection {
            topic: "stats".to_owned(),
            scopes: scopes.map(|scopes| scopes.map(str::to_owned).to_vec()),
            connected: started,
            expires: None,
            can_write: true,
            remote: "internal".to_owned(),
            agent: agent.to_owned(),
            tx: Traffic::default(),
            rx: Traffic::default(),
        }
    }

    /// The text of a snapshot.
    pub(super) fn write(self, connections: &[Connection]) -> String {
        match self {
            Self::RelayV07 => array(connections.iter().map(relay_v07)),
            Self::RelayV08 => array(connections.iter().map(relay_v08)),
            Self::Jump => array(connections.iter().map(jump)),
        }
    }
}

fn array<T: Serialize>(reports: impl Iterator<Item = T>) -> String {
    serde_json::to_string(&reports.collect::<Vec<_>>()).expect("texts and numbers only")
}

// The fields are in the order in which the real services write them.

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relay<'a> {
    can_read: bool,
    can_write: bool,
    connected: String,
    expires_at: String,
    remote_addr: &'a str,
    scopes: &'a Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<RelayStats>,
    topic: &'a str,
    user_agent: &'a str,
}

#[derive(Serialize)]
struct RelayStats {
    tx: RelayTraffic,
    rx: RelayTraffic,
}

#[derive(Serialize)]
struct RelayTraffic {
    last: String,
    size: Number,
    fps: Number,
}

#[derive(Serialize)]
struct Jump<'a> {
    can_read: bool,
    can_write: bool,
    connected_at: String,
    expires_at: String,
    remote_address: &'a str,
    scopes: &'a Option<Vec<String>>,
    #[serde(rename = "statistcs")]
    statistics: JumpStatistics,
    topic: &'a str,
    user_agent: &'a str,
}

#[derive(Serialize)]
struct JumpStatistics {
    last: String,
}

fn relay_v07(of: &Connection) -> Relay<'_> {
    Relay {
        can_read: true,
        can_write: of.can_write,
        connected: go::time(of.connected),
        expires_at: of.expires.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), go::time_to_second),
        remote_addr: &of.remote,
        scopes: &of.scopes,
        stats: Some(RelayStats { tx: relay_traffic(of.tx), rx: relay_traffic(of.rx) }),
        topic: &of.topic,
        user_agent: &of.agent,
    }
}

fn relay_v08(of: &Connection) -> Relay<'_> {
    Relay {
        connected: go::time_to_second(of.connected),
        expires_at: go::time_to_second(of.expires.unwrap_or_default()),
        stats: None,
        ..relay_v07(of)
    }
}

fn relay_traffic(of: Traffic) -> RelayTraffic {
    RelayTraffic {
        last: of.last.map_or_else(|| "Never".to_owned(), go::duration),
        size: Number(of.size),
        fps: Number(of.fps),
    }
}

fn jump(of: &Connection) -> Jump<'_> {
    Jump {
        can_read: true,
        can_write: of.can_write,
        connected_at: go::time(of.connected),
        expires_at: of.expires.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), go::time_to_second),
        remote_address: &of.remote,
        scopes: &of.scopes,
        statistics: JumpStatistics { last: of.tx.last.map_or_else(|| go::FOR_EVER.to_owned(), go::duration) },
        topic: &of.topic,
        user_agent: &of.agent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Connection {
        Connection {
            topic: "pend02-st-data".into(),
            scopes: Some(vec!["write".into(), "read".into(), "expt".into()]),
            connected: Duration::new(1_795_480_157, 892_119_420),
            expires: Some(Duration::from_secs(1_795_487_357)),
            remote: "127.0.0.1".into(),
            agent: "Go-http-client/1.1".into(),
            ..Dialect::RelayV07.own_connection(Duration::ZERO)
        }
    }

    #[test]
    fn relay_v07_writes_what_was_captured() {
        let captured = r#"[{"canRead":true,"canWrite":true,"connected":"2026-11-24T00:29:17.89211942Z","expiresAt":"2026-11-24T02:29:17Z","remoteAddr":"127.0.0.1","scopes":["write","read","expt"],"stats":{"tx":{"last":"Never","size":0,"fps":0},"rx":{"last":"Never","size":0,"fps":0}},"topic":"pend02-st-data","userAgent":"Go-http-client/1.1"},{"canRead":true,"canWrite":true,"connected":"2026-11-24T00:27:55.789095431Z","expiresAt":"0001-01-01T00:00:00Z","remoteAddr":"internal","scopes":["read","stats","write"],"stats":{"tx":{"last":"Never","size":0,"fps":0},"rx":{"last":"Never","size":0,"fps":0}},"topic":"stats","userAgent":"crossbar"}]"#;
        let own = Dialect::RelayV07.own_connection(Duration::new(1_795_480_075, 789_095_431));
        assert_eq!(Dialect::RelayV07.write(&[stream(), own]), captured);
    }

    #[test]
    fn relay_v08_writes_what_was_captured() {
        let captured = r#"[{"canRead":true,"canWrite":true,"connected":"2026-11-24T00:29:17Z","expiresAt":"2026-11-24T02:29:17Z","remoteAddr":"127.0.0.1","scopes":["write","read","expt"],"topic":"pend02-st-data","userAgent":"Go-http-client/1.1"},{"canRead":true,"canWrite":true,"connected":"2026-11-24T00:27:55Z","expiresAt":"1970-01-01T00:00:00Z","remoteAddr":"internal","scopes":["read","stats","write"],"topic":"stats","userAgent":"crossbar"}]"#;
        let own = Dialect::RelayV08.own_connection(Duration::new(1_795_480_075, 789_095_431));
        assert_eq!(Dialect::RelayV08.write(&[stream(), own]), captured);
    }

    #[test]
    fn jump_writes_what_was_captured() {
        let captured = r#"[{"can_read":true,"can_write":true,"connected_at":"2026-11-24T00:27:55.799746534Z","expires_at":"0001-01-01T00:00:00Z","remote_address":"internal","scopes":null,"statistcs":{"last":"2562047h47m16.854775807s"},"topic":"stats","user_agent":"internal"}]"#;
        let own = Dialect::Jump.own_connection(Duration::new(1_795_480_075, 799_746_534));
        assert_eq!(Dialect::Jump.write(&[own]), captured);
    }
}
