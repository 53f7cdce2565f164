//! The figures as text, in the dialect that was asked for.

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

/// How figures are written. Both say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// What every reader of such figures understands.
    Prometheus,
    /// What newer ones prefer.
    OpenMetrics,
}

impl Dialect {
    /// The one that a client's `Accept` asks for.
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// Its name in a `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

pub(super) fn write(registry: &Registry, dialect: Dialect) -> String {
    let mut text = String::new();
    encode(&mut text, registry).expect("writing to a string cannot fail");
    match dialect {
        Dialect::OpenMetrics => text,
        Dialect::Prometheus => older(&text),
    }
}

/// The older dialect names a counter, where it is described, as where its value stands.
fn older(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let is_counter = |name: &str| lines.contains(&format!("# TYPE {name} counter").as_str());
    let mut older = String::with_capacity(text.len());
    for line in lines.iter().filter(|line| **line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what @ ("HELP" | "TYPE")), Some(name), Some(rest)) if is_counter(name) => {
                older.push_str(&format!("# {what} {name}_total {rest}\n"));
            }
            _ => {
                older.push_str(line);
                older.push('\n');
            }
        }
    }
    older
}
