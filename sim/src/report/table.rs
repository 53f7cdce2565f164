//! Several runs side by side: what maintainers weigh against each other when they choose limits.

use std::time::Duration;

use super::words;
use crate::Figures;
use crate::span::span;

/// One run of several that are compared.
#[derive(Clone, Debug)]
pub struct Variant {
    /// What is special about it, such as `health_last=30s`.
    pub name: String,
    /// What it came to.
    pub figures: Figures,
    /// How many promises were broken and expectations not met.
    pub failed: usize,
}

const HEAD: [[&str; 8]; 2] = [
    ["", "", "availability", "time to", "", "minutes wrongly", "minutes wrongly", ""],
    ["variant", "mails", "changes", "detect", "unnoticed", "bookable", "unavailable", "failed"],
];

/// A table with a row for each.
#[must_use]
pub fn table(variants: &[Variant]) -> String {
    let mut rows: Vec<[String; 8]> = HEAD.map(|row| row.map(str::to_owned)).to_vec();
    rows.extend(variants.iter().map(row));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..8).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let mut line = format!("{:1$}", row[0], widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            line.push_str(&format!("  {cell:>width$}"));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn row(variant: &Variant) -> [String; 8] {
    let figures = &variant.figures;
    [
        words::plain(&variant.name),
        figures.mails.to_string(),
        figures.changes.to_string(),
        figures.time_to_detect.map_or_else(|| "-".into(), span),
        figures.unnoticed.to_string(),
        minutes(figures.wrongly_bookable),
        minutes(figures.wrongly_unavailable),
        if variant.failed == 0 { "-".into() } else { variant.failed.to_string() },
    ]
}

fn minutes(span: Duration) -> String {
    format!("{:.1}", span.as_secs_f64() / 60.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_line_up() {
        let figures = Figures {
            mails: 12,
            changes: 1_204,
            time_to_detect: Some(Duration::from_millis(10_855)),
            unnoticed: 3,
            wrongly_bookable: Duration::from_secs(7_530),
            wrongly_unavailable: Duration::ZERO,
        };
        let variants = [
            Variant { name: "health_last=10s".into(), figures, failed: 0 },
            Variant {
                name: "health_last=30s,query_book_every=1m".into(),
                figures: Figures::default(),
                failed: 2,
            },
        ];
        let expected = [
            "                                            availability  time to             minutes wrongly  minutes wrongly",
            "variant                              mails       changes   detect  unnoticed         bookable      unavailable  failed",
            "health_last=10s                         12          1204    10.9s          3            125.5              0.0       -",
            "health_last=30s,query_book_every=1m      0             0        -          0              0.0              0.0       2",
        ];
        assert_eq!(table(&variants).lines().collect::<Vec<_>>(), expected);
    }
}
