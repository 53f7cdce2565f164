//! Everything that stands in for the real services.

mod chance;
pub mod describe;
mod expect;
mod measure;
pub mod mock;
mod oracle;
pub mod report;
pub mod run;
pub mod scenario;
pub mod timeline;
mod world;

pub use chance::Chance;
pub use expect::Unmet;
pub use measure::Figures;
pub use oracle::{Promise, Violation};
