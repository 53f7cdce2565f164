//! Where a service is, and what opens it.

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

    /// The secret that signs its tokens.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
