//! The settings of mail, which go together: some are needed once others are there.

use secrecy::SecretString;
use status_adapters::mail::{
    HeloName, MailAuth, MailSettings, MailTls, Mailbox, parse_mailbox, parse_mailboxes,
};

use status_core::MailConfig;

use super::parse::{self, Expected};
use super::problem::Warning;
use super::variables::{Found, Variables};

const PORT: u16 = 587;
const ADDRESS: &str = "an address such as alpha@a.org or Name <alpha@a.org>";
const ADDRESSES: &str = "one or more addresses, separated by commas";

/// Which kind of login is chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AuthType {
    None,
    Plain,
}

/// How to send mail; `None` if it isn't wanted, or not possible for a problem that was found.
/// It is wanted once there is a mail server or somebody to send to.
pub(super) fn settings(v: &Variables, found: &mut Found, text: &MailConfig) -> Option<MailSettings> {
    let wanted = [&v.email_host, &v.email_to, &v.email_cc].iter().any(|v| v.text().is_some());
    let port = found.read(&v.email_port, PORT, |text| parse::port(text, 1));
    let cc = found.read(&v.email_cc, Vec::new(), addresses);
    let auth_type = found.read(&v.email_auth_type, None, |text| auth_type(text).map(Some));
    let user = found.read(&v.email_user, None, |text| parse::words(text).map(Some));
    let tls = found.read(&v.email_tls, MailTls::Auto, self::tls);
    let helo = found.read(&v.email_helo, None, |text| HeloName::parse(text).map(Some));
    if !wanted {
        found.read(&v.email_from, None, |text| address(text).map(Some));
        without_server(v, found);
        return None;
    }
    let host = found.need(&v.email_host, parse::MAIL_HOST, parse::mail_host);
    let from = found.need(&v.email_from, ADDRESS, address);
    let to = match v.email_cc.text() {
        Some(_) => Some(found.read(&v.email_to, Vec::new(), addresses)),
        None => found.need(&v.email_to, ADDRESSES, addresses),
    };
    let password = password(v, found, auth_type);
    login_makes_sense(v, found, tls, password.is_some());
    let (host, mut from, to) = (host?, from?, to?);
    let auth = match password {
        Some(password) => MailAuth::Plain { user: user.unwrap_or_else(|| from.email.to_string()), password },
        None => MailAuth::None,
    };
    // A reader's list of mails shows the sender's name: the lab's, unless another was chosen.
    from.name = from.name.or_else(|| Some(text.lab.clone()).filter(|lab| !lab.is_empty()));
    let list = text.subject.clone();
    Some(MailSettings { host, port, tls, helo, auth, from, to, cc, list })
}

/// The password, if it is to be used: it is where there is one, unless `none` was chosen.
fn password(v: &Variables, found: &mut Found, auth_type: Option<AuthType>) -> Option<SecretString> {
    let password = found.secret(&v.email_password);
    match auth_type {
        Some(AuthType::None) => None,
        Some(AuthType::Plain) if password.is_none() => {
            found.problem(&v.email_password, "a password, since STATUS_EMAIL_AUTH_TYPE is plain".to_owned());
            None
        }
        Some(AuthType::Plain) | None => password.map(SecretString::from),
    }
}

/// A password is not sent in clear, and a user without a password is not used.
fn login_makes_sense(v: &Variables, found: &mut Found, tls: MailTls, logs_in: bool) {
    if logs_in && tls == MailTls::None {
        let expected = "auto, implicit or starttls, since a password is not sent without TLS; or \
                        STATUS_EMAIL_AUTH_TYPE=none";
        found.problem(&v.email_tls, expected.to_owned());
    }
    if !logs_in && v.email_user.text().is_some() {
        let text = "is set, but there is no password that is to be used, so there is no login";
        found.warnings.push(Warning { variable: v.email_user.name(), text: text.to_owned() });
    }
}

/// Somebody who sets a sender or a login expects mail.
fn without_server(v: &Variables, found: &mut Found) {
    for variable in [&v.email_from, &v.email_user, &v.email_password] {
        if variable.text().is_some() {
            let text = "is set, but neither STATUS_EMAIL_HOST nor STATUS_EMAIL_TO is, so no mail is sent";
            found.warnings.push(Warning { variable: variable.name(), text: text.to_owned() });
        }
    }
}

fn auth_type(text: &str) -> Result<AuthType, Expected> {
    match text.to_ascii_lowercase().as_str() {
        "none" => Ok(AuthType::None),
        "plain" => Ok(AuthType::Plain),
        _ => Err("none or plain".to_owned()),
    }
}

fn tls(text: &str) -> Result<MailTls, Expected> {
    match text.to_ascii_lowercase().as_str() {
        "auto" => Ok(MailTls::Auto),
        "implicit" => Ok(MailTls::Implicit),
        "starttls" => Ok(MailTls::StartTls),
        "none" => Ok(MailTls::None),
        _ => Err("auto, implicit, starttls or none".to_owned()),
    }
}

fn address(text: &str) -> Result<Mailbox, Expected> {
    parse_mailbox(text).map_err(|_| ADDRESS.to_owned())
}

/// Addresses separated by commas, at least one.
fn addresses(text: &str) -> Result<Vec<Mailbox>, Expected> {
    match parse_mailboxes(text) {
        Ok(addresses) if addresses.is_empty() => Err(ADDRESSES.to_owned()),
        Ok(addresses) => Ok(addresses),
        Err(bad) => Err(format!("{ADDRESSES}; {bad}")),
    }
}
