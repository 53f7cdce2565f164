//! The simulator: a lab, its services and their outages, played against the core.
//!
//! A [`scenario::Scenario`] says what there is and what happens. [`run::run`] plays it in virtual time against the real
//! core, while an oracle states the rules a second time, from the world's point of view, and reports each
//! [`Violation`]. [`report`] shows what a run came to. [`mock`] has the same services over sockets on loopback, for the
//! demo, the tests and runs against the real adapters.
//!
//! It may know everything of the world, and of the core only what it is told and does: no rule is taken from the core.

mod attention;
mod decisions;
pub mod describe;
pub mod expect;
pub mod fuzz;
mod measure;
#[cfg(feature = "mock")]
pub mod mock;
mod oracle;
mod outcome;
pub mod picture;
pub mod report;
mod rng;
pub mod run;
pub mod scenario;
pub mod service;
mod span;
pub mod timeline;
mod world;

pub use decisions::Decisions;
pub use measure::Figures;
pub use oracle::{Invariant, Violation};
pub use rng::Rng;
