//! The server behind the binary `status`.

pub mod settings;
