//! What happens in a scenario, in words.

use std::time::Duration;

use status_core::{Pattern, WindowBooking};

use crate::scenario::{Fault, NewWindow, Order, Sending, Step, TooFast};

/// What a step does, in words.
#[must_use]
pub fn step(step: &Step) -> String {
    match step {
        Step::Stream { topics, does } => format!("{} {}", names(topics), sending(*does, topics.len() > 1)),
        Step::Twins { topics, count } => format!("{count} silent twins share the topic of {}", names(topics)),
        Step::Plug { experiments, connected: true } => format!("{}: plugged in again", names(experiments)),
        Step::Plug { experiments, connected: false } => format!("{}: unplugged", names(experiments)),
        Step::Jump { experiments, connected: true } => format!("{}: jump connects again", names(experiments)),
        Step::Jump { experiments, connected: false } => {
            format!("{}: jump loses its connection", names(experiments))
        }
        Step::Add { experiment, streams } => {
            format!("{experiment} comes with the streams {}", names(streams))
        }
        Step::Remove { experiments } => format!("{}: taken away", names(experiments)),
        Step::Service { service, fault: kind, lasts } => {
            let lasts = lasts.map(|lasts| format!(", for {lasts:?}")).unwrap_or_default();
            format!("{} {}{lasts}", service.as_str(), fault(*kind))
        }
        Step::ReportEvery { feed, every } => format!("{feed} reports every {every:?}"),
        Step::Garbage { feed, text } => format!("{feed} sends {}", excerpt(text)),
        Step::LoadManifest => "somebody uploads the manifest to book".into(),
        Step::RestartBook => "book is restarted, and has no manifest".into(),
        Step::Require { resource, stub, streams } => {
            format!("in the manifest, {resource} books {stub} and requires {}", names(streams))
        }
        Step::Withdraw { resources } => format!("in the manifest, {} is no more", names(resources)),
        Step::Person { resources, available: true, reason } => {
            format!("a person puts {} back: {reason}", names(resources))
        }
        Step::Person { resources, available: false, reason } => {
            format!("a person takes {} out: {reason}", names(resources))
        }
        Step::Lose { resources } => format!("book does not know {} any more", names(resources)),
        Step::RefuseRecipients { addresses } if addresses.is_empty() => {
            "the mail server knows every recipient".into()
        }
        Step::RefuseRecipients { addresses } => format!("the mail server does not know {}", names(addresses)),
        Step::PutOffRecipients { addresses } if addresses.is_empty() => {
            "the mail server has room for every recipient".into()
        }
        Step::PutOffRecipients { addresses } => {
            format!("the mail server has no room for {}", names(addresses))
        }
        Step::LimitMails { bytes: 0 } => "the mail server takes mails of any length".into(),
        Step::LimitMails { bytes } => format!("the mail server takes mails of at most {bytes} bytes"),
        Step::DeleteStore => "the store is deleted, with all that it held".into(),
        Step::SetClock { millis } => {
            let by = Duration::from_millis(millis.unsigned_abs());
            format!("the clock is set {} by {by:?}", if *millis < 0 { "back" } else { "forward" })
        }
        Step::Tell { by, order } => told(by, order),
        Step::Suspend { servers, lasts } => suspended(servers, *lasts),
        Step::CutOff { servers, lasts } => cut_off(servers, *lasts),
        Step::Reconnect { servers } => format!("{} connected to the database again", are(servers)),
        Step::Kill { servers } => format!("{} killed", are(servers)),
        Step::Start { servers } => format!("{} started", are(servers)),
    }
}

/// `server a is`; `the server is` if there is only one.
fn are(servers: &[String]) -> String {
    match servers {
        [] => "the server is".into(),
        [one] => format!("server {one} is"),
        _ => format!("servers {} are", names(servers)),
    }
}

fn suspended(servers: &[String], lasts: Duration) -> String {
    let is = if servers.is_empty() { "the server's machine is".into() } else { are(servers) };
    format!("{is} suspended, for {lasts:?}")
}

fn cut_off(servers: &[String], lasts: Option<Duration>) -> String {
    let lasts = lasts.map(|lasts| format!(", for {lasts:?}")).unwrap_or_default();
    format!("{} cut off from the database{lasts}", are(servers))
}

fn told(by: &str, order: &Order) -> String {
    match order {
        Order::Maintain(window) => new_window(by, window),
        Order::EndMaintenance { names } => format!("{by} ends the maintenance of {}", patterns(names)),
        Order::Acknowledge { experiments, note, lasts } => {
            let lasts = lasts.map(|lasts| format!(", for {lasts:?}")).unwrap_or_default();
            let note = if note.is_empty() { String::new() } else { format!(": {note}") };
            format!("{by} acknowledges the problem of {}{lasts}{note}", names(experiments))
        }
        Order::Withdraw { experiments } => {
            format!("{by} takes back the acknowledgement of {}", names(experiments))
        }
    }
}

fn new_window(by: &str, window: &NewWindow) -> String {
    let NewWindow { names, begins, ends, every, reason, booking } = window;
    let every = every.as_ref().map(|every| format!(", {every}")).unwrap_or_default();
    let begins = if begins.is_zero() { String::new() } else { format!(", from in {begins:?} on") };
    let ends = ends.map(|ends| format!(", until in {ends:?}")).unwrap_or_default();
    let out = if *booking == WindowBooking::Out { ", out of booking" } else { "" };
    format!("{by} wants maintenance of {}{every}{begins}{ends}{out}: {reason}", patterns(names))
}

fn patterns(all: &[Pattern]) -> String {
    names(&all.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>())
}

fn sending(does: Sending, many: bool) -> String {
    let verb = |one: &str, more: &str| if many { more.to_owned() } else { one.to_owned() };
    match does {
        Sending::Every(every) if every < Duration::from_secs(1) => verb("transmits", "transmit"),
        Sending::Every(every) => format!("{} once every {every:?}", verb("transmits", "transmit")),
        Sending::Silent => verb("falls silent, but stays connected", "fall silent, but stay connected"),
        Sending::Never => verb("connects anew and never transmits", "connect anew and never transmit"),
        Sending::Gone => verb("is cut", "are cut"),
        Sending::Flapping(every) => {
            format!("{} every {every:?}", verb("goes and comes back", "go and come back"))
        }
    }
}

fn fault(fault: Fault) -> String {
    match fault {
        Fault::None => "is well again".into(),
        Fault::Down => "is down".into(),
        Fault::Slow(by) => format!("is slow by {by:?}"),
        Fault::Hangs => "hangs".into(),
        Fault::Refuses => "refuses".into(),
        Fault::TurnsAway => "turns everybody away with 421".into(),
        Fault::Mute => "takes connections and says nothing to them".into(),
        Fault::Garbles => "talks nonsense".into(),
        Fault::LosesAnswers => "does what it is asked to, and its answers are lost".into(),
        Fault::IgnoresChanges => "accepts changes, and does not make them".into(),
        Fault::Repeats => "says everything twice".into(),
        Fault::FailsSome(percent) => format!("does not answer {percent} of 100 requests"),
        Fault::Limits { every, refusal } => {
            let how = match refusal {
                TooFast::Overloaded => "503".to_owned(),
                TooFast::TooMany => "429".to_owned(),
                TooFast::TooManyFor(pause) => format!("429, to come back after {pause:?}"),
            };
            format!("takes one request every {every:?}, and answers {how} to the others")
        }
    }
}

/// Names in a row; of many, only how many there are.
pub(crate) fn names(names: &[String]) -> String {
    const SHOWN: usize = 4;
    match names {
        [] => "nothing".into(),
        [all @ .., last] if !all.is_empty() && names.len() <= SHOWN => {
            format!("{} and {last}", all.join(", "))
        }
        [one] => one.clone(),
        [first, ..] => format!("{first} and {} others", names.len() - 1),
    }
}

fn excerpt(text: &str) -> String {
    const SHOWN: usize = 60;
    let short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
