//! Colours on a terminal, where they are wanted.

use std::fmt::Display;
use std::io::{self, IsTerminal};

use super::args::Color;

/// What a text is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something is well.
    Good,
    /// Something is wrong.
    Bad,
    /// Something is worth a look.
    Note,
}

/// Puts colours around texts, or leaves them as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint(bool);

impl Paint {
    /// Never colours anything.
    pub const PLAIN: Self = Self(false);

    /// What was chosen, for the standard output of this process.
    #[must_use]
    pub fn of(color: Color) -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self(match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb,
        })
    }

    /// A text in the colour of its tone.
    #[must_use]
    pub fn text(self, tone: Tone, text: impl Display) -> String {
        let color = match tone {
            Tone::Good => 32,
            Tone::Bad => 31,
            Tone::Note => 33,
        };
        if self.0 { format!("\u{1b}[{color}m{text}\u{1b}[0m") } else { text.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_a_colour_only_where_that_is_wanted() {
        assert_eq!(Paint::of(Color::Always).text(Tone::Bad, "x"), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(Paint::of(Color::Never).text(Tone::Good, "x"), "x");
        assert_eq!(Paint::PLAIN.text(Tone::Note, "x"), "x");
    }
}
