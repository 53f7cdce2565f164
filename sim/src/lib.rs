//! Everything that stands in for the real services.

mod chance;
mod decisions;
pub mod describe;
pub mod expect;
pub mod fuzz;
mod measure;
pub mod mock;
mod oracle;
pub mod report;
pub mod run;
pub mod scenario;
pub mod timeline;
mod world;

pub use chance::Chance;
pub use decisions::Decisions;
pub use measure::Figures;
pub use oracle::{Promise, Violation};
