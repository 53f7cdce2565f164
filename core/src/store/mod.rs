//! What the store has, and what is to be written down next.

mod persistence;

pub use self::persistence::Persistence;
