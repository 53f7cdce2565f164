//! What things are called.

use core::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(SmolStr);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(SmolStr::new(text))
            }
        }

        impl core::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// An experiment's name: its topic stub, such as `pend00`.
    ExperimentName
);
name!(
    /// A topic of relay or jump, such as `pend00-st-video` (relay) or `pend00` (jump).
    Topic
);
name!(
    /// The name of a bookable resource, such as `r-pend00`.
    ResourceName
);

impl Topic {
    /// The topic of a resource's required stream: `pend00` and `st-video` make `pend00-st-video`.
    #[must_use]
    pub fn of_required(stub: &ExperimentName, stream: &str) -> Self {
        Self(smol_str::format_smolstr!("{stub}-{stream}"))
    }

    /// The experiment and the stream that a topic names, if it names a stream.
    ///
    /// It splits at the last `-st-` that has text on both sides starting with a letter or digit.
    ///
    /// ```
    /// # use status_core::Topic;
    /// assert_eq!(Topic::from("pend00-st-video").split(), Some(("pend00", "video")));
    /// assert_eq!(Topic::from("a-st-b-st-c").split(), Some(("a-st-b", "c")));
    /// assert_eq!(Topic::from("stats").split(), None);
    /// ```
    #[must_use]
    pub fn split(&self) -> Option<(&str, &str)> {
        const MARK: &str = "-st-";
        let text = self.as_str();
        let starts_well = |part: &str| part.chars().next().is_some_and(char::is_alphanumeric);
        let mut end = text.len();
        // Marks may overlap (`-st-st-`), so the search goes on one character before the last find.
        while let Some(at) = text[..end].rfind(MARK) {
            let (stub, stream) = (&text[..at], &text[at + MARK.len()..]);
            if starts_well(stub) && starts_well(stream) {
                return Some((stub, stream));
            }
            end = at + MARK.len() - 1;
        }
        None
    }
}

/// One of the two services that push snapshots of what is connected to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Feed {
    /// Carries the experiments' streams.
    Relay,
    /// Carries the maintainers' ssh.
    Jump,
}

impl Feed {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::Relay, Self::Jump];

    /// The scope that makes a connection count: others are people who watch, or clients.
    #[must_use]
    pub const fn counting_scope(self) -> &'static str {
        match self {
            Self::Relay => "expt",
            Self::Jump => "host",
        }
    }

    /// The name that people know it by.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Jump => "jump",
        }
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_split_at_the_last_mark_with_text_on_both_sides() {
        let split = |text: &str| Topic::from(text).split().map(|(a, b)| (a.len(), b.len()));
        assert_eq!(split("pend00-st-video"), Some((6, 5)));
        assert_eq!(split("a-st-b-st-c"), Some((6, 1)));
        assert_eq!(split("a-st-st-b"), Some((4, 1)));
        assert_eq!(split("a-st-b-st-"), Some((1, 5)), "the last mark has no text behind it");
        assert_eq!(split("a-st-b-st--c"), Some((1, 7)), "text behind starts with a dash");
        assert_eq!(split("a-st-st-"), Some((1, 3)), "the marks overlap, and the last has no text behind it");
        for no_stream in ["", "stats", "pend00", "-st-", "-st-b", "a-st-", "--st-b", "a-st-_b", "a-ST-b"] {
            assert_eq!(split(no_stream), None, "{no_stream}");
        }
        assert_eq!(split("ä-st-ö"), Some((2, 2)));
    }
}
