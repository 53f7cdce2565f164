//! What a value means. Each function says what it expects if a text has no meaning to it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "postgres")]
use status_adapters::store::postgres::Address;
use status_adapters::wire::duration;
use status_core::{BookOverride, FlapBooking, Mode, Zone};
use tracing::Level;
use url::Url;

use super::{OtherSites, StoreSettings};
use crate::log::{LogFormat, LogTarget};

/// No span is longer, so that adding one to a time overflows nowhere.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 3600);
const SPAN: &str = "a span of time such as 10s, 1h30m, 1500ms or 1d";
const BOOLEAN: &str = "true or false";
const ADDRESSES: &str =
    "one or more IP addresses of this machine, separated by commas, such as 127.0.0.1,::1";

/// What a service's host looks like.
pub(super) const HOST: &str = "a host such as app.example.org, or host:port, or [::1]:port";
/// What a mail server's host looks like.
pub(super) const MAIL_HOST: &str = "the mail server's name, such as smtp.example.org";

/// What to say of a host with a dot too many.
const DOTS: &str = "without a dot before it or two dots in a row";

/// What was expected instead.
pub(super) type Expected = String;

/// A span of time that is at least `least`, at most 100 years, and given as Go gives it, or in days.
pub(super) fn span(text: &str, least: Duration) -> Result<Duration, Expected> {
    let span = duration::parse_setting(text).map_err(|_| SPAN.to_owned())?;
    if span < least {
        return Err(format!("{SPAN}, at least {least:?}"));
    }
    if span > LONGEST {
        return Err(format!("{SPAN}, at most 100 years (36600d)"));
    }
    Ok(span)
}

/// Likewise, where 0 means never. The longest span there is comes to the same.
pub(super) fn span_or_never(text: &str, least: Duration) -> Result<Duration, Expected> {
    match span(text, Duration::ZERO) {
        Ok(Duration::ZERO) => Ok(LONGEST),
        Ok(_) | Err(_) => span(text, least).map_err(|expected| format!("{expected}, or 0 for never")),
    }
}

/// Likewise, where never is `None`.
pub(super) fn span_or_none(text: &str, least: Duration) -> Result<Option<Duration>, Expected> {
    span_or_never(text, least).map(|span| Some(span).filter(|span| *span < LONGEST))
}

/// A whole number within limits.
pub(super) fn number(text: &str, least: u32, most: u32) -> Result<u32, Expected> {
    text.parse()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("a whole number from {least} to {most}"))
}

/// A port number that is at least `least`.
pub(super) fn port(text: &str, least: u16) -> Result<u16, Expected> {
    text.parse().ok().filter(|port| *port >= least).ok_or_else(|| match least {
        0 => "a port number from 1 to 65535, or 0 for any free one".to_owned(),
        _ => "a port number from 1 to 65535".to_owned(),
    })
}

/// Addresses of this machine, separated by commas or blanks, each once. Those that `0.0.0.0` or `::` stand for need not
/// be named beside it.
pub(super) fn addresses(text: &str) -> Result<Vec<IpAddr>, Expected> {
    let mut addresses = Vec::new();
    for one in text.split([',', ' ', '\t']).filter(|one| !one.is_empty()) {
        let address = address(one)?;
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(ADDRESSES.to_owned());
    }
    let named = addresses.clone();
    let all_of_its_kind =
        |one: &IpAddr| named.iter().any(|other| other.is_unspecified() && other.is_ipv4() == one.is_ipv4());
    addresses.retain(|one| one.is_unspecified() || !all_of_its_kind(one));
    Ok(addresses)
}

/// One address, in brackets or without.
fn address(text: &str) -> Result<IpAddr, Expected> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(address.to_canonical());
    }
    Err(match text.parse::<SocketAddr>() {
        Ok(with_port) => {
            format!("{ADDRESSES}: {} without a port, which belongs in STATUS_PORT_SERVE", with_port.ip())
        }
        Err(_) => format!("{ADDRESSES}: {text:?} is no IP address"),
    })
}

/// Whether web pages of other sites may read what is public.
pub(super) fn other_sites(text: &str) -> Result<OtherSites, Expected> {
    Ok(if boolean(text)? { OtherSites::MayRead } else { OtherSites::Unsaid })
}

/// Yes or no, in the words that Go knows and some more.
pub(super) fn boolean(text: &str) -> Result<bool, Expected> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" | "yes" | "on" => Ok(true),
        "false" | "f" | "0" | "no" | "off" => Ok(false),
        _ => Err(BOOLEAN.to_owned()),
    }
}

/// How large a file of the log may become.
pub(super) fn log_size(text: &str) -> Result<u64, Expected> {
    size(text, 1_000, "1kB")
}

/// How large the store may become.
pub(super) fn store_size(text: &str) -> Result<u64, Expected> {
    size(text, 1_000_000, "1MB")
}

/// A number of bytes that is at least `least`, which is written so.
fn size(text: &str, least: u64, written: &str) -> Result<u64, Expected> {
    const MOST: u64 = 1_000_000_000_000;
    let expected = || format!("a size such as 100MB, 50MiB or a number of bytes, from {written} to 1TB");
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (count, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "ki" | "kib" => 1 << 10,
        "mi" | "mib" => 1 << 20,
        "gi" | "gib" => 1 << 30,
        _ => return Err(expected()),
    };
    let bytes = count.parse().ok().and_then(|count: u64| count.checked_mul(unit));
    bytes.filter(|bytes| (least..=MOST).contains(bytes)).ok_or_else(expected)
}

/// `http` or `https`.
pub(super) fn scheme(text: &str) -> Result<&'static str, Expected> {
    match text.to_ascii_lowercase().as_str() {
        "http" => Ok("http"),
        "https" => Ok("https"),
        _ => Err("http or https".to_owned()),
    }
}

/// A host, perhaps with a port, as it stands in an address of a service called `service`.
/// It is kept as it is written, since tokens name it so.
pub(super) fn host(text: &str, service: &str) -> Result<String, Expected> {
    if let Some((_, rest)) = text.split_once("://") {
        let host = rest.split('/').next().unwrap_or_default();
        return Err(match (host.contains('@'), plain_host(host)) {
            (false, true) => format!("a host without scheme and path: write {host}"),
            _ => format!("{HOST}, without scheme and path"),
        });
    }
    if text.contains('/') {
        let service = service.to_uppercase();
        return Err(format!("{HOST}, without a path: that belongs in STATUS_BASEPATH_{service}"));
    }
    let expected = if has_empty_part(text) { format!("{HOST}, {DOTS}") } else { HOST.to_owned() };
    if plain_host(text) { Ok(text.to_owned()) } else { Err(expected) }
}

/// Whether the text is a host, perhaps with a port, and nothing else.
fn plain_host(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let port = text.rsplit(']').next().and_then(|rest| rest.split_once(':')).map(|(_, port)| port);
    text.chars().all(allowed)
        && !has_empty_part(text)
        && port.is_none_or(|text| self::port(text, 1).is_ok())
        && Url::parse(&format!("http://{text}")).is_ok_and(|url| url.has_host())
}

/// Whether a dot is too many. One at the end is not: it says that the name is whole.
fn has_empty_part(text: &str) -> bool {
    text.starts_with('.') || text.contains("..")
}

/// The host of a mail server, whose port stands elsewhere.
pub(super) fn mail_host(text: &str) -> Result<String, Expected> {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if inner.parse::<std::net::IpAddr>().is_ok() {
        return Ok(inner.to_owned());
    }
    if text.contains("://") || text.contains('/') {
        return Err(format!("{MAIL_HOST}, without scheme and path"));
    }
    if text.contains(':') {
        return Err(format!("{MAIL_HOST}, without a port: that belongs in STATUS_EMAIL_PORT"));
    }
    let expected = if has_empty_part(text) { format!("{MAIL_HOST}, {DOTS}") } else { MAIL_HOST.to_owned() };
    if plain_host(text) { Ok(text.to_owned()) } else { Err(expected) }
}

/// The path below which a service lives, with or without slashes at its ends.
pub(super) fn base_path(text: &str) -> Result<String, Expected> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/-._~%!$&'()*+,;=:@".contains(c);
    let inner = text.trim_matches('/');
    let walks = inner.split('/').any(|part| matches!(part, "." | ".."));
    // An empty part in the middle is a slip of the pen, and most often means a whole address.
    if !text.chars().all(allowed) || walks || inner.contains("//") {
        return Err("a path such as /tenant/book".to_owned());
    }
    Ok(text.to_owned())
}

/// A level of the log, in our words or those of the older server.
pub(super) fn level(text: &str) -> Result<Level, Expected> {
    match text.to_ascii_lowercase().as_str() {
        "trace" => Ok(Level::TRACE),
        "debug" => Ok(Level::DEBUG),
        "info" => Ok(Level::INFO),
        "warn" | "warning" => Ok(Level::WARN),
        "error" | "fatal" | "panic" => Ok(Level::ERROR),
        _ => Err("trace, debug, info, warn or error".to_owned()),
    }
}

/// How a line of the log looks.
pub(super) fn format(text: &str) -> Result<LogFormat, Expected> {
    match text.to_ascii_lowercase().as_str() {
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err("json or text".to_owned()),
    }
}

/// Where the log goes.
pub(super) fn log_target(text: &str) -> Result<LogTarget, Expected> {
    match text {
        // As files they would be put aside when they are full.
        "stdout" | "/dev/stdout" => Ok(LogTarget::Stdout),
        "stderr" | "/dev/stderr" => Ok(LogTarget::Stderr),
        path if path.ends_with('/') || path.contains('\0') => {
            Err("the path of a file, or stdout, or stderr".to_owned())
        }
        path => Ok(LogTarget::File(PathBuf::from(path))),
    }
}

/// Where the store is.
pub(super) fn store(text: &str) -> Result<StoreSettings, Expected> {
    match text {
        ":memory:" => Ok(StoreSettings::Memory),
        address if is_address(address) => database(address),
        path if path.ends_with('/') || path.contains('\0') || path.starts_with(':') => {
            Err("the path of a file such as /var/lib/status/status.db, or :memory:".to_owned())
        }
        path => Ok(StoreSettings::File(PathBuf::from(path))),
    }
}

/// Whether a text is meant as the address of a database, whatever is wrong with it. No file has such a name.
fn is_address(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.starts_with("postgres:") || lower.starts_with("postgresql:") || lower.contains("://")
}

#[cfg(feature = "postgres")]
fn database(address: &str) -> Result<StoreSettings, Expected> {
    Address::parse(address).map(|address| StoreSettings::Database(Box::new(address)))
}

#[cfg(not(feature = "postgres"))]
fn database(_: &str) -> Result<StoreSettings, Expected> {
    Err("the path of a file, since this program was built without PostgreSQL: build it with the feature postgres"
        .to_owned())
}

/// What happens to a person's decision.
pub(super) fn book_override(text: &str) -> Result<BookOverride, Expected> {
    match text.to_ascii_lowercase().as_str() {
        "respect" => Ok(BookOverride::Respect),
        "enforce" => Ok(BookOverride::Enforce),
        _ => Err("respect or enforce".to_owned()),
    }
}

/// Whether anything is done about what is decided.
pub(super) fn mode(text: &str) -> Result<Mode, Expected> {
    match text.to_ascii_lowercase().as_str() {
        "act" => Ok(Mode::Act),
        "observe" => Ok(Mode::Observe),
        _ => Err("act or observe".to_owned()),
    }
}

/// What becomes of the booking of what is flapping.
pub(super) fn flap_booking(text: &str) -> Result<FlapBooking, Expected> {
    match text.to_ascii_lowercase().as_str() {
        "follow" => Ok(FlapBooking::Follow),
        "hold" => Ok(FlapBooking::Hold),
        _ => Err("follow or hold".to_owned()),
    }
}

/// Whether mails have an HTML part beside the text.
pub(super) fn is_html(text: &str) -> Result<bool, Expected> {
    match text.to_ascii_lowercase().as_str() {
        "html" => Ok(true),
        "text" => Ok(false),
        _ => Err("html (which has the text too) or text".to_owned()),
    }
}

/// Which clock people read.
pub(super) fn zone(text: &str) -> Result<Zone, Expected> {
    let expected = "the IANA name of a time zone, such as Europe/Berlin, Asia/Kathmandu or UTC";
    status_adapters::zone(text).ok_or_else(|| expected.to_owned())
}

/// Words for one line of a mail.
/// What a server is called.
pub(super) fn instance(text: &str) -> Result<String, Expected> {
    const MOST: usize = 64;
    if text.trim() != text || text.chars().any(char::is_control) || text.chars().count() > MOST {
        return Err(format!("a name of at most {MOST} characters, such as status-a"));
    }
    Ok(text.to_owned())
}

pub(super) fn words(text: &str) -> Result<String, Expected> {
    const MOST: usize = 200;
    if text.chars().any(char::is_control) || text.chars().count() > MOST {
        return Err(format!("at most {MOST} characters, on one line"));
    }
    Ok(text.to_owned())
}
