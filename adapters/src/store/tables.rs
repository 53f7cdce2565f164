//! What every store holds, whatever it is kept in: tables, their columns, and rows of them.

/// A table of the newest version.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Column)],
    /// The column that the store counts up by itself.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(dead_code, reason = "SQLite goes on from the highest by itself")
    )]
    pub(super) counted: Option<&'static str>,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Number,
    /// Words of others, with whatever is in them.
    Text,
    /// A record, in which no letter is but those that JSON has.
    Json,
    Flag,
}

/// What stands in one column of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Nothing,
    Number(i64),
    Text(String),
    Flag(bool),
}

/// One row, with a value for each column of its table.
pub(super) type Row = Vec<Value>;

/// Every table but for what a store keeps of itself. What refers to nothing comes in any order.
pub(super) const TABLES: [Table; 10] = [
    table(
        "events",
        &[
            ("id", Column::Number),
            ("life", Column::Text),
            ("number", Column::Number),
            ("experiment", Column::Text),
            ("at", Column::Number),
            ("event", Column::Json),
            ("forgotten", Column::Flag),
        ],
        Some("id"),
    ),
    table("experiments", &[("name", Column::Text), ("record", Column::Json)], None),
    table(
        "letters",
        &[("turn", Column::Number), ("id", Column::Text), ("record", Column::Json)],
        Some("turn"),
    ),
    table("records", &[("name", Column::Text), ("record", Column::Json)], None),
    table(
        "mails",
        &[
            ("id", Column::Text),
            ("at", Column::Number),
            ("subject", Column::Text),
            ("trouble", Column::Text),
            ("mentions", Column::Json),
        ],
        None,
    ),
    table("watched", &[("since", Column::Number), ("until", Column::Number)], None),
    table(
        "alerts",
        &[
            ("alert", Column::Text),
            ("began", Column::Number),
            ("ended", Column::Number),
            ("record", Column::Json),
        ],
        None,
    ),
    table("news", &[("number", Column::Number), ("record", Column::Json)], None),
    table(
        "queued_mails",
        &[("turn", Column::Number), ("id", Column::Text), ("record", Column::Json)],
        Some("turn"),
    ),
    table("remarks", &[("id", Column::Number), ("at", Column::Number), ("record", Column::Json)], Some("id")),
];

const fn table(
    name: &'static str,
    columns: &'static [(&'static str, Column)],
    counted: Option<&'static str>,
) -> Table {
    Table { name, columns, counted }
}

impl Table {
    /// The names of its columns, as a statement lists them.
    pub(super) fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}
