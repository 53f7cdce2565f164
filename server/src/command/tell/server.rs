//! The running server, as the command line finds it, and who speaks with it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use status_adapters::clock::{Clock, SystemClock};
use status_adapters::service::Service;
use status_adapters::status::{StatusAnswer, StatusClient};
use status_adapters::token::{for_person, is_name};
use url::Url;

use super::Failure;
use crate::command::args::ServerArgs;
use crate::log;
use crate::settings::Settings;

/// How long the token of one command lives.
const LIFE: Duration = Duration::from_secs(300);

/// A server to speak with.
pub(super) struct Server {
    client: StatusClient,
}

impl Server {
    /// The one that the command line or the settings name.
    pub(super) fn find(args: &ServerArgs) -> Result<Self, Failure> {
        let base = match &args.server {
            Some(base) => base.clone(),
            None => {
                let place = Settings::place_from_vars(std::env::vars_os());
                let (port, addresses) = place.map_err(|problems| Failure::Settings(problems.to_string()))?;
                address(port, &addresses).map_err(Failure::Settings)?
            }
        };
        let client = StatusClient::new(&base).map_err(Failure::Settings)?;
        if is_in_clear(&base) {
            log::complain(&format!(
                "{base} is http, and another machine: whoever listens between can use the token"
            ));
        }
        Ok(Self { client })
    }

    /// Reads something.
    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        let answer = self.client.ask("GET", path, None, None).await;
        self.understood(answer)
    }

    /// Changes something.
    pub(super) async fn change(
        &self,
        (method, path): (&str, &str),
        token: &SecretString,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let answer = self.client.ask(method, path, Some(token), body.map(ToString::to_string)).await;
        self.understood(answer)
    }

    fn understood(&self, answer: Result<StatusAnswer, String>) -> Result<Value, Failure> {
        let StatusAnswer { status, body } = answer.map_err(|problem| {
            Failure::Server(format!(
                "{problem}; does the server run, and is that its address? --server names another"
            ))
        })?;
        let base = self.client.base();
        let value: Option<Value> =
            if body.is_empty() { Some(Value::Null) } else { serde_json::from_slice(&body).ok() };
        let message = value.as_ref().and_then(|value| value["message"].as_str()).unwrap_or_default();
        match (status, &value) {
            (200..300, Some(_)) => Ok(value.unwrap_or_default()),
            (404 | 405, _) if message.starts_with("path ") || message.starts_with("method ") => {
                Err(Failure::Server(format!(
                    "the server at {base} takes no changes: set STATUS_SECRET_ADMIN where it runs, and restart it"
                )))
            }
            (_, Some(_)) if !message.is_empty() => {
                Err(Failure::Server(format!("the server refuses: {}", status_core::printable(message))))
            }
            _ => Err(Failure::Server(format!(
                "{base} answers {status}, and not as this server does: is that its address?"
            ))),
        }
    }
}

/// Whether what is said to this address goes over a network in clear.
fn is_in_clear(base: &str) -> bool {
    let Ok(url) = Url::parse(base) else { return false };
    let host = url.host_str().unwrap_or_default();
    url.scheme() == "http" && Service::new("status", "http", host, "", String::new().into()).is_in_clear()
}

/// A token for one command.
pub(super) fn token(args: &ServerArgs) -> Result<SecretString, Failure> {
    let secret = super::secret()?;
    let name =
        args.name.clone().or_else(user).ok_or_else(|| {
            Failure::Settings("the system does not say who you are: --name says so".to_owned())
        })?;
    Ok(for_person(&secret, &name, LIFE, SystemClock.now().wall))
}

/// Who runs this: behind sudo, whoever called it.
fn user() -> Option<String> {
    let variable = |name| std::env::var(name).ok().filter(|name| is_name(name));
    let by_number = || {
        let number = rustix::process::getuid().as_raw().to_string();
        name_of(&std::fs::read_to_string("/etc/passwd").ok()?, &number)
    };
    variable("SUDO_USER").or_else(by_number).or_else(|| variable("USER")).or_else(|| variable("LOGNAME"))
}

/// The name of a user with this number.
fn name_of(passwd: &str, number: &str) -> Option<String> {
    let name = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number && is_name(name)).then(|| name.to_owned())
    };
    passwd.lines().find_map(name)
}

/// Where a server with these settings answers to this machine.
fn address(port: u16, addresses: &[IpAddr]) -> Result<String, String> {
    if port == 0 {
        return Err(
            "STATUS_PORT_SERVE is 0, which stands for any free port: --server has to say where it is"
                .to_owned(),
        );
    }
    let address = match addresses.first() {
        None => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Some(IpAddr::V4(all)) if all.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Some(IpAddr::V6(all)) if all.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        Some(address) => *address,
    };
    Ok(format!("http://{}", SocketAddr::new(address, port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_asked_where_it_listens() {
        let at = |addresses: &[&str]| {
            let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
            address(3007, &addresses).unwrap()
        };
        assert_eq!(at(&[]), "http://127.0.0.1:3007");
        assert_eq!(at(&["0.0.0.0", "::1"]), "http://127.0.0.1:3007");
        assert_eq!(at(&["::"]), "http://[::1]:3007");
        assert_eq!(at(&["192.0.2.7", "127.0.0.1"]), "http://192.0.2.7:3007");
        assert!(address(0, &[]).unwrap_err().contains("--server"));
    }

    #[test]
    fn http_to_another_machine_is_in_clear() {
        for clear in ["http://lab.example.org/status", "http://192.0.2.7:3007"] {
            assert!(is_in_clear(clear), "{clear}");
        }
        for not in [
            "https://lab.example.org/status",
            "http://127.0.0.1:3007",
            "http://[::1]:3007",
            "http://localhost",
        ] {
            assert!(!is_in_clear(not), "{not}");
        }
    }

    #[test]
    fn a_user_is_found_by_his_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbad\nalice:x:1000:1000:Alice,,,:/home/alice:/bin/sh\n";
        assert_eq!(name_of(passwd, "1000").as_deref(), Some("alice"));
        assert_eq!(name_of(passwd, "100"), None);
    }
}
