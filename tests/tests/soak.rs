//! Random outages, one after another: every promise must hold.
//!
//! `cargo test -p status-tests --test soak` plays some as they are, and then slower ones until a quarter of a year has
//! passed in them; `-- --year` plays twice as many, and a whole year. `-- --for 1h` plays new ones for an hour, and
//! `-- --seed N` plays one as any of these did, and shows it.
//!
//! The usual ones took 93 s on two cores when that was last measured: a simulated day took less than a second.
#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]
#![expect(clippy::print_stderr, reason = "so are its complaints")]

use std::process::ExitCode;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use status_adapters::clock::{Clock, SystemClock};
use status_adapters::wire::duration;
use status_core::Time;
use status_sim::scenario::{Scenario, Step, Timed};
use status_tests::found;

/// So many scenarios there are that are played as they are.
const SEEDS: u64 = 2_000;
/// So many of them are usually played.
const USUAL_SEEDS: u64 = 1_000;
/// Seeds below this and beyond those are of slower scenarios.
const SLOW_SEEDS: u64 = 1 << 32;
/// Of the seeds beyond, each so many belongs to a slower one.
const SLOW_EACH: u64 = 10;
const DAY: Duration = Duration::from_secs(24 * 3600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
const QUARTER: Duration = Duration::from_secs(91 * 24 * 3600);
/// How much slower those are that make up the rest of the year: what takes days happens, too.
const SLOWER: u32 = 100;
/// How often the feeds report in those: a third of the limit that is set for them.
const RARELY: Duration = Duration::from_secs(30);
/// Who breaks a promise breaks it again and again: so many are enough.
const ENOUGH: usize = 10;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match Wish::read(&words) {
        Ok(Wish::List) => {
            println!("soak: test\n\n1 test, 0 benchmarks");
            ExitCode::SUCCESS
        }
        Ok(Wish::Nothing) => {
            println!("\ntest result: ok. 0 passed; 0 failed");
            ExitCode::SUCCESS
        }
        Ok(Wish::One(seed)) => play_one(seed),
        Ok(Wish::Usual) => Soak::new(0, End::Slow { after: USUAL_SEEDS, lasts: QUARTER }).play(),
        Ok(Wish::Year) => Soak::new(0, End::Slow { after: SEEDS, lasts: YEAR }).play(),
        Ok(Wish::For(span)) => {
            let first = SystemClock.now().wall.as_millis() << 16;
            Soak::new(first, End::At(SystemClock.now().time + span)).play()
        }
        Err(problem) => {
            eprintln!("{problem}\n--for 1h, --seed 7, --year or nothing was expected");
            ExitCode::from(2)
        }
    }
}

/// What the command line asks for.
enum Wish {
    Usual,
    Year,
    For(Duration),
    One(u64),
    /// The names of the tests: other tools ask every test for them.
    List,
    /// Only tests with some other name.
    Nothing,
}

impl Wish {
    fn read(words: &[String]) -> Result<Self, String> {
        let after = |name: &str| {
            let at = words.iter().position(|word| word == name)?;
            Some(words.get(at + 1).cloned().unwrap_or_default())
        };
        if let Some(span) = after("--for") {
            return duration::parse_setting(&span).map(Self::For).map_err(|error| format!("--for {error}"));
        }
        if let Some(seed) = after("--seed") {
            return seed.parse().map(Self::One).map_err(|error| format!("--seed {seed}: {error}"));
        }
        if words.iter().any(|word| word == "--list") {
            return Ok(Self::List);
        }
        let mut names = words.iter().filter(|word| !word.starts_with('-')).peekable();
        let others = names.peek().is_some() && !names.any(|name| "soak".contains(name.as_str()));
        let year = words.iter().any(|word| word == "--year");
        Ok(match (others, year) {
            (true, _) => Self::Nothing,
            (false, true) => Self::Year,
            (false, false) => Self::Usual,
        })
    }
}

/// Plays one scenario, and shows it.
fn play_one(seed: u64) -> ExitCode {
    let scenario = scenario(seed);
    println!("{}", scenario.to_toml());
    match found::play(&scenario) {
        Ok(outcome) => {
            println!("{:#?}\n\ntest result: ok. 1 passed; 0 failed", outcome.figures);
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("{why}\n");
            let shortened = found::shortened(&scenario);
            println!("As short as it can be:\n\n{}", shortened.to_toml());
            let path = found::keep(&format!("seed-{seed}"), &shortened, &why);
            println!("written to {}\n\ntest result: FAILED. 0 passed; 1 failed", path.display());
            ExitCode::FAILURE
        }
    }
}

/// When it is enough.
#[derive(Clone, Copy)]
enum End {
    /// After so many scenarios, and slower ones until so much time has passed in all of them.
    Slow { after: u64, lasts: Duration },
    /// At an instant.
    At(Time),
}

/// What is to be played, and what came of it so far.
struct Soak {
    first: u64,
    end: End,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How many were begun.
    begun: u64,
    /// How long all that were begun last.
    planned: Duration,
    played: Duration,
    inputs: u64,
    passed: u64,
    failures: Vec<(u64, Scenario, String)>,
}

impl Soak {
    fn new(first: u64, end: End) -> Self {
        Self { first, end, state: Mutex::default() }
    }

    fn play(&self) -> ExitCode {
        let began = SystemClock.now().time;
        println!("running 1 test\nplaying scenarios from seed {} on", self.first);
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| self.work());
            }
        });
        self.report(SystemClock.now().time.since(began))
    }

    fn work(&self) {
        while let Some((seed, scenario)) = self.next() {
            let result = found::play(&scenario);
            let mut state = self.state();
            match result {
                Ok(outcome) => {
                    state.passed += 1;
                    state.played += outcome.played;
                    state.inputs += outcome.inputs;
                }
                Err(why) => {
                    println!("seed {seed} failed: {}", why.lines().next().unwrap_or_default());
                    state.failures.push((seed, scenario, why));
                }
            }
        }
    }

    /// The next scenario to play, with its seed.
    fn next(&self) -> Option<(u64, Scenario)> {
        let mut state = self.state();
        let (ended, seed) = match self.end {
            End::Slow { after, lasts } => {
                let slow = state.begun.checked_sub(after);
                (slow.is_some() && state.planned >= lasts, slow.map_or(state.begun, |slow| SEEDS + slow))
            }
            End::At(end) => (SystemClock.now().time >= end, self.first + state.begun),
        };
        if ended || state.failures.len() >= ENOUGH {
            return None;
        }
        let scenario = scenario(seed);
        state.begun += 1;
        state.planned += scenario.lasts;
        Some((seed, scenario))
    }

    fn report(&self, took: Duration) -> ExitCode {
        let state = self.state();
        println!(
            "{} scenarios, {:.1} simulated days, {} inputs, in {:.1} s: {:.0} times as fast as life",
            state.passed,
            state.played.as_secs_f64() / DAY.as_secs_f64(),
            state.inputs,
            took.as_secs_f64(),
            state.played.as_secs_f64() / took.as_secs_f64().max(0.001),
        );
        for (seed, scenario, why) in &state.failures {
            let path = found::keep(&format!("seed-{seed}"), &found::shortened(scenario), why);
            println!("\nseed {seed}, written to {}:\n{why}", path.display());
        }
        let failed = state.failures.len();
        let (word, code) =
            if failed == 0 { ("ok", ExitCode::SUCCESS) } else { ("FAILED", ExitCode::FAILURE) };
        println!("\ntest result: {word}. {} passed; {failed} failed", state.passed);
        code
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// The scenario that belongs to a seed: most are as fast as the rest of the tests, and the slow ones have a year to
/// fill.
fn scenario(seed: u64) -> Scenario {
    let scenario = Scenario::random(seed);
    let is_slow = if seed < SLOW_SEEDS { seed >= SEEDS } else { seed.is_multiple_of(SLOW_EACH) };
    if is_slow { slower(scenario) } else { scenario }
}

/// The same, but everything in it takes longer, and the feeds report more rarely.
fn slower(mut scenario: Scenario) -> Scenario {
    scenario.name.push_str(", slower");
    scenario.lasts *= SLOWER;
    scenario.lab.relay_every = RARELY;
    scenario.lab.jump_every = RARELY;
    let settings =
        [("health_last_active", "30s"), ("health_last_checked", "90s"), ("reconnect_relay_every", "10m")];
    for (name, value) in settings {
        scenario.settings.insert(name.to_owned(), value.to_owned());
    }
    for Timed { at, step } in &mut scenario.steps {
        *at *= SLOWER;
        if let Step::Service { lasts: Some(lasts), .. } = step {
            *lasts *= SLOWER;
        }
    }
    scenario
}
