//! Properties of random outages: whatever happens, every promise holds, and all is well in the end.
//!
//! What fails is made as short as it can be, and written to `target/found`.

use proptest::prelude::*;
use status_sim::run::{Ending, run};
use status_sim::scenario::Scenario;
use status_tests::found;

/// Bytes that choose a scenario: some for the lab and the settings, two to five for each step.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..300)
}

/// Where the tests run at one time as at another, what fails fails again: see the file it leaves.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn whatever_happens_the_promises_hold(bytes in bytes(), seed in any::<u64>()) {
        let scenario = Scenario { seed, ..Scenario::from_bytes(&bytes) };
        if let Err(why) = found::play(&scenario) {
            let path = found::keep("property", &found::shortened(&scenario), &why);
            return Err(TestCaseError::fail(format!("{why}\nwritten to {}", path.display())));
        }
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn the_same_outage_gives_the_same_bytes(bytes in bytes(), seed in any::<u64>()) {
        let scenario = Scenario { seed, ..Scenario::from_bytes(&bytes) };
        let played = || {
            let outcome = run(&scenario, Ending::Healed).expect("random settings make sense");
            serde_json::to_string(&outcome.timeline).expect("a timeline can be written")
        };
        prop_assert!(played() == played());
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn a_random_scenario_reads_as_it_is_written(bytes in bytes()) {
        let scenario = Scenario::from_bytes(&bytes);
        prop_assert_eq!(Scenario::read(&scenario.to_toml()), Ok(scenario));
    }
}
