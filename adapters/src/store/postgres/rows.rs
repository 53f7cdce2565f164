//! Changes to statements, and rows to what was saved.

use std::borrow::Cow;
use std::pin::Pin;
use std::task::Poll;

use serde::Serialize;
use status_core::{Change, Event, EventKey, ExperimentName, Wall};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, Transaction};

use super::client::{Trouble, answered};
use crate::store::rows::{self, ALERTS, CLOCK, MAINTENANCE, MANIFEST, OUTBOX, millis, number, text};
use crate::store::tables::Value;

/// So many statements are on their way at once.
const AT_ONCE: usize = 256;

/// A statement, with what goes in its places.
pub(super) struct Statement {
    sql: &'static str,
    values: Vec<Value>,
}

impl Statement {
    fn new(sql: &'static str, values: impl Into<Vec<Value>>) -> Self {
        Self { sql, values: values.into() }
    }

    /// How many bytes it writes, about.
    pub(super) fn size(&self) -> u64 {
        let texts = self.values.iter().map(|value| match value {
            Value::Text(text) => text.len() as u64,
            Value::Nothing | Value::Number(_) | Value::Flag(_) => 8,
        });
        texts.sum()
    }
}

fn write(sql: &'static str, values: impl Into<Vec<Value>>) -> Vec<Statement> {
    vec![Statement::new(sql, values)]
}

fn words(text: &str) -> Value {
    Value::Text(storable(text).into_owned())
}

fn json(record: &impl Serialize) -> Value {
    Value::Text(text(record))
}

fn at(wall: Wall) -> Value {
    Value::Number(millis(wall))
}

fn count(count: u64) -> Value {
    Value::Number(number(count))
}

/// A text as the database can hold it: PostgreSQL has no place for a NUL, which a name may have that a feed makes up.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains(['\0', '\\']) {
        Cow::Owned(text.replace('\\', "\\\\").replace('\0', "\\0"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The text that [`storable`] was made from.
pub(super) fn stored(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut original = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => original.push(match letters.next() {
                Some('0') => '\0',
                Some(other) => other,
                None => '\\',
            }),
            other => original.push(other),
        }
    }
    Cow::Owned(original)
}

/// What writes one change down.
pub(super) fn statements(change: &Change) -> Vec<Statement> {
    match change {
        Change::ReplaceAll => REPLACED.iter().map(|sql| Statement::new(sql, [])).collect(),
        Change::Event { key, experiment, event } => event_of(key, experiment, event),
        Change::Experiment { name, record } => write(EXPERIMENT, [words(name.as_str()), json(record)]),
        Change::Forgotten { name } => {
            let name = words(name.as_str());
            let own = "DELETE FROM experiments WHERE left(name, 200) = left($1, 200) AND name = $1";
            let events = "UPDATE events SET forgotten = TRUE
                WHERE left(experiment, 200) = left($1, 200) AND experiment = $1 AND NOT forgotten";
            vec![Statement::new(own, [name.clone()]), Statement::new(events, [name])]
        }
        Change::Manifest(manifest) => record(MANIFEST, manifest),
        Change::Alerts(alerts) => record(ALERTS, alerts),
        Change::AlertEnded(past) => {
            let sql = "INSERT INTO alerts (alert, began, ended, record) VALUES ($1, $2, $3, $4)
                ON CONFLICT (alert, began) DO UPDATE SET ended = excluded.ended, record = excluded.record";
            write(sql, [words(past.alert.as_str()), at(past.since), at(past.until), json(past)])
        }
        Change::Maintenance(windows) => record(MAINTENANCE, windows),
        Change::Remark(remark) => {
            let sql = "INSERT INTO remarks (at, record) SELECT $1, $2
                WHERE NOT EXISTS (SELECT FROM remarks WHERE at = $1 AND record = $2)";
            write(sql, [at(remark.at), json(remark)])
        }
        Change::News(news) => {
            let sql = "INSERT INTO news (number, record) VALUES ($1, $2)
                ON CONFLICT (number) DO UPDATE SET record = excluded.record";
            write(sql, [count(news.number), json(news)])
        }
        Change::NewsTold { up_to } => write("DELETE FROM news WHERE number <= $1", [count(*up_to)]),
        Change::NewsMerged { numbers } => {
            let one = |merged: &u64| Statement::new("DELETE FROM news WHERE number = $1", [count(*merged)]);
            numbers.iter().map(one).collect()
        }
        Change::Outbox(outbox) => record(OUTBOX, outbox),
        Change::QueuedMail(queued) => {
            let sql = "INSERT INTO queued_mails (id, record) VALUES ($1, $2)
                ON CONFLICT (id) DO UPDATE SET record = excluded.record";
            write(sql, [words(queued.mail.id.as_str()), json(queued)])
        }
        Change::MailDone { id, when, subject, trouble, mentions } => {
            let id = words(id.as_str());
            let trouble = trouble.as_deref().map_or(Value::Nothing, words);
            vec![
                Statement::new(UNQUEUE, [id.clone()]),
                Statement::new("DELETE FROM letters WHERE id = $1", [id.clone()]),
                Statement::new(MAIL, [id, at(*when), words(subject), trouble, json(mentions)]),
            ]
        }
        Change::MailMerged { id } => write(UNQUEUE, [words(id.as_str())]),
        Change::Clock(stamp) => record(CLOCK, stamp),
        Change::Prune { before, keep } => prune(*before, *keep),
    }
}

const REPLACED: [&str; 5] = [
    "DELETE FROM experiments",
    "DELETE FROM news",
    "DELETE FROM queued_mails",
    "DELETE FROM letters",
    "DELETE FROM records",
];
const EXPERIMENT: &str = "WITH known AS (UPDATE experiments SET record = $2
        WHERE left(name, 200) = left($1, 200) AND name = $1 RETURNING 1)
    INSERT INTO experiments (name, record) SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM known)";
const UNQUEUE: &str = "DELETE FROM queued_mails WHERE id = $1";
const MAIL: &str = "INSERT INTO mails (id, at, subject, trouble, mentions) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (id) DO NOTHING";

/// An event that is written again moves to the end: a save writes older events of its experiment first.
fn event_of(key: &EventKey, experiment: &ExperimentName, event: &Event) -> Vec<Statement> {
    let sql = "INSERT INTO events (life, number, experiment, at, event) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (life, number) DO UPDATE SET forgotten = FALSE, id = excluded.id";
    let life = words(key.incarnation.as_str());
    write(sql, [life, count(key.number), words(experiment.as_str()), at(event.when), json(event)])
}

fn record(name: &str, record: &impl Serialize) -> Vec<Statement> {
    let sql = "INSERT INTO records (name, record) VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET record = excluded.record";
    write(sql, [words(name), json(record)])
}

/// An experiment's newest events stay, so that what the API lists is the same after a restart.
fn prune(before: Wall, keep: usize) -> Vec<Statement> {
    let old = "DELETE FROM events AS old USING
            (SELECT DISTINCT experiment FROM events WHERE at < $1) AS names,
            LATERAL (SELECT id FROM events WHERE left(experiment, 200) = left(names.experiment, 200)
                AND experiment = names.experiment AND NOT forgotten
                ORDER BY id DESC LIMIT 1 OFFSET $2) AS edge
        WHERE left(old.experiment, 200) = left(names.experiment, 200)
            AND old.experiment = names.experiment AND old.at < $1 AND old.id <= edge.id";
    let keep = Value::Number(i64::try_from(keep).unwrap_or(i64::MAX));
    let all = |sql| Statement::new(sql, [at(before)]);
    vec![
        all("DELETE FROM events WHERE at < $1 AND forgotten"),
        Statement::new(old, [at(before), keep]),
        all("DELETE FROM alerts WHERE ended < $1"),
        all("DELETE FROM remarks WHERE at < $1"),
        all("DELETE FROM watched WHERE until < $1"),
        all("DELETE FROM mails WHERE at < $1"),
    ]
}

/// Has statements done, in their order. Many are on their way at once: each that waited for the answer to the one
/// before would take as long as the way there and back.
pub(super) async fn run(to: &Transaction<'_>, statements: &[Statement]) -> Result<(), Trouble> {
    for some in statements.chunks(AT_ONCE) {
        let mut running: Vec<Pin<Box<_>>> = some.iter().map(|one| Box::pin(run_one(to, one))).collect();
        // Each is sent when it is first asked how it stands, so their order is that of these questions.
        let mut first = Vec::with_capacity(running.len());
        std::future::poll_fn(|context| {
            first.extend(running.iter_mut().map(|one| one.as_mut().poll(context)));
            Poll::Ready(())
        })
        .await;
        for (one, first) in running.into_iter().zip(first) {
            match first {
                Poll::Ready(done) => done?,
                Poll::Pending => answered(one).await?,
            };
        }
    }
    Ok(())
}

async fn run_one(to: &Transaction<'_>, statement: &Statement) -> Result<u64, tokio_postgres::Error> {
    let values: Vec<(&(dyn ToSql + Sync), Type)> = statement.values.iter().map(typed).collect();
    to.execute_typed(statement.sql, &values).await
}

/// A value as the client takes it.
pub(super) fn typed(value: &Value) -> (&(dyn ToSql + Sync), Type) {
    match value {
        Value::Nothing => (&None::<String>, Type::TEXT),
        Value::Number(number) => (number, Type::INT8),
        Value::Text(text) => (text, Type::TEXT),
        Value::Flag(flag) => (flag, Type::BOOL),
    }
}

/// What stands in a column as text, if it makes sense as what it should be.
pub(super) fn value<T: serde::de::DeserializeOwned>(
    row: &Row,
    column: usize,
    what: &str,
) -> Result<Option<T>, Trouble> {
    Ok(rows::value(row.try_get(column)?, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_can_be_stored_and_is_the_same_afterwards() {
        let names = ["pend00", "a\0b", "a\\0b", "\\", "\0", "\\\0\\", "\\\\0", "ß\u{1f409}"];
        let kept: Vec<_> = names.iter().map(|name| storable(name)).collect();
        for (name, kept) in names.iter().zip(&kept) {
            assert!(!kept.contains('\0'));
            assert_eq!(stored(kept), *name);
        }
        let different: std::collections::BTreeSet<_> = kept.iter().collect();
        assert_eq!(different.len(), names.len());
    }
}
