//! The decisions along captured sessions of the real feeds, replayed in virtual time.
//!
//! Every frame goes through the real parser at the instant at which it came, and the core is woken
//! exactly at its deadlines in between. The whole story is a snapshot, to be read; what matters in it
//! is asserted beside it, scenario by scenario: the captures' own notes say what was done and when.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so does its helper")]
#![expect(clippy::wildcard_enum_match_arm, reason = "each test picks out the few things that it is about")]

mod capture;
mod jump;
mod others;
mod relay;
mod replay;
mod restarts;
mod story;
mod together;
