//! One report: what a feed says of one connection.
//!
//! Three dialects are read as one, since their names don't contradict each other: relay's up to
//! v0.7, relay's from v0.8 on, which has no statistics, and jump's in `snake_case`, as is relay's
//! listing over HTTP.

use std::borrow::Cow;
use std::time::Duration;

use smol_str::{SmolStr, SmolStrBuilder};
use status_core::{Connection, Feed, Report, Topic, Traffic, Transmitted};

use super::cursor::{Cursor, JsonError};
use super::json::{self, Part};
use super::{duration, text, time};

/// The members of a report that matter, as they are written.
///
/// Of members with the same name, the last counts, as in Go.
#[derive(Default)]
pub(super) struct Fields<'a> {
    topic: Option<&'a str>,
    scopes: Option<&'a str>,
    stats: Option<Part<'a, Statistics<'a>>>,
    can_read: Option<&'a str>,
    can_write: Option<&'a str>,
    connected: Option<&'a str>,
    expires_at: Option<&'a str>,
    remote_addr: Option<&'a str>,
    user_agent: Option<&'a str>,
}

/// The topic of the feed's own connection.
const OWN_TOPIC: &str = "stats";

/// A connection that a feed lists.
pub(super) struct Listed {
    /// The report, if the connection counts.
    pub(super) report: Option<Report>,
    /// Whether it is the feed's own, whatever its scopes are.
    pub(super) is_own: bool,
}

impl<'a> Fields<'a> {
    /// Takes in the member with this key (which has its quotes), whose value comes next.
    pub(super) fn set(&mut self, key: &'a str, cursor: &mut Cursor<'a>) -> Result<(), JsonError> {
        let field = match key {
            r#""stats""# => {
                self.stats = Some(Part::read(cursor, Statistics::set)?);
                return Ok(());
            }
            r#""topic""# => &mut self.topic,
            r#""scopes""# => &mut self.scopes,
            r#""canRead""# | r#""can_read""# => &mut self.can_read,
            r#""canWrite""# | r#""can_write""# => &mut self.can_write,
            r#""connected""# | r#""connected_at""# => &mut self.connected,
            r#""expiresAt""# | r#""expires_at""# => &mut self.expires_at,
            r#""remoteAddr""# | r#""remote_addr""# | r#""remote_address""# => &mut self.remote_addr,
            r#""userAgent""# | r#""user_agent""# => &mut self.user_agent,
            _ => return cursor.value().map(|_| ()),
        };
        *field = Some(cursor.value()?);
        Ok(())
    }

    /// What it lists. Of a connection that doesn't count nothing more is read than what makes it valid.
    ///
    /// # Errors
    /// Which of the fields that decide is wrong, and how.
    pub(super) fn report(&self, feed: Feed) -> Result<Listed, String> {
        let topic = topic(self.topic)?;
        let is_own = topic == OWN_TOPIC;
        let scopes = scopes(self.scopes, feed)?;
        let statistics = match feed {
            Feed::Relay => statistics(self.stats.as_ref())?,
            // An idle connection to jump is normal, so its statistics are not even looked at.
            Feed::Jump => None,
        };
        let report = scopes.map(|scopes| Report {
            topic: Topic::from(&*topic),
            transmitted: statistics.map_or(Transmitted::Unknown, |(last, _)| last.into()),
            connection: Connection {
                can_read: self.can_read == Some("true"),
                can_write: self.can_write == Some("true"),
                connected: time(self.connected),
                expires_at: time(self.expires_at),
                remote_addr: shown(self.remote_addr),
                scopes,
                user_agent: shown(self.user_agent),
                tx: statistics.map(|(last, statistics)| statistics.sent(last)),
                rx: statistics.and_then(|(_, statistics)| statistics.received()),
            },
        });
        Ok(Listed { report, is_own })
    }

    /// Which connection this is, for complaints.
    pub(super) fn label(&self) -> Option<String> {
        json::string(self.topic?).map(|topic| text::excerpt(&topic))
    }
}

fn topic(value: Option<&str>) -> Result<Cow<'_, str>, String> {
    let value = json::present(value).ok_or("topic is missing")?;
    let topic = json::string(value).ok_or_else(|| format!("topic is {}, not a string", json::kind(value)))?;
    match text::unfit_as_name(&topic) {
        None => Ok(topic),
        Some(problem) => Err(format!("topic {problem}")),
    }
}

/// The scopes of a connection that counts, as they are shown; `None` for any other connection.
fn scopes(value: Option<&str>, feed: Feed) -> Result<Option<SmolStr>, String> {
    let Some(value) = json::present(value) else { return Ok(None) };
    let (mut counts, mut odd) = (false, None);
    let mut joined = SmolStrBuilder::new();
    let each = |element| {
        let Some(scope) = json::string(element) else {
            odd.get_or_insert(element);
            return;
        };
        counts |= scope == feed.counting_scope();
        if !joined.is_empty() {
            text::push_shown(&mut joined, " ");
        }
        text::push_shown(&mut joined, &scope);
    };
    json::elements(value, each).ok_or_else(|| format!("scopes is {}, not an array", json::kind(value)))?;
    match odd {
        Some(element) => Err(format!("scopes holds {}, not only strings", json::kind(element))),
        None => Ok(counts.then(|| joined.finish())),
    }
}

/// When a connection last transmitted, which is all that decides, and the rest for showing. `None` where
/// there are no statistics, as in later versions of relay.
fn statistics<'s, 'a>(
    stats: Option<&'s Part<'a, Statistics<'a>>>,
) -> Result<Option<(Last, &'s Statistics<'a>)>, String> {
    let statistics = match stats {
        None | Some(Part::Other("null")) => return Ok(None),
        Some(Part::Other(other)) => return Err(format!("stats is {}, not an object", json::kind(other))),
        Some(Part::Object(statistics)) => statistics,
    };
    let tx = match &statistics.tx {
        None | Some(Part::Other("null")) => return Err("stats.tx is missing".to_owned()),
        Some(Part::Other(other)) => return Err(format!("stats.tx is {}, not an object", json::kind(other))),
        Some(Part::Object(tx)) => tx,
    };
    let last = json::present(tx.last).ok_or("stats.tx.last is missing")?;
    let last = Last::read(last).map_err(|problem| format!("stats.tx.last {problem}"))?;
    Ok(Some((last, statistics)))
}

/// What relay up to v0.7 says of what a connection carried.
#[derive(Default)]
struct Statistics<'a> {
    tx: Option<Part<'a, Direction<'a>>>,
    rx: Option<Part<'a, Direction<'a>>>,
}

impl<'a> Statistics<'a> {
    fn set(&mut self, key: &'a str, cursor: &mut Cursor<'a>) -> Result<(), JsonError> {
        let direction = match key {
            r#""tx""# => &mut self.tx,
            r#""rx""# => &mut self.rx,
            _ => return cursor.value().map(|_| ()),
        };
        *direction = Some(Part::read(cursor, Direction::set)?);
        Ok(())
    }

    fn sent(&self, last: Last) -> Traffic {
        match &self.tx {
            Some(Part::Object(tx)) => tx.traffic(Some(last)),
            Some(Part::Other(_)) | None => Direction::default().traffic(Some(last)),
        }
    }

    fn received(&self) -> Option<Traffic> {
        match &self.rx {
            Some(Part::Object(rx)) => Some(rx.traffic(rx.last.and_then(|last| Last::read(last).ok()))),
            Some(Part::Other(_)) | None => None,
        }
    }
}

/// The statistics of one direction, as they are written.
#[derive(Default)]
struct Direction<'a> {
    last: Option<&'a str>,
    size: Option<&'a str>,
    fps: Option<&'a str>,
}

impl<'a> Direction<'a> {
    fn set(&mut self, key: &'a str, cursor: &mut Cursor<'a>) -> Result<(), JsonError> {
        let value = cursor.value()?;
        match key {
            r#""last""# => self.last = Some(value),
            r#""size""# => self.size = Some(value),
            r#""fps""# => self.fps = Some(value),
            _ => (),
        }
        Ok(())
    }

    fn traffic(&self, last: Option<Last>) -> Traffic {
        let last = match last {
            Some(Last::Ago(span)) => Some(span),
            Some(Last::Never) | None => None,
        };
        Traffic { last, size: amount(self.size), fps: amount(self.fps) }
    }
}

/// A number to be shown, rounded down; 0 for what is none, or absurd.
fn amount(value: Option<&str>) -> u32 {
    let Some(value) = value else { return 0 };
    let whole = value.split_once('.').map_or(value, |(whole, _)| whole);
    match whole.parse() {
        Ok(whole) if !value.contains(['e', 'E']) => whole,
        Ok(_) | Err(_) => {
            let number = json::number(value).filter(|n| (0.0..=f64::from(u32::MAX)).contains(n));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "just seen to fit")]
            let whole = number.unwrap_or_default() as u32;
            whole
        }
    }
}

/// When something was last carried.
#[derive(Clone, Copy)]
enum Last {
    Ago(Duration),
    Never,
}

impl Last {
    /// What jump prints for *never*: the longest duration that Go knows.
    const NEVER_NANOS: i64 = i64::MAX;

    /// # Errors
    /// What is wrong, as the rest of a sentence about the field.
    fn read(value: &str) -> Result<Self, String> {
        let nanos = match json::string(value) {
            Some(text) if text == "Never" => return Ok(Self::Never),
            Some(text) => duration::parse(&text).map_err(|problem| problem.to_string())?,
            None => nanos(value)?,
        };
        match u64::try_from(nanos) {
            Ok(_) if nanos == Self::NEVER_NANOS => Ok(Self::Never),
            Ok(nanos) => Ok(Self::Ago(Duration::from_nanos(nanos))),
            Err(_) => Err(format!("{} is negative", text::excerpt(value))),
        }
    }
}

/// A number of nanoseconds. One with a fraction or an exponent is cut to whole ones.
#[expect(
    clippy::cast_possible_truncation,
    reason = "what is too large was refused, and parts of a nanosecond are none"
)]
fn nanos(value: &str) -> Result<i64, String> {
    const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;
    if let Ok(nanos) = value.parse() {
        return Ok(nanos);
    }
    let number =
        json::number(value).ok_or_else(|| format!("is {}, not a string or number", json::kind(value)))?;
    if number.abs() >= TOO_LARGE {
        return Err(format!("{} is too large", text::excerpt(value)));
    }
    Ok(number.floor() as i64)
}

impl From<Last> for Transmitted {
    fn from(last: Last) -> Self {
        match last {
            Last::Ago(span) => Self::Ago(span),
            Last::Never => Self::Never,
        }
    }
}

/// A time to be shown, in milliseconds since 1970. Nobody connected in 1970 or before: such times
/// stand for none.
fn time(value: Option<&str>) -> Option<i64> {
    time::millis(&json::string(value?)?).filter(|millis| *millis > 0)
}

/// A text to be shown.
fn shown(value: Option<&str>) -> SmolStr {
    value.and_then(json::string).map(|text| text::shown(&text)).unwrap_or_default()
}
