//! From a file's text to a scenario, or to what is wrong with it: the line, the field, and what was expected.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use status_adapters::wire::duration;
use status_core::{Pattern, Repetition, SystemAlert, Window, WindowBooking};
use toml::Spanned;

use super::raw::{self, Text};
use super::size::{MOST_EXPERIMENTS, TooMuch};
use super::words;
use super::{
    Expectation, Experiment, Fault, Lab, MOST_SERVERS, NewWindow, Order, RelayVersion, Scenario, Sending,
    Service, Settings, Step, Timed, TooFast,
};
use super::{Line, mistakes};
use crate::span::span;

/// Why a text is no scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadScenario {
    /// The line, counted from 1.
    pub line: usize,
    /// Which field of the line, and what is wrong with it.
    pub problem: String,
}

impl fmt::Display for BadScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for BadScenario {}

const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 3600);
/// The shortest span that is not zero.
const SHORTEST: Duration = Duration::from_millis(1);
/// So that a run of any length comes to an end.
const SHORTEST_PERIOD: Duration = Duration::from_millis(100);
const SPAN: &str = "a span of time such as 10s, 1h30m or 2d was expected";
const DEFAULT_STREAMS: [&str; 2] = ["data", "video"];

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn read(text: &str) -> Result<Self, BadScenario> {
        let reader = Reader { text };
        let file: raw::File = toml::from_str(text).map_err(|error| match mistakes::misplaced(text) {
            Some(misplaced) => reader.bad(misplaced.at, misplaced.problem),
            None => {
                let at = error.span().map_or(0, |span| span.start);
                reader.bad(at, mistakes::explained(error.message()))
            }
        })?;
        reader.scenario(file)
    }
}

struct Reader<'a> {
    text: &'a str,
}

type Read<T> = Result<T, BadScenario>;

impl Reader<'_> {
    fn bad(&self, at: usize, problem: String) -> BadScenario {
        BadScenario { line: self.line(at), problem }
    }

    /// The line of a place in the file, counted from 1.
    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    /// A time in the script, which may not be after its end.
    fn time(&self, text: &Text, lasts: Duration, end: &Text) -> Read<Duration> {
        let at = self.span("at", text, Duration::ZERO)?;
        if at <= lasts {
            return Ok(at);
        }
        let (said, line) = (end.get_ref(), self.line(end.span().start));
        let problem = format!("at: {} is after the end: lasts = {said:?} in line {line}", text.get_ref());
        Err(self.bad(text.span().start, problem))
    }

    fn scenario(&self, file: raw::File) -> Read<Scenario> {
        let lasts = self.span("lasts", &file.lasts, Duration::from_secs(1))?;
        let places = self.places(&file);
        let settings = self.settings(file.settings)?;
        let lab = self.lab(file.lab)?;
        let too_much = |error: TooMuch| BadScenario {
            line: places.get(error.field).copied().unwrap_or(1),
            problem: error.to_string(),
        };
        lab.check_size().map_err(too_much)?;
        let mut steps = Vec::new();
        for step in file.steps {
            let at = self.time(&step.get_ref().at, lasts, &file.lasts)?;
            let names: Vec<String> = lab.experiments.keys().cloned().collect();
            steps.push(Timed { at, step: self.step(step, at, &names, &lab)? });
        }
        // Steps at the same time are taken in the order in which they are written.
        steps.sort_by_key(|step| step.at);
        let mut expect = Vec::new();
        for one in file.expect {
            expect.push(self.expectation(one, lasts, &file.lasts, &lab)?);
        }
        let name = file.name.into_inner();
        let scenario =
            Scenario { name, about: file.about, seed: file.seed, lasts, lab, settings, steps, expect };
        scenario.check_size().map_err(too_much)?;
        Ok(scenario)
    }

    /// The lines of the fields that a limit may name.
    fn places(&self, file: &raw::File) -> BTreeMap<&'static str, usize> {
        let lab = &file.lab;
        let also = || lab.also.iter().flatten().next().map(|(name, _)| name.span().start);
        let streams = || lab.streams.iter().flatten().next().map(|name| name.span().start);
        let experiments = lab.experiments.as_ref().map(|count| count.span().start);
        [
            ("lasts", Some(file.lasts.span().start)),
            ("steps", file.steps.first().map(|step| step.span().start)),
            ("experiments", experiments.or_else(also)),
            ("streams", also().or_else(streams).or(experiments)),
        ]
        .into_iter()
        .filter_map(|(field, at)| Some((field, self.line(at?))))
        .collect()
    }

    fn span(&self, field: &str, text: &Text, least: Duration) -> Read<Duration> {
        let bad = |problem: String| self.bad(text.span().start, format!("{field}: {problem}"));
        match duration::parse_setting(text.get_ref()) {
            Ok(span) if (least..=LONGEST).contains(&span) => Ok(span),
            Ok(_) => Err(bad(format!("{:?} is not from {} to ten years", text.get_ref(), span(least)))),
            Err(error) => Err(bad(format!("{error}; {SPAN}"))),
        }
    }

    fn settings(&self, raw: BTreeMap<Text, Spanned<raw::Scalar>>) -> Read<BTreeMap<String, String>> {
        let mut settings = BTreeMap::new();
        let mut places = BTreeMap::new();
        for (name, value) in raw {
            let (at, name) = (name.span().start, name.into_inner());
            let value = match value.into_inner() {
                raw::Scalar::Text(text) => text,
                raw::Scalar::Number(number) => number.to_string(),
                raw::Scalar::Boolean(yes) => yes.to_string(),
            };
            places.insert(name.clone(), at);
            settings.insert(name, value);
        }
        // All together, since the limit of one may depend on another.
        let place = |name: &str| places.get(name).or_else(|| places.values().min()).copied().unwrap_or(0);
        Settings::read(&settings)
            .map_err(|error| self.bad(place(&error.name), format!("settings: {error}")))?;
        Ok(settings)
    }

    fn lab(&self, raw: raw::Lab) -> Read<Lab> {
        let (count, at) = raw.experiments.map_or((0, 0), |count| (*count.get_ref(), count.span().start));
        if count > MOST_EXPERIMENTS {
            return Err(self.bad(at, format!("experiments: {count} is more than {MOST_EXPERIMENTS}")));
        }
        let usual = || DEFAULT_STREAMS.map(str::to_owned).to_vec();
        let streams = raw.streams.map_or_else(|| Ok(usual()), |names| self.stream_names(&names))?;
        let required = raw.required.map_or_else(|| Ok(streams.clone()), |names| self.stream_names(&names))?;
        let one = || Experiment { streams: streams.clone(), required: Some(required.clone()) };
        let mut experiments: BTreeMap<String, Experiment> =
            (0..count).map(|n| (format!("pend{n:02}"), one())).collect();
        for (name, experiment) in raw.also.into_iter().flatten() {
            let name = self.name("also", &name)?;
            let required = experiment.required.map(|names| self.stream_names(&names)).transpose()?;
            experiments
                .insert(name, Experiment { streams: self.stream_names(&experiment.streams)?, required });
        }
        let every = |field: &str, text: Option<Text>| {
            text.map_or(Ok(Lab::default().relay_every), |text| self.span(field, &text, SHORTEST_PERIOD))
        };
        Ok(Lab {
            experiments,
            relay_every: every("relay_every", raw.relay_every)?,
            jump_every: every("jump_every", raw.jump_every)?,
            relay: self.relay_version(raw.relay.as_ref())?,
            servers: self.servers(raw.servers)?,
        })
    }

    fn servers(&self, count: Option<Spanned<usize>>) -> Read<usize> {
        let Some(count) = count else { return Ok(1) };
        let (servers, at) = (*count.get_ref(), count.span().start);
        if (1..=MOST_SERVERS).contains(&servers) {
            return Ok(servers);
        }
        Err(self.bad(at, format!("servers: {servers} is not from 1 to {MOST_SERVERS}")))
    }

    fn relay_version(&self, text: Option<&Text>) -> Read<RelayVersion> {
        match text.map(|text| text.get_ref().as_str()) {
            None | Some("v0.7") => Ok(RelayVersion::V07),
            Some("v0.8") => Ok(RelayVersion::V08),
            Some(other) => {
                let at = text.map_or(0, |text| text.span().start);
                Err(self
                    .bad(at, format!("relay: {other:?} is no version; \"v0.7\" or \"v0.8\" was expected")))
            }
        }
    }

    fn stream_names(&self, names: &[Text]) -> Read<Vec<String>> {
        names.iter().map(|name| self.name("streams", name)).collect()
    }

    /// A name as relay and jump know it.
    fn name(&self, field: &str, text: &Text) -> Read<String> {
        let name = text.get_ref();
        let fits = name.starts_with(|c: char| c.is_alphanumeric()) && name.len() <= 100;
        if fits && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c)) {
            return Ok(name.clone());
        }
        Err(self.bad(text.span().start, format!("{field}: {name:?} is no name of letters, digits, - and _")))
    }

    fn expectation(
        &self,
        raw: Spanned<raw::Expectation>,
        lasts: Duration,
        end: &Text,
        lab: &Lab,
    ) -> Read<Expectation> {
        let line = Line(Some(self.line(raw.span().start)));
        let raw = raw.into_inner();
        let at = raw.at.as_ref().map(|at| self.time(at, lasts, end)).transpose()?;
        let alerts = raw.alerts.map(|alerts| alerts.iter().map(|alert| self.alert(alert)).collect());
        let leads = raw.leads.map(|names| names.iter().map(|name| self.leads(name, lab)).collect());
        let within = raw.within.map(|within| self.span("within", &within, Duration::from_millis(1)));
        Ok(Expectation {
            line,
            at,
            within: within.transpose()?,
            mails: raw.mails,
            most_mails: raw.most_mails,
            events: raw.events,
            changes: raw.changes,
            available: raw.available,
            unavailable: raw.unavailable,
            healthy: raw.healthy,
            unhealthy: raw.unhealthy,
            mailed: raw.mailed,
            not_mailed: raw.not_mailed,
            maintained: raw.maintained,
            acknowledged: raw.acknowledged,
            flapping: raw.flapping,
            alerts: alerts.transpose()?,
            leads: leads.transpose()?,
        })
    }

    /// A server that shares a database with others.
    fn leads(&self, name: &Text, lab: &Lab) -> Read<String> {
        let at = name.span().start;
        if lab.servers < 2 {
            return Err(self.bad(at, "leads: the lab has one server, which always acts".into()));
        }
        server(name.get_ref(), lab).map_err(|problem| self.bad(at, format!("leads: {problem}")))
    }

    /// A system alert, in the words of mails.
    fn alert(&self, text: &Text) -> Read<String> {
        let all = SystemAlert::ALL.map(|alert| alert.to_string());
        if all.contains(text.get_ref()) {
            return Ok(text.get_ref().clone());
        }
        let meant = mistakes::did_you_mean(
            text.get_ref(),
            all.iter().map(String::as_str),
            &format!("there are {}", all.join(", ")),
        );
        let problem = format!("alerts: {:?} is no system alert; {meant}", text.get_ref());
        Err(self.bad(text.span().start, problem))
    }

    fn step(&self, raw: Spanned<raw::Step>, time: Duration, experiments: &[String], lab: &Lab) -> Read<Step> {
        let at = raw.span().start;
        let raw = raw.into_inner();
        let verb = raw.verb.get_ref().clone();
        let mut fields = Fields { reader: self, at, time, verb: &verb, raw, experiments, lab };
        let step = fields.step()?;
        fields.nothing_left()?;
        Ok(step)
    }
}

/// The fields of one step, taken one after the other, so that one that is too many is found.
struct Fields<'a> {
    reader: &'a Reader<'a>,
    at: usize,
    /// When the step is taken.
    time: Duration,
    verb: &'a str,
    raw: raw::Step,
    experiments: &'a [String],
    lab: &'a Lab,
}

impl Fields<'_> {
    fn step(&mut self) -> Read<Step> {
        Ok(match self.verb {
            "transmit" | "silence" | "never" | "disconnect" | "flap" => {
                Step::Stream { topics: self.topics()?, does: self.sending()? }
            }
            "twins" => Step::Twins { topics: self.topics()?, count: self.count()? },
            "unplug" | "plug" => {
                Step::Plug { experiments: self.experiments()?, connected: self.verb == "plug" }
            }
            "lose_jump" | "regain_jump" => {
                Step::Jump { experiments: self.experiments()?, connected: self.verb == "regain_jump" }
            }
            "add" => Step::Add { experiment: self.one("an experiment's name")?, streams: self.streams()? },
            "remove" => Step::Remove { experiments: self.experiments()? },
            "report_every" => Step::ReportEvery { feed: self.feed()?, every: self.every(SHORTEST_PERIOD)? },
            "say" => Step::Garbage { feed: self.feed()?, text: self.text()? },
            "load_manifest" => Step::LoadManifest,
            "restart_book" => Step::RestartBook,
            "require" => self.require()?,
            "withdraw" => Step::Withdraw { resources: self.resources()? },
            "take_out" | "put_back" => self.person()?,
            "lose" => Step::Lose { resources: self.resources()? },
            "refuse_recipients" => Step::RefuseRecipients { addresses: self.what("addresses")? },
            "put_off_recipients" => Step::PutOffRecipients { addresses: self.what("addresses")? },
            "limit_mails" => Step::LimitMails { bytes: self.bytes()? },
            "delete_store" if self.lab.servers > 1 => {
                return Err(
                    self.bad("do", "servers that share a database have no file that could be deleted")
                );
            }
            "delete_store" => Step::DeleteStore,
            "maintain" | "end_maintenance" | "acknowledge" | "withdraw_acknowledgement" => self.tell()?,
            "set_clock" => Step::SetClock { millis: self.by()? },
            "suspend" => Step::Suspend {
                servers: self.servers()?,
                lasts: self.lasts()?.ok_or_else(|| self.missing("for", SPAN))?,
            },
            "cut_off" | "reconnect" if self.lab.servers < 2 => {
                let problem =
                    "the lab has one server, which shares no database; `servers = 2` in [lab] makes two";
                return Err(self.bad("do", problem));
            }
            "cut_off" => Step::CutOff { servers: self.servers()?, lasts: self.lasts()? },
            "reconnect" => Step::Reconnect { servers: self.servers()? },
            "kill" => Step::Kill { servers: self.servers()? },
            "start" => Step::Start { servers: self.servers()? },
            _ => self.service()?,
        })
    }

    fn service(&mut self) -> Read<Step> {
        let fault = match self.verb {
            "slow" => Some(Fault::Slow(self.by_span()?)),
            "fail_some" => Some(Fault::FailsSome(self.percent()?)),
            "limit" => Some(self.limit()?),
            word => words::fault(word),
        };
        let Some(fault) = fault else {
            const ELSE: &str = "docs/simulate.md lists what can";
            let meant = mistakes::did_you_mean(self.verb, words::VERBS.iter().copied(), ELSE);
            let problem = format!("do: {:?} is nothing that can happen; {meant}", self.verb);
            return Err(self.reader.bad(self.raw.verb.span().start, problem));
        };
        let name = self.one("relay, jump, book, mail or store")?;
        let Some(service) = words::service(&name) else {
            return Err(self.bad(
                "what",
                format!(
                    "{name:?} is no service; {}",
                    mistakes::did_you_mean(
                        &name,
                        Service::ALL.map(Service::as_str),
                        "relay, jump, book, mail or store was expected",
                    )
                ),
            ));
        };
        if !service.can_have(fault) {
            return Err(self.bad("do", format!("{name} cannot {}", self.verb)));
        }
        Ok(Step::Service { service, fault, lasts: self.lasts()? })
    }

    fn bytes(&mut self) -> Read<usize> {
        Ok(self.raw.count.take().ok_or_else(|| self.missing("count", "a number of bytes"))?.into_inner())
    }

    fn percent(&mut self) -> Read<u8> {
        let percent = self.count()?;
        u8::try_from(percent)
            .ok()
            .filter(|percent| *percent <= 100)
            .ok_or_else(|| self.bad("count", format!("{percent} is more than 100 of a hundred")))
    }

    fn limit(&mut self) -> Read<Fault> {
        let every = self.every(Duration::from_millis(1))?;
        let named = self.raw.by.is_some();
        let refusal = match self.raw.text.take().map(Spanned::into_inner).as_deref() {
            Some("503") if !named => TooFast::Overloaded,
            None | Some("429") if named => TooFast::TooManyFor(self.by_span()?),
            None | Some("429") => TooFast::TooMany,
            Some("503") => return Err(self.bad("by", "has a meaning for 429 alone")),
            Some(other) => return Err(self.bad("text", format!("{other:?} is neither 429 nor 503"))),
        };
        Ok(Fault::Limits { every, refusal })
    }

    fn sending(&mut self) -> Read<Sending> {
        const USUAL: Duration = Duration::from_millis(40);
        Ok(match self.verb {
            "transmit" if self.raw.every.is_none() => Sending::Every(USUAL),
            "transmit" => Sending::Every(self.every(Duration::from_millis(1))?),
            "silence" => Sending::Silent,
            "never" => Sending::Never,
            "disconnect" => Sending::Gone,
            _ => Sending::Flapping(self.every(SHORTEST_PERIOD)?),
        })
    }

    fn require(&mut self) -> Read<Step> {
        let resource = self.one("a resource's name")?;
        let usual = resource.strip_prefix("r-").unwrap_or(&resource).to_owned();
        let stub = self.raw.stub.take().map_or(usual, Spanned::into_inner);
        Ok(Step::Require { resource, stub, streams: self.streams()? })
    }

    fn person(&mut self) -> Read<Step> {
        let available = self.verb == "put_back";
        let usual = if available { "back" } else { "out for repair" };
        let reason = self.raw.reason.take().map_or_else(|| usual.to_owned(), Spanned::into_inner);
        if reason.is_empty() {
            return Err(self.bad("reason", "book takes no empty reason"));
        }
        Ok(Step::Person { resources: self.resources()?, available, reason })
    }

    /// Somebody tells the server something.
    fn tell(&mut self) -> Read<Step> {
        let by = self.raw.by.take().map_or_else(|| "maintainer".to_owned(), Spanned::into_inner);
        let order = match self.verb {
            "maintain" => Order::Maintain(self.window()?),
            "end_maintenance" => Order::EndMaintenance { names: self.patterns()? },
            "acknowledge" => Order::Acknowledge {
                experiments: self.experiments()?,
                note: self.raw.note.take().map_or_else(String::new, Spanned::into_inner),
                lasts: self.ends(Duration::ZERO)?,
            },
            _ => Order::Withdraw { experiments: self.experiments()? },
        };
        Ok(Step::Tell { by, order })
    }

    fn window(&mut self) -> Read<NewWindow> {
        let begins = self.after("from", |raw| &mut raw.from)?.unwrap_or_default();
        let (ends, every) = (self.ends(begins)?, self.repetition()?);
        if ends.is_none() && every.is_none() {
            return Err(self.missing("for", "how long, or else `until` or `every`"));
        }
        let reason = self.raw.reason.take().map_or_else(|| "maintenance".to_owned(), Spanned::into_inner);
        Ok(NewWindow { names: self.patterns()?, begins, ends, every, reason, booking: self.booking()? })
    }

    /// Names with wildcards, as people give them to the server.
    fn patterns(&mut self) -> Read<Vec<Pattern>> {
        let names = self.what("experiments such as \"pend0*\", or a service such as \"@relay\"")?;
        if names.is_empty() || names.len() > Window::NAMES_AT_MOST {
            return Err(self.bad("what", format!("from 1 to {} names are possible", Window::NAMES_AT_MOST)));
        }
        let pattern = |name: &String| {
            Pattern::parse(name).map_err(|problem| self.bad("what", format!("{name:?}: {problem}")))
        };
        names.iter().map(pattern).collect()
    }

    fn repetition(&mut self) -> Read<Option<Repetition>> {
        let Some(text) = self.raw.every.take() else { return Ok(None) };
        Repetition::parse(text.get_ref())
            .map(Some)
            .map_err(|problem| self.bad("every", format!("{:?}: {problem}", text.get_ref())))
    }

    fn booking(&mut self) -> Read<WindowBooking> {
        let Some(text) = self.raw.booking.take() else { return Ok(WindowBooking::Keep) };
        [WindowBooking::Keep, WindowBooking::Out]
            .into_iter()
            .find(|booking| words::of_booking(*booking) == text.get_ref())
            .ok_or_else(|| self.bad("booking", format!("{:?} is neither keep nor out", text.get_ref())))
    }

    /// How long after the step something ends that begins so long after it: after `for`, or at the time `until`.
    fn ends(&mut self, begins: Duration) -> Read<Option<Duration>> {
        let until = self.after("until", |raw| &mut raw.until)?;
        match (self.lasts()?, until) {
            (Some(_), Some(_)) => Err(self.bad("until", "`for` says already when it ends")),
            (None, Some(until)) if until < begins + SHORTEST => {
                Err(self.bad("until", "is not after the beginning"))
            }
            (Some(lasts), None) if self.time + begins + lasts > LONGEST => {
                Err(self.bad("for", "it ends more than ten years after the start"))
            }
            (lasts, until) => Ok(lasts.map(|lasts| begins + lasts).or(until)),
        }
    }

    /// A time after the start, as the time after the step.
    fn after(
        &mut self,
        field: &str,
        of: impl FnOnce(&mut raw::Step) -> &mut Option<Text>,
    ) -> Read<Option<Duration>> {
        let Some(text) = of(&mut self.raw).take() else { return Ok(None) };
        let after = self.reader.span(field, &text, Duration::ZERO)?.checked_sub(self.time);
        let before = || self.bad(field, format!("{} is before the step", text.get_ref()));
        after.ok_or_else(before).map(Some)
    }

    fn what(&mut self, expected: &str) -> Read<Vec<String>> {
        let what = self.raw.what.take().ok_or_else(|| self.missing("what", expected))?;
        Ok(what.into_inner().into())
    }

    fn one(&mut self, expected: &str) -> Read<String> {
        let mut what = self.what(expected)?;
        match (what.pop(), what.is_empty()) {
            (Some(one), true) if !one.is_empty() => Ok(one),
            _ => Err(self.bad("what", format!("one name was expected: {expected}"))),
        }
    }

    /// Names of experiments; `all` stands for those that the lab begins with.
    fn experiments(&mut self) -> Read<Vec<String>> {
        let names = self.what("experiments, or \"all\"")?;
        Ok(if names == ["all"] { self.experiments.to_vec() } else { names })
    }

    /// Names of servers, where there are several; `all` stands for each of them.
    fn servers(&mut self) -> Read<Vec<String>> {
        if self.lab.servers < 2 {
            return match self.raw.what {
                Some(_) => Err(self.bad("what", "the lab has one server; `servers = 2` in [lab] makes two")),
                None => Ok(Vec::new()),
            };
        }
        let all: Vec<String> = self.lab.server_names().map(str::to_owned).collect();
        let names = self.what(&format!("one of the servers {}, or \"all\"", all.join(", ")))?;
        if names == ["all"] {
            return Ok(all);
        }
        let names: Result<Vec<String>, String> = names.iter().map(|name| server(name, self.lab)).collect();
        names.map_err(|problem| self.bad("what", problem))
    }

    fn topics(&mut self) -> Read<Vec<String>> {
        let topics = self.what("topics of streams such as \"pend00-st-video\", or \"all\"")?;
        if topics != ["all"] {
            return Ok(topics);
        }
        let of = |(name, experiment): (&String, &Experiment)| {
            experiment.streams.iter().map(|stream| format!("{name}-st-{stream}")).collect::<Vec<_>>()
        };
        Ok(self.lab.experiments.iter().flat_map(of).collect())
    }

    fn resources(&mut self) -> Read<Vec<String>> {
        let names = self.what("resources such as \"r-pend00\", or \"all\"")?;
        let all = || self.experiments.iter().map(|name| format!("r-{name}")).collect();
        Ok(if names == ["all"] { all() } else { names })
    }

    fn streams(&mut self) -> Read<Vec<String>> {
        let streams = self.raw.streams.take();
        Ok(streams.ok_or_else(|| self.missing("streams", "a list such as [\"data\"]"))?.into_inner())
    }

    fn feed(&mut self) -> Read<status_core::Feed> {
        let name = self.one("relay or jump")?;
        let feed = words::service(&name).and_then(Service::feed);
        feed.ok_or_else(|| {
            self.bad(
                "what",
                format!(
                    "{name:?} is no feed; {}",
                    mistakes::did_you_mean(&name, ["relay", "jump"], "relay or jump was expected")
                ),
            )
        })
    }

    fn text(&mut self) -> Read<String> {
        let text = self.raw.text.take();
        Ok(text.ok_or_else(|| self.missing("text", "what it says"))?.into_inner())
    }

    fn count(&mut self) -> Read<usize> {
        const MOST: usize = 1_000;
        let count = self.raw.count.take().ok_or_else(|| self.missing("count", "a number"))?.into_inner();
        if count > MOST { Err(self.bad("count", format!("{count} is more than {MOST}"))) } else { Ok(count) }
    }

    fn every(&mut self, least: Duration) -> Read<Duration> {
        let text = self.raw.every.take().ok_or_else(|| self.missing("every", SPAN))?;
        self.reader.span("every", &text, least)
    }

    fn lasts(&mut self) -> Read<Option<Duration>> {
        let text = self.raw.lasts.take();
        text.map(|text| self.reader.span("for", &text, SHORTEST)).transpose()
    }

    fn by_span(&mut self) -> Read<Duration> {
        let text = self.raw.by.take().ok_or_else(|| self.missing("by", SPAN))?;
        self.reader.span("by", &text, Duration::ZERO)
    }

    /// How far the clock is set: forward, or back with a minus before it.
    fn by(&mut self) -> Read<i64> {
        let text = self.raw.by.take().ok_or_else(|| self.missing("by", SPAN))?;
        let (sign, rest) = match text.get_ref().strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.get_ref().as_str()),
        };
        let span = self.reader.span("by", &Spanned::new(text.span(), rest.to_owned()), Duration::ZERO)?;
        Ok(sign * i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
    }

    fn missing(&self, field: &str, expected: &str) -> BadScenario {
        self.reader.bad(self.at, format!("{field} is missing for {:?}: {expected}", self.verb))
    }

    fn bad(&self, field: &str, problem: impl fmt::Display) -> BadScenario {
        self.reader.bad(self.at, format!("{field}: {problem}"))
    }

    /// Whatever was not taken has no meaning here.
    fn nothing_left(&self) -> Read<()> {
        let raw::Step {
            at: _,
            verb: _,
            what,
            every,
            lasts,
            by,
            stub,
            streams,
            count,
            reason,
            from,
            until,
            booking,
            note,
            text,
        } = &self.raw;
        let left = [
            ("what", what.is_some()),
            ("every", every.is_some()),
            ("for", lasts.is_some()),
            ("by", by.is_some()),
            ("stub", stub.is_some()),
            ("streams", streams.is_some()),
            ("count", count.is_some()),
            ("reason", reason.is_some()),
            ("from", from.is_some()),
            ("until", until.is_some()),
            ("booking", booking.is_some()),
            ("note", note.is_some()),
            ("text", text.is_some()),
        ];
        match left.into_iter().find(|(_, there)| *there) {
            Some((field, _)) => Err(self.bad(field, format!("has no meaning for {:?}", self.verb))),
            None => Ok(()),
        }
    }
}

/// The name of a server that the lab has.
fn server(name: &str, lab: &Lab) -> Result<String, String> {
    if lab.server_names().any(|known| known == name) {
        return Ok(name.to_owned());
    }
    let all: Vec<&str> = lab.server_names().collect();
    Err(format!("{name:?} is no server of this lab; there are {}", all.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lab: &str, step: &str) -> Result<Step, String> {
        let text =
            format!("name = \"x\"\nlasts = \"5m\"\nlab = {{ {lab} }}\nsteps = [{{ at = \"1m\", {step} }}]");
        let scenario = Scenario::read(&text).map_err(|error| error.to_string())?;
        Ok(scenario.steps[0].step.clone())
    }

    #[test]
    fn a_step_names_the_server_where_there_are_several() {
        const TWO: &str = "servers = 2";
        let kill =
            |servers: &[&str]| Step::Kill { servers: servers.iter().map(ToString::to_string).collect() };
        assert_eq!(read(TWO, r#"do = "kill", what = "a""#), Ok(kill(&["a"])));
        assert_eq!(read(TWO, r#"do = "kill", what = "all""#), Ok(kill(&["a", "b"])));
        assert_eq!(read("", r#"do = "kill""#), Ok(kill(&[])));
        for (lab, step, problem) in [
            (TWO, r#"do = "kill""#, "what is missing for \"kill\": one of the servers a, b, or \"all\""),
            (TWO, r#"do = "kill", what = "c""#, "what: \"c\" is no server of this lab; there are a, b"),
            (TWO, r#"do = "delete_store""#, "do: servers that share a database have no file"),
            (
                "",
                r#"do = "kill", what = "a""#,
                "what: the lab has one server; `servers = 2` in [lab] makes two",
            ),
            ("", r#"do = "cut_off", what = "a""#, "do: the lab has one server, which shares no database"),
            ("servers = 4", r#"do = "kill""#, "servers: 4 is not from 1 to 3"),
        ] {
            let refused = read(lab, step).unwrap_err();
            assert!(refused.contains(problem), "{refused} for {step}");
        }
    }

    #[test]
    fn who_leads_can_be_expected_of_several() {
        let of = |lab: &str, name: &str| {
            let text = format!(
                "name = \"x\"\nlasts = \"5m\"\nlab = {{ {lab} }}\nexpect = [{{ leads = [{name:?}] }}]"
            );
            Scenario::read(&text).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(of("servers = 2", "b"), Ok(()));
        assert!(
            of("servers = 2", "c").unwrap_err().contains("line 4: leads: \"c\" is no server of this lab")
        );
        assert!(of("", "a").unwrap_err().contains("leads: the lab has one server, which always acts"));
    }
}
