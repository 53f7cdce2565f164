//! A scenario file as TOML has it, before it is known to make sense.
//!
//! Every value carries its place in the file, so that whatever is wrong is told with its line.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// A text, and where it stands.
pub(super) type Text = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: Text,
    #[serde(default)]
    pub(super) about: String,
    #[serde(default = "one")]
    pub(super) seed: u64,
    pub(super) lasts: Text,
    #[serde(default)]
    pub(super) lab: Lab,
    #[serde(default)]
    pub(super) settings: BTreeMap<Text, Spanned<Scalar>>,
    #[serde(default)]
    pub(super) steps: Vec<Spanned<Step>>,
    #[serde(default)]
    pub(super) expect: Vec<Spanned<Expectation>>,
}

const fn one() -> u64 {
    1
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lab {
    pub(super) experiments: Option<Spanned<usize>>,
    pub(super) streams: Option<Vec<Text>>,
    pub(super) required: Option<Vec<Text>>,
    pub(super) also: Option<BTreeMap<Text, Experiment>>,
    pub(super) relay_every: Option<Text>,
    pub(super) jump_every: Option<Text>,
    pub(super) relay: Option<Text>,
    pub(super) servers: Option<Spanned<usize>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Experiment {
    pub(super) streams: Vec<Text>,
    pub(super) required: Option<Vec<Text>>,
}

/// A setting's value: durations are texts, and a number need not be.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a setting is a text, such as \"10s\", or a whole number")]
pub(super) enum Scalar {
    Text(String),
    Number(i64),
    Boolean(bool),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) at: Text,
    #[serde(rename = "do")]
    pub(super) verb: Text,
    pub(super) what: Option<Spanned<OneOrMore>>,
    pub(super) every: Option<Text>,
    #[serde(rename = "for")]
    pub(super) lasts: Option<Text>,
    pub(super) by: Option<Text>,
    pub(super) stub: Option<Text>,
    pub(super) streams: Option<Spanned<Vec<String>>>,
    pub(super) count: Option<Spanned<usize>>,
    pub(super) reason: Option<Text>,
    pub(super) from: Option<Text>,
    pub(super) until: Option<Text>,
    pub(super) booking: Option<Text>,
    pub(super) note: Option<Text>,
    pub(super) text: Option<Text>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "what: expected a name, or a list of names")]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expectation {
    pub(super) at: Option<Text>,
    pub(super) within: Option<Text>,
    pub(super) mails: Option<usize>,
    pub(super) most_mails: Option<usize>,
    #[serde(default)]
    pub(super) events: BTreeMap<String, usize>,
    #[serde(default)]
    pub(super) changes: BTreeMap<String, usize>,
    #[serde(default)]
    pub(super) available: Vec<String>,
    #[serde(default)]
    pub(super) unavailable: Vec<String>,
    #[serde(default)]
    pub(super) healthy: Vec<String>,
    #[serde(default)]
    pub(super) unhealthy: Vec<String>,
    #[serde(default)]
    pub(super) mailed: Vec<String>,
    #[serde(default)]
    pub(super) not_mailed: Vec<String>,
    pub(super) maintained: Option<Vec<String>>,
    pub(super) acknowledged: Option<Vec<String>>,
    pub(super) flapping: Option<Vec<String>>,
    pub(super) alerts: Option<Vec<Text>>,
    pub(super) leads: Option<Vec<Text>>,
}

impl From<OneOrMore> for Vec<String> {
    fn from(what: OneOrMore) -> Self {
        match what {
            OneOrMore::One(text) => vec![text],
            OneOrMore::More(texts) => texts,
        }
    }
}
