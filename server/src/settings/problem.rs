//! What is wrong with a setting, in words that help to correct it.

use std::fmt;
use std::path::PathBuf;

/// Longer values are cut when they are shown.
const SHOWN_CHARS: usize = 80;

/// A variable with a value that can't be used, or without one that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its name, such as `STATUS_HEALTH_LAST`.
    pub variable: String,
    /// What is the matter with it.
    pub fault: Fault,
    /// What is expected, and perhaps what to write.
    pub expected: String,
}

/// What is the matter with a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It isn't set, or it is empty.
    Missing,
    /// It has this value.
    Bad(String),
    /// It has a value that must not be shown.
    BadSecret,
    /// Its value is to come from this file, and can't.
    File {
        /// Which file.
        path: PathBuf,
        /// Why not: `is empty`, for instance.
        why: String,
    },
    /// It is set, and so is its variable with `_FILE` at the end.
    Both,
}

/// Something that doesn't stop the start but that the operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The variable's name.
    pub variable: String,
    /// What about it.
    pub text: String,
}

/// Everything that is wrong, and the warnings with it, as a misspelt variable is a likely cause of
/// a missing one. It prints as several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// What is wrong, at least one.
    pub problems: Vec<Problem>,
    /// What else was found.
    pub warnings: Vec<Warning>,
}

impl Fault {
    /// A value that may be shown, except for a login in it, as in `https://user:password@host`.
    pub(super) fn bad(value: &str) -> Self {
        if value.to_ascii_lowercase().contains("password=") {
            return Self::BadSecret;
        }
        let (scheme, rest) = value.split_once("://").map_or(("", value), |(scheme, rest)| (scheme, rest));
        match rest.rsplit_once('@') {
            Some((_, host)) if !scheme.is_empty() => Self::Bad(format!("{scheme}://…@{host}")),
            Some((login, host)) if login.contains(':') => Self::Bad(format!("…@{host}")),
            _ => Self::Bad(value.to_owned()),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variable, fault, expected } = self;
        match fault {
            Fault::Missing => write!(f, "{variable} is not set: expected {expected}"),
            Fault::Bad(value) => write!(f, "{variable} is {}: expected {expected}", Shown(value)),
            Fault::BadSecret => write!(f, "{variable} has a value that can't be used: expected {expected}"),
            Fault::File { path, why } => {
                let path = path.to_string_lossy();
                write!(f, "{variable}: the file {} {why}: expected {expected}", Shown(&path))
            }
            Fault::Both => write!(f, "{variable} and {variable}_FILE are both set: expected {expected}"),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.variable, self.text)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => f.write_str("1 setting is wrong:")?,
            n => write!(f, "{n} settings are wrong:")?,
        }
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        for warning in &self.warnings {
            write!(f, "\n  (warning) {warning}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A value in quotes, on one line, and cut if it is long.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars().take(SHOWN_CHARS) {
            write!(f, "{}", c.escape_debug())?;
        }
        f.write_str(if self.0.chars().nth(SHOWN_CHARS).is_some() { "…\"" } else { "\"" })
    }
}
