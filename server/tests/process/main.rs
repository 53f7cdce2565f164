//! The binary itself, started as a process of its own beside mock services on loopback.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

mod changes;
mod check;
mod command_line;
mod full_pipe;
mod killed;
mod log_file;
mod memory;
mod names;
mod pause;
mod refusals;
mod secrets;
mod siege;
mod simulate;
mod stop;
mod store;
mod support;
mod systemd;
