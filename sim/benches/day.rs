//! How long a simulated day takes, judged by the oracle all the while: 100 experiments of two streams,
//! and both feeds report each 5 s.
//!
//! `cargo bench -p status-sim`
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::time::Duration;

use status_adapters::clock::{Clock, SystemClock};
use status_sim::run::{Ending, run};
use status_sim::scenario::{Fault, Lab, Scenario, Sending, Service, SettingsError, Step, Timed};

const DAY: Duration = Duration::from_secs(24 * 3600);
const MINUTE: Duration = Duration::from_secs(60);

fn main() -> Result<(), SettingsError> {
    for (name, steps) in [("nothing happens", Vec::new()), ("something happens every minute", busy())] {
        let scenario = Scenario { name: name.into(), lasts: DAY, lab: lab(), steps, ..Scenario::default() };
        let began = SystemClock.now().time;
        let outcome = run(&scenario, Ending::AsWritten)?;
        let took = SystemClock.now().time.since(began);
        assert_eq!(outcome.violations, [], "the promises hold");
        println!(
            "a day in which {name}: {:.2} s, {} inputs, {} mails",
            took.as_secs_f64(),
            outcome.inputs,
            outcome.figures.mails
        );
    }
    Ok(())
}

fn lab() -> Lab {
    Lab::with_experiments(100, &["data", "video"], &["data", "video"])
}

/// A stream goes or comes back every minute, and the mail server has an outage every hour.
fn busy() -> Vec<Timed> {
    let mut steps = Vec::new();
    for n in 1..24 * 60 - 30_u32 {
        let topics = vec![format!("pend{:02}-st-video", n / 2 % 100)];
        let does = if n % 2 == 1 { Sending::Gone } else { Sending::Every(Duration::from_millis(40)) };
        steps.push(Timed { at: n * MINUTE, step: Step::Stream { topics, does } });
        if n % 60 == 30 {
            let step =
                Step::Service { service: Service::Mail, fault: Fault::Refuses, lasts: Some(10 * MINUTE) };
            steps.push(Timed { at: n * MINUTE, step });
        }
    }
    steps
}
