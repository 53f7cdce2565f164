//! Scenarios over real sockets: the same plan, and what came of it beside the virtual run.

use std::pin::pin;
use std::time::Duration;

use status_adapters::clock::{Clock, SystemClock};
use status_sim::expect::unmet;
use status_sim::report;
use status_sim::run::{Ending, Outcome, run};
use status_sim::timeline::What;
use status_sim::{Decisions, Figures};
use tokio_util::sync::CancellationToken;

use super::plan::{self, Run};
use super::progress::Progress;
use super::{FAILED, INTERRUPTED, WRONG, colored, complain, say};
use crate::command::args::{Format, SimulateArgs};
use crate::command::paint::Paint;
use crate::command::wire_run::play_over_wire;

/// How often it is told how far a run is.
const TOLD_EVERY: Duration = Duration::from_millis(250);

/// Plays all that is asked for, one after another, until `stop`. Returns the exit code.
pub(super) async fn play_all(args: &SimulateArgs, paint: Paint, stop: CancellationToken) -> u8 {
    if args.sets.len() > 1 {
        complain("--wire plays one run of each file: give --set once, or leave --wire out to compare");
        return WRONG;
    }
    let Some(runs) = plan::runs(args) else { return WRONG };
    let mut code = 0;
    for run in &runs {
        match play(run, args, paint, stop.clone()).await {
            Ok(true) => {}
            Ok(false) => code = FAILED,
            Err(problem) => {
                complain(&problem);
                return WRONG;
            }
        }
        if stop.is_cancelled() {
            return INTERRUPTED;
        }
    }
    code
}

/// What something comes to; until then it is told again and again how long it has taken.
async fn beside<T>(playing: impl Future<Output = T>, mut tell: impl FnMut(Duration)) -> T {
    let mut playing = pin!(playing);
    let began = SystemClock.now().time;
    loop {
        match tokio::time::timeout(TOLD_EVERY, playing.as_mut()).await {
            Ok(played) => return played,
            Err(_) => tell(SystemClock.now().time.since(began)),
        }
    }
}

/// Plays one run. Returns whether it came to the same decisions as the virtual run, and met what is expected.
async fn play(
    planned: &Run,
    args: &SimulateArgs,
    paint: Paint,
    stop: CancellationToken,
) -> Result<bool, String> {
    let scenario = &planned.scenario;
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", planned.name());
    let imagined = run(scenario, Ending::AsWritten).map_err(|error| named(&error))?;
    complain(&format!("{}: {:?}, {} times as fast", planned.name(), scenario.lasts, args.speed));
    let mut progress = Progress::new(planned.name().to_string(), scenario.lasts);
    let playing = play_over_wire(scenario, args.speed, stop.clone());
    let played = beside(playing, |took| progress.tell((took * args.speed).min(scenario.lasts))).await;
    progress.end();
    let timeline = played.map_err(|error| named(&error))?;
    if stop.is_cancelled() {
        return Ok(false);
    }
    let differences = Decisions::of(&imagined.timeline).differences(&Decisions::of(&timeline));
    let mails = timeline.mails().count();
    let asked = timeline.entries.iter().filter(|entry| matches!(entry.what, What::Asked { .. }));
    let changes = asked.count();
    let outcome = Outcome {
        unmet: unmet(scenario, &timeline),
        timeline,
        violations: imagined.violations,
        // How long anything took is only known in virtual time.
        figures: Figures { mails, changes, ..imagined.figures },
        differences: Some(differences.clone()),
        inputs: 0,
        played: scenario.lasts,
    };
    match args.format {
        Format::Json => say(&report::json(scenario, &outcome)),
        Format::Text => say(&colored(report::text(scenario, &outcome).trim_end(), paint)),
    }
    if let Some(path) = &planned.picture {
        std::fs::write(path, report::chart(scenario, &outcome))
            .map_err(|error| format!("{}: cannot be written: {error}", path.display()))?;
    }
    for difference in &differences {
        complain(&named(&format!("decided otherwise than in virtual time: {difference}")));
    }
    let failures = report::failures(&outcome);
    failures.iter().for_each(|failure| complain(&named(failure)));
    if differences.is_empty() && failures.is_empty() {
        complain(&named(&"came to the same decisions as in virtual time"));
        return Ok(true);
    }
    Ok(false)
}
