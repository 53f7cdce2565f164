//! Everything that stands in for the real services.

mod chance;
pub mod mock;
pub mod scenario;

pub use chance::Chance;
