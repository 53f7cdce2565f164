//! The server behind the binary `status`.

pub mod api;
pub mod check;
pub mod cli;
pub mod demo;
pub mod driver;
pub mod history;
pub mod journal;
pub mod listener;
pub mod log;
pub mod metrics;
mod page;
pub mod profile;
pub mod rehearsal;
pub mod serve;
pub mod settings;
pub mod simulate;
pub mod state;
pub mod stop;
pub mod systemd;
pub mod uptime;
pub mod view;
