//! The server behind the binary `status`.

pub mod command;
pub mod driver;
pub mod http;
pub mod log;
pub mod observers;
pub mod settings;
pub mod view;
