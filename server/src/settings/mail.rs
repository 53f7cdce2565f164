//! The settings of mail, which go together: some are needed once others are there.

use secrecy::SecretString;
use status_adapters::mail::{MailAuth, MailSettings, Mailbox, parse_mailbox, parse_mailboxes};

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
pub(super) fn settings(v: &Variables, found: &mut Found) -> Option<MailSettings> {
    let wanted = [&v.email_host, &v.email_to, &v.email_cc].iter().any(|v| v.text().is_some());
    let port = found.read(&v.email_port, PORT, |text| parse::port(text, 1));
    let cc = found.read(&v.email_cc, Vec::new(), addresses);
    let auth_type = found.read(&v.email_auth_type, None, |text| auth_type(text).map(Some));
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
    let (host, from, to) = (host?, from?, to?);
    let auth = match password {
        Some(password) => MailAuth::Plain { user: from.email.to_string(), password },
        None => MailAuth::None,
    };
    Some(MailSettings { host, port, auth, from, to, cc })
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

/// Somebody who sets a sender or a password expects mail.
fn without_server(v: &Variables, found: &mut Found) {
    for variable in [&v.email_from, &v.email_password] {
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
