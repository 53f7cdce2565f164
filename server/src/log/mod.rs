//! The log: one line for each event, to a file that never fills the disk, or to a stream.
//!
//! Our own lines are written from the chosen level on. Those of the libraries are written only if
//! they are warnings or worse, whatever the level: at finer levels some of them print what they
//! send and receive, and with it tokens, access codes and passwords. Nothing that goes wrong with
//! writing stops the server, makes it wait or makes it panic. No line is longer than what journald and Docker take.

mod file;
mod line;
mod settings;
#[cfg(test)]
mod tests;
mod writer;

use std::io::{self, Write};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use status_adapters::clock::{Clock, SystemClock};
use status_core::Wall;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use file::LogFile;
use line::{LONGEST_LINE, Line};
use writer::{Order, Writer};

pub(crate) use file::{MOST_KEPT, refuse_pipes};
pub use settings::{LogFormat, LogSettings, LogTarget};

/// How long to wait at the end for what is not written yet.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// This process's log.
static LOG: OnceLock<Log> = OnceLock::new();

/// Starts logging, for the whole process. Where the file can't be opened, lines go to the standard
/// error, and the first says so. Panics are logged too.
///
/// # Errors
/// The system has no thread to give, or logging was started before.
pub fn start(settings: &LogSettings) -> Result<(), String> {
    let (output, problem) = Output::open(settings);
    let log = Log::start(settings, output).map_err(|error| format!("cannot start logging: {error}"))?;
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(log.clone()))
        .map_err(|error| format!("cannot start logging: {error}"))?;
    LOG.get_or_init(|| log);
    if let Some(problem) = problem {
        tracing::error!("{problem}; logging to the standard error instead");
    }
    log_panics();
    Ok(())
}

/// Waits until all lines are written, for at most half a second: whoever has stopped reading does
/// not keep the process from ending.
pub fn flush() {
    if let Some(log) = LOG.get() {
        log.writer.flush(LAST_WORDS);
    }
}

/// Writes text where the log goes, as it is, once the log has been started.
#[cfg(feature = "demo")]
pub(crate) fn say(text: &str) {
    if let Some(log) = LOG.get() {
        log.writer.put(format!("{text}\n"));
    }
}

/// Tells whoever started the process, on the standard error. Nobody may be there to read it, so
/// this waits for at most half a second.
pub fn complain(problem: &str) {
    let text = format!("status: {problem}\n");
    let (sender, told) = mpsc::channel();
    let telling = std::thread::Builder::new().spawn(move || {
        to_stream(io::stderr().lock(), &text);
        // Nobody waits for it any more if it took too long.
        let _ = sender.send(());
    });
    if telling.is_ok() {
        let _ = told.recv_timeout(LAST_WORDS);
    }
}

/// Opens the log file anew, as whoever has moved it away asks for. One that could not be opened at the start is
/// tried again. It waits for nothing.
pub fn reopen() {
    if let Some(log) = LOG.get() {
        log.writer.reopen();
    }
}

/// Writes the whole state as lines of JSON, as many as it takes, whatever the level and the format. `parts` gives it in
/// texts of at most so many bytes.
pub fn write_state(parts: impl Fn(usize) -> Vec<String>) {
    match LOG.get() {
        Some(log) => log.state(parts),
        // Somebody else's log, who wants to see it all the same.
        None => parts(LONGEST_LINE).iter().for_each(|part| tracing::info!(state = part, "health")),
    }
}

/// A panic is a mistake of ours: it belongs where the operator looks.
fn log_panics() {
    let earlier = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!("{panic}");
        // It may be the end of the process.
        flush();
        earlier(panic);
    }));
}

/// Turns events into lines and has them written.
#[derive(Clone)]
struct Log {
    level: Level,
    format: LogFormat,
    /// How many bytes a line may have to fit.
    longest_line: usize,
    writer: Writer,
}

impl Log {
    fn start(settings: &LogSettings, mut output: Output) -> io::Result<Self> {
        let LogSettings { level, format, .. } = *settings;
        let longest_line = output.longest_line();
        let lost = move |lines| Line::lost(lines, SystemClock.now().wall).print(format);
        let obey = move |order| match order {
            Order::Write(lines) => lines.split_inclusive('\n').for_each(|line| output.write(line)),
            Order::Reopen => output.reopen(),
        };
        let writer = Writer::start(obey, lost)?;
        Ok(Self { level, format, longest_line, writer })
    }

    /// All parts at once, so that all of them or none is lost where the log is slow.
    fn state(&self, parts: impl Fn(usize) -> Vec<String>) {
        let longest = self.longest_line.min(LONGEST_LINE);
        let parts = parts(longest.saturating_sub(line::AROUND_STATE));
        self.writer.put(line::health(&parts, SystemClock.now().wall));
    }

    fn put(&self, line: String, level: Level, now: Wall) {
        if line.len() > self.longest_line {
            self.writer.put(Line::left_out(line.len(), level, now).print(self.format));
        } else {
            self.writer.put(line);
        }
    }

    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let level = match metadata.target() {
            target if is_ours(target) => self.level,
            _ => self.level.min(Level::WARN),
        };
        *metadata.level() <= level
    }
}

/// Whether one of our own crates says it.
fn is_ours(target: &str) -> bool {
    target.strip_prefix("status").is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', ':']))
}

impl<S: Subscriber> Layer<S> for Log {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level.into())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let now = SystemClock.now().wall;
        self.put(Line::new(event, now).print(self.format), *event.metadata().level(), now);
    }
}

/// Where lines go.
enum Output {
    Stdout,
    Stderr,
    File {
        file: LogFile,
        failing: bool,
    },
    /// To the standard error, in place of a file that could not be opened.
    InPlaceOf(LogSettings),
}

impl Output {
    /// Opens what the settings say; if that is not possible, the standard error, and why.
    fn open(settings: &LogSettings) -> (Self, Option<String>) {
        match &settings.target {
            LogTarget::Stdout => (Self::Stdout, None),
            LogTarget::Stderr => (Self::Stderr, None),
            LogTarget::File(path) => match LogFile::open(path, settings.max_size, settings.keep) {
                Ok(file) => (Self::File { file, failing: false }, None),
                Err(error) => {
                    let problem = format!("cannot open the log file {}: {error}", path.display());
                    (Self::InPlaceOf(settings.clone()), Some(problem))
                }
            },
        }
    }

    /// How many bytes a line may have to fit.
    fn longest_line(&self) -> usize {
        match self {
            Self::Stdout | Self::Stderr => usize::MAX,
            Self::File { file, .. } => file.max_size().try_into().unwrap_or(usize::MAX),
            Self::InPlaceOf(settings) => settings.max_size.try_into().unwrap_or(usize::MAX),
        }
    }

    /// Opens the file that is at the path by now; what is no file stays as it is.
    fn reopen(&mut self) {
        match self {
            Self::Stdout | Self::Stderr => {}
            // If it can't be, the next line finds that out, and says so.
            Self::File { file, .. } => drop(file.reopen()),
            Self::InPlaceOf(settings) => {
                if let (output @ Self::File { .. }, _) = Self::open(settings) {
                    *self = output;
                }
            }
        }
    }

    /// Writes one line. What a file doesn't take goes to the standard error; what that doesn't
    /// take is lost.
    fn write(&mut self, line: &str) {
        match self {
            Self::Stdout => to_stream(io::stdout().lock(), line),
            Self::Stderr | Self::InPlaceOf(_) => to_stream(io::stderr().lock(), line),
            Self::File { file, failing } => match file.write(line) {
                Ok(()) => *failing = false,
                Err(error) => {
                    if !*failing {
                        *failing = true;
                        let path = file.path().display();
                        let notice = format!("status: cannot write the log file {path}: {error}\n");
                        to_stream(io::stderr().lock(), &notice);
                    }
                    to_stream(io::stderr().lock(), line);
                }
            },
        }
    }
}

/// A closed stream is nobody's fault: whoever closed it doesn't want to read.
fn to_stream(mut stream: impl Write, line: &str) {
    let _ = stream.write_all(line.as_bytes()).and_then(|()| stream.flush());
}
