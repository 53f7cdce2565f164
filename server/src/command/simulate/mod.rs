//! `status simulate`: scenarios played in virtual time or over real sockets, told as a text, as JSON and as
//! a picture.

mod plan;
mod progress;
#[cfg(feature = "demo")]
mod wire;

use std::io::{self, Write};
use std::process::ExitCode;

use plan::Run;
use progress::Progress;
use status_core::printable;
use status_sim::report::{self, Variant};
use status_sim::run::{Ending, Outcome, run_watched};
use tokio_util::sync::CancellationToken;

use crate::command::args::{Format, SimulateArgs};

/// A promise was broken or an expectation not met.
const FAILED: u8 = 1;
/// A file, a setting or the command line is wrong.
const WRONG: u8 = 2;
/// It was interrupted: what shells say of whoever is ended by SIGINT.
const INTERRUPTED: u8 = 130;

/// Plays what is asked for, until `stop`.
pub async fn run(args: SimulateArgs, stop: CancellationToken) -> ExitCode {
    if args.wire {
        return ExitCode::from(play_over_wire(&args, stop).await);
    }
    // A run is one long computation. Whoever interrupts it does not wait for its end.
    let playing = tokio::task::spawn_blocking(move || play_all(&args));
    let code = tokio::select! {
        code = playing => code.unwrap_or(FAILED),
        () = stop.cancelled() => INTERRUPTED,
    };
    ExitCode::from(code)
}

#[cfg(feature = "demo")]
async fn play_over_wire(args: &SimulateArgs, stop: CancellationToken) -> u8 {
    wire::play_all(args, stop).await
}

#[cfg(not(feature = "demo"))]
async fn play_over_wire(_: &SimulateArgs, _: CancellationToken) -> u8 {
    complain(super::NO_MOCKS);
    WRONG
}

fn play_all(args: &SimulateArgs) -> u8 {
    let Some(runs) = plan::runs(args) else { return WRONG };
    let mut code = 0;
    // A file's runs are together.
    for (i, of_file) in runs.chunks(args.sets.len().max(1)).enumerate() {
        if i > 0 && args.format == Format::Text {
            say("");
        }
        match play_file(args, of_file) {
            Ok(true) => {}
            Ok(false) => code = FAILED,
            Err(problem) => {
                complain(&problem);
                return WRONG;
            }
        }
    }
    code
}

/// Plays all runs of one file, and tells of each or compares them. Returns whether all went well.
fn play_file(args: &SimulateArgs, runs: &[Run]) -> Result<bool, String> {
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for run in runs {
        let outcome = play(run, args.heal)?;
        let failures = report::failures(&outcome);
        let set = run.set.clone().unwrap_or_default();
        for failure in &failures {
            complain(&format!("{}: {failure}", run.name()));
            failed.push(format!("{set}: {failure}"));
        }
        if let Some(path) = &run.picture {
            std::fs::write(path, report::chart(&run.scenario, &outcome))
                .map_err(|error| format!("{}: cannot be written: {error}", path.display()))?;
        }
        match args.format {
            Format::Json => say(&report::json(&run.scenario, &outcome)),
            Format::Text if runs.len() == 1 => say(report::text(&run.scenario, &outcome).trim_end()),
            Format::Text => {
                rows.push(Variant { name: set, figures: outcome.figures, failed: failures.len() });
            }
        }
    }
    if let Some(run) = runs.first().filter(|_| !rows.is_empty()) {
        say(&format!("{}\n\n{}", printable(&run.scenario.name), report::table(&rows).trim_end()));
        failed.iter().for_each(|failure| say(&printable(failure)));
    }
    Ok(failed.is_empty())
}

fn play(run: &Run, heal: bool) -> Result<Outcome, String> {
    let ending = if heal { Ending::Healed } else { Ending::AsWritten };
    let mut progress = Progress::new(run.name(), run.scenario.lasts);
    let outcome = run_watched(&run.scenario, ending, |passed| progress.tell(passed));
    progress.end();
    outcome.map_err(|error| format!("{}: {error}", run.name()))
}

/// Prints. If nobody reads it any more, the runs go on for their exit code and their pictures.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// What a file holds may be anything, and must not reach a terminal as a command.
fn complain(problem: &str) {
    let lines: Vec<_> = problem.lines().map(printable).collect();
    let _ = writeln!(io::stderr(), "status: {}", lines.join("\n"));
}
