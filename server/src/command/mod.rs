//! What the binary does: one module for each command, and how its process starts and ends.

pub mod args;
pub mod check;
pub mod demo;
pub mod history;
pub mod serve;
pub mod simulate;
pub mod stop;
pub mod wire_run;
