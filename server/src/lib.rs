//! The server behind the binary `status`.

pub mod log;
pub mod settings;
