//! How the process is told to end, and that it does end.

use std::io;
use std::sync::mpsc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// After so long the process ends, whatever it still does: five seconds are promised.
const PATIENCE: Duration = Duration::from_millis(4500);

/// Cancelled by SIGTERM or SIGINT. If the process has not ended in time after that, it is ended,
/// with this exit code.
///
/// This has a thread and a runtime of its own, so that it works even where every worker of the
/// server's runtime is stuck.
///
/// # Errors
/// The system lets nobody listen for signals, or has no thread to give.
pub fn on_signals(code: i32) -> io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let (sender, listening) = mpsc::channel();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let told = sender.clone();
        if let Err(error) = wait_for_one(&told) {
            // It fails before it listens or not at all.
            let _ = sender.send(Err(error));
            return;
        }
        stopping.cancel();
        std::thread::sleep(PATIENCE);
        std::process::exit(code);
    })?;
    listening.recv().map_err(io::Error::other)??;
    Ok(stop)
}

/// Waits for a signal, and tells when it listens for them.
fn wait_for_one(listening: &mpsc::Sender<io::Result<()>>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        // Whoever started this waits for it.
        let _ = listening.send(Ok(()));
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    })
}
