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
#[cfg(feature = "postgres")]
#[allow(dead_code, unreachable_pub, reason = "the tests of the adapters use all of it")]
#[path = "../../../adapters/tests/support/postgres.rs"]
mod postgres_server;
mod refusals;
mod secrets;
mod siege;
mod simulate;
mod stop;
mod store;
#[cfg(feature = "postgres")]
mod store_postgres;
mod support;
mod systemd;
#[cfg(feature = "postgres")]
mod two;
