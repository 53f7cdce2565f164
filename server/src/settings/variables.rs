//! Which variables there are, and what each holds as text.

use std::collections::BTreeMap;
use std::ffi::OsString;

use serde::Deserialize;
use strsim::levenshtein;

use super::problem::{Fault, Problem, Warning};

/// What every variable's name begins with.
const PREFIX: &str = "STATUS_";

/// What was found wrong so far, and what else is worth telling.
#[derive(Default)]
pub(super) struct Found {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Warning>,
}

/// One variable: its name, and what it holds if it holds anything.
pub(super) struct Variable {
    field: &'static str,
    value: Option<String>,
    /// Whether the value is the content of a file, where quotes are part of it.
    from_file: bool,
}

/// Declares each variable once: as a text that envy fills in, and as a [`Variable`] that knows its name.
macro_rules! variables {
    ($($field:ident)*) => {
        #[derive(Deserialize)]
        struct Texts {
            $($field: Option<String>,)*
        }

        /// All variables that there are.
        pub(super) struct Variables {
            $(pub(super) $field: Variable,)*
        }

        impl From<Texts> for Variables {
            fn from(texts: Texts) -> Self {
                Self { $($field: Variable {
                    field: stringify!($field),
                    value: texts.$field,
                    from_file: false,
                },)* }
            }
        }

        const FIELDS: &[&str] = &[$(stringify!($field)),*];
    };
}

variables! {
    address_serve
    basepath_book basepath_jump basepath_relay
    book_override
    cors
    email_auth_type email_cc email_every email_format email_from email_helo email_host email_link email_password
    email_password_file email_port email_remind_every email_subject email_tls email_to email_user email_wait
    flap_after flap_booking flap_calm flap_within
    forget_after
    groups
    health_events health_last health_last_active health_last_checked health_log_every health_startup
    history_keep
    host_book host_jump host_relay
    instance
    log_file log_format log_keep log_level log_max_size
    max_experiments metrics_experiments
    mode
    name
    port_profile port_serve
    profile
    query_book_every
    reconnect_jump_every reconnect_relay_every
    scheme_book scheme_jump scheme_relay
    secret_admin secret_admin_file secret_book secret_book_file secret_jump secret_jump_file secret_relay secret_relay_file
    store store_max_size store_password store_password_file
    timeout_book
    timezone
    verify_book_every
}

/// The names of all variables.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = String> {
    FIELDS.iter().map(|field| format!("{PREFIX}{}", field.to_uppercase()))
}

impl Variables {
    /// Picks ours out of the environment, and tells of those that can't be read or that nobody reads.
    pub(super) fn sort(vars: impl IntoIterator<Item = (OsString, OsString)>) -> (Self, Found) {
        let mut found = Found::default();
        let mut known = BTreeMap::new();
        for (name, value) in vars.into_iter().filter_map(|(name, value)| found.pick(&name, value)) {
            // An environment can hold a name twice. The first is the one that others would read.
            known.entry(name).or_insert(value);
        }
        let texts = envy::prefixed(PREFIX)
            .from_iter::<_, Texts>(known)
            .expect("every field is optional text, and every name is there once");
        (texts.into(), found)
    }
}

impl Found {
    /// The variable as text, if it is one of ours and holds anything.
    fn pick(&mut self, name: &OsString, value: OsString) -> Option<(String, String)> {
        let name = name.to_string_lossy();
        let rest = name.strip_prefix(PREFIX)?;
        if !FIELDS.iter().any(|field| field.to_uppercase() == rest) {
            self.warnings.push(unknown(&name, rest));
            return None;
        }
        match value.into_string() {
            Ok(value) => Some((name.into_owned(), value)),
            Err(value) => {
                let fault =
                    if holds_secret(rest) { Fault::BadSecret } else { Fault::bad(&value.to_string_lossy()) };
                let expected = String::from("text in UTF-8");
                self.problems.push(Problem { variable: name.into_owned(), fault, expected });
                None
            }
        }
    }
}

impl Variable {
    /// Its name in the environment.
    pub(super) fn name(&self) -> String {
        format!("{PREFIX}{}", self.field.to_uppercase())
    }

    /// What it holds, without blanks and quotes around it; `None` if that is nothing.
    pub(super) fn text(&self) -> Option<&str> {
        let text = unquoted(self.value.as_deref()?.trim()).trim();
        (!text.is_empty()).then_some(text)
    }

    /// What it holds, for secrets: without quotes around it, but with the blanks, which may belong to it.
    pub(super) fn secret(&self) -> Option<&str> {
        let value = self.value.as_deref()?;
        let inner = unquoted(value.trim());
        let is_quoted = inner.len() < value.trim().len() && !self.from_file;
        let secret = if is_quoted { inner } else { value };
        (!secret.trim().is_empty()).then_some(secret)
    }

    /// Gives it what a file holds, to the letter.
    pub(super) fn fill(&mut self, content: String) {
        self.value = Some(content);
        self.from_file = true;
    }

    /// Whether its value must never be shown.
    pub(super) fn is_secret(&self) -> bool {
        holds_secret(&self.field.to_uppercase())
    }
}

fn holds_secret(upper: &str) -> bool {
    // Where a path belongs, somebody may have written the secret.
    let upper = upper.strip_suffix("_FILE").unwrap_or(upper);
    upper.starts_with("SECRET_") || upper.ends_with("_PASSWORD")
}

/// Takes off the quotes that some readers of environment files leave around a value.
fn unquoted(text: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
        if let Some(inner) = inner.filter(|inner| !inner.contains(quote)) {
            return inner;
        }
    }
    text
}

/// Never shows the value: what is misspelt may be a secret's name.
fn unknown(name: &str, rest: &str) -> Warning {
    let rest = rest.to_uppercase();
    let closest = FIELDS
        .iter()
        .map(|field| field.to_uppercase())
        .map(|field| (levenshtein(&field, &rest), field))
        .min()
        .filter(|(distance, field)| *distance <= 1 + field.len() / 8);
    let text = match closest {
        Some((_, field)) => format!("is no setting, and is ignored: did you mean {PREFIX}{field}?"),
        None => String::from("is no setting, and is ignored"),
    };
    Warning { variable: name.escape_debug().to_string(), text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_single_letters() {
        assert_eq!(levenshtein("", ""), 0);
        assert_eq!(levenshtein("", "abc"), 3);
        assert_eq!(levenshtein("abc", ""), 3);
        assert_eq!(levenshtein("kitten", "sitting"), 3);
        assert_eq!(levenshtein("HEALTH_LAST", "HEALTH_LST"), 1);
    }

    #[test]
    fn only_a_pair_of_quotes_is_taken_off() {
        assert_eq!(unquoted("\"a\""), "a");
        assert_eq!(unquoted("'a'"), "a");
        assert_eq!(unquoted("\"\""), "");
        for kept in ["\"", "\"a", "a\"", "\"a'", "\"a\" \"b\"", ""] {
            assert_eq!(unquoted(kept), kept);
        }
    }
}
