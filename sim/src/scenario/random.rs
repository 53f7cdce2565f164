//! Scenarios by chance: every choice is made by the next byte of a text, so that whoever draws the bytes
//! (a seed, a fuzzer, a property test) makes the scenario, and fewer or smaller bytes make a simpler one.

use std::collections::BTreeMap;
use std::time::Duration;

use status_core::{Feed, Pattern, WindowBooking};

use super::{
    Experiment, Fault, Lab, MOST_SERVERS, NewWindow, Order, RelayVersion, Scenario, Sending, Service, Step,
    Timed, TooFast, server_name,
};
use crate::Rng;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;

impl Scenario {
    /// The scenario that belongs to a seed.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let length = 40 + rng.below(400);
        let bytes: Vec<u8> = (0..length).map(|_| rng.draw().to_le_bytes()[0]).collect();
        Self { name: format!("random {seed}"), seed, ..Self::from_bytes(&bytes) }
    }

    /// The scenario with several servers that belongs to a seed.
    #[must_use]
    pub fn random_with_servers(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let length = 40 + rng.below(300);
        let bytes: Vec<u8> = (0..length).map(|_| rng.draw().to_le_bytes()[0]).collect();
        Self { name: format!("random {seed} with servers"), seed, ..Self::with_servers_from_bytes(&bytes) }
    }

    /// The scenario with several servers that bytes choose.
    #[must_use]
    pub fn with_servers_from_bytes(bytes: &[u8]) -> Self {
        let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
        Self::chosen(rest, if first % 8 == 7 { MOST_SERVERS } else { 2 })
    }

    /// The scenario that bytes choose. Any bytes do, and so do none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::chosen(bytes, 1)
    }

    fn chosen(bytes: &[u8], servers: usize) -> Self {
        let mut choices = Choices { bytes: bytes.iter(), servers };
        let lab = lab(&mut choices);
        let settings = settings(&mut choices);
        let names: Vec<String> = lab.experiments.keys().cloned().collect();
        let mut steps = Vec::new();
        let mut at = choices.span(1, 3) * MINUTE;
        while !choices.are_made() {
            steps.push(Timed { at: Duration::from_millis(at), step: step(&mut choices, &names) });
            at += choices.pause();
        }
        let lasts = Duration::from_millis(at + choices.span(1, 5) * MINUTE);
        Self { name: "random".into(), lasts, lab, settings, steps, ..Self::default() }
    }
}

/// Choices that are still to be made. When there are no more bytes, each is the first.
struct Choices<'a> {
    bytes: std::slice::Iter<'a, u8>,
    /// How many servers there are.
    servers: usize,
}

impl Choices<'_> {
    fn are_made(&self) -> bool {
        self.bytes.len() == 0
    }

    fn byte(&mut self) -> u8 {
        self.bytes.next().copied().unwrap_or_default()
    }

    /// Returns a number below this.
    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit.max(1)
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn is(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    fn span(&mut self, least: u64, most: u64) -> u64 {
        least + u64::from(self.byte()) % (most - least + 1)
    }

    /// How long it is until the next step, in milliseconds: mostly short, sometimes long.
    fn pause(&mut self) -> u64 {
        match self.byte() {
            0..=40 => 0,
            41..=150 => u64::from(self.byte()) * 100,
            151..=230 => u64::from(self.byte()) * SECOND,
            _ => u64::from(self.byte()) * 5 * SECOND,
        }
    }

    fn lasts(&mut self) -> Option<Duration> {
        self.is().then(|| Duration::from_millis(self.span(1, 255) * SECOND))
    }
}

fn lab(choices: &mut Choices<'_>) -> Lab {
    const EVERY: [u64; 5] = [5_000, 1_000, 6_001, 20_000, 3_500];
    const STREAMS: [&str; 3] = ["data", "video", "log"];
    let mut experiments = BTreeMap::new();
    for n in 0..1 + choices.below(5) {
        let streams: Vec<String> =
            STREAMS[..1 + choices.below(3)].iter().map(|name| (*name).to_owned()).collect();
        let required = match choices.byte() % 8 {
            0 => None,
            1 => Some(Vec::new()),
            2 | 3 => Some(streams[..1].to_vec()),
            _ => Some(streams.clone()),
        };
        experiments.insert(format!("pend{n:02}"), Experiment { streams, required });
    }
    Lab {
        experiments,
        relay_every: Duration::from_millis(choices.of(&EVERY)),
        jump_every: Duration::from_millis(choices.of(&EVERY)),
        relay: if choices.byte() % 4 == 1 { RelayVersion::V08 } else { RelayVersion::V07 },
        servers: choices.servers,
    }
}

/// The recipients of some scenarios; the others have the first one alone.
const RECIPIENTS: &str = "maintainer@lab.example.org, alpha@lab.example.org, beta@lab.example.org";

/// What a resource of `pend00` may require although it is a stream of `pend00-st-twin`.
const ELSEWHERE: &str = "twin-st-data";

fn settings(choices: &mut Choices<'_>) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    let mut set = |name: &str, value: &str| settings.insert(name.to_owned(), value.to_owned());
    set("health_last_checked", choices.of(&["10s", "30s", "4s", "15s", "1m"]));
    set("health_last_active", choices.of(&["10s", "3s", "30s"]));
    set("health_startup", choices.of(&["20s", "0s", "1m"]));
    set("query_book_every", choices.of(&["1m", "20s", "5m", "15m"]));
    set("forget_after", choices.of(&["7d", "10m", "90s"]));
    set("verify_book_every", choices.of(&["30s", "10s", "2m"]));
    set("book_override", choices.of(&["respect", "respect", "enforce"]));
    set("health_events", choices.of(&["100", "3", "1"]));
    // What flaps is told less often, so that less of it can be judged.
    set("flap_after", choices.of(&["0", "0", "0", "3", "2"]));
    set("reconnect_relay_every", choices.of(&["1d", "2m", "30s"]));
    if choices.is() {
        set("email_to", RECIPIENTS);
    }
    match choices.byte() % 16 {
        1 | 2 => set("max_experiments", choices.of(&["5", "2", "9"])),
        3 => set("mode", "observe"),
        _ => None,
    };
    settings
}

fn step(choices: &mut Choices<'_>, names: &[String]) -> Step {
    match choices.byte() % 32 {
        17 | 24 | 26 | 29 | 31 if choices.servers > 1 => of_server(choices),
        0..=7 => Step::Stream { topics: vec![topic(choices, names)], does: sending(choices) },
        8 | 9 => Step::Plug { experiments: experiments(choices, names), connected: choices.is() },
        10 | 11 => Step::Jump { experiments: experiments(choices, names), connected: choices.is() },
        12..=16 => service(choices),
        17 => Step::Twins { topics: vec![topic(choices, names)], count: choices.below(3) },
        18 => Step::LoadManifest,
        19 => Step::Tell { by: "alice".into(), order: order(choices, names) },
        20 if choices.is() => {
            let names = experiments(choices, names);
            Step::Lose { resources: names.iter().map(|name| format!("r-{name}")).collect() }
        }
        20 => Step::RestartBook,
        21 => manifest(choices, names),
        22 => Step::Person {
            resources: experiments(choices, names).iter().map(|name| format!("r-{name}")).collect(),
            available: choices.is(),
            reason: choices.of(&["out for repair", "status server: not really", "Loaded at noon"]).into(),
        },
        23 => Step::ReportEvery {
            feed: feed(choices),
            every: Duration::from_millis(choices.span(5, 250) * 100),
        },
        24 if choices.is() => crowd(choices),
        24 => garbage(choices),
        25 => Step::SetClock { millis: (i64::from(choices.byte()) - 128) * 60_000 },
        26 => {
            Step::Suspend { servers: Vec::new(), lasts: Duration::from_millis(choices.span(1, 250) * SECOND) }
        }
        27 => Step::Add { experiment: added(choices, names), streams: vec!["data".into()] },
        28 => Step::Remove { experiments: experiments(choices, names) },
        29 => Step::Kill { servers: Vec::new() },
        30 => recipients(choices),
        31 if choices.byte() % 4 == 1 => Step::DeleteStore,
        _ if choices.servers > 1 => of_server(choices),
        _ => Step::Start { servers: Vec::new() },
    }
}

/// What happens to one of several servers, or to the database that they share.
fn of_server(choices: &mut Choices<'_>) -> Step {
    let place = choices.below(choices.servers);
    let servers = vec![server_name(place).to_owned()];
    match choices.below(8) {
        0 | 1 => Step::Kill { servers },
        2 => Step::Suspend { servers, lasts: Duration::from_millis(choices.span(1, 240) * 250) },
        3 => Step::CutOff { servers, lasts: None },
        4 => Step::CutOff { servers, lasts: Some(Duration::from_millis(choices.span(1, 200) * 500)) },
        5 => Step::Reconnect { servers },
        6 => {
            let lasts = Some(Duration::from_millis(choices.span(1, 250) * 2 * SECOND));
            Step::Service { service: Service::Store, fault: Fault::Down, lasts }
        }
        _ => Step::Start { servers: (0..choices.servers).map(server_name).map(str::to_owned).collect() },
    }
}

fn sending(choices: &mut Choices<'_>) -> Sending {
    match choices.byte() % 8 {
        0 => Sending::Silent,
        1 => Sending::Gone,
        2 => Sending::Never,
        3 => Sending::Flapping(Duration::from_millis(choices.span(1, 60) * SECOND)),
        4 => Sending::Every(Duration::from_millis(choices.span(1, 150) * 200)),
        _ => Sending::Every(Duration::from_millis(40)),
    }
}

fn service(choices: &mut Choices<'_>) -> Step {
    let service = choices.of(&Service::ALL);
    let slow = Fault::Slow(Duration::from_millis(choices.span(0, 120) * 100));
    let faults = [
        Fault::Down,
        Fault::None,
        Fault::Hangs,
        Fault::Refuses,
        Fault::TurnsAway,
        slow,
        Fault::Mute,
        Fault::Garbles,
        Fault::LosesAnswers,
        Fault::IgnoresChanges,
        Fault::Repeats,
        Fault::FailsSome(u8::try_from(choices.below(60)).unwrap_or_default()),
        limit(choices),
    ];
    let fault = choices.of(&faults);
    let fault = if service.can_have(fault) { fault } else { Fault::Down };
    Step::Service { service, fault, lasts: choices.lasts() }
}

fn limit(choices: &mut Choices<'_>) -> Fault {
    let pause = TooFast::TooManyFor(Duration::from_millis(choices.span(0, 200) * SECOND));
    let refusal = choices.of(&[TooFast::Overloaded, TooFast::TooMany, pause]);
    Fault::Limits { every: Duration::from_millis(choices.span(1, 250) * 4), refusal }
}

fn manifest(choices: &mut Choices<'_>, names: &[String]) -> Step {
    let resource = format!("r-{}", one(choices, names));
    if choices.byte().is_multiple_of(4) {
        return Step::Withdraw { resources: vec![resource] };
    }
    let streams: &[&str] =
        choices.of(&[&["data"] as &[&str], &["data", "video"], &["gone"], &[], &[ELSEWHERE]]);
    let streams = streams.iter().map(|stream| (*stream).to_owned()).collect();
    Step::Require { resource, stub: one(choices, names), streams }
}

fn garbage(choices: &mut Choices<'_>) -> Step {
    const TEXTS: [&str; 7] = [
        r#"{"cmd":"update"}"#,
        "[]",
        "[[[[[[[[",
        "rubbish",
        r#"[{"topic":null,"scopes":null}]"#,
        r#"[{"topic":"pend00-st-data","scopes":["read"]}]"#,
        r#"{"action":"disconnect"}[{"topic":7}]"#,
    ];
    Step::Garbage { feed: feed(choices), text: choices.of(&TEXTS).to_owned() }
}

/// A complete list of many connections, of which nobody ever heard before.
fn crowd(choices: &mut Choices<'_>) -> Step {
    let feed = feed(choices);
    let (stream, scope) = match feed {
        Feed::Relay => ("-st-data", "expt"),
        Feed::Jump => ("", "host"),
    };
    let mut connections = vec![r#"{"topic":"stats","scopes":["read"]}"#.to_owned()];
    let first = choices.below(4) * 10;
    connections.extend((first..first + choices.of(&[3, 12, 30])).map(|n| {
        // Some sort before what is there, and some after.
        let name = if n % 2 == 0 { "mass" } else { "rota" };
        format!(r#"{{"topic":"{name}{n:02}{stream}","scopes":["{scope}"]}}"#)
    }));
    Step::Garbage { feed, text: format!("[{}]", connections.join(",")) }
}

/// A new experiment, or one that has a stream which a resource of another requires.
fn added(choices: &mut Choices<'_>, names: &[String]) -> String {
    match choices.below(4) {
        3 => {
            let (between, _) = ELSEWHERE.split_once("-st-").unwrap_or_default();
            format!("{}-st-{between}", one(choices, names))
        }
        number => format!("spin{number:02}"),
    }
}

/// Some recipients are not known any more, or their mailboxes are full; or mails must be short.
fn recipients(choices: &mut Choices<'_>) -> Step {
    let mut addresses: Vec<String> =
        RECIPIENTS.split(", ").filter(|_| choices.is()).map(str::to_owned).collect();
    match choices.byte() % 8 {
        0 | 1 => Step::RefuseRecipients { addresses },
        2 => Step::LimitMails { bytes: choices.of(&[0, 4_000, 20_000]) },
        3 => Step::PutOffRecipients { addresses: addresses.split_off(addresses.len()) },
        _ => Step::PutOffRecipients { addresses },
    }
}

/// What somebody tells the server.
fn order(choices: &mut Choices<'_>, names: &[String]) -> Order {
    match choices.below(8) {
        0..=3 => Order::Maintain(window(choices, names)),
        4 => Order::EndMaintenance { names: patterns(choices, names) },
        5 => Order::Withdraw { experiments: experiments(choices, names) },
        _ => Order::Acknowledge {
            experiments: experiments(choices, names),
            note: "camera ordered".into(),
            lasts: choices.lasts(),
        },
    }
}

fn window(choices: &mut Choices<'_>, names: &[String]) -> NewWindow {
    let minutes = |count: u64| Duration::from_millis(count * MINUTE);
    let begins = minutes(choices.of(&[0, 0, 1, 10]));
    NewWindow {
        names: patterns(choices, names),
        begins,
        ends: Some(begins + minutes(choices.span(1, 30))),
        every: None,
        reason: "new bearings".into(),
        booking: choices.of(&[WindowBooking::Keep, WindowBooking::Keep, WindowBooking::Out]),
    }
}

fn patterns(choices: &mut Choices<'_>, names: &[String]) -> Vec<Pattern> {
    let one = one(choices, names);
    let all = [one.as_str(), one.as_str(), "pend0*", "@relay", "@jump", "*"];
    Pattern::parse(choices.of(&all)).into_iter().collect()
}

fn feed(choices: &mut Choices<'_>) -> Feed {
    choices.of(&Feed::BOTH)
}

fn one(choices: &mut Choices<'_>, names: &[String]) -> String {
    names.get(choices.below(names.len())).cloned().unwrap_or_default()
}

fn topic(choices: &mut Choices<'_>, names: &[String]) -> String {
    format!("{}-st-{}", one(choices, names), choices.of(&["data", "video", "log"]))
}

/// One of them, or all.
fn experiments(choices: &mut Choices<'_>, names: &[String]) -> Vec<String> {
    if choices.byte().is_multiple_of(4) { names.to_vec() } else { vec![one(choices, names)] }
}
