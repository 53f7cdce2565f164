//! A run: the scenario played against the core in virtual time, judged by the oracle.

use std::time::Duration;

use status_core::Change;

use crate::expect::Unmet;
use crate::measure::Figures;
use crate::oracle::Violation;
use crate::scenario::{Scenario, Settings, SettingsError};
use crate::timeline::Timeline;
use crate::world::World;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Everything that happened.
    pub timeline: Timeline,
    /// Promises that were broken: none, as long as the server is right.
    pub violations: Vec<Violation>,
    /// Expectations of the scenario that were not met.
    pub unmet: Vec<Unmet>,
    /// What it comes to, in numbers.
    pub figures: Figures,
    /// Of a run over real sockets, where it came to something else than the virtual run. Then nothing
    /// judged whether the promises were kept.
    pub differences: Option<Vec<String>>,
    /// How often the core was called.
    pub inputs: u64,
    /// How much time passed in it.
    pub played: Duration,
}

/// How a run goes on after the scenario's last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It ends when the scenario does.
    AsWritten,
    /// Everything is healed, and after a bounded quiet time all must be well.
    Healed,
}

/// A moment at which the server is killed: between an input and its last effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// After this many inputs, counted over all lives of the server.
    pub input: u64,
    /// So many of the actions that the input led to are still done.
    pub actions: usize,
    /// After so long somebody starts the server again.
    pub lasts: Duration,
}

/// How long it is quiet after everything is healed: a mail may wait for a quarter of an hour, and book's
/// next query for as long as that is set to.
const QUIET: Duration = Duration::from_secs(16 * 60);

/// Plays a scenario.
///
/// # Errors
/// A setting that makes no sense.
pub fn run(scenario: &Scenario, ending: Ending) -> Result<Outcome, SettingsError> {
    run_watched(scenario, ending, |_| {})
}

/// Plays a scenario, and says now and then how much time has passed in it.
///
/// # Errors
/// A setting that makes no sense.
pub fn run_watched(
    scenario: &Scenario,
    ending: Ending,
    mut progress: impl FnMut(Duration),
) -> Result<Outcome, SettingsError> {
    play(scenario, ending, &[], &mut progress)
}

/// Plays a scenario in which the server is killed at these moments, the earliest first.
///
/// # Errors
/// A setting that makes no sense.
pub fn run_with_crashes(
    scenario: &Scenario,
    ending: Ending,
    crashes: &[Crash],
) -> Result<Outcome, SettingsError> {
    play(scenario, ending, crashes, &mut |_| {})
}

/// What the server writes to the disk in a run, save by save.
///
/// # Errors
/// A setting that makes no sense.
pub fn saves(scenario: &Scenario) -> Result<Vec<Vec<Change>>, SettingsError> {
    let mut world = World::new(scenario, Settings::read(&scenario.settings)?);
    world.record_saves();
    world.play_until(scenario.lasts, &mut |_| {});
    Ok(world.into_saves())
}

fn play(
    scenario: &Scenario,
    ending: Ending,
    crashes: &[Crash],
    progress: &mut impl FnMut(Duration),
) -> Result<Outcome, SettingsError> {
    let settings = Settings::read(&scenario.settings)?;
    let quiet = QUIET + settings.core.query_book_every + settings.core.startup + settings.core.last_checked;
    let mut world = World::new(scenario, settings);
    world.crash(crashes);
    world.play_until(scenario.lasts, progress);
    if ending == Ending::Healed {
        world.heal();
        world.play_until(scenario.lasts + quiet, progress);
        world.judge_end();
    }
    Ok(world.into_outcome())
}
