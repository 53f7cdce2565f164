//! Which servers are there: each says so every few seconds, in a row of its own.

use std::time::Duration;

use status_core::Wall;
use tokio_postgres::types::Type;

use super::address::Address;
use super::client::{Purpose, Session, Trouble};
use crate::cluster::Peer;
use crate::store::rows::millis;
use crate::store::uptime::wall;

/// Says that a server is there, and since when it leads if it does; forgets those that were not for an hour.
const SAY: &str = "WITH gone AS (DELETE FROM servers WHERE seen < now() - interval '1 hour')
    INSERT INTO servers (life, instance, leads_since, seen) VALUES ($1, $2, $3, now())
    ON CONFLICT (life) DO UPDATE SET instance = $2, leads_since = $3, seen = now()";

/// How long a server counts as there after it last said so.
pub(super) const LASTS: Duration = Duration::from_secs(10);

/// The servers that count as there. Of two that say that they lead, the one that began later does.
const SEEN: &str =
    "SELECT life, instance, leads_since FROM servers WHERE seen > now() - $1 * interval '1 second'
    ORDER BY leads_since DESC NULLS LAST, instance, life";

/// Who is there.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Who leads, and which life of it.
    pub(super) leader: Option<(String, Peer)>,
    pub(super) followers: Vec<String>,
}

/// Says that a server is there, and returns all that are, this one included.
pub(super) async fn say(
    session: &Session,
    life: &str,
    me: &str,
    leads_since: Option<Wall>,
) -> Result<Seen, Trouble> {
    let since = leads_since.map(millis);
    session.rows(SAY, &[(&life, Type::TEXT), (&me, Type::TEXT), (&since, Type::INT8)]).await?;
    let mut seen = Seen::default();
    for row in session.rows(SEEN, &[(&LASTS.as_secs_f64(), Type::FLOAT8)]).await? {
        let (life, instance): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let leads_since: Option<i64> = row.try_get(2)?;
        match leads_since {
            None => seen.followers.push(instance),
            Some(since) if seen.leader.is_none() => {
                seen.leader = Some((life, Peer { instance, since: wall(since) }));
            }
            // It led before, and has said nothing since another server does.
            Some(_) => {}
        }
    }
    Ok(seen)
}

/// Says that a server has ended.
pub(super) async fn forget(address: &Address, life: &str) -> Result<(), Trouble> {
    let session = Session::open(address, Purpose::ShortQuestions).await?;
    session.rows("DELETE FROM servers WHERE life = $1", &[(&life, Type::TEXT)]).await.map(drop)
}
