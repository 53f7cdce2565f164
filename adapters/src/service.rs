//! Where a service is, and what opens it.

use std::net::IpAddr;

use secrecy::SecretString;

/// The address of book, relay or jump, and the secret that it shares with us.
#[derive(Clone, Debug)]
pub struct Service {
    name: &'static str,
    origin: String,
    base_path: String,
    secret: SecretString,
}

impl Service {
    /// A service known by `name` at `scheme://host` + `base_path`. Slashes at either end of the
    /// base path mean nothing.
    #[must_use]
    pub fn new(name: &'static str, scheme: &str, host: &str, base_path: &str, secret: SecretString) -> Self {
        let base_path = match base_path.trim_matches('/') {
            "" => String::new(),
            path => format!("/{path}"),
        };
        Self { name, origin: format!("{scheme}://{host}"), base_path, secret }
    }

    /// What people call it: `book`, `relay` or `jump`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The audience that its tokens are for: `scheme://host` + base path, without a slash at the end.
    #[must_use]
    pub fn audience(&self) -> String {
        format!("{}{}", self.origin, self.base_path)
    }

    /// The address of a path below its base path, such as `/api/v1/admin/resources`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{}{path}", self.origin, self.base_path)
    }

    /// Whether tokens for it go over a network in clear: over http, to another machine.
    #[must_use]
    pub fn is_in_clear(&self) -> bool {
        let Ok(url) = reqwest::Url::parse(&self.origin) else { return false };
        url.scheme() == "http" && !is_loopback_host(url.host_str().unwrap_or_default())
    }

    /// The secret that signs its tokens.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }
}

/// Whether a host is this machine, as an address names it.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    let ip = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match ip.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_in_clear_unless_it_stays_on_this_machine() {
        for host in
            ["localhost", "LOCALHOST:3000", "127.0.0.1:80", "127.8.9.1", "[::1]:4000", "[::ffff:127.0.0.1]"]
        {
            assert!(!Service::new("book", "http", host, "", "s".into()).is_in_clear(), "{host}");
        }
        for host in
            ["app.example.org", "relay:3000", "10.0.0.7", "[fd00::1]", "localhost.example.org", "0.0.0.0"]
        {
            assert!(Service::new("book", "http", host, "", "s".into()).is_in_clear(), "{host}");
            assert!(!Service::new("book", "https", host, "", "s".into()).is_in_clear(), "{host}");
        }
    }

    #[test]
    fn slashes_around_the_base_path_mean_nothing() {
        for base in ["tenant/book", "/tenant/book", "tenant/book/", "//tenant/book//"] {
            let book = Service::new("book", "https", "app.example.org", base, "s".into());
            assert_eq!(book.audience(), "https://app.example.org/tenant/book");
            assert_eq!(book.url("/x"), "https://app.example.org/tenant/book/x");
        }
        for base in ["", "/", "//"] {
            let book = Service::new("book", "http", "[::1]:80", base, "s".into());
            assert_eq!(book.audience(), "http://[::1]:80");
            assert_eq!(book.url("/x"), "http://[::1]:80/x");
        }
    }
}
