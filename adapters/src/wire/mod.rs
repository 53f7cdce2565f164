//! What the other services write, read: pure parsing, no I/O.
//!
//! Everything here is read from strangers, so nothing here panics, recurses as deep as its input,
//! or takes longer than the input's length explains. What decides must be right, or it is
//! refused with a reason that quotes little; what is only shown falls back to nothing.

pub mod duration;
pub mod frame;
pub mod manifest;
pub mod refusal;
pub(crate) mod retry_after;

mod cursor;
mod json;
mod report;
mod text;
mod time;

#[cfg(test)]
mod tests;
