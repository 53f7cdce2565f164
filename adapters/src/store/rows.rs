//! Changes to rows, and rows to what was saved.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use status_core::{
    Change, Event, EventKey, ExperimentName, MaintenanceRecord, PastAlert, Remark, Saved, SavedAlert,
    SavedExperiment, SavedMail, SavedManifest, Wall, Window,
};

pub(super) const MANIFEST: &str = "manifest";
pub(super) const ALERTS: &str = "alerts";
/// The record by which the writer recognises its own file.
pub(super) const MARK: &str = "mark";
/// How many system alerts that are over a server goes on with.
pub(super) const PAST_ALERTS: usize = 100;
/// How many remarks a server goes on with.
pub(super) const REMARKS: usize = 200;
pub(super) const CLOCK: &str = "clock";
pub(super) const MAINTENANCE: &str = "maintenance";
pub(super) const OUTBOX: &str = "outbox";

/// Writes one change down.
pub(super) fn write(to: &Transaction<'_>, change: &Change) -> rusqlite::Result<()> {
    match change {
        Change::ReplaceAll => {
            to.execute_batch(
                "DELETE FROM experiments; DELETE FROM news; DELETE FROM queued_mails; DELETE FROM letters;",
            )?;
            run(to, "DELETE FROM records WHERE name <> ?1", [MARK])
        }
        Change::Event { key, experiment, event } => write_event(to, key, experiment, event),
        Change::Experiment { name, record } => {
            let sql = "INSERT INTO experiments (name, record) VALUES (?1, ?2)
                       ON CONFLICT (name) DO UPDATE SET record = excluded.record";
            run(to, sql, params![name.as_str(), text(record)])
        }
        Change::Forgotten { name } => {
            run(to, "DELETE FROM experiments WHERE name = ?1", [name.as_str()])?;
            run(to, "UPDATE events SET forgotten = 1 WHERE experiment = ?1", [name.as_str()])
        }
        Change::Manifest(manifest) => write_record(to, MANIFEST, manifest),
        Change::Alerts(alerts) => write_record(to, ALERTS, alerts),
        Change::AlertEnded(past) => {
            let sql = "INSERT INTO alerts (alert, began, ended, record) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT (alert, began) DO UPDATE SET ended = excluded.ended, record = excluded.record";
            let (began, ended) = (millis(past.since), millis(past.until));
            run(to, sql, params![past.alert.as_str(), began, ended, text(past)])
        }
        Change::Maintenance(windows) => write_record(to, MAINTENANCE, windows),
        Change::Remark(remark) => {
            let sql = "INSERT INTO remarks (at, record) VALUES (?1, ?2) ON CONFLICT (at, record) DO NOTHING";
            run(to, sql, params![millis(remark.at), text(remark)])
        }
        Change::News(news) => {
            let sql = "INSERT INTO news (number, record) VALUES (?1, ?2)
                       ON CONFLICT (number) DO UPDATE SET record = excluded.record";
            run(to, sql, params![number(news.number), text(news)])
        }
        Change::NewsTold { up_to } => run(to, "DELETE FROM news WHERE number <= ?1", [number(*up_to)]),
        Change::NewsMerged { numbers } => numbers
            .iter()
            .try_for_each(|merged| run(to, "DELETE FROM news WHERE number = ?1", [number(*merged)])),
        Change::Outbox(outbox) => write_record(to, OUTBOX, outbox),
        Change::QueuedMail(queued) => {
            let sql = "INSERT INTO queued_mails (id, record) VALUES (?1, ?2)
                       ON CONFLICT (id) DO UPDATE SET record = excluded.record";
            run(to, sql, params![queued.mail.id.as_str(), text(queued)])
        }
        Change::MailDone { id, when, subject, trouble, mentions } => {
            run(to, "DELETE FROM queued_mails WHERE id = ?1", [id.as_str()])?;
            run(to, "DELETE FROM letters WHERE id = ?1", [id.as_str()])?;
            let sql = "INSERT INTO mails (id, at, subject, trouble, mentions) VALUES (?1, ?2, ?3, ?4, ?5)
                       ON CONFLICT (id) DO NOTHING";
            run(to, sql, params![id.as_str(), millis(*when), subject, trouble, text(mentions)])
        }
        Change::MailMerged { id } => run(to, "DELETE FROM queued_mails WHERE id = ?1", [id.as_str()]),
        Change::Clock(stamp) => write_record(to, CLOCK, stamp),
        Change::Prune { before, keep } => prune(to, *before, *keep),
    }
}

fn write_event(
    to: &Transaction<'_>,
    key: &EventKey,
    experiment: &ExperimentName,
    event: &Event,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO events (life, number, experiment, at, event) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (life, number)
               DO UPDATE SET forgotten = 0, id = (SELECT max(id) + 1 FROM events)";
    run(
        to,
        sql,
        params![
            key.incarnation.as_str(),
            number(key.number),
            experiment.as_str(),
            millis(event.when),
            text(event)
        ],
    )
}

fn write_record(to: &Transaction<'_>, name: &str, record: &impl Serialize) -> rusqlite::Result<()> {
    let sql = "INSERT INTO records (name, record) VALUES (?1, ?2)
               ON CONFLICT (name) DO UPDATE SET record = excluded.record";
    run(to, sql, params![name, text(record)])
}

/// An experiment's newest events stay, so that what the API lists is the same after a restart.
fn prune(to: &Transaction<'_>, before: Wall, keep: usize) -> rusqlite::Result<()> {
    let (before, keep) = (millis(before), i64::try_from(keep).unwrap_or(i64::MAX));
    run(to, "DELETE FROM events WHERE at < ?1 AND forgotten", [before])?;
    let mut old = to.prepare_cached("SELECT DISTINCT experiment FROM events WHERE at < ?1")?;
    let names = old.query_map([before], |row| row.get::<_, String>(0))?;
    for name in names.collect::<rusqlite::Result<Vec<String>>>()? {
        // Its newest events are looked at once, however many are too old.
        let sql = "DELETE FROM events WHERE experiment = ?1 AND at < ?2 AND id <= (
                       SELECT id FROM events WHERE experiment = ?1 AND NOT forgotten
                       ORDER BY id DESC LIMIT 1 OFFSET ?3)";
        run(to, sql, params![name, before, keep])?;
    }
    run(to, "DELETE FROM alerts WHERE ended < ?1", [before])?;
    run(to, "DELETE FROM remarks WHERE at < ?1", [before])?;
    run(to, "DELETE FROM watched WHERE until < ?1", [before])?;
    run(to, "DELETE FROM mails WHERE at < ?1", [before])
}

fn run(to: &Transaction<'_>, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<()> {
    to.prepare_cached(sql)?.execute(values).map(drop)
}

/// Reads all that the next life of the server needs, with the newest `keep` events of each experiment.
pub(super) fn load(from: &Connection, keep: usize) -> rusqlite::Result<Saved> {
    let mut experiments = BTreeMap::new();
    let mut rows = from.prepare("SELECT name, record FROM experiments")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let name = ExperimentName::from(row.get_ref(0)?.as_str()?);
        if let Some(record) = value(row.get_ref(1)?.as_str()?, "an experiment") {
            let (keys, events) = newest_events(from, &name, keep)?.into_iter().unzip();
            experiments.insert(name, SavedExperiment { record, events, keys });
        }
    }
    let mail = SavedMail {
        news: read_rows(from, "SELECT record FROM news ORDER BY number", "news")?,
        outbox: read_record(from, OUTBOX)?,
        queued: read_rows(from, "SELECT record FROM queued_mails ORDER BY turn", "a mail")?,
        letters: read_rows(from, "SELECT record FROM letters ORDER BY turn", "a mail")?,
    };
    let manifest: Option<SavedManifest> = read_record(from, MANIFEST)?;
    let alerts = read_record(from, ALERTS)?.unwrap_or_default();
    let clock = read_record(from, CLOCK)?;
    let past_alerts = past_alerts(from, Wall::default(), PAST_ALERTS)?;
    let maintenance = read_record(from, MAINTENANCE)?.unwrap_or_default();
    let remarks = remarks(from, Wall::default(), REMARKS)?;
    Ok(Saved { experiments, manifest, alerts, mail, past_alerts, maintenance, remarks, clock })
}

/// The system alerts that stand.
pub(super) fn alerts(from: &Connection) -> rusqlite::Result<Vec<SavedAlert>> {
    let mut alerts: Vec<SavedAlert> = read_record(from, ALERTS)?.unwrap_or_default();
    alerts.retain(|alert| alert.stands);
    Ok(alerts)
}

/// The windows of maintenance that are on.
pub(super) fn windows_on(from: &Connection) -> rusqlite::Result<Vec<Window>> {
    let MaintenanceRecord { mut windows, on, .. } = read_record(from, MAINTENANCE)?.unwrap_or_default();
    windows.retain(|window| on.contains(&window.id));
    Ok(windows)
}

/// The newest remarks from a time on, in the order in which they were made.
pub(super) fn remarks(from: &Connection, since: Wall, newest: usize) -> rusqlite::Result<Vec<Remark>> {
    let sql = "SELECT record FROM remarks WHERE at >= ?1 ORDER BY id DESC LIMIT ?2";
    let mut rows = from.prepare(sql)?;
    let mut rows = rows.query(params![millis(since), i64::try_from(newest).unwrap_or(i64::MAX)])?;
    let mut remarks = Vec::new();
    while let Some(row) = rows.next()? {
        remarks.extend(value::<Remark>(row.get_ref(0)?.as_str()?, "a remark"));
    }
    remarks.reverse();
    Ok(remarks)
}

/// The newest system alerts that ended at a time or later, in the order in which they ended.
pub(super) fn past_alerts(from: &Connection, since: Wall, newest: usize) -> rusqlite::Result<Vec<PastAlert>> {
    let sql = "SELECT record FROM alerts WHERE ended >= ?1 ORDER BY ended DESC, began DESC LIMIT ?2";
    let mut rows = from.prepare(sql)?;
    let mut rows = rows.query(params![millis(since), i64::try_from(newest).unwrap_or(i64::MAX)])?;
    let mut past = Vec::new();
    while let Some(row) = rows.next()? {
        past.extend(value::<PastAlert>(row.get_ref(0)?.as_str()?, "a system alert"));
    }
    past.reverse();
    Ok(past)
}

/// What is in one column of these rows, as far as it makes sense.
fn read_rows<T: DeserializeOwned>(from: &Connection, sql: &str, what: &str) -> rusqlite::Result<Vec<T>> {
    let mut found = Vec::new();
    let mut rows = from.prepare(sql)?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        found.extend(value::<T>(row.get_ref(0)?.as_str()?, what));
    }
    Ok(found)
}

fn newest_events(
    from: &Connection,
    name: &ExperimentName,
    keep: usize,
) -> rusqlite::Result<Vec<(EventKey, Event)>> {
    let sql = "SELECT life, number, event FROM events WHERE experiment = ?1 AND NOT forgotten
               ORDER BY id DESC LIMIT ?2";
    let mut rows = from.prepare_cached(sql)?;
    let mut rows = rows.query(params![name.as_str(), i64::try_from(keep).unwrap_or(i64::MAX)])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let number = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
        let key = EventKey { incarnation: row.get_ref(0)?.as_str()?.into(), number };
        events.extend(value::<Event>(row.get_ref(2)?.as_str()?, "an event").map(|event| (key, event)));
    }
    events.reverse();
    Ok(events)
}

fn read_record<T: DeserializeOwned>(from: &Connection, name: &str) -> rusqlite::Result<Option<T>> {
    let sql = "SELECT record FROM records WHERE name = ?1";
    let found: Option<String> = from.query_row(sql, [name], |row| row.get(0)).optional()?;
    Ok(found.and_then(|text| value(&text, name)))
}

/// The newest events from a time on, in the order in which they happened.
pub(super) fn history(
    from: &Connection,
    experiment: Option<&ExperimentName>,
    since: Wall,
    newest: usize,
) -> rusqlite::Result<Vec<(ExperimentName, Event)>> {
    // Each with a condition of its own, so that SQLite finds the index for it.
    let which = if experiment.is_some() { "experiment = ?2" } else { "?2 IS NULL" };
    let sql = format!(
        "SELECT experiment, event FROM
             (SELECT id, experiment, event FROM events WHERE at >= ?1 AND {which} ORDER BY id DESC LIMIT ?3)
         ORDER BY id"
    );
    let mut rows = from.prepare(&sql)?;
    let newest = i64::try_from(newest).unwrap_or(i64::MAX);
    let mut rows = rows.query(params![millis(since), experiment.map(ExperimentName::as_str), newest])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let name = ExperimentName::from(row.get_ref(0)?.as_str()?);
        events.extend(value(row.get_ref(1)?.as_str()?, "an event").map(|event| (name, event)));
    }
    Ok(events)
}

pub(super) fn text(record: &impl Serialize) -> String {
    serde_json::to_string(record).expect("records have only texts as keys")
}

/// What a row holds. One that makes no sense is left out, since the others still do.
pub(super) fn value<T: DeserializeOwned>(text: &str, what: &str) -> Option<T> {
    serde_json::from_str(text)
        .inspect_err(|error| tracing::warn!("the store holds {what} that makes no sense, left out: {error}"))
        .ok()
}

pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn millis(wall: Wall) -> i64 {
    i64::try_from(wall.as_millis()).unwrap_or(i64::MAX)
}
