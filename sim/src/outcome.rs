//! What comes of a run, and when the server is killed in it.

use std::time::Duration;

use crate::expect::Unmet;
use crate::measure::Figures;
use crate::oracle::Violation;
use crate::timeline::Timeline;

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

/// A moment at which the server is killed: between an input and its last effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// After this many inputs, counted over all lives of the server.
    pub input: u64,
    /// How many of the actions that the input led to are still done.
    pub actions: usize,
    /// After so long somebody starts the server again.
    pub lasts: Duration,
}
