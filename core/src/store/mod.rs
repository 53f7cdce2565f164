//! What the store has, and what is to be written down next.

mod persistence;

pub(crate) use self::persistence::Known;
pub use self::persistence::Persistence;
