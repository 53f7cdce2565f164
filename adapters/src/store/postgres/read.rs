//! Reading, beside the server that writes.

use std::collections::BTreeMap;
use std::pin::pin;

use futures_util::TryStreamExt;
use serde::de::DeserializeOwned;
use status_core::{
    Condition, Event, EventKey, ExperimentName, MaintenanceRecord, PastAlert, Remark, Saved, SavedAlert,
    SavedExperiment, SavedMail, SystemAlert, Wall, Window,
};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{IsolationLevel, Row, Transaction};

use super::client::{Session, Trouble, answered};
use super::rows::{storable, stored, value};
use crate::store::past::{self, EVENTS, OF_AN_OUTAGE, OTHERS, PastMail, WINDOW_AT_MOST};
use crate::store::rows::{self, ALERTS, CLOCK, MAINTENANCE, MANIFEST, OUTBOX, PAST_ALERTS, REMARKS, millis};
use crate::store::uptime::{self, wall};
use crate::store::{PastRecords, UptimeRecords};

/// What goes in the places of a question.
type Values<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

/// Everything at one instant, whatever is written meanwhile.
pub(super) struct Reading<'a>(Transaction<'a>);

/// An experiment's events from a time on, and the last one before, which says how it was then.
const OF_ALL: &str = "FROM events WHERE NOT forgotten AND (at >= $1 OR id IN
        (SELECT max(id) FROM events WHERE at < $1 AND NOT forgotten GROUP BY experiment))";
const OF_ONE: &str = "FROM events WHERE left(experiment, 200) = left($2, 200) AND experiment = $2
    AND NOT forgotten AND id >= coalesce((SELECT max(id) FROM events WHERE at < $1 AND NOT forgotten
        AND left(experiment, 200) = left($2, 200) AND experiment = $2), 0)";

impl<'a> Reading<'a> {
    pub(super) async fn begin(session: &'a mut Session) -> Result<Self, Trouble> {
        let transaction = session.build_transaction();
        let transaction = transaction.isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        answered(transaction.start()).await.map(Self)
    }

    pub(super) async fn end(self) -> Result<(), Trouble> {
        answered(self.0.commit()).await
    }

    /// Hands each row to `take` as it comes.
    async fn each(
        &self,
        sql: &str,
        values: Values<'_>,
        mut take: impl FnMut(&Row) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let values = values.iter().map(|(value, kind)| (*value, kind.clone()));
        let mut rows = pin!(answered(self.0.query_typed_raw(sql, values)).await?);
        while let Some(row) = answered(rows.try_next()).await? {
            take(&row)?;
        }
        Ok(())
    }

    /// What is in the first column of each row, as far as it makes sense.
    async fn texts<T: DeserializeOwned>(
        &self,
        sql: &str,
        values: Values<'_>,
        what: &str,
    ) -> Result<Vec<T>, Trouble> {
        let mut found = Vec::new();
        self.each(sql, values, |row| {
            found.extend(value::<T>(row, 0, what)?);
            Ok(())
        })
        .await?;
        Ok(found)
    }

    async fn record<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Trouble> {
        let sql = "SELECT record FROM records WHERE name = $1";
        Ok(self.texts(sql, &[(&name, Type::TEXT)], name).await?.into_iter().next())
    }

    /// All that the next life of the server needs, with the newest `keep` events of each experiment.
    pub(super) async fn saved(&self, keep: usize) -> Result<Saved, Trouble> {
        let mail = SavedMail {
            news: self.texts("SELECT record FROM news ORDER BY number", &[], "news").await?,
            outbox: self.record(OUTBOX).await?,
            queued: self.texts("SELECT record FROM queued_mails ORDER BY turn", &[], "a mail").await?,
            letters: self.texts("SELECT record FROM letters ORDER BY turn", &[], "a mail").await?,
        };
        Ok(Saved {
            experiments: self.experiments(keep).await?,
            manifest: self.record(MANIFEST).await?,
            alerts: self.record(ALERTS).await?.unwrap_or_default(),
            mail,
            past_alerts: self.past_alerts(Wall::default(), PAST_ALERTS).await?,
            maintenance: self.record(MAINTENANCE).await?.unwrap_or_default(),
            remarks: self.remarks(Wall::default(), REMARKS).await?,
            clock: self.record(CLOCK).await?,
        })
    }

    async fn experiments(&self, keep: usize) -> Result<BTreeMap<ExperimentName, SavedExperiment>, Trouble> {
        let mut experiments = BTreeMap::new();
        self.each("SELECT record, name FROM experiments", &[], |row| {
            let name = ExperimentName::from(&*stored(row.try_get(1)?));
            if let Some(record) = value(row, 0, "an experiment")? {
                experiments.insert(name, SavedExperiment { record, events: Vec::new(), keys: Vec::new() });
            }
            Ok(())
        })
        .await?;
        let sql =
            "SELECT newest.event, newest.life, newest.number, newest.id, experiments.name FROM experiments,
                LATERAL (SELECT id, life, number, event FROM events
                    WHERE left(experiment, 200) = left(experiments.name, 200)
                        AND experiment = experiments.name AND NOT forgotten
                    ORDER BY id DESC LIMIT $1) AS newest";
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        let mut events: BTreeMap<ExperimentName, Vec<(i64, EventKey, Event)>> = BTreeMap::new();
        self.each(sql, &[(&keep, Type::INT8)], |row| {
            let Some(event) = value(row, 0, "an event")? else { return Ok(()) };
            let number = u64::try_from(row.try_get::<_, i64>(2)?).unwrap_or(0);
            let key = EventKey { incarnation: (*stored(row.try_get(1)?)).into(), number };
            let name = ExperimentName::from(&*stored(row.try_get(4)?));
            events.entry(name).or_default().push((row.try_get(3)?, key, event));
            Ok(())
        })
        .await?;
        for (name, mut own) in events {
            own.sort_by_key(|(id, ..)| *id);
            if let Some(saved) = experiments.get_mut(&name) {
                (saved.keys, saved.events) = own.into_iter().map(|(_, key, event)| (key, event)).unzip();
            }
        }
        Ok(experiments)
    }

    /// The newest events from a time on, in the order in which they happened.
    pub(super) async fn events(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
        newest: usize,
    ) -> Result<Vec<(ExperimentName, Event)>, Trouble> {
        let of_one = "left(experiment, 200) = left($3, 200) AND experiment = $3";
        let which = if experiment.is_some() { of_one } else { "$3::text IS NULL" };
        let sql = format!(
            "SELECT event, experiment FROM (SELECT id, experiment, event FROM events
                WHERE at >= $1 AND {which} ORDER BY id DESC LIMIT $2) AS newest ORDER BY id"
        );
        let name = experiment.map(|name| storable(name.as_str()));
        let newest = i64::try_from(newest).unwrap_or(i64::MAX);
        let values: Values<'_> =
            &[(&millis(since), Type::INT8), (&newest, Type::INT8), (&name.as_deref(), Type::TEXT)];
        let mut events = Vec::new();
        self.each(&sql, values, |row| {
            let name = ExperimentName::from(&*stored(row.try_get(1)?));
            events.extend(value(row, 0, "an event")?.map(|event| (name, event)));
            Ok(())
        })
        .await?;
        Ok(events)
    }

    /// Everything that happened from a time on, to one experiment or all. Of too much, the newest.
    pub(super) async fn past(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
    ) -> Result<PastRecords, Trouble> {
        let since = self.cut(experiment, since).await?;
        let mut events = self.events_of_past(experiment, since).await?;
        for (name, own) in &mut events {
            if let Some(first) = past::began_before(own, since) {
                own.splice(..0, self.of_outage(name, first.when).await?);
            }
        }
        let alerts: Vec<(SystemAlert, Wall)> =
            self.alerts().await?.iter().map(|one| (one.alert, one.since)).collect();
        let past_alerts = self.past_alerts(since, OTHERS).await?;
        let begin = past::beginning(since, &events, &alerts, &past_alerts);
        Ok(PastRecords {
            since,
            watched: self.spans(begin).await?,
            events,
            alerts,
            past_alerts,
            remarks: self.remarks(begin - WINDOW_AT_MOST, OTHERS).await?,
            on: self.windows_on().await?,
            mails: self.mails(begin).await?,
        })
    }

    /// From when on everything is read: a later time than was asked for, where too much happened since.
    async fn cut(&self, experiment: Option<&ExperimentName>, since: Wall) -> Result<Wall, Trouble> {
        let of_one = "left(experiment, 200) = left($2, 200) AND experiment = $2 AND";
        let which = if experiment.is_some() { of_one } else { "" };
        let sql = format!(
            "SELECT at, experiment FROM events WHERE {which} at >= $1 AND NOT forgotten
             ORDER BY at DESC LIMIT 1 OFFSET {EVENTS}"
        );
        let mut cut = since;
        self.of(experiment, since, &sql, |_, row| {
            cut = wall(row.try_get::<_, i64>(0)?.saturating_add(1));
            Ok(())
        })
        .await?;
        Ok(cut)
    }

    /// The events before a time that belong to the outage that lasted then.
    async fn of_outage(&self, name: &ExperimentName, before: Wall) -> Result<Vec<Event>, Trouble> {
        let sql = format!(
            "SELECT event, experiment FROM events
             WHERE left(experiment, 200) = left($2, 200) AND experiment = $2 AND at < $1 AND NOT forgotten
             ORDER BY id DESC LIMIT {OF_AN_OUTAGE}"
        );
        let mut earlier = Vec::new();
        self.of(Some(name), before, &sql, |_, row| {
            earlier.extend(value::<Event>(row, 0, "an event")?);
            Ok(())
        })
        .await?;
        Ok(past::outage_of(earlier.into_iter()))
    }

    async fn events_of_past(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
    ) -> Result<BTreeMap<ExperimentName, Vec<Event>>, Trouble> {
        let which = if experiment.is_some() { OF_ONE } else { OF_ALL };
        let sql = format!("SELECT event, experiment {which} ORDER BY id");
        let mut events: BTreeMap<ExperimentName, Vec<Event>> = BTreeMap::new();
        self.of(experiment, since, &sql, |name, row| {
            if let Some(event) = value::<Event>(row, 0, "an event")? {
                events.entry(name).or_default().push(event);
            }
            Ok(())
        })
        .await?;
        Ok(events)
    }

    /// Since when one experiment or each was how, and when anybody was watching, from a time on.
    pub(super) async fn uptime(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
    ) -> Result<UptimeRecords, Trouble> {
        let which = if experiment.is_some() { OF_ONE } else { OF_ALL };
        // What was healthy needs no reading.
        let sql = format!(
            "SELECT CASE WHEN (event::json ->> 'healthy')::boolean THEN NULL ELSE event END, experiment, at
             {which} ORDER BY id"
        );
        let mut changes: BTreeMap<ExperimentName, Vec<(Wall, Condition)>> = BTreeMap::new();
        self.of(experiment, since, &sql, |name, row| {
            let event: Option<&str> = row.try_get(0)?;
            let condition = event.map_or(Condition::Healthy, uptime::condition);
            changes.entry(name).or_default().push((wall(row.try_get(2)?), condition));
            Ok(())
        })
        .await?;
        let remarks = self.remarks(since - WINDOW_AT_MOST, uptime::REMARKS).await?;
        Ok(UptimeRecords { watched: self.spans(since).await?, changes, remarks })
    }

    /// Hands over each row about one experiment or all, whose second column is the name.
    async fn of(
        &self,
        experiment: Option<&ExperimentName>,
        since: Wall,
        sql: &str,
        mut take: impl FnMut(ExperimentName, &Row) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let since = millis(since);
        let name = experiment.map(|name| storable(name.as_str()));
        let mut values: Vec<(&(dyn ToSql + Sync), Type)> = vec![(&since, Type::INT8)];
        values.extend(name.as_ref().map(|name| (name as &(dyn ToSql + Sync), Type::TEXT)));
        self.each(sql, &values, |row| take((*stored(row.try_get(1)?)).into(), row)).await
    }

    async fn spans(&self, since: Wall) -> Result<Vec<(Wall, Wall)>, Trouble> {
        let sql = "SELECT since, until FROM watched WHERE until >= $1 ORDER BY since";
        let mut spans = Vec::new();
        self.each(sql, &[(&millis(since), Type::INT8)], |row| {
            spans.push((wall(row.try_get(0)?), wall(row.try_get(1)?)));
            Ok(())
        })
        .await?;
        Ok(spans)
    }

    /// The system alerts that stand.
    async fn alerts(&self) -> Result<Vec<SavedAlert>, Trouble> {
        let mut alerts: Vec<SavedAlert> = self.record(ALERTS).await?.unwrap_or_default();
        alerts.retain(|alert| alert.stands);
        Ok(alerts)
    }

    /// The windows of maintenance that are on.
    async fn windows_on(&self) -> Result<Vec<Window>, Trouble> {
        let record: Option<MaintenanceRecord> = self.record(MAINTENANCE).await?;
        let MaintenanceRecord { mut windows, on, .. } = record.unwrap_or_default();
        windows.retain(|window| on.contains(&window.id));
        Ok(windows)
    }

    /// The newest system alerts that ended at a time or later, in the order in which they ended.
    async fn past_alerts(&self, since: Wall, newest: usize) -> Result<Vec<PastAlert>, Trouble> {
        let sql = "SELECT record FROM alerts WHERE ended >= $1 ORDER BY ended DESC, began DESC LIMIT $2";
        self.newest(sql, since, newest, "a system alert").await
    }

    /// The newest remarks from a time on, in the order in which they were made.
    pub(super) async fn remarks(&self, since: Wall, newest: usize) -> Result<Vec<Remark>, Trouble> {
        let sql = "SELECT record FROM remarks WHERE at >= $1 ORDER BY id DESC LIMIT $2";
        self.newest(sql, since, newest, "a remark").await
    }

    /// What a question gives newest first, the other way round.
    async fn newest<T: DeserializeOwned>(
        &self,
        sql: &str,
        since: Wall,
        newest: usize,
        what: &str,
    ) -> Result<Vec<T>, Trouble> {
        let newest = i64::try_from(newest).unwrap_or(i64::MAX);
        let values: Values<'_> = &[(&millis(since), Type::INT8), (&newest, Type::INT8)];
        let mut found = self.texts(sql, values, what).await?;
        found.reverse();
        Ok(found)
    }

    async fn mails(&self, since: Wall) -> Result<Vec<PastMail>, Trouble> {
        let sql = format!(
            "SELECT at, subject, trouble, mentions FROM mails WHERE at >= $1 ORDER BY at DESC LIMIT {OTHERS}"
        );
        let mut mails = Vec::new();
        self.each(&sql, &[(&millis(since), Type::INT8)], |row| {
            let (trouble, mentions): (Option<&str>, Option<&str>) = (row.try_get(2)?, row.try_get(3)?);
            let mentions = mentions.and_then(|text| rows::value(text, "what a mail tells of"));
            mails.push(PastMail {
                at: wall(row.try_get(0)?),
                subject: stored(row.try_get(1)?).into_owned(),
                trouble: trouble.map(|trouble| stored(trouble).into_owned()),
                mentions: mentions.unwrap_or_default(),
            });
            Ok(())
        })
        .await?;
        mails.reverse();
        Ok(mails)
    }
}
