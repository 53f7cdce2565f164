//! Figures of this process.

use std::fs;

/// What Linux tells about this process. Other systems tell nothing here.
#[derive(Debug, Default)]
pub(crate) struct Process {
    /// `/proc/self/status`: a name and a value a line.
    pub(crate) status: String,
    /// `/proc/self/stat`: figures in a row.
    pub(crate) stat: String,
    /// `/proc/uptime`: how many seconds the machine has been running.
    pub(crate) uptime: String,
    pub(crate) open_files: Option<usize>,
}

impl Process {
    /// Linux counts times in hundredths of a second here, on every machine.
    const TICKS_PER_SECOND: f64 = 100.0;

    pub(crate) fn read() -> Self {
        let text = |path| fs::read_to_string(path).unwrap_or_default();
        Self {
            status: text("/proc/self/status"),
            stat: text("/proc/self/stat"),
            uptime: text("/proc/uptime"),
            // Reading the folder takes one, too.
            open_files: fs::read_dir("/proc/self/fd").ok().map(|files| files.count().saturating_sub(1)),
        }
    }

    pub(crate) fn status(&self, name: &str) -> Option<&str> {
        let mut lines = self.status.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value.trim())
    }

    /// A figure of `stat`, in seconds; they are counted from 1 on, as in its manual.
    fn stat(&self, number: usize) -> Option<f64> {
        // The second is the program's name in parentheses, which may hold anything.
        let (_, figures) = self.stat.rsplit_once(") ")?;
        let figure: f64 = figures.split(' ').nth(number.checked_sub(3)?)?.parse().ok()?;
        Some(figure / Self::TICKS_PER_SECOND)
    }

    pub(crate) fn processor_seconds(&self) -> Option<f64> {
        let (user, system) = (self.stat(14)?, self.stat(15)?);
        Some(user + system)
    }

    /// How much memory it holds, in bytes.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        let kilobytes = self.status("VmRSS")?.strip_suffix(" kB")?;
        kilobytes.trim().parse::<u64>().ok()?.checked_mul(1024)
    }

    /// How long it has been running.
    pub(crate) fn seconds(&self) -> Option<f64> {
        let machine: f64 = self.uptime.split(' ').next()?.parse().ok()?;
        Some((machine - self.stat(22)?).max(0.0))
    }
}
