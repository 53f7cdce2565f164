//! Since when an experiment was how, and when anybody was watching: for figures over weeks.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use status_core::{ExperimentName, Wall};

use super::rows::millis;

/// What is known of the past.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UptimeRecords {
    /// When the server was watching: from when to when, in order.
    pub watched: Vec<(Wall, Wall)>,
    /// Each experiment's changes, in order: since when it was healthy, or not. The first may be from
    /// before the time that was asked for.
    pub changes: BTreeMap<ExperimentName, Vec<(Wall, bool)>>,
}

/// Both begin with the last event before, which says how things were then.
const OF_ALL: &str = "SELECT experiment, at, json_extract(event, '$.healthy') FROM events
    WHERE NOT forgotten AND (at >= ?1 OR id IN
        (SELECT max(id) FROM events WHERE at < ?1 AND NOT forgotten GROUP BY experiment))
    ORDER BY id";
const OF_ONE: &str = "SELECT experiment, at, json_extract(event, '$.healthy') FROM events
    WHERE experiment = ?2 AND NOT forgotten AND id >= coalesce(
        (SELECT max(id) FROM events WHERE experiment = ?2 AND at < ?1 AND NOT forgotten), 0)
    ORDER BY id";

/// Takes down that the server was watching. Of two stretches that begin at once, the later one counts.
pub(super) fn watched(to: &Connection, from: Wall, until: Wall) -> rusqlite::Result<()> {
    let sql = "INSERT INTO watched (since, until) VALUES (?1, ?2)
               ON CONFLICT (since) DO UPDATE SET until = excluded.until";
    to.prepare_cached(sql)?.execute(params![millis(from), millis(until)]).map(drop)
}

/// Reads what happened to one experiment or all from a time on, and how each was then. What was forgotten
/// since is not known any more.
pub(super) fn read(
    from: &Connection,
    experiment: Option<&ExperimentName>,
    since: Wall,
) -> rusqlite::Result<UptimeRecords> {
    let mut past = UptimeRecords::default();
    let mut rows = from.prepare("SELECT since, until FROM watched WHERE until >= ?1 ORDER BY since")?;
    let mut rows = rows.query([millis(since)])?;
    while let Some(row) = rows.next()? {
        past.watched.push((wall(row.get(0)?), wall(row.get(1)?)));
    }
    let mut rows = from.prepare(match experiment {
        Some(_) => OF_ONE,
        None => OF_ALL,
    })?;
    let mut rows = match experiment {
        Some(name) => rows.query(params![millis(since), name.as_str()])?,
        None => rows.query([millis(since)])?,
    };
    while let Some(row) = rows.next()? {
        let name = row.get_ref(0)?.as_str()?;
        let change = (wall(row.get(1)?), row.get::<_, Option<bool>>(2)?.unwrap_or(false));
        match past.changes.get_mut(name) {
            Some(changes) => changes.push(change),
            None => {
                past.changes.insert(name.into(), vec![change]);
            }
        }
    }
    Ok(past)
}

/// The time of day that a row has.
pub(super) fn wall(millis: i64) -> Wall {
    Wall::from_millis(u64::try_from(millis).unwrap_or(0))
}
