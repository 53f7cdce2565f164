//! What signals do to the process: which of them end it, and that it does end.

use std::io;
use std::sync::mpsc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::log;

/// After so long the process ends, whatever it still does: five seconds are promised.
const PATIENCE: Duration = Duration::from_millis(4500);

/// What the process is, which decides what signals mean to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It runs until it is told to stop, which is its ordinary end. No other signal may end it.
    Service,
    /// It ends by itself, and a signal interrupts it, as the system has it by default.
    Command,
}

/// The exit code of a command that was interrupted and did not come to its end in time.
const INTERRUPTED: i32 = 130;

/// Cancelled by SIGTERM, SIGINT or SIGQUIT. If the process has not ended in time after that, it is ended.
///
/// A service opens its log file anew at SIGHUP, and ignores every other signal that would end it by default.
///
/// This has a thread and a runtime of its own, so that it works even where every worker of the
/// server's runtime is stuck.
///
/// # Errors
/// The system does not let this process listen for signals, or has no thread to give.
pub fn on_signals(role: Role) -> io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let (sender, listening) = mpsc::channel();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let told = sender.clone();
        if let Err(error) = wait_for_the_end(role, &told) {
            // It fails before it listens or not at all.
            let _ = sender.send(Err(error));
            return;
        }
        stopping.cancel();
        std::thread::sleep(PATIENCE);
        std::process::exit(match role {
            Role::Service => 0,
            Role::Command => INTERRUPTED,
        });
    })?;
    listening.recv().map_err(io::Error::other)??;
    Ok(stop)
}

/// Waits for a signal that ends the process, and tells when it listens for them.
fn wait_for_the_end(role: Role, listening: &mpsc::Sender<io::Result<()>>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut quit = signal(SignalKind::quit())?;
        match role {
            Role::Service => {
                let hangup = signal(SignalKind::hangup())?;
                tokio::spawn(reopen_the_log(hangup));
                ignore_the_others();
            }
            Role::Command => {}
        }
        // The thread that started this one waits for it.
        let _ = listening.send(Ok(()));
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = quit.recv() => {}
        }
        Ok(())
    })
}

/// Opens the log file anew at each signal, as programs that move log files away ask for it.
async fn reopen_the_log(mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        tracing::info!("opening the log file anew, as SIGHUP asks for it");
        log::reopen();
    }
}

/// The signals that end a process by default and mean nothing to this one, but for SIGPIPE, which Rust ignores from
/// the start, and those of its own faults, which must end it. Their numbers are Linux's. SIGXFSZ is among them so that
/// a limit of file sizes fails the write, and not the server.
const MEANINGLESS: [(i32, &str); 9] = [
    (10, "SIGUSR1"),
    (12, "SIGUSR2"),
    (14, "SIGALRM"),
    (16, "SIGSTKFLT"),
    (25, "SIGXFSZ"),
    (26, "SIGVTALRM"),
    (27, "SIGPROF"),
    (29, "SIGIO"),
    (30, "SIGPWR"),
];
/// Those that each program may give a meaning.
const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;

/// Ignores every other signal that would end the process. The first of each kind is logged.
fn ignore_the_others() {
    let real_time = REAL_TIME.map(|number| (number, format!("SIGRTMIN+{}", number - REAL_TIME.start())));
    let others = MEANINGLESS.map(|(number, name)| (number, name.to_owned()));
    for (number, name) in others.into_iter().chain(real_time) {
        // Another system may not know it, and then it cannot come either.
        if let Ok(mut signal) = signal(SignalKind::from_raw(number)) {
            tokio::spawn(async move {
                signal.recv().await;
                tracing::info!(signal = name, "{name} came, and is ignored: it means nothing to this server");
            });
        }
    }
}
