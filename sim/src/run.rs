//! A run: the scenario played against the core in virtual time, judged by the oracle.

use std::time::Duration;

use status_core::{Change, Wall};

pub use crate::outcome::{Crash, Outcome};
use crate::scenario::{Scenario, Settings, SettingsError};
use crate::world::World;

/// How a run goes on after the scenario's last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It ends when the scenario does.
    AsWritten,
    /// Everything is healed, and after a bounded quiet time all must be well.
    Healed,
}

/// How long it is quiet after everything is healed: a mail may wait for a quarter of an hour, and book's
/// next query for as long as that is set to.
const QUIET: Duration = Duration::from_secs(16 * 60);

/// How often what is out of booking is read again where nobody judges.
const RARELY: Duration = Duration::from_secs(6 * 3600);

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

/// What the server writes to the disk in a run that begins at this time of day, save by save. Nothing is judged, and what is out
/// of booking is read again rarely, so that a month takes a second.
///
/// # Errors
/// A setting that makes no sense.
pub fn saves_from(scenario: &Scenario, begin: Wall) -> Result<Vec<Vec<Change>>, SettingsError> {
    let mut settings = Settings::read(&scenario.settings)?;
    settings.core.verify_book_every = RARELY;
    let mut world = World::begin_at(scenario, settings, begin);
    world.judge_nothing();
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
