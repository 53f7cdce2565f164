//! What to log, how, and where.

use std::path::PathBuf;

/// What to log, and where: `STATUS_LOG_*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Lines of our own below this level are not written.
    pub level: tracing::Level,
    /// How a line looks.
    pub format: LogFormat,
    /// Where the lines go.
    pub target: LogTarget,
    /// How large a file grows before the next is begun, in bytes.
    pub max_size: u64,
    /// How many full files are kept besides the one that is written.
    pub keep: u32,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// For reading.
    Text,
}

/// Where the log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// To the standard output.
    Stdout,
    /// To the standard error.
    Stderr,
    /// To this file, and when it is full, to the next.
    File(PathBuf),
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            level: tracing::Level::WARN,
            format: LogFormat::Json,
            target: LogTarget::File(PathBuf::from("/var/log/status/status.log")),
            max_size: 100_000_000,
            keep: 5,
        }
    }
}
