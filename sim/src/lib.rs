//! Everything that stands in for the real services.

mod decisions;
pub mod describe;
pub mod expect;
pub mod fuzz;
mod measure;
pub mod mock;
mod oracle;
mod outcome;
pub mod report;
mod rng;
pub mod run;
pub mod scenario;
mod service;
mod span;
pub mod timeline;
mod world;

pub use decisions::Decisions;
pub use measure::Figures;
pub use oracle::{Invariant, Violation};
pub use rng::Rng;
