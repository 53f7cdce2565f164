//! Which experiments belong together.

/// The group of an experiment: its name up to its digits, so that `pend00` and `pend01` are both of `pend`. A name without
/// digits, or that begins with them, is a group of its own.
#[must_use]
pub fn group_of(name: &str) -> &str {
    let kind = name.split(|letter: char| letter.is_ascii_digit()).next().unwrap_or_default();
    match kind.trim_end_matches(['-', '_', '.', ' ']) {
        "" => name,
        kind => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_what_stands_before_the_digits() {
        let groups = ["pend00", "spin-12a", "two_axis3x4", "gantry", "7up", "", "-1"].map(group_of);
        assert_eq!(groups, ["pend", "spin", "two_axis", "gantry", "7up", "", "-1"]);
    }
}
