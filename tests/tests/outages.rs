//! Properties of random outages: whatever happens, every promise holds, and all is well in the end.
//!
//! What fails is made as short as it can be, and written to `target/found`.

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestError, TestRunner};
use status_sim::run::{Ending, run};
use status_sim::scenario::Scenario;
use status_tests::found;

/// Bytes that choose a scenario: some for the lab and the settings, two to five for each step.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..300)
}

/// What fails leaves a file that plays again, so nothing else is kept of it. Each time the cases are the
/// same: new ones are what the soak plays for as long as one likes (`--for`).
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        rng_seed: RngSeed::Fixed(2026),
        ..ProptestConfig::default()
    }
}

#[test]
fn whatever_happens_the_promises_hold() {
    let scenario = |bytes: &[u8], seed| Scenario { seed, ..Scenario::from_bytes(bytes) };
    let result = TestRunner::new(cases(400)).run(&(bytes(), any::<u64>()), |(bytes, seed)| {
        found::play(&scenario(&bytes, seed)).map(drop).map_err(TestCaseError::fail)
    });
    match result {
        Ok(()) => {}
        Err(TestError::Abort(why)) => panic!("{why}"),
        // Steps that it does not take are left out only once, of what bytes could not be left out of.
        Err(TestError::Fail(why, (bytes, seed))) => {
            let shortened = found::shortened(&scenario(&bytes, seed));
            let path = found::keep("property", &shortened, why.message());
            panic!("{why}\nwritten to {}", path.display());
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
