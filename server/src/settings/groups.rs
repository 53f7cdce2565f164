//! How the page groups experiments.

use status_core::Pattern;

use super::parse::Expected;
use crate::view::group::group_of;

/// How many groups can be named.
const MOST: usize = 50;
/// How many patterns a group can have.
const MOST_PATTERNS: usize = 50;
/// How long a group's name can be, in characters.
const NAME_AT_MOST: usize = 60;

/// Groups of experiments, by their names. What none of them holds is grouped by its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups(Vec<Group>);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    name: String,
    patterns: Vec<Pattern>,
}

impl Groups {
    /// Reads `Pendulums=pend*;Spinners=spin*,disc*`.
    pub(super) fn parse(text: &str) -> Result<Self, Expected> {
        let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
        let groups = parts.map(Group::parse).collect::<Result<Vec<_>, _>>()?;
        for (at, group) in groups.iter().enumerate() {
            if groups[..at].iter().any(|other| other.name == group.name) {
                return Err(expected(&format!("{:?} is there twice", group.name)));
            }
        }
        if groups.len() > MOST {
            return Err(expected(&format!("at most {MOST} groups")));
        }
        Ok(Self(groups))
    }

    /// The group of an experiment: the first with a pattern that stands for it, else its kind, which is its name up to the first
    /// digit, without what only separates the two.
    #[must_use]
    pub fn of<'a>(&'a self, experiment: &'a str) -> &'a str {
        let named = self.0.iter().find(|group| group.patterns.iter().any(|one| one.matches(experiment)));
        named.map_or_else(|| group_of(experiment), |group| &group.name)
    }

    /// Whether a group of this name was chosen.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|group| group.name == name)
    }
}

impl Group {
    fn parse(text: &str) -> Result<Self, Expected> {
        let Some((name, patterns)) = text.split_once('=') else {
            return Err(expected(&format!("{text:?} has no =")));
        };
        let name = name.trim();
        if name.is_empty() || name.chars().count() > NAME_AT_MOST || name.chars().any(char::is_control) {
            return Err(expected(&format!("a name has 1 to {NAME_AT_MOST} characters")));
        }
        let parts = patterns.split(',').map(str::trim).filter(|part| !part.is_empty());
        let parse = |part| Pattern::parse(part).map_err(expected);
        let patterns = parts.map(parse).collect::<Result<Vec<_>, _>>()?;
        if let Some(service) = patterns.iter().find_map(Pattern::service) {
            return Err(expected(&format!("@{service} is a service, and no experiment")));
        }
        if patterns.is_empty() || patterns.len() > MOST_PATTERNS {
            return Err(expected(&format!("a group has 1 to {MOST_PATTERNS} patterns")));
        }
        Ok(Self { name: name.to_owned(), patterns })
    }
}

fn expected(problem: &str) -> Expected {
    format!(
        "groups such as Pendulums=pend*;Spinners=spin*,disc*, where * stands for any characters: {problem}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_the_first_that_fits_or_else_the_kind() {
        let groups = Groups::parse(" Pendulums = pend*, swing? ;Spinners=spin*;All the rest=disc*;").unwrap();
        for (name, group) in [
            ("pend00", "Pendulums"),
            ("swing1", "Pendulums"),
            ("swing11", "swing"),
            ("spin-3", "Spinners"),
            ("disc", "All the rest"),
            ("truss-01-a2", "truss"),
            ("truss", "truss"),
            ("00", "00"),
            ("7-up", "7-up"),
            ("", ""),
        ] {
            assert_eq!(groups.of(name), group, "{name}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        let told = |text: &str| Groups::parse(text).unwrap_err();
        assert!(told("pend*").ends_with("\"pend*\" has no ="));
        assert!(told("=pend*").ends_with("a name has 1 to 60 characters"));
        assert!(told("A=").ends_with("a group has 1 to 50 patterns"));
        assert!(told("A=@relay").ends_with("@relay is a service, and no experiment"));
        assert!(told("A=a*;A=b*").ends_with("\"A\" is there twice"));
        let many: Vec<String> = (0..51).map(|n| format!("{n}=x")).collect();
        assert!(told(&many.join(";")).ends_with("at most 50 groups"));
    }
}
