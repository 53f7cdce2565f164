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

    /// What of its base path is no base path, but the beginning of a path that is added to it: book
    /// and jump have `/api/v1`, relay has `/session`.
    #[must_use]
    pub fn path_of_its_own(&self) -> Option<&str> {
        const OWN: [&str; 2] = ["/api/v1", "/session"];
        let at = OWN.iter().filter_map(|own| {
            let at = self.base_path.find(own)?;
            let rest = &self.base_path[at + own.len()..];
            (rest.is_empty() || rest.starts_with('/')).then_some(at)
        });
        at.min().map(|at| &self.base_path[at..])
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
    fn what_is_added_by_itself_is_no_base_path() {
        for (base, own) in [
            ("/ed0/book/api/v1", Some("/api/v1")),
            ("/ed0/book/api/v1/", Some("/api/v1")),
            ("/api/v1/admin", Some("/api/v1/admin")),
            ("/ed0/relay/session/stats", Some("/session/stats")),
            ("/ed0/book", None),
            ("/api/book", None),
            ("/api/v10/book", None),
            ("", None),
        ] {
            let service = Service::new("book", "https", "app.example.org", base, "s".into());
            assert_eq!(service.path_of_its_own(), own, "{base}");
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
