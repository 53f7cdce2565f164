//! Since when an experiment was how, and when anybody was watching: for figures over weeks.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use status_core::{Condition, Event, ExperimentName, Remark, Wall};

use super::past::WINDOW_AT_MOST;
use super::rows::{self, millis};

/// How many remarks are read, the newest.
pub(super) const REMARKS: usize = 20_000;

/// What is known of the past.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UptimeRecords {
    /// When the server was watching: from when to when, in order.
    pub watched: Vec<(Wall, Wall)>,
    /// Each experiment's changes, in order: since when it was how. The first may be from before the time that was asked
    /// for.
    pub changes: BTreeMap<ExperimentName, Vec<(Wall, Condition)>>,
    /// What people did, and what began and ended beside the changes in health, in its order.
    pub remarks: Vec<Remark>,
}

/// Both begin with the last event before, which says how things were then. What was healthy needs no reading.
const OF_ALL: &str =
    "SELECT experiment, at, CASE WHEN json_extract(event, '$.healthy') THEN NULL ELSE event END FROM events
    WHERE NOT forgotten AND (at >= ?1 OR id IN
        (SELECT max(id) FROM events WHERE at < ?1 AND NOT forgotten GROUP BY experiment))
    ORDER BY id";
const OF_ONE: &str =
    "SELECT experiment, at, CASE WHEN json_extract(event, '$.healthy') THEN NULL ELSE event END FROM events
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
    let remarks = rows::remarks(from, since - WINDOW_AT_MOST, REMARKS)?;
    let mut past = UptimeRecords { watched: spans(from, since)?, changes: BTreeMap::new(), remarks };
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
        let condition = row.get_ref(2)?.as_str_or_null()?.map_or(Condition::Healthy, condition);
        let change = (wall(row.get(1)?), condition);
        match past.changes.get_mut(name) {
            Some(changes) => changes.push(change),
            None => {
                past.changes.insert(name.into(), vec![change]);
            }
        }
    }
    Ok(past)
}

/// When the server was watching, as far as it was later than `since`.
pub(super) fn spans(from: &Connection, since: Wall) -> rusqlite::Result<Vec<(Wall, Wall)>> {
    let mut rows = from.prepare("SELECT since, until FROM watched WHERE until >= ?1 ORDER BY since")?;
    rows.query_map([millis(since)], |row| Ok((wall(row.get(0)?), wall(row.get(1)?))))?.collect()
}

/// What an event says that is written down so. Of one that makes no sense nothing is known.
pub(super) fn condition(event: &str) -> Condition {
    serde_json::from_str::<Event>(event).map_or(Condition::Unknown, |event| event.condition())
}

/// The time of day that a row has.
pub(super) fn wall(millis: i64) -> Wall {
    Wall::from_millis(u64::try_from(millis).unwrap_or(0))
}
