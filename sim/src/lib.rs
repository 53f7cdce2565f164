//! Everything that stands in for the real services.

pub mod mock;
