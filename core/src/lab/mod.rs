//! The lab as it is known: experiments, their streams, and how many of both there may be.

mod admission;
mod experiment;
mod limits;
mod stream;

pub(crate) use self::experiment::Written;
pub use self::experiment::{Experiment, Verdict};
pub(crate) use self::limits::Limits;
pub use self::stream::{Sighting, Standing, Stream};
