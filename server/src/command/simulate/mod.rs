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
use crate::command::paint::{Paint, Tone};

/// A promise was broken or an expectation not met.
const FAILED: u8 = 1;
/// A file, a setting or the command line is wrong.
const WRONG: u8 = 2;
/// It was interrupted: what shells say of whoever is ended by SIGINT.
const INTERRUPTED: u8 = 130;

/// Plays what is asked for, until `stop`.
pub async fn run(args: SimulateArgs, paint: Paint, stop: CancellationToken) -> ExitCode {
    if args.wire {
        return ExitCode::from(play_over_wire(&args, paint, stop).await);
    }
    // A run is one long computation. Whoever interrupts it does not wait for its end.
    let playing = tokio::task::spawn_blocking(move || play_all(&args, paint));
    let code = tokio::select! {
        code = playing => code.unwrap_or(FAILED),
        () = stop.cancelled() => INTERRUPTED,
    };
    ExitCode::from(code)
}

#[cfg(feature = "demo")]
async fn play_over_wire(args: &SimulateArgs, paint: Paint, stop: CancellationToken) -> u8 {
    wire::play_all(args, paint, stop).await
}

#[cfg(not(feature = "demo"))]
async fn play_over_wire(_: &SimulateArgs, _: Paint, _: CancellationToken) -> u8 {
    complain(super::NO_MOCKS);
    WRONG
}

fn play_all(args: &SimulateArgs, paint: Paint) -> u8 {
    let Some(runs) = plan::runs(args) else { return WRONG };
    let mut code = 0;
    // A file's runs are together.
    for (i, of_file) in runs.chunks(args.sets.len().max(1)).enumerate() {
        if i > 0 && args.format == Format::Text {
            say("");
        }
        match play_file(args, of_file, paint) {
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
fn play_file(args: &SimulateArgs, runs: &[Run], paint: Paint) -> Result<bool, String> {
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
            Format::Text if runs.len() == 1 => {
                say(&colored(report::text(&run.scenario, &outcome).trim_end(), paint));
            }
            Format::Text => {
                rows.push(Variant { name: set, figures: outcome.figures, failed: failures.len() });
            }
        }
    }
    if let Some(run) = runs.first().filter(|_| !rows.is_empty()) {
        say(&format!("{}\n\n{}", printable(&run.scenario.name), report::table(&rows).trim_end()));
        failed.iter().for_each(|failure| say(&paint.text(Tone::Bad, printable(failure))));
    }
    Ok(failed.is_empty())
}

/// The text of a run, with what came of its promises and expectations in its colour, where that is wanted.
fn colored(text: &str, paint: Paint) -> String {
    let mut is_failure = false;
    let lines: Vec<String> = text.lines().map(|line| colored_line(line, paint, &mut is_failure)).collect();
    lines.join("\n")
}

/// One line of it. What follows the expectations, which come last, is a failure each.
fn colored_line(line: &str, paint: Paint, is_failure: &mut bool) -> String {
    if *is_failure {
        return paint.text(Tone::Bad, line);
    }
    let is_named = |name: &&str| line.strip_prefix("    ").is_some_and(|line| line.starts_with(*name));
    let Some(name) = ["promises ", "expectations "].into_iter().find(is_named) else {
        return line.to_owned();
    };
    *is_failure = name == "expectations ";
    let at = line.rfind("  ").map_or(0, |at| at + 2);
    let tone = if line.ends_with("broken") || line.ends_with("not met") { Tone::Bad } else { Tone::Good };
    format!("{}{}", &line[..at], paint.text(tone, &line[at..]))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::args::Color;

    #[test]
    fn only_what_came_of_promises_and_expectations_is_coloured() {
        let text = "lab    promises a lot\n\n    mails         9\n    promises      all kept\n    expectations  1 not met\n    mails is 9";
        assert_eq!(colored(text, Paint::PLAIN), text);
        let told = colored(text, Paint::of(Color::Always)).replace('\u{1b}', "");
        insta::assert_snapshot!(told, @r"
        lab    promises a lot

            mails         9
            promises      [32mall kept[0m
            expectations  [31m1 not met[0m
        [31m    mails is 9[0m
        ");
    }
}
