//! The binary itself, started as a process of its own beside mock services on loopback.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

mod command_line;
mod log_file;
mod pause;
mod refusals;
mod secrets;
mod simulate;
mod stop;
mod support;
