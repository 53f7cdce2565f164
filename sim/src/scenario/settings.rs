//! The settings of a scenario, in the words of the environment: `health_last` is `STATUS_HEALTH_LAST`.

use std::collections::BTreeMap;
use std::time::Duration;

use smol_str::SmolStr;
use status_adapters::wire::duration;
use status_core::{BookOverride, Config, FlapBooking, FlapConfig, MailConfig, Mode, Zone};

use super::mistakes;
use crate::span;

/// The recipient of every mail, unless a scenario says otherwise.
const RECIPIENT: &str = "maintainer@lab.example.org";

/// What a scenario can set, as values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What decides.
    pub core: Config,
    /// `STATUS_TIMEOUT_BOOK`: how long the server waits for an answer of book.
    pub timeout_book: Duration,
}

/// What is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct SettingsError {
    /// Its name, as the scenario has it.
    pub name: String,
    /// What is wrong with it, and what was expected.
    pub problem: String,
}

/// Whatever the words say, a run must come to an end.
const LEAST: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 3600);
const NAMES: &[&str] = &[
    "health_last",
    "health_last_active",
    "health_last_checked",
    "health_startup",
    "health_events",
    "health_log_every",
    "forget_after",
    "query_book_every",
    "verify_book_every",
    "timeout_book",
    "reconnect_relay_every",
    "reconnect_jump_every",
    "book_override",
    "history_keep",
    "max_experiments",
    "mode",
    "email_subject",
    "email_link",
    "email_to",
    "email_wait",
    "email_every",
    "email_remind_every",
    "email_format",
    "timezone",
    "flap_after",
    "flap_within",
    "flap_calm",
    "flap_booking",
];

impl Settings {
    /// Reads settings from names and values. Mails are sent; their subject begins with `lab`.
    ///
    /// # Errors
    /// The first setting that is unknown or makes no sense.
    pub fn read(words: &BTreeMap<String, String>) -> Result<Self, SettingsError> {
        if let Some(name) = words.keys().find(|name| !NAMES.contains(&name.as_str())) {
            let bare = name.to_lowercase();
            let bare = bare.strip_prefix("status_").unwrap_or(&bare);
            let all = format!("there are {}", NAMES.join(", "));
            let meant = mistakes::did_you_mean(bare, NAMES.iter().copied(), &all);
            let problem = format!("is no setting of a scenario; {meant}");
            return Err(SettingsError { name: name.clone(), problem });
        }
        let default = Config::default();
        let last = span(words, "health_last", default.last_active, LEAST)?;
        let last_checked = span(words, "health_last_checked", last, LEAST)?;
        let last_active = span(words, "health_last_active", last, LEAST)?;
        let day = default.reconnect_relay_every;
        let core = Config {
            last_active,
            last_checked,
            startup: span(words, "health_startup", default.startup, Duration::ZERO)?,
            events: number(words, "health_events", default.events)?,
            log_every: span(words, "health_log_every", default.log_every, SECOND)?,
            history_keep: span(words, "history_keep", default.history_keep, SECOND)?,
            max_experiments: number(words, "max_experiments", default.max_experiments)?,
            forget_after: span(words, "forget_after", default.forget_after.max(last_checked), last_checked)?,
            query_book_every: span(words, "query_book_every", default.query_book_every, SECOND)?,
            verify_book_every: span(words, "verify_book_every", default.verify_book_every, SECOND)?,
            reconnect_relay_every: span(words, "reconnect_relay_every", day, SECOND)?,
            reconnect_jump_every: span(words, "reconnect_jump_every", day, SECOND)?,
            book_override: either(
                words,
                "book_override",
                [("respect", BookOverride::Respect), ("enforce", BookOverride::Enforce)],
            )?,
            mode: either(words, "mode", [("act", Mode::Act), ("observe", Mode::Observe)])?,
            zone: zone(words)?,
            name: String::new(),
            flap: flap(words, last_active)?,
            mail: Some(mail(words)?),
        };
        let timeout_book = span(words, "timeout_book", Duration::from_secs(5), LEAST)?;
        Ok(Self { core, timeout_book })
    }
}

/// Says so if `health_last` changes nothing, or less than it seems, since the settings that are its parts go
/// before it: both of them, or one that `file` has while `set`, which goes before `file`, has `health_last`.
#[must_use]
pub fn overridden(file: &BTreeMap<String, String>, set: &BTreeMap<String, String>) -> Option<String> {
    const PARTS: [&str; 2] = ["health_last_active", "health_last_checked"];
    let value = |name: &str| set.get(name).or_else(|| file.get(name));
    let last = value("health_last")?;
    let said = |name: &str| value(name).map(|value| format!("{name} = {value:?}"));
    let hidden = PARTS.iter().any(|name| file.contains_key(*name) && !set.contains_key(*name));
    let [active, checked] = PARTS;
    let why = match (said(active), said(checked)) {
        (Some(one), Some(other)) => format!("nothing, since {one} and {other} go before it"),
        (None, None) => return None,
        _ if !hidden || !set.contains_key("health_last") => return None,
        (Some(one), None) => format!("nothing but {checked}, since {one} goes before it"),
        (None, Some(one)) => format!("nothing but {active}, since {one} goes before it"),
    };
    Some(format!("health_last = {last:?} changes {why}"))
}

/// Without `email_wait` news is mailed at once, so that a scenario shows what each thing makes.
fn mail(words: &BTreeMap<String, String>) -> Result<MailConfig, SettingsError> {
    Ok(MailConfig {
        subject: text(words, "email_subject", "lab"),
        link: text(words, "email_link", ""),
        lab: String::new(),
        recipients: recipients(words),
        wait: span(words, "email_wait", Duration::ZERO, Duration::ZERO)?,
        every: span(words, "email_every", Duration::ZERO, Duration::ZERO)?,
        remind_every: remind_every(words)?,
        html: either(words, "email_format", [("html", true), ("text", false)])?,
    })
}

/// `0s` is never, as if it were not given.
fn remind_every(words: &BTreeMap<String, String>) -> Result<Option<Duration>, SettingsError> {
    let name = "email_remind_every";
    if span(words, name, Duration::ZERO, Duration::ZERO).is_ok_and(|span| span.is_zero()) {
        return Ok(None);
    }
    span(words, name, Duration::ZERO, SECOND).map(Some)
}

/// As in the server: what is rarely active is counted for longer.
fn flap(words: &BTreeMap<String, String>, last_active: Duration) -> Result<FlapConfig, SettingsError> {
    let default = FlapConfig::default();
    let within = span(words, "flap_within", default.within.max(12 * last_active), SECOND)?;
    Ok(FlapConfig {
        after: flap_after(words, default.after)?,
        within,
        calm: span(words, "flap_calm", default.calm.max(within), SECOND)?,
        booking: either(
            words,
            "flap_booking",
            [("follow", FlapBooking::Follow), ("hold", FlapBooking::Hold)],
        )?,
    })
}

fn flap_after(words: &BTreeMap<String, String>, default: u32) -> Result<u32, SettingsError> {
    let Some(text) = words.get("flap_after") else { return Ok(default) };
    text.parse().ok().filter(|number| *number <= 1_000).ok_or_else(|| SettingsError {
        name: "flap_after".to_owned(),
        problem: format!("{text:?} is no whole number from 0 to 1000"),
    })
}

fn zone(words: &BTreeMap<String, String>) -> Result<Zone, SettingsError> {
    let Some(name) = words.get("timezone") else { return Ok(Zone::utc()) };
    status_adapters::zone(name).ok_or_else(|| SettingsError {
        name: "timezone".to_owned(),
        problem: format!("{name:?} is no IANA name of a time zone, such as Europe/Berlin"),
    })
}

fn text(words: &BTreeMap<String, String>, name: &str, default: &str) -> String {
    words.get(name).map_or(default, String::as_str).to_owned()
}

/// The addresses that mails go to, separated by commas.
fn recipients(words: &BTreeMap<String, String>) -> Vec<SmolStr> {
    let addresses = text(words, "email_to", RECIPIENT);
    addresses.split(',').map(str::trim).filter(|address| !address.is_empty()).map(SmolStr::new).collect()
}

fn span(
    words: &BTreeMap<String, String>,
    name: &str,
    default: Duration,
    least: Duration,
) -> Result<Duration, SettingsError> {
    let Some(text) = words.get(name) else { return Ok(default) };
    let problem = match duration::parse_setting(text) {
        Ok(span) if (least..=LONGEST).contains(&span) => return Ok(span),
        Ok(_) => format!("{text:?} is not from {} to ten years", span::span(least)),
        Err(error) => error.to_string(),
    };
    Err(SettingsError { name: name.to_owned(), problem })
}

fn number(words: &BTreeMap<String, String>, name: &str, default: usize) -> Result<usize, SettingsError> {
    let Some(text) = words.get(name) else { return Ok(default) };
    text.parse().ok().filter(|number| (1..=100_000).contains(number)).ok_or_else(|| SettingsError {
        name: name.to_owned(),
        problem: format!("{text:?} is no whole number from 1 to 100000"),
    })
}

/// One of two words, of which the first is the default.
fn either<T>(
    words: &BTreeMap<String, String>,
    name: &str,
    [usual, other]: [(&str, T); 2],
) -> Result<T, SettingsError> {
    match words.get(name) {
        None => Ok(usual.1),
        Some(text) if text == usual.0 => Ok(usual.1),
        Some(text) if text == other.0 => Ok(other.1),
        Some(text) => Err(SettingsError {
            name: name.to_owned(),
            problem: format!("{text:?} is neither {} nor {}", usual.0, other.0),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<Config, SettingsError> {
        Settings::read(&BTreeMap::from([(name.to_owned(), value.to_owned())])).map(|settings| settings.core)
    }

    fn mail(name: &str, value: &str) -> MailConfig {
        read(name, value).unwrap().mail.unwrap()
    }

    #[test]
    fn what_is_not_set_is_as_in_the_server_but_for_the_wait() {
        let core = Settings::read(&BTreeMap::new()).unwrap().core;
        let mail = core.mail.clone().unwrap();
        assert_eq!(core, Config { mail: core.mail.clone(), ..Config::default() });
        assert_eq!(
            (mail.wait, mail.every, mail.remind_every, mail.html),
            (Duration::ZERO, Duration::ZERO, None, true)
        );
    }

    #[test]
    fn when_mail_is_sent_can_be_chosen() {
        assert_eq!(mail("email_wait", "10s").wait, 10 * SECOND);
        assert_eq!(mail("email_every", "1h").every, 3_600 * SECOND);
        assert_eq!(mail("email_remind_every", "1s").remind_every, Some(SECOND));
        assert_eq!(mail("email_remind_every", "0s").remind_every, None);
        assert!(!mail("email_format", "text").html);
        for (name, value) in
            [("email_remind_every", "999ms"), ("email_wait", "soon"), ("email_format", "rtf")]
        {
            assert_eq!(read(name, value).unwrap_err().name, name);
        }
    }

    #[test]
    fn when_something_flaps_can_be_chosen() {
        let flap = |name, value| read(name, value).unwrap().flap;
        assert_eq!(flap("flap_after", "0").after, 0);
        assert_eq!(
            (flap("flap_within", "1h").within, flap("flap_within", "1h").calm),
            (3_600 * SECOND, 3_600 * SECOND)
        );
        assert_eq!(
            (flap("health_last", "5m").within, flap("flap_calm", "10m").calm),
            (3_600 * SECOND, 600 * SECOND)
        );
        assert_eq!(flap("flap_booking", "hold").booking, FlapBooking::Hold);
        for (name, value) in
            [("flap_after", "1001"), ("flap_within", "0s"), ("flap_calm", "0s"), ("flap_booking", "keep")]
        {
            assert_eq!(read(name, value).unwrap_err().name, name);
        }
    }

    #[test]
    fn clocks_can_be_those_of_a_place() {
        assert_eq!(read("timezone", "Europe/Berlin").unwrap().zone.name(), "Europe/Berlin");
        assert_eq!(read("timezone", "Mars").unwrap_err().name, "timezone");
    }
}
