//! What the fuzz targets do with the bytes that they are given. The targets themselves, in `fuzz/`, only
//! call these; so does the test that plays the corpus again on the stable toolchain.
//!
//! Each panics if something is wrong, and only then.

mod mail_server;

use status_adapters::wire::{duration, frame};
use status_core::Feed;

pub use mail_server::mail_server;

use crate::run::{Ending, run};
use crate::scenario::Scenario;

/// A text that may be a scenario: whatever it is, it is read or refused with a line, and what was read
/// comes out the same when it is written and read again.
///
/// # Panics
/// If it doesn't.
pub fn scenario_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Scenario::read(text) {
        Ok(scenario) => assert_eq!(Scenario::read(&scenario.to_toml()), Ok(scenario)),
        Err(bad) => assert!((1..=text.lines().count() + 1).contains(&bad.line), "{bad}"),
    }
}

/// A frame of a feed, of any dialect: it is read in one pass, and lists no more than its bytes can hold.
///
/// # Panics
/// If it does.
pub fn report_frame(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for feed in Feed::BOTH {
        if let Some(snapshot) = frame::read(feed, &text).snapshot {
            assert!(snapshot.valid > 0, "a snapshot has a valid report");
            assert!(snapshot.reports.len() <= snapshot.valid);
            assert!(snapshot.valid <= text.len() / 2, "a report takes at least two characters");
        }
    }
}

/// A duration: what is read as one is the same when it is read again in nanoseconds.
///
/// # Panics
/// If it isn't.
pub fn a_duration(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(nanos) = duration::parse(&text)
        && nanos >= 0
    {
        assert_eq!(duration::parse(&format!("{nanos}ns")), Ok(nanos));
        assert_eq!(
            duration::parse_setting(&text).map(|span| span.as_nanos()),
            Ok(nanos.unsigned_abs().into())
        );
    }
}

/// Bytes that choose a scenario: played and healed, it breaks no promise.
///
/// # Panics
/// If it does.
pub fn whole_scenario(bytes: &[u8]) {
    const LONGEST: usize = 400;
    let scenario = Scenario::from_bytes(&bytes[..bytes.len().min(LONGEST)]);
    let outcome = run(&scenario, Ending::Healed).expect("a scenario by chance has settings that make sense");
    assert!(outcome.violations.is_empty(), "{:#?}\n{}", outcome.violations, scenario.to_toml());
}
