//! What happened in a replay, and what was decided: to be read as a whole, and asked about.

use std::collections::BTreeMap;

use status_adapters::wire::frame::{self, Frame};
use status_core::{Action, Experiment, Feed, Issue, Mail, Monitor, Note, Report, Transmitted, Wall};

use crate::capture::{What, time_of_day};

/// Everything that happened, in order.
#[derive(Default)]
pub(crate) struct Story {
    facts: Vec<(Wall, Fact)>,
    /// How each experiment stood when that was last told.
    standings: BTreeMap<String, String>,
}

/// One thing that happened.
#[derive(PartialEq)]
pub(crate) enum Fact {
    /// In the world.
    Happened(String),
    /// The core asked for it.
    Asked(Action),
    /// The verdict about an experiment is this from now on.
    Stands { experiment: String, standing: String },
}

impl Fact {
    /// What a line of a capture tells.
    pub(crate) fn happened(feed: Feed, what: &What) -> Self {
        Self::Happened(match what {
            What::Note(note) => format!("{feed} # {note}"),
            What::Open => format!("{feed} takes connections"),
            What::ConnectFailed(why) => format!("{feed} refuses a connection: {why}"),
            What::Closed(why) => format!("{feed} ends its connections: {why}"),
            What::Frame(text) => format!("{feed} {}", describe(text, &frame::read(feed, text))),
        })
    }

    /// Everything but reading an availability, which goes with each change.
    fn is_worth_telling(&self) -> bool {
        match self {
            Self::Asked(action) => !matches!(action, Action::ReadAvailability { .. }),
            Self::Happened(_) | Self::Stands { .. } => true,
        }
    }
}

impl Story {
    pub(crate) fn tell(&mut self, at: Wall, fact: Fact) {
        self.facts.push((at, fact));
    }

    /// Tells of each experiment how it stands, if it did not stand so before.
    pub(crate) fn tell_standings(&mut self, at: Wall, monitor: &Monitor) {
        for (name, experiment) in monitor.experiments() {
            let (name, standing) = (name.to_string(), standing(experiment));
            if self.standings.get(&name) != Some(&standing) {
                self.standings.insert(name.clone(), standing.clone());
                self.tell(at, Fact::Stands { experiment: name, standing });
            }
        }
    }

    /// When an experiment's health changed, and how.
    pub(crate) fn events(&self, name: &str) -> Vec<String> {
        self.notes(|note| match note {
            Note::Event { experiment, event, .. } if experiment.as_str() == name => {
                let health = if event.healthy { "healthy" } else { "unhealthy" };
                Some(format!("{health}{}", in_brackets(&event.issues())))
            }
            _ => None,
        })
    }

    /// When something became or ceased to be wrong with the services.
    pub(crate) fn alerts(&self) -> Vec<String> {
        self.notes(|note| match note {
            Note::AlertRaised { alert, .. } => Some(alert.to_string()),
            Note::AlertCleared { alert } => Some(format!("over: {alert}")),
            _ => None,
        })
    }

    /// What was said of the pace of a feed and when: advice or a warning, and how far apart its snapshots are.
    pub(crate) fn said_of_pace(&self) -> Vec<String> {
        self.notes(|note| match note {
            Note::FeedPace { feed, apart, .. } => Some(format!("advice: {feed} {apart:?}")),
            Note::SlowFeed { feed, apart, .. } => Some(format!("warning: {feed} {apart:?}")),
            _ => None,
        })
    }

    /// When a resource was made available or unavailable. That only the reason was set anew is no change.
    pub(crate) fn changes(&self, name: &str) -> Vec<String> {
        let mut changes = self.asked(|action| match action {
            Action::SetAvailability { resource, available, .. } if resource.as_str() == name => {
                Some(if *available { "available" } else { "unavailable" }.to_owned())
            }
            _ => None,
        });
        changes.dedup_by(|later, earlier| {
            later.split_once(' ').map(|(_, what)| what) == earlier.split_once(' ').map(|(_, what)| what)
        });
        changes
    }

    /// How an experiment stood, from when on.
    pub(crate) fn standings(&self, name: &str) -> Vec<String> {
        self.tell_each(|fact| match fact {
            Fact::Stands { experiment, standing } if experiment == name => Some(standing.clone()),
            Fact::Stands { .. } | Fact::Happened(_) | Fact::Asked(_) => None,
        })
    }

    /// When a feed was connected or a connection was given up.
    pub(crate) fn connections(&self, which: Feed) -> Vec<String> {
        self.asked(|action| match action {
            Action::OpenFeed { feed, connection, .. } if *feed == which => {
                Some(format!("open {}", connection.0))
            }
            Action::CloseFeed { feed, connection } if *feed == which => {
                Some(format!("close {}", connection.0))
            }
            _ => None,
        })
    }

    /// The mail that was sent at an instant.
    pub(crate) fn mail_at(&self, at: Wall) -> &Mail {
        let mut mails =
            self.facts.iter().filter(|(when, _)| *when == at).filter_map(|(_, fact)| match fact {
                Fact::Asked(Action::SendMail { mail, .. }) => Some(mail),
                Fact::Asked(_) | Fact::Happened(_) | Fact::Stands { .. } => None,
            });
        mails.next().expect("a mail was sent then")
    }

    /// What was decided from one instant to another, both included: nothing, if all it did was listen.
    pub(crate) fn decided(&self, from: Wall, to: Wall) -> Vec<String> {
        let within = self.facts.iter().filter(|(at, _)| (from..=to).contains(at));
        let told = within.filter(|(_, fact)| fact.is_worth_telling() && !matches!(fact, Fact::Happened(_)));
        told.map(|(at, fact)| line(*at, fact)).collect()
    }

    /// The whole story, a line for each fact. Equal lines are told once, and how many there were.
    pub(crate) fn trace(&self) -> String {
        let told = self.facts.iter().filter(|(_, fact)| fact.is_worth_telling());
        let lines: Vec<String> = told.map(|(at, fact)| line(*at, fact)).collect();
        let mut trace = String::new();
        for equal in lines.chunk_by(|one, next| one == next) {
            trace.push_str(&equal[0]);
            trace.push_str(&if equal.len() > 1 {
                format!(" ({} times)\n", equal.len())
            } else {
                "\n".into()
            });
        }
        trace
    }

    fn notes(&self, pick: impl Fn(&Note) -> Option<String>) -> Vec<String> {
        self.asked(|action| if let Action::Note(note) = action { pick(note) } else { None })
    }

    fn asked(&self, pick: impl Fn(&Action) -> Option<String>) -> Vec<String> {
        self.tell_each(|fact| if let Fact::Asked(action) = fact { pick(action) } else { None })
    }

    fn tell_each(&self, pick: impl Fn(&Fact) -> Option<String>) -> Vec<String> {
        let picked = self.facts.iter().filter_map(|(at, fact)| Some((at, pick(fact)?)));
        picked.map(|(at, told)| format!("{} {told}", time_of_day(*at))).collect()
    }
}

/// One fact: `<-` came from the world, `->` is what the core asked for, `==` is a verdict.
fn line(at: Wall, fact: &Fact) -> String {
    let at = time_of_day(at);
    match fact {
        Fact::Happened(what) => format!("{at} <- {what}"),
        Fact::Stands { experiment, standing } => format!("{at} == {experiment} is {standing}"),
        Fact::Asked(action) => format!("{at} -> {}", describe_action(action)),
    }
}

fn describe_action(action: &Action) -> String {
    match action {
        Action::FetchManifest { .. } => "read the manifest".to_owned(),
        Action::ReadAvailability { resource, .. } => format!("read {resource}"),
        Action::SetAvailability { resource, available, reason, .. } => {
            format!("set {resource} {}: {reason}", if *available { "available" } else { "unavailable" })
        }
        Action::OpenFeed { feed, connection, .. } => format!("connect to {feed} (call {})", connection.0),
        Action::CloseFeed { feed, connection } => format!("give up {feed} (call {})", connection.0),
        Action::SendMail { mail, .. } => {
            let body: String = mail.body.lines().map(|line| format!("\n    | {line}")).collect();
            format!("mail: {}{}", mail.subject, body.replace("| \n", "|\n"))
        }
        Action::Save { changes, .. } => format!("write {} changes down", changes.len()),
        Action::LogHealth => "log the whole state".to_owned(),
        Action::Answer { outcome, .. } => format!("answer {outcome:?}"),
        Action::Note(note) => format!("note: {note}"),
    }
}

/// What a frame says, as the parser understands it.
fn describe(text: &str, frame: &Frame) -> String {
    let Some(snapshot) = &frame.snapshot else {
        return format!("sends, but no snapshot: {}", text.get(..60).unwrap_or(text));
    };
    let mut reports: Vec<String> = snapshot.reports.iter().map(describe_report).collect();
    reports.sort();
    let reports = if reports.is_empty() { "nothing that counts".to_owned() } else { reports.join(", ") };
    let beside = if frame.meaningless > 0 { " (in one frame with something else)" } else { "" };
    format!("lists {reports}{beside}")
}

fn describe_report(report: &Report) -> String {
    match report.transmitted {
        Transmitted::Ago(ago) => format!("{} {}ms", report.topic, ago.as_millis()),
        Transmitted::Never => format!("{} never", report.topic),
        Transmitted::Unknown => report.topic.to_string(),
    }
}

/// An experiment's verdict in words; what is wrong is known before anything is decided.
fn standing(experiment: &Experiment) -> String {
    let verdict = experiment.verdict();
    let words = match (verdict.decided, verdict.healthy, verdict.available) {
        (false, ..) => "undecided",
        (true, true, true) => "healthy and available",
        (true, true, false) => "healthy and unavailable",
        (true, false, true) => "unhealthy and available",
        (true, false, false) => "unhealthy and unavailable",
    };
    format!("{words}{}", in_brackets(&experiment.issues()))
}

fn in_brackets(issues: &[Issue]) -> String {
    if issues.is_empty() {
        return String::new();
    }
    let issues: Vec<String> = issues.iter().map(Issue::to_string).collect();
    format!(" [{}]", issues.join(", "))
}
