//! `STATUS_EMAIL_LINK` as the address of a web page, and the addresses of experiments' pages made of it.

use alloc::format;
use alloc::string::{String, ToString};

use crate::protocol::ExperimentName;

/// The address of the status page, if the operator's text is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The whole address.
    page: String,
    /// The same up to the path: what comes behind it is the page of one experiment.
    path: String,
}

impl Link {
    /// Reads the text. One without a scheme is meant for `https`; any other scheme than `http` and `https`, and what no
    /// browser would take for one address, is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => ("https", rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => ("http", rest),
            Some((scheme, _)) if scheme.chars().all(is_of_scheme) => return None,
            Some(_) | None => ("https", text),
        };
        let path_from = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, behind) = rest.split_at(path_from);
        if !is_authority(authority) || !behind.chars().all(is_of_path) {
            return None;
        }
        let path = &behind[..behind.find(['?', '#']).unwrap_or(behind.len())];
        let path = if path.is_empty() { "/" } else { path };
        let page = format!("{scheme}://{rest}");
        Some(Self { page, path: format!("{scheme}://{authority}{path}") })
    }

    /// The address of the status page.
    pub(super) fn page(&self) -> &str {
        &self.page
    }

    /// The address of an experiment's page.
    pub(super) fn experiment(&self, name: &ExperimentName) -> String {
        format!("{}?experiment={}", self.path, percent_encoded(name.as_str()))
    }

    /// Where an experiment's problem can be acknowledged.
    pub(super) fn acknowledge(&self, name: &ExperimentName) -> String {
        format!("{}#acknowledge", self.experiment(name))
    }
}

fn is_of_scheme(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+.-".contains(c)
}

/// A host, and perhaps a port. A name or a password in front of it is what a trap looks like.
fn is_authority(text: &str) -> bool {
    let is_of_name = |c: char| c.is_alphanumeric() || "-._".contains(c);
    let is_of_address = |c: char| c.is_ascii_hexdigit() || ":.".contains(c);
    let (is_host, behind) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((address, behind)) => (!address.is_empty() && address.chars().all(is_of_address), behind),
        None => {
            let (name, behind) = text.split_at(text.find(':').unwrap_or(text.len()));
            (name.chars().next().is_some_and(char::is_alphanumeric) && name.chars().all(is_of_name), behind)
        }
    };
    let is_port =
        |port: &str| port.parse::<u16>().is_ok() && port.bytes().all(|digit| digit.is_ascii_digit());
    is_host && (behind.is_empty() || behind.strip_prefix(':').is_some_and(is_port))
}

fn is_of_path(c: char) -> bool {
    let is_plain = c.is_ascii_graphic() && !"\"'<>\\^`{|}".contains(c);
    is_plain || (!c.is_ascii() && c.is_alphanumeric())
}

fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(encoded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_scheme_is_meant_for_https() {
        for (text, page) in [
            ("lab.example.org/status", "https://lab.example.org/status"),
            ("lab.example.org", "https://lab.example.org"),
            ("localhost:3007", "https://localhost:3007"),
            ("http://192.0.2.1:3007/", "http://192.0.2.1:3007/"),
            ("[2001:db8::1]:80/x", "https://[2001:db8::1]:80/x"),
            (
                "HTTPS://lab.example.org/a?q=pend&show=out#top",
                "https://lab.example.org/a?q=pend&show=out#top",
            ),
            ("lab.example.org/?next=http://b.org", "https://lab.example.org/?next=http://b.org"),
            ("prüfstände.example.org/größe", "https://prüfstände.example.org/größe"),
        ] {
            assert_eq!(Link::parse(text).as_ref().map(Link::page), Some(page), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_makes_no_links() {
        for text in [
            "",
            "see the board in room 3",
            "javascript:alert(1)",
            "javascript://lab.example.org/%0Aalert(1)",
            "data:text/html,x",
            "ftp://lab.example.org",
            "mailto:alice@example.org",
            "https://",
            "//lab.example.org",
            "/status",
            "https://alice@lab.example.org",
            "https://lab.example.org:99999/",
            "https://lab.example.org:+80/",
            "lab.example.org/\"onclick=x",
            "lab.example.org/'x",
            "lab.example.org/<b>",
            "lab.example.org/a\\b",
            "lab.example.org/a\u{202E}b",
            "lab.example.org/a\nb",
            "[::1",
            "[]",
        ] {
            assert_eq!(Link::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_page_is_the_query_behind_the_path() {
        let of = |link: &str, name: &str| Link::parse(link).unwrap().experiment(&name.into());
        assert_eq!(
            of("lab.example.org/status", "pend00"),
            "https://lab.example.org/status?experiment=pend00"
        );
        assert_eq!(of("lab.example.org?show=out#x", "a"), "https://lab.example.org/?experiment=a");
        let odd = of("http://lab/", "a b/\"<&?#%+ü");
        assert_eq!(odd, "http://lab/?experiment=a%20b%2F%22%3C%26%3F%23%25%2B%C3%BC");
        let acknowledge = Link::parse("lab").unwrap().acknowledge(&"p".into());
        assert_eq!(acknowledge, "https://lab/?experiment=p#acknowledge");
    }
}
