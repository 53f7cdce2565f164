//! The name that this machine gives for itself to a mail server (RFC 5321, 4.1.1.1 and 4.1.3).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A name for EHLO and HELO: a domain, or an address in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeloName(String);

impl HeloName {
    /// Reads a name as people write it in settings.
    ///
    /// # Errors
    /// It is neither a domain nor an address in brackets: what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if is_domain(text) || is_literal(text) {
            return Ok(Self(text.to_owned()));
        }
        Err("a domain such as status.example.org, or an address such as [192.0.2.1] or [IPv6:2001:db8::1]"
            .to_owned())
    }

    /// The name of this machine where it is a whole domain, and else its address in this connection. No name service
    /// is asked.
    pub(super) fn of_this_machine(local: IpAddr) -> Self {
        Self::by_default(&host_name(), local)
    }

    fn by_default(host: &str, local: IpAddr) -> Self {
        let host = host.strip_suffix('.').unwrap_or(host);
        if host.contains('.') && is_domain(host) {
            return Self(host.to_owned());
        }
        Self(match local.to_canonical() {
            IpAddr::V4(address) => format!("[{address}]"),
            IpAddr::V6(address) => format!("[IPv6:{address}]"),
        })
    }

    /// The name as it is said.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HeloName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Labels of letters, digits and hyphens. The last is no number, so that no address passes for a name.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253 && text.split('.').all(label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_literal(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) else { return false };
    match inner.get(..5).filter(|tag| tag.eq_ignore_ascii_case("IPv6:")) {
        Some(tag) => inner[tag.len()..].parse::<Ipv6Addr>().is_ok(),
        None => inner.parse::<Ipv4Addr>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_domain_is_said_and_else_the_address() {
        let (v4, v6) = ("192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        for (host, local, said) in [
            ("status.example.org", v4, "status.example.org"),
            ("status.example.org.", v4, "status.example.org"),
            ("vm", v4, "[192.0.2.1]"),
            ("", v4, "[192.0.2.1]"),
            ("vm", v6, "[IPv6:2001:db8::1]"),
            ("vm", "::ffff:192.0.2.1".parse().unwrap(), "[192.0.2.1]"),
            ("lab_status_1.example.org", v4, "[192.0.2.1]"),
            ("a..org", v4, "[192.0.2.1]"),
            ("-a.org", v4, "[192.0.2.1]"),
            ("10.0.0.7", v4, "[192.0.2.1]"),
            ("ä.org", v4, "[192.0.2.1]"),
        ] {
            assert_eq!(HeloName::by_default(host, local).as_str(), said, "{host:?}");
        }
    }

    #[test]
    fn only_what_may_be_said_can_be_set() {
        for good in ["status.example.org", "vm", "[192.0.2.1]", "[IPv6:2001:db8::1]", "[ipv6:::1]", "a-1.b"] {
            assert_eq!(HeloName::parse(good).unwrap().as_str(), good);
        }
        let long = "a.".repeat(130) + "org";
        for bad in
            ["lab_status_1", "a b", "192.0.2.1", "[::1]", "[a.org]", "", ".", "a.", "a\r\nb", "ä.org", &long]
        {
            assert!(HeloName::parse(bad).unwrap_err().contains("a domain"), "{bad:?}");
        }
    }
}
