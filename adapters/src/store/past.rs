//! Everything that happened in a time: what its pictures and figures are made of.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use status_core::{Event, ExperimentName, Mention, PastAlert, Remark, SystemAlert, Wall, Window};

use super::rows::{self, millis};
use super::uptime::{self, wall};

/// How many events are read at most, the newest.
pub(super) const EVENTS: usize = 100_000;
/// How many system alerts, remarks and mails are read at most, the newest of each.
pub(super) const OTHERS: usize = 20_000;

/// What happened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PastRecords {
    /// When the server was watching: from when to when, in order.
    pub watched: Vec<(Wall, Wall)>,
    /// Each experiment's changes in health, in order. The first may be from before the time that was asked for.
    pub events: BTreeMap<ExperimentName, Vec<Event>>,
    /// The system alerts that stand, and since when.
    pub alerts: Vec<(SystemAlert, Wall)>,
    /// Those that are over, in the order in which they ended.
    pub past_alerts: Vec<PastAlert>,
    /// What people did, and what began and ended beside the changes in health, in its order.
    pub remarks: Vec<Remark>,
    /// The windows of maintenance that are on.
    pub on: Vec<Window>,
    /// The mails that were sent, in their order.
    pub mails: Vec<PastMail>,
}

/// A mail that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastMail {
    /// When the last of its recipients was answered for.
    pub at: Wall,
    /// Its subject.
    pub subject: String,
    /// Who does not have it, and why; `None` if all have it.
    pub trouble: Option<String>,
    /// What it tells of, each once; empty if an older version wrote it down.
    pub mentions: Vec<Mention>,
}

const OF_ALL: &str = "SELECT experiment, event FROM events
    WHERE NOT forgotten AND (at >= ?1 OR id IN
        (SELECT max(id) FROM events WHERE at < ?1 AND NOT forgotten GROUP BY experiment))
    ORDER BY id DESC LIMIT ?2";
const OF_ONE: &str = "SELECT experiment, event FROM events
    WHERE experiment = ?3 AND NOT forgotten AND id >= coalesce(
        (SELECT max(id) FROM events WHERE experiment = ?3 AND at < ?1 AND NOT forgotten), 0)
    ORDER BY id DESC LIMIT ?2";

/// Reads what happened from a time on, of one experiment or all.
pub(super) fn read(
    from: &Connection,
    experiment: Option<&ExperimentName>,
    since: Wall,
) -> rusqlite::Result<PastRecords> {
    Ok(PastRecords {
        watched: uptime::spans(from, since)?,
        events: events(from, experiment, since)?,
        alerts: rows::alerts(from)?.iter().map(|one| (one.alert, one.since)).collect(),
        past_alerts: rows::past_alerts(from, since, OTHERS)?,
        remarks: rows::remarks(from, since, OTHERS)?,
        on: rows::windows_on(from)?,
        mails: mails(from, since)?,
    })
}

fn events(
    from: &Connection,
    experiment: Option<&ExperimentName>,
    since: Wall,
) -> rusqlite::Result<BTreeMap<ExperimentName, Vec<Event>>> {
    let mut events: BTreeMap<ExperimentName, Vec<Event>> = BTreeMap::new();
    let most = i64::try_from(EVENTS).unwrap_or(i64::MAX);
    let mut rows = from.prepare(if experiment.is_some() { OF_ONE } else { OF_ALL })?;
    let mut rows = match experiment {
        Some(name) => rows.query(params![millis(since), most, name.as_str()])?,
        None => rows.query(params![millis(since), most])?,
    };
    while let Some(row) = rows.next()? {
        let Some(event) = rows::value::<Event>(row.get_ref(1)?.as_str()?, "an event") else { continue };
        let name = row.get_ref(0)?.as_str()?;
        match events.get_mut(name) {
            Some(own) => own.push(event),
            None => drop(events.insert(name.into(), vec![event])),
        }
    }
    events.values_mut().for_each(|own| own.reverse());
    Ok(events)
}

fn mails(from: &Connection, since: Wall) -> rusqlite::Result<Vec<PastMail>> {
    let sql = "SELECT at, subject, trouble, mentions FROM mails WHERE at >= ?1 ORDER BY at DESC LIMIT ?2";
    let mut rows = from.prepare(sql)?;
    let most = i64::try_from(OTHERS).unwrap_or(i64::MAX);
    let mail = |row: &rusqlite::Row<'_>| {
        let mentions: Option<String> = row.get(3)?;
        let mentions =
            mentions.and_then(|text| rows::value(&text, "what a mail tells of")).unwrap_or_default();
        Ok(PastMail { at: wall(row.get(0)?), subject: row.get(1)?, trouble: row.get(2)?, mentions })
    };
    let mut mails: Vec<PastMail> =
        rows.query_map(params![millis(since), most], mail)?.collect::<rusqlite::Result<_>>()?;
    mails.reverse();
    Ok(mails)
}
