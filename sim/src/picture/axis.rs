//! Which marks share a label.

use super::lane::Scale;

/// Marks that are too close to each other for a label of their own.
#[derive(Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The column of the first.
    pub column: u64,
    /// Such as `4` or `4–7`.
    pub label: String,
    /// Of each, its number, counted from 0.
    pub members: std::ops::Range<usize>,
}

/// How wide a label is, with the space around it.
#[must_use]
pub fn label_width(label: &str) -> u64 {
    label.chars().count() as u64 * 7 + 8
}

/// Groups marks so that no two labels overlap.
pub fn clusters(times: &[u64], scale: Scale, name: impl Fn(usize) -> String) -> Vec<Cluster> {
    let mut clusters: Vec<Cluster> = Vec::new();
    for (i, millis) in times.iter().enumerate() {
        let column = scale.column(*millis);
        match clusters.last_mut() {
            Some(last) if column < last.column + label_width(&last.label) + 2 => {
                last.members.end = i + 1;
                last.label = format!("{}–{}", name(last.members.start), name(i));
            }
            Some(_) | None => clusters.push(Cluster { column, label: name(i), members: i..i + 1 }),
        }
    }
    clusters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_overlap() {
        let scale = Scale { end: 1_000, columns: 1_000 };
        let found = clusters(&[0, 5, 10, 500, 995, 999], scale, |i| (i + 1).to_string());
        let labels: Vec<&str> = found.iter().map(|cluster| cluster.label.as_str()).collect();
        assert_eq!(labels, ["1–3", "4", "5–6"]);
        let every: Vec<u64> = (0..1_000).collect();
        let found = clusters(&every, scale, |i| (i + 1).to_string());
        let apart = |pair: &[Cluster]| pair[1].column >= pair[0].column + label_width(&pair[0].label);
        assert!(found.windows(2).all(apart), "{found:?}");
    }
}
