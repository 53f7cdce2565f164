//! What students want to know of an experiment: whether theirs works. In plain words, and nothing internal.

use status_core::{Experiment, ExperimentName, Mailed, Monitor, Now, Resource, Wall, Zone, printable};

use super::standing::{Health, acts, says, works};

const DAY_MILLIS: u64 = 24 * 3600 * 1000;
/// How long a reason may be, in characters.
const REASON_AT_MOST: usize = 200;

/// How an experiment is to students.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// It cannot be booked.
    Out,
    /// It can be booked, but does not work.
    Broken,
    /// People are working on it, so it cannot be booked.
    Maintenance,
    /// Nothing is known of it at the moment.
    Unknown,
    /// It works and can be booked.
    Works,
}

/// What students are told of an experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudentView {
    /// Its name.
    pub name: String,
    /// How it is.
    pub is: Use,
    /// The same in words, without its name.
    pub text: String,
}

impl Use {
    /// Returns the words of a badge.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Out => "not bookable",
            Self::Broken => "does not work",
            Self::Maintenance => "in maintenance",
            Self::Unknown => "not known",
            Self::Works => "bookable",
        }
    }
}

impl StudentView {
    /// What is told of an experiment; `None` if nothing books it, since it is no concern of students then.
    #[must_use]
    pub fn of(monitor: &Monitor, name: &ExperimentName, known: &Experiment, now: Now) -> Option<Self> {
        monitor.book().resources_of(name).next()?;
        let (is, text) = told(monitor, name, known, now);
        Some(Self { name: name.to_string(), is, text })
    }

    /// All that can be booked, by name.
    #[must_use]
    pub fn all(monitor: &Monitor, now: Now) -> Vec<Self> {
        monitor.experiments().filter_map(|(name, known)| Self::of(monitor, name, known, now)).collect()
    }
}

/// How it is, and in words. What is known for certain comes first: a person's decision, then people at work, then what does not work.
fn told(monitor: &Monitor, name: &ExperimentName, known: &Experiment, now: Now) -> (Use, String) {
    let zone = &monitor.config().zone;
    let resources = || monitor.book().resources_of(name);
    let out = || resources().filter(|resource| says(resource) == Some(false));
    if let Some(person) = out().find(|resource| resource.observed().is_some_and(|said| !said.is_ours())) {
        return (Use::Out, by_person(person));
    }
    let work = work(monitor, known, now, zone);
    let is_held = resources().any(|resource| resource.hold().is_some());
    if let Some(work) = work.as_ref().filter(|_| is_held) {
        return (Use::Maintenance, format!("can't be booked: {work}"));
    }
    if is_unknown(monitor, name, known) {
        return (Use::Unknown, "is not known at the moment".to_owned());
    }
    let also = work.map(|work| format!("; {work}")).unwrap_or_default();
    let broken = resources().any(|resource| works(resource, known) == Some(false));
    let is_out = out().next().is_some();
    match (is_out, broken) {
        (false, false) => (Use::Works, format!("works{also}")),
        (true, false) if is_held => {
            (Use::Out, format!("can't be booked until it has worked for a while{}", about(known, now, zone)))
        }
        (true, false) => (Use::Out, "works again, and can be booked in a moment".to_owned()),
        (true, true) => (Use::Out, format!("can't be booked{}{also}", about(known, now, zone))),
        (false, true) if acts(monitor) => {
            (Use::Broken, format!("does not work{}{also}", about(known, now, zone)))
        }
        (false, true) => {
            (Use::Broken, format!("can be booked, but does not work{}{also}", about(known, now, zone)))
        }
    }
}

/// What a person took out of booking.
fn by_person(resource: &Resource) -> String {
    let reason = resource.observed().map(|said| cut(&printable(said.reason.trim()))).unwrap_or_default();
    if reason.is_empty() { "can't be booked".to_owned() } else { format!("can't be booked: {reason}") }
}

/// What people are doing with it, and until when, if they are.
fn work(monitor: &Monitor, known: &Experiment, now: Now, zone: &Zone) -> Option<String> {
    let id = known.window()?;
    let window = monitor.maintenance().on().find(|window| window.id == id)?;
    let until = window.until(now.wall, zone).map(|until| format!(" until {}", moment(until, now.wall, zone)));
    let reason = cut(&printable(window.reason.trim()));
    let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
    Some(format!("being worked on{}{reason}", until.unwrap_or_default()))
}

/// Whether nothing can be said of it now.
fn is_unknown(monitor: &Monitor, name: &ExperimentName, known: &Experiment) -> bool {
    let is_silent = monitor.alerts().stands(status_core::SystemAlert::Silent(status_core::Feed::Relay));
    let mut resources = monitor.book().resources_of(name);
    Health::of(known) == Health::Undecided
        || known.is_restored()
        || !monitor.is_judging()
        || is_silent
        || resources.any(|resource| says(resource).is_none())
}

/// Since when it does not work, and whether those who mend it know: ` since 14:02, maintainers were told at 14:03`.
fn about(known: &Experiment, now: Now, zone: &Zone) -> String {
    let since = since(known);
    let mut text = since.map(|at| format!(" since {}", moment(at, now.wall, zone))).unwrap_or_default();
    if known.acknowledgement().is_some() {
        text.push_str(", and somebody is seeing to it");
    } else if let Some(at) = since.and_then(|since| told_at(known, since)) {
        text.push_str(&format!(", maintainers were told at {}", moment(at, now.wall, zone)));
    }
    text
}

/// When a mail first told of what has been so since then: the first of the outage, or the newest where that told of what
/// was wrong before.
fn told_at(known: &Experiment, since: Wall) -> Option<Wall> {
    let newest = known.mailed().filter(|mailed| !mailed.taken.is_empty()).map(|mailed: &Mailed| mailed.at);
    [known.told_at(), newest].into_iter().flatten().find(|at| *at >= since)
}

/// Since when something that books it has not been available.
fn since(known: &Experiment) -> Option<Wall> {
    let is_out = |event: &&status_core::Event| event.resources().any(|(_, available)| !available);
    known.events().rev().take_while(is_out).last().map(|event| event.when)
}

/// A time as people say it: `14:02`, `Friday 14:02`, or `12 November`.
#[must_use]
pub fn moment(at: Wall, now: Wall, zone: &Zone) -> String {
    const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
    let (at, now) = (zone.local(at).as_millis(), zone.local(now).as_millis());
    let (day, today) = (at / DAY_MILLIS, now / DAY_MILLIS);
    let minutes = at % DAY_MILLIS / 60_000;
    let clock = format!("{:02}:{:02}", minutes / 60, minutes % 60);
    match day.abs_diff(today) {
        0 => clock,
        // 1970 began on a Thursday.
        1..=6 => format!("{} {clock}", DAYS[usize::try_from(day % 7).unwrap_or_default()]),
        _ => date(at),
    }
}

/// The day of a time: `12 November 2026`.
fn date(at: u64) -> String {
    let millis = i64::try_from(at).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%-d %B %Y").to_string()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(REASON_AT_MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_people_say_them() {
        // 2026-11-24T00:28:13.792Z, a Tuesday.
        let now = Wall::from_millis(1_795_480_093_792);
        let hours = |hours: i64| Wall::from_millis(now.as_millis().saturating_add_signed(hours * 3_600_000));
        let told = |at| moment(hours(at), now, &Zone::utc());
        assert_eq!(told(0), "00:28");
        assert_eq!([told(-1), told(24), told(6 * 24)], ["Monday 23:28", "Wednesday 00:28", "Monday 00:28"]);
        assert_eq!([told(-7 * 24), told(400 * 24)], ["17 November 2026", "29 December 2027"]);
        let berlin = Zone::new("Europe/Berlin", 3_600, Vec::new());
        assert_eq!(moment(hours(-1), now, &berlin), "00:28");
        assert_eq!(moment(Wall::from_millis(u64::MAX), now, &berlin), "1 January 1970");
    }
}
