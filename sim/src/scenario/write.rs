//! From a scenario to the text of its file, so that a failure that was found can be kept and read.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};
use std::time::Duration;

use status_core::{Feed, Pattern};

use super::words;
use super::{
    Expectation, Fault, Lab, NewWindow, Order, RelayVersion, Scenario, Sending, Step, Timed, TooFast,
};

impl Scenario {
    /// The text of a file that reads as this scenario.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "name = {}", quoted(&self.name))?;
        if !self.about.is_empty() {
            writeln!(out, "about = {}", quoted(&self.about))?;
        }
        writeln!(out, "seed = {}\nlasts = {}", self.seed, span(self.lasts))?;
        list(out, "steps", self.steps.iter().map(step))?;
        list(out, "expect", self.expect.iter().map(expectation))?;
        write_lab(&self.lab, out)?;
        if !self.settings.is_empty() {
            writeln!(out, "\n[settings]")?;
        }
        self.settings.iter().try_for_each(|(name, value)| writeln!(out, "{name} = {}", quoted(value)))
    }
}

fn list(out: &mut String, name: &str, items: impl ExactSizeIterator<Item = String>) -> fmt::Result {
    if items.len() == 0 {
        return Ok(());
    }
    writeln!(out, "{name} = [")?;
    for item in items {
        writeln!(out, "    {{ {item} }},")?;
    }
    writeln!(out, "]")
}

fn write_lab(lab: &Lab, out: &mut String) -> fmt::Result {
    writeln!(out, "\n[lab]\nrelay_every = {}\njump_every = {}", span(lab.relay_every), span(lab.jump_every))?;
    if lab.relay == RelayVersion::V08 {
        writeln!(out, "relay = \"v0.8\"")?;
    }
    if lab.servers != 1 {
        writeln!(out, "servers = {}", lab.servers)?;
    }
    for (name, experiment) in &lab.experiments {
        writeln!(out, "\n[lab.also.{}]\nstreams = {}", quoted(name), texts(&experiment.streams))?;
        if let Some(required) = &experiment.required {
            writeln!(out, "required = {}", texts(required))?;
        }
    }
    Ok(())
}

fn step(timed: &Timed) -> String {
    let mut fields = Row::default();
    fields.add("at", span(timed.at));
    let verb = verb(&timed.step);
    fields.add("do", quoted(verb));
    add_fields(timed, &mut fields);
    fields.0
}

fn verb(step: &Step) -> &'static str {
    let either = |yes: bool, word: &'static str, other: &'static str| if yes { word } else { other };
    match step {
        Step::Stream { does, .. } => words::of_sending(*does),
        Step::Twins { .. } => "twins",
        Step::Plug { connected, .. } => either(*connected, "plug", "unplug"),
        Step::Jump { connected, .. } => either(*connected, "regain_jump", "lose_jump"),
        Step::Add { .. } => "add",
        Step::Remove { .. } => "remove",
        Step::Service { fault, .. } => words::of_fault(*fault),
        Step::ReportEvery { .. } => "report_every",
        Step::Garbage { .. } => "say",
        Step::LoadManifest => "load_manifest",
        Step::RestartBook => "restart_book",
        Step::Require { .. } => "require",
        Step::Withdraw { .. } => "withdraw",
        Step::Person { available, .. } => either(*available, "put_back", "take_out"),
        Step::Lose { .. } => "lose",
        Step::RefuseRecipients { .. } => "refuse_recipients",
        Step::PutOffRecipients { .. } => "put_off_recipients",
        Step::LimitMails { .. } => "limit_mails",
        Step::DeleteStore => "delete_store",
        Step::Tell { order, .. } => words::of_order(order),
        Step::SetClock { .. } => "set_clock",
        Step::Suspend { .. } => "suspend",
        Step::CutOff { .. } => "cut_off",
        Step::Reconnect { .. } => "reconnect",
        Step::Kill { .. } => "kill",
        Step::Start { .. } => "start",
    }
}

fn add_fields(timed: &Timed, fields: &mut Row) {
    match &timed.step {
        Step::Stream { topics: what, does } => {
            fields.add("what", texts(what));
            if let Sending::Every(every) | Sending::Flapping(every) = does {
                fields.add("every", span(*every));
            }
        }
        Step::Twins { topics, count } => {
            fields.add("what", texts(topics));
            fields.add("count", count);
        }
        Step::Plug { experiments: what, .. }
        | Step::Jump { experiments: what, .. }
        | Step::Remove { experiments: what }
        | Step::Withdraw { resources: what }
        | Step::Lose { resources: what }
        | Step::RefuseRecipients { addresses: what }
        | Step::PutOffRecipients { addresses: what } => fields.add("what", texts(what)),
        Step::Add { experiment, streams } => {
            fields.add("what", quoted(experiment));
            fields.add("streams", texts(streams));
        }
        Step::Service { service, fault, lasts } => {
            fields.add("what", quoted(service.as_str()));
            add_fault(*fault, fields);
            lasts.iter().for_each(|lasts| fields.add("for", span(*lasts)));
        }
        Step::ReportEvery { feed, every } => {
            fields.add("what", feed_name(*feed));
            fields.add("every", span(*every));
        }
        Step::Garbage { feed, text } => {
            fields.add("what", feed_name(*feed));
            fields.add("text", quoted(text));
        }
        Step::Require { resource, stub, streams } => {
            fields.add("what", quoted(resource));
            fields.add("stub", quoted(stub));
            fields.add("streams", texts(streams));
        }
        Step::Person { resources, reason, .. } => {
            fields.add("what", texts(resources));
            fields.add("reason", quoted(reason));
        }
        Step::LimitMails { bytes } => fields.add("count", bytes),
        Step::SetClock { millis } => {
            let sign = if *millis < 0 { "-" } else { "" };
            fields.add("by", format!("\"{sign}{}ms\"", millis.unsigned_abs()));
        }
        Step::Tell { by, order } => {
            add_order(order, timed.at, fields);
            fields.add("by", quoted(by));
        }
        Step::Suspend { servers, lasts } => add_servers(servers, Some(*lasts), fields),
        Step::CutOff { servers, lasts } => add_servers(servers, *lasts, fields),
        Step::Reconnect { servers } | Step::Kill { servers } | Step::Start { servers } => {
            add_servers(servers, None, fields);
        }
        Step::LoadManifest | Step::RestartBook | Step::DeleteStore => {}
    }
}

/// Of a lab with one server there is nothing to say.
fn add_servers(servers: &[String], lasts: Option<Duration>, fields: &mut Row) {
    if !servers.is_empty() {
        fields.add("what", texts(servers));
    }
    lasts.iter().for_each(|lasts| fields.add("for", span(*lasts)));
}

fn add_order(order: &Order, at: Duration, fields: &mut Row) {
    match order {
        Order::Maintain(window) => add_window(window, at, fields),
        Order::EndMaintenance { names } => fields.add("what", texts(&written(names))),
        Order::Acknowledge { experiments, note, lasts } => {
            fields.add("what", texts(experiments));
            fields.add("note", quoted(note));
            lasts.iter().for_each(|lasts| fields.add("for", span(*lasts)));
        }
        Order::Withdraw { experiments } => fields.add("what", texts(experiments)),
    }
}

fn add_window(window: &NewWindow, at: Duration, fields: &mut Row) {
    let NewWindow { names, begins, ends, every, reason, booking } = window;
    fields.add("what", texts(&written(names)));
    fields.add("from", span(at + *begins));
    ends.iter().for_each(|ends| fields.add("until", span(at + *ends)));
    every.iter().for_each(|every| fields.add("every", quoted(&every.to_string())));
    fields.add("reason", quoted(reason));
    fields.add("booking", quoted(words::of_booking(*booking)));
}

fn written(names: &[Pattern]) -> Vec<String> {
    names.iter().map(|name| name.as_str().to_owned()).collect()
}

fn add_fault(fault: Fault, fields: &mut Row) {
    match fault {
        Fault::Slow(by) => fields.add("by", span(by)),
        Fault::FailsSome(percent) => fields.add("count", percent),
        Fault::Limits { every, refusal } => {
            fields.add("every", span(every));
            match refusal {
                TooFast::Overloaded => fields.add("text", quoted("503")),
                TooFast::TooMany => {}
                TooFast::TooManyFor(pause) => fields.add("by", span(pause)),
            }
        }
        Fault::None
        | Fault::Down
        | Fault::Hangs
        | Fault::Refuses
        | Fault::Mute
        | Fault::Garbles
        | Fault::LosesAnswers
        | Fault::IgnoresChanges
        | Fault::TurnsAway
        | Fault::Repeats => {}
    }
}

fn expectation(expected: &Expectation) -> String {
    let mut fields = Row::default();
    let Expectation {
        line: _,
        at,
        within,
        mails,
        most_mails,
        events,
        changes,
        available,
        unavailable,
        healthy,
        unhealthy,
        mailed,
        not_mailed,
        maintained,
        acknowledged,
        flapping,
        alerts,
        leads,
    } = expected;
    at.iter().for_each(|at| fields.add("at", span(*at)));
    within.iter().for_each(|within| fields.add("within", span(*within)));
    mails.iter().for_each(|mails| fields.add("mails", mails));
    most_mails.iter().for_each(|mails| fields.add("most_mails", mails));
    for (name, counts) in [("events", events), ("changes", changes)] {
        if !counts.is_empty() {
            fields.add(name, table(counts));
        }
    }
    let lists = [
        ("available", available),
        ("unavailable", unavailable),
        ("healthy", healthy),
        ("unhealthy", unhealthy),
        ("mailed", mailed),
        ("not_mailed", not_mailed),
    ];
    for (name, names) in lists.into_iter().filter(|(_, names)| !names.is_empty()) {
        fields.add(name, texts(names));
    }
    let whole = [
        ("maintained", maintained),
        ("acknowledged", acknowledged),
        ("flapping", flapping),
        ("alerts", alerts),
        ("leads", leads),
    ];
    for (name, names) in whole {
        names.iter().for_each(|names| fields.add(name, texts(names)));
    }
    fields.0
}

/// The fields of one row, separated by commas.
#[derive(Default)]
struct Row(String);

impl Row {
    fn add(&mut self, name: &str, value: impl Display) {
        let comma = if self.0.is_empty() { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{comma}{name} = {value}");
    }
}

fn table(counts: &BTreeMap<String, usize>) -> String {
    let mut row = Row::default();
    counts.iter().for_each(|(name, count)| row.add(&quoted(name), count));
    format!("{{ {} }}", row.0)
}

fn feed_name(feed: Feed) -> String {
    quoted(feed.as_str())
}

/// A span of time in the largest unit that shows it whole.
fn span(span: Duration) -> String {
    const UNITS: [(u128, &str); 6] = [
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1, "ns"),
    ];
    let nanos = span.as_nanos();
    let (unit, name) = UNITS
        .into_iter()
        .find(|(unit, _)| nanos >= *unit && nanos.is_multiple_of(*unit))
        .unwrap_or((1, "ns"));
    format!("\"{}{name}\"", nanos / unit)
}

fn texts(texts: &[String]) -> String {
    match texts {
        [one] => format!("[{}]", quoted(one)),
        _ => format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")),
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
