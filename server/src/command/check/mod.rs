//! `status check`: whether an installation is set up well, found out without changing anything.
//!
//! The settings are read as `status serve` reads them, and each service is tried with the same adapters, up to
//! the point where something would change. All are tried at once, and told in a fixed order.

mod finding;
mod machine;
mod mail;
mod services;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use status_adapters::FeedSource;
use status_core::{Feed, Manifest, Mode, Report};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::command::args::CheckArgs;
use crate::command::paint::Paint;
use crate::command::serve;
use crate::driver::Services;
use crate::http::listener::Place;
use crate::log;
use crate::log::{LogFormat, LogSettings, LogTarget};
use crate::settings::{Groups, Problems, Settings};

pub use finding::{Finding, Verdict};

/// How long one service may take: feeds report once a minute in some installations.
const LONGEST: Duration = Duration::from_secs(75);
/// Whoever waits for longer is told what for.
const UNTOLD: Duration = Duration::from_secs(10);

/// How many groups of experiments are named.
const GROUPS: usize = 10;

/// What is to be done, and how long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct How {
    /// Whether a real mail is sent to everybody, in place of trying the mail server without one.
    pub send_test_mail: bool,
    /// How long each service may take.
    pub longest: Duration,
}

impl How {
    /// As the command line says.
    #[must_use]
    pub fn new(args: &CheckArgs) -> Self {
        Self { send_test_mail: args.send_test_mail, longest: LONGEST }
    }
}

/// Checks what the environment sets, and prints a line for everything that was looked at.
pub async fn run(args: &CheckArgs, paint: Paint, stop: CancellationToken) -> ExitCode {
    // What the adapters have to complain about is worth knowing, and does not belong between the lines.
    let to_stderr =
        LogSettings { target: LogTarget::Stderr, format: LogFormat::Text, ..LogSettings::default() };
    if let Err(problem) = log::start(&to_stderr) {
        log::complain(&problem);
        return ExitCode::FAILURE;
    }
    let mut all_well = true;
    let mut show = |finding: Finding| {
        all_well &= finding.verdict != Verdict::Wrong;
        // Who has stopped reading still gets the exit code.
        let _ = writeln!(io::stdout().lock(), "{}", finding.painted(paint));
    };
    let complete = match Settings::from_env() {
        Ok((settings, warnings)) => {
            let but = if warnings.is_empty() { "" } else { ", but see below" };
            show(Finding::ok("settings", format!("every variable makes sense{but}")));
            if settings.core.mode == Mode::Observe {
                let text =
                    "only observing, as STATUS_MODE=observe says: nothing is set in book and no mail is sent";
                show(Finding::note("settings", text));
            }
            warnings.iter().for_each(|warning| show(Finding::note("settings", warning.to_string())));
            check(&settings, How::new(args), &stop, &mut show).await
        }
        Err(problems) => {
            show(Finding::wrong("settings", problems.to_string()));
            go_on(&problems, args, &stop, &mut show).await
        }
    };
    if !complete {
        log::complain("interrupted: not everything was tried");
    }
    if complete && all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tries what can be tried although some settings are wrong. Returns whether it came to its end before `stop`.
async fn go_on(
    problems: &Problems,
    args: &CheckArgs,
    stop: &CancellationToken,
    show: &mut dyn FnMut(Finding),
) -> bool {
    let Some((settings, untried)) = Settings::salvaged(std::env::vars_os(), problems) else {
        show(Finding::note("settings", "nothing else was tried"));
        return true;
    };
    check_but(&settings, How::new(args), &untried, stop, show).await
}

/// Whether people can change something.
fn changes(settings: &Settings) -> &'static str {
    match settings.secret_admin {
        Some(_) => "maintenance and acknowledgements are for whoever has a token of STATUS_SECRET_ADMIN",
        None => "STATUS_SECRET_ADMIN is not set, so there are neither maintenance nor acknowledgements",
    }
}

/// Tries everything that the settings name, and shows what was found. Returns whether it came to its end
/// before `stop`.
pub async fn check(
    settings: &Settings,
    how: How,
    stop: &CancellationToken,
    show: &mut dyn FnMut(Finding),
) -> bool {
    check_but(settings, how, &[], stop, show).await
}

/// The same, without what cannot be tried, since its settings are wrong.
async fn check_but(
    settings: &Settings,
    how: How,
    untried: &[&'static str],
    stop: &CancellationToken,
    show: &mut dyn FnMut(Finding),
) -> bool {
    let checking = async {
        let tasks = match Tasks::start(settings, how, untried) {
            Ok(tasks) => tasks,
            Err(problem) => return show(Finding::wrong("settings", problem)),
        };
        tasks.tell(show).await;
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => false,
        () = checking => true,
    }
}

/// Everything that is tried, all at once. Those that are not done when nobody waits any more are left behind.
struct Tasks {
    store: JoinHandle<Finding>,
    log_file: JoinHandle<Finding>,
    port: JoinHandle<Finding>,
    book: Option<JoinHandle<services::OfBook>>,
    relay: Option<JoinHandle<services::OfFeed>>,
    jump: Option<JoinHandle<services::OfFeed>>,
    /// Relay and jump themselves, for what they found on the way.
    sources: [Arc<dyn FeedSource>; 2],
    mail: Option<JoinHandle<Finding>>,
    changes: Finding,
    page: Shown,
}

/// How the page shows the lab.
struct Shown {
    name: String,
    groups: Groups,
}

impl Shown {
    /// What it is called, and how many experiments of book's are in which group.
    fn finding(&self, manifest: Option<&Manifest>) -> Finding {
        let name = if self.name.is_empty() {
            "the page has no name, since STATUS_NAME is not set".to_owned()
        } else {
            format!("the page is called {:?}", self.name)
        };
        let Some(manifest) = manifest else { return Finding::ok("page", name) };
        let experiments: BTreeSet<&str> = manifest.values().map(|needs| needs.stub.as_str()).collect();
        let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
        for experiment in experiments {
            *groups.entry(self.groups.of(experiment)).or_default() += 1;
        }
        let mut counts: Vec<String> =
            groups.iter().map(|(group, count)| format!("{group} ({count})")).collect();
        if counts.len() > GROUPS {
            counts.truncate(GROUPS);
            counts.push(format!("and {} more", groups.len() - GROUPS));
        }
        Finding::ok("page", format!("{name}; its groups: {}", counts.join(", ")))
    }
}

impl Tasks {
    fn start(settings: &Settings, how: How, untried: &[&str]) -> Result<Self, String> {
        let Services { book, relay, jump, clock, .. } = serve::services(settings)?;
        let (store, max_size) = (settings.store.clone(), settings.store_max_size);
        let target = settings.log.target.clone();
        let config = &settings.core;
        let place = Place::of(settings);
        let is_tried = |name: &str| !untried.contains(&name);
        Ok(Self {
            sources: [Arc::clone(&relay), Arc::clone(&jump)],
            store: tokio::spawn(machine::store(store, max_size)),
            log_file: tokio::task::spawn_blocking(move || machine::log_file(&target)),
            port: tokio::spawn(async move { machine::port(&place) }),
            book: is_tried("book")
                .then(|| tokio::spawn(services::book(book, settings.book.audience(), how.longest))),
            relay: is_tried("relay").then(|| {
                let times = (config.reconnect_relay_every, config.last_checked);
                tokio::spawn(services::feed(
                    (Feed::Relay, relay),
                    settings.relay.audience(),
                    times,
                    how.longest,
                ))
            }),
            jump: is_tried("jump").then(|| {
                let times = (config.reconnect_jump_every, config.last_checked);
                tokio::spawn(services::feed((Feed::Jump, jump), settings.jump.audience(), times, how.longest))
            }),
            mail: is_tried("mail").then(|| {
                tokio::spawn(mail::mail(settings.mail.clone().zip(config.mail.clone()), clock, how))
            }),
            changes: Finding::ok("changes", changes(settings)),
            page: Shown { name: config.name.clone(), groups: settings.groups.clone() },
        })
    }

    async fn tell(self, show: &mut dyn FnMut(Finding)) {
        show(awaited("the store", self.store).await);
        show(awaited("the log file", self.log_file).await);
        show(awaited("the port", self.port).await);
        let manifest = match self.book {
            None => {
                show(untried("book"));
                None
            }
            Some(book) => {
                let (finding, manifest) = awaited("book", book).await;
                show(finding);
                manifest
            }
        };
        let [relay, jump] = &self.sources;
        let at_relay = tell_feed(Feed::Relay, self.relay, &**relay, show).await;
        let at_jump = tell_feed(Feed::Jump, self.jump, &**jump, show).await;
        match self.mail {
            None => show(untried("mail")),
            Some(mail) => show(awaited("the mail server", mail).await),
        }
        show(self.changes);
        show(self.page.finding(manifest.as_ref()));
        if let Some(manifest) = manifest {
            let missing = services::missing(&manifest, at_relay.as_deref(), at_jump.as_deref());
            missing.into_iter().for_each(show);
        }
    }
}

/// What was found at a feed. Returns what is connected to it, if that is known.
async fn tell_feed(
    feed: Feed,
    task: Option<JoinHandle<services::OfFeed>>,
    source: &dyn FeedSource,
    show: &mut dyn FnMut(Finding),
) -> Option<Vec<Report>> {
    let name = feed.as_str();
    let Some(task) = task else {
        show(untried(name));
        return None;
    };
    let what = format!("snapshots of {name}, which some send once a minute");
    let (findings, listed) = awaited(&what, task).await;
    findings.into_iter().for_each(&mut *show);
    tell_oddities(source, feed, show);
    listed
}

fn untried(name: &'static str) -> Finding {
    Finding::note(name, "was not tried, since its settings are wrong")
}

/// What is odd about where a feed's access point sent us is worth a note: it may be meant so.
fn tell_oddities(source: &dyn FeedSource, feed: Feed, show: &mut dyn FnMut(Finding)) {
    source.oddities().into_iter().for_each(|text| show(Finding::note(feed.as_str(), text)));
}

async fn awaited<T>(what: &str, mut task: JoinHandle<T>) -> T {
    let done = tokio::select! {
        done = &mut task => done,
        () = tokio::time::sleep(UNTOLD) => {
            log::complain(&format!("waiting for {what}"));
            task.await
        }
    };
    done.expect("none of them panics, and none is ended before its time")
}
