//! The server behind the binary `status`.
//!
//! [`command`] has one module for each command. `serve` reads [`settings`], restores the core from the store, and runs
//! three things beside each other: the [`driver`] tells the core what happened and has its actions performed; the
//! [`observers`] make of each input and action what operators read; and [`http`] answers from the same core, in the
//! words of [`view`].

pub mod command;
pub mod driver;
pub mod http;
pub mod log;
pub mod observers;
pub mod orders;
pub mod past;
pub mod settings;
pub mod view;
