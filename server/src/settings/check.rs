//! One pass over all variables, that finds all problems.

use std::net::IpAddr;
use std::time::Duration;

use secrecy::SecretString;
use status_adapters::service::Service;
use status_core::{Config, FlapConfig, MailConfig};

use super::parse::{self, Expected};
use super::problem::{Fault, Problem, Problems, Warning};
use super::variables::{Found, Variable, Variables};
use super::{Groups, OtherSites, Settings, StoreSettings, mail};
use crate::log::LogSettings;
use crate::log::MOST_KEPT;

/// The core counts in milliseconds, so a shorter limit would be none.
const TICK: Duration = Duration::from_millis(1);
/// Tokens count in seconds.
const SECOND: Duration = Duration::from_secs(1);
/// Experiments times events is memory: a history longer than this is a slip of the pen.
const MOST_EVENTS: u32 = 100_000;
/// Nobody has a lab so large, and no machine the memory for it.
const MOST_EXPERIMENTS: u32 = 1_000_000;
/// More is a slip of the pen: what is to turn flapping off is 0.
const MOST_LOSSES: u32 = 1_000;
/// News waits no longer than this for more, unless it is told to.
const LONGEST_USUAL_WAIT: Duration = Duration::from_secs(120);
/// How large the store becomes if nobody says so.
const STORE_MAX_SIZE: u64 = 1_000_000_000;
const PORT_SERVE: u16 = 3007;
const PORT_PROFILE: u16 = 6061;

/// Makes settings of the variables, if nothing is wrong with any of them.
pub(super) fn settings(
    variables: &Variables,
    place: StoreSettings,
    mut found: Found,
) -> Result<(Settings, Vec<Warning>), Problems> {
    let v = variables;
    let mut core = core(v, &mut found);
    let book = found.service("book", &v.scheme_book, &v.host_book, &v.basepath_book, &v.secret_book);
    let relay = found.service("relay", &v.scheme_relay, &v.host_relay, &v.basepath_relay, &v.secret_relay);
    let jump = found.service("jump", &v.scheme_jump, &v.host_jump, &v.basepath_jump, &v.secret_jump);
    let timeout_book = found.span(&v.timeout_book, Duration::from_secs(5), TICK);
    let text = mail_text(v, core.last_checked, &core.name, &mut found);
    let mail = mail::settings(v, &mut found, &text);
    core.mail = mail.as_ref().map(|mail| MailConfig { recipients: mail.recipients(), ..text });
    let store = place_of_store(v, place, &mut found);
    let store_max_size = found.read(&v.store_max_size, STORE_MAX_SIZE, parse::store_size);
    let log = log(v, &mut found);
    let (serve_port, profile) = ports(v, &mut found);
    let serve_addresses = found.read(&v.address_serve, Vec::new(), parse::addresses);
    let secret_admin = found.secret(&v.secret_admin).map(SecretString::from);
    let other_sites = found.read(&v.cors, OtherSites::MayRead, parse::other_sites);
    let metrics_experiments = found.read(&v.metrics_experiments, false, parse::boolean);
    let groups = found.read(&v.groups, Groups::default(), Groups::parse);
    let instance = found.read(&v.instance, this_host(), parse::instance);
    match (book, relay, jump, found.problems.is_empty()) {
        (Some(book), Some(relay), Some(jump), true) => Ok((
            Settings {
                core,
                book,
                relay,
                jump,
                timeout_book,
                mail,
                store,
                store_max_size,
                log,
                serve_port,
                serve_addresses,
                other_sites,
                groups,
                instance,
                metrics_experiments,
                secret_admin,
                profile,
            },
            found.warnings,
        )),
        _ => Err(Problems { problems: found.problems, warnings: found.warnings }),
    }
}

/// What this machine calls itself.
fn this_host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "status".to_owned() } else { name }
}

/// Where the store is, and nothing else.
pub(super) fn store(
    variables: &Variables,
    place: StoreSettings,
    mut found: Found,
) -> Result<StoreSettings, Problems> {
    let store = place_of_store(variables, place, &mut found);
    if found.problems.is_empty() {
        return Ok(store);
    }
    Err(Problems { problems: found.problems, warnings: found.warnings })
}

fn place_of_store(v: &Variables, place: StoreSettings, found: &mut Found) -> StoreSettings {
    let store = found.read(&v.store, place, parse::store);
    let Some(password) = found.secret(&v.store_password).map(SecretString::from) else { return store };
    match store {
        #[cfg(feature = "postgres")]
        StoreSettings::Database(address) => {
            StoreSettings::Database(Box::new(address.with_password(&password)))
        }
        other => {
            drop(password);
            let text = "is not used, since STATUS_STORE is no address of a database".to_owned();
            found.warnings.push(Warning { variable: v.store_password.name(), text });
            other
        }
    }
}

/// What signs the tokens with which people change something, and nothing else.
pub(super) fn secret_admin(variables: &Variables, mut found: Found) -> Result<SecretString, Problems> {
    let secret = found.secret(&variables.secret_admin);
    if secret.is_none() {
        let expected = "the secret that signs the tokens with which people change something".to_owned();
        found.problem(&variables.secret_admin, expected);
    }
    match secret {
        Some(secret) if found.problems.is_empty() => Ok(secret.into()),
        Some(_) | None => Err(Problems { problems: found.problems, warnings: found.warnings }),
    }
}

/// Where the server answers, and nothing else.
pub(super) fn place(variables: &Variables, mut found: Found) -> Result<(u16, Vec<IpAddr>), Problems> {
    let port = found.read(&variables.port_serve, PORT_SERVE, |text| parse::port(text, 0));
    let addresses = found.read(&variables.address_serve, Vec::new(), parse::addresses);
    if found.problems.is_empty() {
        return Ok((port, addresses));
    }
    Err(Problems { problems: found.problems, warnings: found.warnings })
}

fn core(v: &Variables, found: &mut Found) -> Config {
    let default = Config::default();
    let last = found.span(&v.health_last, default.last_active, TICK);
    let reconnect_relay_every = default.reconnect_relay_every;
    let reconnect_jump_every = default.reconnect_jump_every;
    let last_checked = found.span(&v.health_last_checked, last, TICK);
    let last_active = found.span(&v.health_last_active, last, TICK);
    let config = Config {
        last_active,
        last_checked,
        startup: found.span(&v.health_startup, default.startup, Duration::ZERO),
        events: found.read(&v.health_events, default.events, |text| {
            parse::number(text, 1, MOST_EVENTS).map(|events| events as usize)
        }),
        log_every: found
            .read(&v.health_log_every, default.log_every, |text| parse::span_or_never(text, TICK)),
        history_keep: found.span(&v.history_keep, default.history_keep, SECOND),
        max_experiments: found.read(&v.max_experiments, default.max_experiments, |text| {
            parse::number(text, 1, MOST_EXPERIMENTS).map(|most| most as usize)
        }),
        forget_after: found.span(&v.forget_after, default.forget_after.max(last_checked), TICK),
        query_book_every: found.span(&v.query_book_every, default.query_book_every, TICK),
        verify_book_every: found.span(&v.verify_book_every, default.verify_book_every, SECOND),
        reconnect_relay_every: found.span(&v.reconnect_relay_every, reconnect_relay_every, SECOND),
        reconnect_jump_every: found.span(&v.reconnect_jump_every, reconnect_jump_every, SECOND),
        book_override: found.read(&v.book_override, default.book_override, parse::book_override),
        mode: found.read(&v.mode, default.mode, parse::mode),
        zone: found.read(&v.timezone, default.zone, parse::zone),
        name: found.read(&v.name, default.name, parse::words),
        flap: flap(v, last_active, found),
        mail: None,
    };
    if config.forget_after < config.last_checked {
        let limit = config.last_checked;
        let why = "or what goes missing is forgotten before it is missed";
        let expected = format!("at least STATUS_HEALTH_LAST_CHECKED ({limit:?}), {why}");
        found.problem(&v.forget_after, expected);
    }
    config
}

/// What is rarely active is rarely lost as well, so that it is counted for longer.
fn flap(v: &Variables, last_active: Duration, found: &mut Found) -> FlapConfig {
    let default = FlapConfig::default();
    let within = found.span(&v.flap_within, default.within.max(12 * last_active), SECOND);
    FlapConfig {
        after: found.read(&v.flap_after, default.after, |text| parse::number(text, 0, MOST_LOSSES)),
        within,
        calm: found.span(&v.flap_calm, default.calm.max(within), SECOND),
        booking: found.read(&v.flap_booking, default.booking, parse::flap_booking),
    }
}

fn mail_text(v: &Variables, last_checked: Duration, lab: &str, found: &mut Found) -> MailConfig {
    MailConfig {
        lab: lab.to_owned(),
        subject: found.read(&v.email_subject, "status".to_owned(), parse::words),
        link: found.read(&v.email_link, String::new(), parse::words),
        wait: found.span(&v.email_wait, last_checked.min(LONGEST_USUAL_WAIT), Duration::ZERO),
        every: found.span(&v.email_every, Duration::ZERO, Duration::ZERO),
        remind_every: found.read(&v.email_remind_every, None, |text| parse::span_or_none(text, SECOND)),
        html: found.read(&v.email_format, true, parse::is_html),
        recipients: Vec::new(),
    }
}

fn log(v: &Variables, found: &mut Found) -> LogSettings {
    let default = LogSettings::default();
    LogSettings {
        level: found.read(&v.log_level, default.level, parse::level),
        format: found.read(&v.log_format, default.format, parse::format),
        target: found.read(&v.log_file, default.target, parse::log_target),
        max_size: found.read(&v.log_max_size, default.max_size, parse::log_size),
        keep: found.read(&v.log_keep, default.keep, |text| parse::number(text, 0, MOST_KEPT)),
    }
}

/// The API's port, and the profile's if it is wanted.
fn ports(v: &Variables, found: &mut Found) -> (u16, Option<u16>) {
    let serve = found.read(&v.port_serve, PORT_SERVE, |text| parse::port(text, 0));
    let profile = found.read(&v.port_profile, PORT_PROFILE, |text| parse::port(text, 1));
    let wanted = found.read(&v.profile, false, parse::boolean);
    if wanted && profile == serve {
        found.problem(&v.port_profile, format!("another port than STATUS_PORT_SERVE ({serve})"));
    }
    (serve, wanted.then_some(profile))
}

impl Found {
    /// What the variable holds as a value, or the default if it holds nothing. If it holds something
    /// that isn't one, that is a problem, and the default stands in for it.
    pub(super) fn read<T>(
        &mut self,
        variable: &Variable,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, Expected>,
    ) -> T {
        match variable.text().map(parse) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(expected)) => {
                self.problem(variable, expected);
                default
            }
        }
    }

    /// What the variable holds as a value. Nothing is a problem too.
    pub(super) fn need<T>(
        &mut self,
        variable: &Variable,
        expected: &str,
        parse: impl FnOnce(&str) -> Result<T, Expected>,
    ) -> Option<T> {
        if variable.text().is_none() {
            self.problem(variable, expected.to_owned());
        }
        self.read(variable, None, |text| parse(text).map(Some))
    }

    /// Adds a problem with the variable as it is.
    pub(super) fn problem(&mut self, variable: &Variable, expected: Expected) {
        // One that could not be read at all, or from its file, has been told of, and looks missing only
        // because of that.
        let name = variable.name();
        let told =
            |problem: &Problem| problem.variable.strip_suffix("_FILE").unwrap_or(&problem.variable) == name;
        if self.problems.iter().any(told) {
            return;
        }
        let fault = match variable.text() {
            None => Fault::Missing,
            Some(_) if variable.is_secret() => Fault::BadSecret,
            Some(text) => Fault::bad(text),
        };
        self.problems.push(Problem { variable: name, fault, expected });
    }

    /// A secret, if there is one.
    pub(super) fn secret(&mut self, variable: &Variable) -> Option<String> {
        let secret = variable.secret()?;
        if secret.trim() != secret {
            let text = "begins or ends with a blank or a line break, which counts as part of it".to_owned();
            self.warnings.push(Warning { variable: variable.name(), text });
        }
        Some(secret.to_owned())
    }

    fn span(&mut self, variable: &Variable, default: Duration, least: Duration) -> Duration {
        self.read(variable, default, |text| parse::span(text, least))
    }

    fn service(
        &mut self,
        name: &'static str,
        scheme: &Variable,
        host: &Variable,
        base_path: &Variable,
        secret: &Variable,
    ) -> Option<Service> {
        let scheme_named = scheme.name();
        let scheme = self.read(scheme, "https", parse::scheme);
        let host = self.need(host, parse::HOST, |text| parse::host(text, name));
        let base_path = self.read(base_path, String::new(), parse::base_path);
        let key = self.secret(secret);
        if key.is_none() {
            self.problem(secret, format!("the secret that {name} checks tokens with"));
        }
        let host = host?;
        let service = Service::new(name, scheme, &host, &base_path, key?.into());
        if service.is_in_clear() {
            let text = format!(
                "is http, and {host} is another machine: the tokens for {name} go over the network in clear; use \
                 https unless that network is trusted"
            );
            self.warnings.push(Warning { variable: scheme_named, text });
        }
        Some(service)
    }
}
