//! What somebody probably meant who wrote something else.

use toml::de::{DeTable, DeValue};

/// What stands at the top of a file.
const TOP: [&str; 8] = ["name", "about", "seed", "lasts", "lab", "settings", "steps", "expect"];

/// The candidate that differs from `word` in a few letters at most, if there is one.
pub(super) fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let near = candidates.into_iter().map(|one| (strsim::damerau_levenshtein(&lower, one), one));
    near.min().filter(|(distance, one)| *distance <= 1 + one.chars().count() / 4).map(|(_, one)| one)
}

/// `did you mean "silence"?`, or else what is said in its place.
pub(super) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    or_else: &str,
) -> String {
    closest(word, candidates).map_or_else(|| or_else.to_owned(), |one| format!("did you mean {one:?}?"))
}

/// What TOML's reader says, with what was probably meant where it does not know a field.
pub(super) fn explained(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    if let (true, Some(word)) = (message.starts_with("unknown field "), quoted.next())
        && let Some(meant) = closest(word, quoted)
    {
        return format!("{word}: is no field here; did you mean {meant:?}?");
    }
    message.to_owned()
}

/// A field of the file's top that stands below a line in brackets, and is part of that for TOML.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misplaced {
    /// Where it stands.
    pub(super) at: usize,
    /// What is wrong.
    pub(super) problem: String,
}

/// The first field of the file's top that TOML takes for a part of a table above it.
pub(super) fn misplaced(text: &str) -> Option<Misplaced> {
    let file = DeTable::parse(text).ok()?;
    let mut found = Vec::new();
    for value in file.get_ref().values() {
        inside(value.get_ref(), &mut found);
    }
    let of_line = found.into_iter().filter(|(at, _)| starts_line(text, *at)).min()?;
    let (at, name) = of_line;
    let (line, header) = header_above(text, at)?;
    let problem = format!(
        "{name}: it stands below {header} (line {line}), so it is a part of that in TOML; move it above \
         line {line}, since lines in brackets come last"
    );
    Some(Misplaced { at, problem })
}

/// Takes down each key in a table, and in those in it, that belongs at the top.
fn inside(value: &DeValue<'_>, found: &mut Vec<(usize, String)>) {
    match value {
        DeValue::Table(table) => {
            for (key, value) in table {
                if TOP.contains(&key.get_ref().as_ref()) {
                    found.push((key.span().start, key.get_ref().to_string()));
                } else {
                    inside(value.get_ref(), found);
                }
            }
        }
        DeValue::Array(values) => values.iter().for_each(|value| inside(value.get_ref(), found)),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => {}
    }
}

fn starts_line(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    before.rsplit('\n').next().unwrap_or_default().trim().is_empty()
}

/// The last line in brackets before a place: its number, and what stands in the brackets, with them.
fn header_above(text: &str, at: usize) -> Option<(usize, &str)> {
    let lines = text.get(..at)?.lines().enumerate();
    let headers = lines.filter_map(|(i, line)| {
        let line = line.split('#').next().unwrap_or_default().trim();
        (line.starts_with('[') && line.ends_with(']')).then_some((i + 1, line))
    });
    headers.last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_proposed_and_what_is_far_is_not() {
        let verbs = super::super::words::VERBS;
        let meant = |word| closest(word, verbs.iter().copied());
        for (word, verb) in [
            ("slience", "silence"),
            ("silent", "silence"),
            ("Kill", "kill"),
            ("disconect", "disconnect"),
            ("lose-jump", "lose_jump"),
        ] {
            assert_eq!(meant(word), Some(verb), "{word}");
        }
        for word in ["explode", "", "video"] {
            assert_eq!(meant(word), None, "{word}");
        }
    }

    #[test]
    fn a_field_of_the_top_below_brackets_is_found() {
        for (text, line) in [
            ("name = \"x\"\n[settings]\nhealth_last = \"1s\"\n\nsteps = []\n", 2),
            ("[lab.also.spin30] # one\nstreams = []\nlasts = \"5m\"\n", 1),
            ("[[steps]]\nat = \"1m\"\n[[steps]]\nat = \"2m\"\nexpect = []\n", 3),
        ] {
            let found = misplaced(text).unwrap();
            assert!(found.problem.contains(&format!("(line {line})")), "{}", found.problem);
        }
        for text in
            ["name = \"x\"\nlab = { seed = 3 }\n", "steps = []\n[settings]\nhealth_last = \"1s\"\n", "["]
        {
            assert_eq!(misplaced(text), None, "{text}");
        }
    }
}
