//! Everything that happened in a time: what its pictures and figures are made of.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use status_core::{Event, ExperimentName, Mention, PastAlert, Remark, SystemAlert, Wall, Window};

use super::rows::{self, millis};
use super::uptime::{self, wall};

/// How many events are read at most, the newest.
pub(super) const EVENTS: usize = 100_000;
/// How many system alerts, remarks and mails are read at most, the newest of each.
pub(super) const OTHERS: usize = 20_000;
/// How many events of one outage that began before the time are read.
pub(super) const OF_AN_OUTAGE: usize = 1_000;
/// Remarks are read from this long before the time, so that the beginning of each repeated window of maintenance is among them.
pub const WINDOW_AT_MOST: Duration = Duration::from_secs(48 * 3600);

/// What happened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PastRecords {
    /// When the records begin: at the time that was asked for, or later, if too much happened since.
    pub since: Wall,
    /// When the server was watching: from when to when, in order.
    pub watched: Vec<(Wall, Wall)>,
    /// Each experiment's changes in health, in order. The first may be from before that time, and says how it was then; of one
    /// that was not healthy, so may be all from when it ceased to be.
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

impl PastRecords {
    /// Leaves out what was over before a time, as every store does: of each experiment its last event before that stays, with
    /// the outage that lasted then, and from the oldest beginning of all that lasted on everything else.
    #[must_use]
    pub fn from(mut self, since: Wall) -> Self {
        self.since = since;
        for own in self.events.values_mut() {
            let last = own.iter().rposition(|event| event.when < since);
            let first = last.map_or(0, |last| {
                let is_first = own[..last].iter().all(|event| event.when < since);
                let begun = || own[..last].iter().rposition(|event| event.healthy).map_or(0, |at| at + 1);
                if own[last].healthy || !is_first { last } else { begun() }
            });
            let mut at = 0..;
            own.retain(|event| {
                let at = at.next().unwrap_or(usize::MAX);
                event.when >= since || last.is_some_and(|last| first <= at && at <= last)
            });
        }
        self.past_alerts.retain(|one| one.until >= since);
        let begin = beginning(since, &self.events, &self.alerts, &self.past_alerts);
        self.watched.retain(|(_, until)| *until >= begin);
        self.remarks.retain(|remark| remark.at >= begin - WINDOW_AT_MOST);
        self.mails.retain(|mail| mail.at >= begin);
        self
    }
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
    ORDER BY id";
const OF_ONE: &str = "SELECT experiment, event FROM events
    WHERE experiment = ?2 AND NOT forgotten AND id >= coalesce(
        (SELECT max(id) FROM events WHERE experiment = ?2 AND at < ?1 AND NOT forgotten), 0)
    ORDER BY id";

/// Reads what happened from a time on, of one experiment or all.
pub(super) fn read(
    from: &Connection,
    experiment: Option<&ExperimentName>,
    since: Wall,
) -> rusqlite::Result<PastRecords> {
    let since = cut(from, experiment, since)?;
    let mut events = events(from, experiment, since)?;
    for (name, own) in &mut events {
        if let Some(first) = began_before(own, since) {
            own.splice(..0, of_outage(from, name, first.when)?);
        }
    }
    let alerts: Vec<(SystemAlert, Wall)> =
        rows::alerts(from)?.iter().map(|one| (one.alert, one.since)).collect();
    let past_alerts = rows::past_alerts(from, since, OTHERS)?;
    let begin = beginning(since, &events, &alerts, &past_alerts);
    Ok(PastRecords {
        since,
        watched: uptime::spans(from, begin)?,
        events,
        alerts,
        past_alerts,
        remarks: rows::remarks(from, begin - WINDOW_AT_MOST, OTHERS)?,
        on: rows::windows_on(from)?,
        mails: mails(from, begin)?,
    })
}

/// An experiment's first event, if it is from before a time and the experiment was not healthy then.
pub(super) fn began_before(events: &[Event], since: Wall) -> Option<&Event> {
    events.first().filter(|first| first.when < since && !first.healthy)
}

/// Which of an experiment's events before one, the newest first, belong to the same outage: in their order.
pub(super) fn outage_of(earlier: impl Iterator<Item = Event>) -> Vec<Event> {
    let mut outage: Vec<Event> = earlier.take_while(|event| !event.healthy).collect();
    outage.reverse();
    outage
}

/// When the oldest began of what lasted at a time: from then on its mails and remarks are wanted.
pub(super) fn beginning(
    since: Wall,
    events: &BTreeMap<ExperimentName, Vec<Event>>,
    alerts: &[(SystemAlert, Wall)],
    past_alerts: &[PastAlert],
) -> Wall {
    let outages = events.values().filter_map(|own| began_before(own, since)).map(|first| first.when);
    let alerts = alerts.iter().map(|(_, since)| *since).chain(past_alerts.iter().map(|one| one.since));
    outages.chain(alerts).fold(since, Wall::min)
}

/// From when on everything is read: a later time than was asked for, where too much happened since.
fn cut(from: &Connection, experiment: Option<&ExperimentName>, since: Wall) -> rusqlite::Result<Wall> {
    let which = if experiment.is_some() { "experiment = ?3" } else { "?3 IS NULL" };
    let sql = format!(
        "SELECT at FROM events WHERE at >= ?1 AND NOT forgotten AND {which} ORDER BY at DESC LIMIT 1 OFFSET ?2"
    );
    let most = i64::try_from(EVENTS).unwrap_or(i64::MAX);
    let name = experiment.map(ExperimentName::as_str);
    let over: Option<i64> =
        from.prepare(&sql)?.query_row(params![millis(since), most, name], |row| row.get(0)).optional()?;
    Ok(over.map_or(since, |at| wall(at.saturating_add(1))))
}

/// The events before a time that belong to the outage that lasted then.
fn of_outage(from: &Connection, name: &ExperimentName, before: Wall) -> rusqlite::Result<Vec<Event>> {
    let sql = "SELECT event FROM events WHERE experiment = ?1 AND at < ?2 AND NOT forgotten
               ORDER BY id DESC LIMIT ?3";
    let most = i64::try_from(OF_AN_OUTAGE).unwrap_or(i64::MAX);
    let mut rows = from.prepare_cached(sql)?;
    let texts =
        rows.query_map(params![name.as_str(), millis(before), most], |row| row.get::<_, String>(0))?;
    let texts = texts.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(outage_of(texts.iter().filter_map(|text| rows::value(text, "an event"))))
}

fn events(
    from: &Connection,
    experiment: Option<&ExperimentName>,
    since: Wall,
) -> rusqlite::Result<BTreeMap<ExperimentName, Vec<Event>>> {
    let mut events: BTreeMap<ExperimentName, Vec<Event>> = BTreeMap::new();
    let mut rows = from.prepare(if experiment.is_some() { OF_ONE } else { OF_ALL })?;
    let mut rows = match experiment {
        Some(name) => rows.query(params![millis(since), name.as_str()])?,
        None => rows.query([millis(since)])?,
    };
    while let Some(row) = rows.next()? {
        let Some(event) = rows::value::<Event>(row.get_ref(1)?.as_str()?, "an event") else { continue };
        let name = row.get_ref(0)?.as_str()?;
        match events.get_mut(name) {
            Some(own) => own.push(event),
            None => drop(events.insert(name.into(), vec![event])),
        }
    }
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
