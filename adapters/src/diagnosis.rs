//! What a refusal most likely means, and which setting to look at.

use reqwest::{StatusCode, Url};

use crate::connect_error::ConnectError;
use crate::service::Service;
use crate::wire::refusal::Refusal;

/// Why a service refused a request, if what it says is known.
pub(crate) fn of_refusal(
    service: &Service,
    status: StatusCode,
    refusal: &Refusal,
    is_page: bool,
) -> Option<String> {
    let message = refusal.message.to_ascii_lowercase();
    of_token(service, &refusal.message, &message)
        .or_else(|| of_claims(service, status, &message))
        .or_else(|| of_status(service, status, &message, is_page))
        .or_else(|| of_unknown(service, status, &message))
}

/// A token is refused in words that are not known. What it is made of is all that can be wrong with it.
fn of_unknown(service: &Service, status: StatusCode, lower: &str) -> Option<String> {
    const ABOUT_TOKENS: [&str; 7] =
        ["token", "jwt", "claim", "audience", "signature", "unauthori", "forbidden"];
    let is_about_it = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        || ABOUT_TOKENS.iter().any(|word| lower.contains(word));
    is_about_it.then(|| {
        let [secret, scheme, host, path] =
            ["SECRET", "SCHEME", "HOST", "BASEPATH"].map(|kind| setting(service, kind));
        format!(
            "{} does not accept the token: check {secret}, and that {scheme}, {host} and {path} add up to the \
             address that it calls itself",
            service.name()
        )
    })
}

/// What the three services say of tokens that they can't accept.
fn of_token(service: &Service, message: &str, lower: &str) -> Option<String> {
    const EXPECTED: &str = "does not match this host ";
    let name = service.name();
    let secret = setting(service, "SECRET");
    let clock = |how: &str| format!("the clock of this machine is {how} that of {name}'s: set both right");
    if let Some(at) = lower.find(EXPECTED) {
        return Some(of_audience(service, message[at + EXPECTED.len()..].trim()));
    }
    if lower.contains("signature is invalid") {
        return Some(format!("{secret} is not the secret that {name} has"));
    }
    if lower.contains("token invalid") {
        return Some(format!(
            "{name} says the same of a wrong secret, an expired token and one from the future: \
             {secret} is not the secret that {name} has, or the clocks of the two machines differ"
        ));
    }
    if lower.contains("token is expired") {
        return Some(clock("behind"));
    }
    (lower.contains("not valid yet") || lower.contains("used before issued")).then(|| clock("ahead of"))
}

/// The service expects tokens for another address than the one that it was asked at.
fn of_audience(service: &Service, expected: &str) -> String {
    let name = service.name();
    let parts = |text: &str| {
        let url = Url::parse(text).ok()?;
        let host = url.origin().ascii_serialization();
        Some((url.scheme().to_owned(), host.split_once("://")?.1.to_owned(), url.path().to_owned()))
    };
    let (Some(theirs), Some(ours)) = (parts(expected), parts(&service.audience())) else {
        return format!("{name} expects tokens for {expected:?}, which is no address: look at its settings");
    };
    let differs = [
        (theirs.0 != ours.0, "SCHEME"),
        // What is equal as an address is written otherwise: with the port that it has anyway, say.
        (theirs.1 != ours.1 || theirs == ours, "HOST"),
        (theirs.2 != ours.2, "BASEPATH"),
    ];
    let settings: Vec<String> =
        differs.iter().filter(|(differs, _)| *differs).map(|(_, kind)| setting(service, kind)).collect();
    format!("{name} expects tokens for {expected}: make {} say so", settings.join(" and "))
}

/// The token was good, and does not allow this.
fn of_claims(service: &Service, status: StatusCode, lower: &str) -> Option<String> {
    let name = service.name();
    if lower.contains("unauthenticated") {
        return Some(format!(
            "the Authorization header did not reach {name}: a proxy in front takes it away"
        ));
    }
    let about_claims = ["scope", "claim", "wrong topic", "does not match topic", "bookingid"];
    ((status == StatusCode::UNAUTHORIZED || status == StatusCode::BAD_REQUEST)
        && about_claims.iter().any(|word| lower.contains(word)))
    .then(|| format!("this version of {name} wants other claims in a token than those before it"))
}

fn of_status(service: &Service, status: StatusCode, lower: &str, is_page: bool) -> Option<String> {
    let name = service.name();
    match status {
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => Some(
            format!("a proxy in front of {name} answers, and {name} behind it is down or can't be reached"),
        ),
        StatusCode::BAD_REQUEST if lower.contains("https") => {
            Some(format!("it wants https: set {}", setting(service, "SCHEME")))
        }
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Some(of_base_path(service)),
        StatusCode::TOO_MANY_REQUESTS => {
            Some(format!("{name}, or a proxy in front of it, limits how often it is asked"))
        }
        _ if is_page => Some(format!(
            "not {name} but a proxy in front of it answers; {} may be wrong",
            setting(service, "BASEPATH")
        )),
        _ => None,
    }
}

/// Why a service redirects.
pub(crate) fn of_redirect(service: &Service, from: &Url, to: &Url) -> Option<String> {
    let only_scheme = from.host_str() == to.host_str() && from.path() == to.path();
    let settings = if only_scheme && from.scheme() != to.scheme() {
        setting(service, "SCHEME")
    } else if from.host_str() == to.host_str() {
        setting(service, "BASEPATH")
    } else {
        setting(service, "HOST")
    };
    Some(format!("{settings} is wrong"))
}

/// Why no connection could be made.
pub(crate) fn of_broken(service: &Service, connect_error: &ConnectError) -> Option<String> {
    let name = service.name();
    let host = setting(service, "HOST");
    match connect_error {
        ConnectError::NoSuchName(_) => {
            Some(format!("{host} is wrong, or this machine's name service is down"))
        }
        ConnectError::NobodyThere => {
            Some(format!("{name} or the proxy in front of it is down, or {host} is wrong"))
        }
        ConnectError::Certificate(_) => {
            Some(format!("{host} is wrong, or the certificate there has to be renewed"))
        }
        ConnectError::NoTls => Some(format!("{} should be http", setting(service, "SCHEME"))),
        ConnectError::Closed | ConnectError::Other(_) => None,
    }
}

/// Why a web page comes where data was expected.
pub(crate) fn of_page(service: &Service) -> String {
    of_base_path(service)
}

/// Something else answers where the service should. A base path that holds what is added to it by
/// itself is told so.
fn of_base_path(service: &Service) -> String {
    let base_path = setting(service, "BASEPATH");
    match service.path_of_its_own() {
        Some(path) => format!("{base_path} ends in {path}, which is added by itself: leave it out there"),
        None => format!("{base_path} is wrong, so that something else than {} answers", service.name()),
    }
}

/// Whether a body is a web page.
pub(crate) fn is_page(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// The name of a setting of this service, such as `STATUS_SECRET_BOOK`.
fn setting(service: &Service, kind: &str) -> String {
    format!("STATUS_{kind}_{}", service.name().to_ascii_uppercase())
}
