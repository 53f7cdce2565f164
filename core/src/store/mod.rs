//! What the store has, and what of it the next life of the server makes sense of.

mod ages;
mod persistence;

pub(crate) use ages::Ages;
pub use persistence::Keeping;
