//! What a server logs while a test runs it.

use std::fmt::{Debug, Write};
use std::sync::Once;

use tokio::sync::watch;
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::LONG;

/// The lines that this thread has logged. A test's server runs on the test's own thread.
pub(crate) struct Log {
    lines: watch::Sender<Vec<String>>,
    _guard: DefaultGuard,
}

impl Log {
    /// Listens from now on.
    pub(crate) fn start() -> Self {
        // While one subscriber is the only one, tracing asks the thread that happens to come by whether anything is of
        // interest. A second one for all threads, which keeps nothing, makes it ask every subscriber.
        static EVERYWHERE: Once = Once::new();
        EVERYWHERE.call_once(|| {
            tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
        });
        let lines = watch::Sender::new(Vec::new());
        let listener = tracing_subscriber::registry().with(Listener(lines.clone()));
        Self { lines, _guard: tracing::subscriber::set_default(listener) }
    }

    /// The lines so far: level, message, fields.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// Waits for a line that holds all of these, and returns it.
    pub(crate) async fn line(&self, parts: &[&str]) -> String {
        let found = |line: &&String| parts.iter().all(|part| line.contains(part));
        let mut lines = self.lines.subscribe();
        let waiting = lines.wait_for(|lines| lines.iter().any(|line| found(&line)));
        let Ok(Ok(lines)) = tokio::time::timeout(LONG, waiting).await else {
            panic!("no line with {parts:?} in {:#?}", self.lines());
        };
        lines.iter().find(found).unwrap().clone()
    }
}

struct Listener(watch::Sender<Vec<String>>);

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.send_modify(|lines| lines.push(line.0));
    }
}

struct Line(String);

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {}={value}", field.name());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
