//! Decisions, for the log.

use alloc::string::{String, ToString};
use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::alert::SystemAlert;
use super::attention::RemarkKind;
use super::event::Event;
use super::name::{ExperimentName, Feed, ResourceName, Topic};
use super::text::printable;
use super::withheld::Withheld;

/// Something that was decided or found out, and that an operator may want to read about.
/// What is asked of a service is not here: the [`Action`](crate::Action) says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Note {
    /// An experiment's health changed.
    Event {
        /// The experiment.
        experiment: ExperimentName,
        /// What changed, and how it is now.
        event: Event,
        /// Whether it can be booked, as the same check decided.
        available: bool,
    },
    /// Something is wrong with a service.
    AlertRaised {
        /// What kind of thing.
        alert: SystemAlert,
        /// What exactly is the matter.
        detail: String,
    },
    /// It is well again.
    AlertCleared {
        /// What kind of thing it was.
        alert: SystemAlert,
    },
    /// A person took a resource out of booking, so it is left so although it is well.
    Held {
        /// The resource.
        resource: ResourceName,
        /// The person's reason.
        reason: String,
    },
    /// A person's decision does not stand any more.
    Released {
        /// The resource.
        resource: ResourceName,
    },
    /// A feed's snapshots come further apart than half of the limit, so that one that is lost makes everything
    /// stale: advice. Said once.
    FeedPace {
        /// The feed.
        feed: Feed,
        /// How far apart they come.
        apart: Duration,
        /// `STATUS_HEALTH_LAST_CHECKED`.
        last_checked: Duration,
    },
    /// A feed's snapshots come too far apart for the limit, and go on so: verdicts will flap. Said once.
    SlowFeed {
        /// The feed.
        feed: Feed,
        /// How far apart they come.
        apart: Duration,
        /// `STATUS_HEALTH_LAST_CHECKED`.
        last_checked: Duration,
    },
    /// The server stalled, so it knows nothing for now.
    Slept {
        /// By how much it was called too late.
        overslept: Duration,
        /// Whether that was so long that nothing is judged until the feeds have reported on new connections.
        reconnects: bool,
    },
    /// It judges again after a stall.
    Judging,
    /// An experiment is forgotten.
    ForgotExperiment {
        /// The experiment.
        experiment: ExperimentName,
        /// The reason.
        why: Forgotten,
    },
    /// A stream is forgotten.
    ForgotStream {
        /// The topic that names the stream.
        topic: Topic,
        /// The reason.
        why: Forgotten,
    },
    /// A required stream's topic is no topic of a stream, so it can never be ok.
    UnmatchedRequirement {
        /// The resource that requires it.
        resource: ResourceName,
        /// The topic that no connection can have.
        topic: Topic,
    },
    /// Something was decided and not done, since this server only observes.
    Withheld(Withheld),
    /// Something that people did, or that concerns how much they are told.
    Remark(RemarkKind),
    /// This server leads, of those that share its store.
    Leads,
    /// Another server leads, or may: this one does nothing.
    Follows,
    /// It led when the store last answered, and another server may lead by now.
    CutOff {
        /// Why the store does not answer.
        detail: String,
    },
    /// The store answers again, and this server leads as before.
    LeadsAgain,
    /// A mail was given up. Its events are in the history, but some addresses were never told.
    MailGivenUp {
        /// Its subject.
        subject: String,
        /// The reason.
        detail: String,
    },
}

/// Why an experiment or a stream is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Forgotten {
    /// Nothing has named it for `STATUS_FORGET_AFTER`.
    Unnamed,
    /// A manifest has ceased to require it, and relay does not list it.
    NotRequired,
    /// There is no room for it beside what book's manifest names.
    MadeRoom,
}

impl fmt::Display for Forgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unnamed => "nothing has named it for STATUS_FORGET_AFTER",
            Self::NotRequired => "the manifest does not require it any more, and relay does not list it",
            Self::MadeRoom => "it has made room for what book's manifest names, which comes first",
        })
    }
}

/// How an experiment stands from now on.
fn write_event(
    experiment: &ExperimentName,
    event: &Event,
    available: bool,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let name = printable(experiment.as_str());
    write!(f, "{name} is {}", if event.healthy { "healthy" } else { "unhealthy" })?;
    write!(f, ", {}", if available { "can be booked" } else { "cannot be booked" })?;
    for (i, issue) in event.issues().iter().enumerate() {
        let issue = issue.to_string();
        write!(f, "{}{}", if i == 0 { ": " } else { ", " }, printable(&issue))?;
    }
    Ok(())
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { experiment, event, available } => write_event(experiment, event, *available, f),
            Self::AlertRaised { alert, detail } => write!(f, "{alert}: {}", printable(detail)),
            Self::AlertCleared { alert } => write!(f, "over: {alert}"),
            Self::Held { resource, reason } => {
                let (resource, reason) = (printable(resource.as_str()), printable(reason));
                write!(f, "{resource} is well but stays out of booking, since a person took it out: {reason}")
            }
            Self::Released { resource } => {
                let resource = printable(resource.as_str());
                write!(f, "{resource} is no longer kept out of booking by a person")
            }
            Self::SlowFeed { feed, apart, last_checked } => write!(
                f,
                "{feed} sends a snapshot every {apart:?}, more than 0.8 of STATUS_HEALTH_LAST_CHECKED \
                 ({last_checked:?}): verdicts will flap; set it to at least {:?}, or let {feed} report more often",
                *apart * 2
            ),
            Self::FeedPace { feed, apart, last_checked } => write!(
                f,
                "{feed} sends a snapshot every {apart:?}, more than half of STATUS_HEALTH_LAST_CHECKED \
                 ({last_checked:?}): one that is lost may make everything stale; {:?} or more leaves room for that",
                *apart * 2
            ),
            Self::Slept { overslept, reconnects: true } => write!(
                f,
                "woke {overslept:?} late (suspended or stopped?): nothing is judged until both feeds have reported"
            ),
            Self::Slept { overslept, reconnects: false } => write!(
                f,
                "woke {overslept:?} late (stopped, or too busy?): nothing turns stale until both feeds have reported"
            ),
            Self::Judging => f.write_str("judging again after the pause"),
            Self::ForgotExperiment { experiment, why } => {
                write!(f, "forgot {}: {why}", printable(experiment.as_str()))
            }
            Self::ForgotStream { topic, why } => {
                write!(f, "forgot stream {}: {why}", printable(topic.as_str()))
            }
            Self::UnmatchedRequirement { resource, topic } => {
                let (resource, topic) = (printable(resource.as_str()), printable(topic.as_str()));
                write!(
                    f,
                    "{resource} requires {topic}, which is no topic of a stream, so it can never be \
                     available: correct the resource's topic_stub or streams in book's manifest"
                )
            }
            Self::Withheld(withheld) => withheld.fmt(f),
            Self::Remark(remark) => remark.fmt(f),
            Self::Leads => f.write_str("this server leads"),
            Self::Follows => f.write_str("this server follows: it hears, shows, and changes nothing"),
            Self::CutOff { detail } => write!(
                f,
                "another server may lead by now, so nothing is put back into booking, and mails wait: {}",
                printable(detail)
            ),
            Self::LeadsAgain => f.write_str("this server leads as before"),
            Self::MailGivenUp { subject, detail } => write!(f, "gave up mail \"{subject}\": {detail}"),
        }
    }
}
