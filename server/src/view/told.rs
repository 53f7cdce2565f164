//! Why the last change of an experiment was mailed or not, and to whom.
//!
//! Whoever asks may be anybody, so an address is told without most of its name.

use serde::Serialize;
use status_core::{Experiment, ExperimentName, Mailed, Monitor, Muted, Now, Owing, Time, Wall};
use utoipa::ToSchema;

use super::standing::acts;

/// Why the last change was mailed or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ToldView {
    /// `waiting` (until `until`), `sending`, `put_off` (until `until`), `in_doubt`, `sent` (at `at`), `refused`,
    /// `given_up`, `unchanged` (it is as it was last mailed), `before_start` (an earlier run mailed it),
    /// `flapping`, `maintenance`, `silent_feed`, `observing`, or `off` (no mail is set up).
    pub state: &'static str,
    /// The same for people.
    pub text: String,
    /// When the mail server last took or refused a mail with it.
    #[schema(format = DateTime)]
    pub at: Option<String>,
    /// When a mail with it is due.
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// Whom it concerns.
    pub recipients: Vec<RecipientView>,
}

/// How it stands with one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecipientView {
    /// The address, with only the first letter of its name: `a…@example.org`.
    pub to: String,
    /// `waiting`, `sending`, `put_off`, `in_doubt`, `sent` or `refused`.
    pub state: &'static str,
    /// The whole address, for whoever has signed in.
    #[serde(skip)]
    pub address: String,
}

impl RecipientView {
    /// How it stands, in words.
    #[must_use]
    pub fn state_words(&self) -> &'static str {
        match self.state {
            "put_off" => "put off",
            "in_doubt" => "not known",
            other => other,
        }
    }
}

impl ToldView {
    /// Why the last change was mailed or not; `None` if there was none. The server was started at `started`.
    #[must_use]
    pub fn of(
        monitor: &Monitor,
        name: &ExperimentName,
        known: &Experiment,
        now: Now,
        started: Wall,
    ) -> Option<Self> {
        let last = known.events().next_back()?;
        let Some(config) = &monitor.config().mail else {
            return Some(Self::without("off", "not mailed, since no mail is set up"));
        };
        if !acts(monitor) {
            return Some(Self::without("observing", "not mailed, since this server only observes"));
        }
        if let Some(muted) = known.muted() {
            return Some(Self::muted(muted));
        }
        let owing = monitor.outbox().owing(name, config);
        let view = match (owing.is_empty(), known.mailed()) {
            (true, Some(mailed)) => Self::settled(mailed),
            (true, None) if last.when < started => {
                Self::without("before_start", "mailed before this server was started, to whom it concerned")
            }
            (true, None)
                if monitor.outbox().given_up().any(|one| one.when >= last.when && one.tells_of(name)) =>
            {
                Self::without("given_up", "given up, since no mail brought it within a day")
            }
            (true, None) => {
                Self::without("unchanged", "not mailed, since all is as it was when it was last mailed")
            }
            (false, mailed) => Self::owed(&owing, mailed, now),
        };
        Some(view)
    }

    fn without(state: &'static str, text: &str) -> Self {
        Self { state, text: text.to_owned(), ..Self::default() }
    }

    fn muted(muted: Muted) -> Self {
        let (state, why) = match muted {
            Muted::Flapping => ("flapping", "it is flapping; once it is calm"),
            Muted::Maintenance => ("maintenance", "it is in maintenance; once that is over"),
            Muted::SilentFeed => (
                "silent_feed",
                "a silent feed is all that is wrong with it, which is no news now; once it speaks",
            ),
        };
        Self::without(state, &format!("not mailed, since {why}, what differs from the last mail is mailed"))
    }

    /// The mail server has answered for everybody.
    fn settled(mailed: &Mailed) -> Self {
        let state = if mailed.refused.is_empty() { "sent" } else { "refused" };
        Self {
            state,
            text: answered(mailed),
            at: Some(mailed.at.to_string()),
            until: None,
            recipients: recipients(&[], Some(mailed)),
        }
    }

    fn owed(owing: &[Owing], mailed: Option<&Mailed>, now: Now) -> Self {
        let state = ["put_off", "in_doubt", "sending", "waiting"]
            .into_iter()
            .find(|state| owing.iter().any(|one| state_of(one) == *state))
            .unwrap_or("waiting");
        let until = owing.iter().filter(|one| state_of(one) == state).filter_map(|one| one.due).min();
        let until = until.map(|due| wall(due, now));
        let mut parts: Vec<String> = mailed.map(answered).into_iter().collect();
        for state in ["sending", "waiting", "put_off", "in_doubt"] {
            parts.extend(part(owing, state, now));
        }
        Self {
            state,
            text: parts.join("; "),
            at: mailed.map(|mailed| mailed.at.to_string()),
            until: until.map(|until| until.to_string()),
            recipients: recipients(owing, mailed),
        }
    }
}

/// What the mail server has answered.
fn answered(mailed: &Mailed) -> String {
    let mut parts = Vec::new();
    if !mailed.taken.is_empty() {
        parts.push(format!("mailed at {} to {}", second(mailed.at), people(mailed.taken.len())));
    }
    if !mailed.refused.is_empty() {
        parts.push(format!("refused by the mail server for {}", people(mailed.refused.len())));
    }
    parts.join("; ")
}

/// What is said of those with whom it stands so; `None` if there are none.
fn part(owing: &[Owing], state: &str, now: Now) -> Option<String> {
    let those = || owing.iter().filter(|one| state_of(one) == state);
    let to = match those().count() {
        0 => return None,
        number => people(number),
    };
    let due = those().filter_map(|one| one.due).min().map(|due| wall(due, now));
    let at = due.map(|due| format!(" at {}", second(due.max(now.wall)))).unwrap_or_default();
    Some(match state {
        "sending" => format!("just being mailed to {to}"),
        "put_off" => format!("put off by the mail server for {to}, and tried again{at}"),
        "in_doubt" => format!("perhaps mailed to {to}, and sent again{at} since that is not known"),
        _ => format!("to be mailed{at} to {to}"),
    })
}

fn state_of(one: &Owing) -> &'static str {
    match one {
        Owing { due: None, .. } => "sending",
        Owing { in_doubt: true, .. } => "in_doubt",
        Owing { attempts: 0, .. } => "waiting",
        Owing { .. } => "put_off",
    }
}

fn recipients(owing: &[Owing], mailed: Option<&Mailed>) -> Vec<RecipientView> {
    let still = owing.iter().map(|one| (one.recipient.as_str(), state_of(one)));
    let (taken, refused) =
        mailed.map(|mailed| (mailed.taken.as_slice(), mailed.refused.as_slice())).unwrap_or_default();
    let taken = taken.iter().map(|address| (address.as_str(), "sent"));
    let refused = refused.iter().map(|address| (address.as_str(), "refused"));
    let view = |(address, state): (&str, &'static str)| RecipientView {
        to: masked(address),
        state,
        address: address.to_owned(),
    };
    still.chain(taken).chain(refused).map(view).collect()
}

/// An address of which not more is told than whoever knows it needs.
fn masked(address: &str) -> String {
    let (name, host) = address.rsplit_once('@').unwrap_or((address, ""));
    let first: String = name.chars().take(1).collect();
    format!("{first}…@{host}")
}

fn people(number: usize) -> String {
    if number == 1 { "1 recipient".to_owned() } else { format!("{number} recipients") }
}

/// When a time comes, as people count it.
fn wall(due: Time, now: Now) -> Wall {
    let ahead = u64::try_from(due.since(now.time).as_millis()).unwrap_or(u64::MAX);
    Wall::from_millis(now.wall.as_millis().saturating_add(ahead))
}

/// To the second: `2026-11-27 13:05:00 UTC`.
fn second(at: Wall) -> String {
    let text = at.to_string();
    format!("{} UTC", text.split('.').next().unwrap_or(&text).replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owing(recipient: &str, due: Option<u64>, attempts: u32, in_doubt: bool) -> Owing {
        Owing { recipient: recipient.into(), due: due.map(Time::from_millis), attempts, in_doubt }
    }

    #[test]
    fn whoever_is_owed_something_is_told_with_how_and_until_when() {
        let now = Now { time: Time::from_millis(1_000), wall: Wall::from_millis(3_600_000) };
        let all = [
            owing("a@example.org", Some(61_000), 0, false),
            owing("bob@example.org", Some(121_000), 3, false),
            owing("c@example.org", None, 0, false),
            owing("d@example.org", Some(500), 1, true),
        ];
        let mailed = Mailed {
            at: Wall::from_millis(1_000),
            taken: vec!["e@example.org".into()],
            refused: vec!["f".into()],
        };
        let view = ToldView::owed(&all, Some(&mailed), now);
        assert_eq!((view.state, view.until.as_deref()), ("put_off", Some("1970-01-01T01:02:00.000Z")));
        assert_eq!(
            view.text,
            "mailed at 1970-01-01 00:00:01 UTC to 1 recipient; refused by the mail server for 1 recipient; just being \
             mailed to 1 recipient; to be mailed at 1970-01-01 01:01:00 UTC to 1 recipient; put off by the mail server for 1 \
             recipient, and tried again at 1970-01-01 01:02:00 UTC; perhaps mailed to 1 recipient, and sent again at \
             1970-01-01 01:00:00 UTC since that is not known"
        );
        let told: Vec<(&str, &str)> =
            view.recipients.iter().map(|one| (one.to.as_str(), one.state)).collect();
        assert_eq!(
            told,
            [
                ("a…@example.org", "waiting"),
                ("b…@example.org", "put_off"),
                ("c…@example.org", "sending"),
                ("d…@example.org", "in_doubt"),
                ("e…@example.org", "sent"),
                ("f…@", "refused"),
            ]
        );
        let json = serde_json::to_string(&view).unwrap();
        assert!(!json.contains("bob"), "{json}");
    }
}
