//! Experiments of one kind together.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use status_core::ExperimentName;

use super::rows::Row;
use crate::settings::Groups;
use crate::view::standing::Health;

/// More groups are no help: the smallest of them are one.
const MOST: usize = 30;
/// As many experiments as this are shown without folding what is well.
const UNFOLDED: usize = 60;
/// What belongs to no other group.
const OTHERS: &str = "others";

/// A group of experiments.
pub(super) struct Group {
    pub(super) name: String,
    /// How they are, by numbers.
    pub(super) counts: String,
    /// Whether it is shown unfolded at first.
    pub(super) is_open: bool,
    pub(super) rows: Vec<Row>,
}

/// Divides rows into groups, each where its first row was. A kind that has only one of all experiments is no group.
pub(super) fn of(rows: Vec<Row>, names: &Groups, experiments: &[ExperimentName]) -> Vec<Group> {
    let all = rows.len();
    let large = large(experiments, names);
    let mut groups: Vec<Group> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        let name = names.of(&row.name);
        let name = if large.contains(name) { name } else { OTHERS }.to_owned();
        let at = *places.entry(name).or_insert_with_key(|name| {
            groups.push(Group {
                name: name.clone(),
                counts: String::new(),
                is_open: false,
                rows: Vec::new(),
            });
            groups.len() - 1
        });
        groups[at].rows.push(row);
    }
    let is_only = groups.len() == 1;
    for group in &mut groups {
        group.counts = counts(&group.rows);
        group.is_open = is_only || all <= UNFOLDED || group.rows.iter().any(Row::is_problem);
    }
    groups
}

/// The names of those that are groups of their own, whatever is searched for.
fn large(experiments: &[ExperimentName], names: &Groups) -> BTreeSet<String> {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for experiment in experiments {
        *sizes.entry(names.of(experiment.as_str())).or_default() += 1;
    }
    let kinds = sizes.len();
    let mut sizes: Vec<(&str, usize)> = sizes.into_iter().collect();
    sizes.retain(|(name, size)| *size > 1 || names.has(name) || kinds == 1);
    sizes.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    sizes.truncate(MOST);
    sizes.into_iter().map(|(name, _)| name.to_owned()).collect()
}

/// `62: 2 unhealthy, 1 not bookable, 60 healthy`.
fn counts(rows: &[Row]) -> String {
    let count = |is: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| is(row)).count();
    let parts = [
        (count(&|row| row.health == Health::Unhealthy), "unhealthy"),
        (count(&|row| !row.bookable), "not bookable"),
        (count(&|row| row.health == Health::Undecided), "undecided"),
        (count(&|row| row.health == Health::Healthy), "healthy"),
    ];
    let mut text = format!("{}:", rows.len());
    for (at, (count, words)) in parts.into_iter().filter(|(count, _)| *count > 0).enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{} {count} {words}", if at == 0 { "" } else { "," });
    }
    text
}
