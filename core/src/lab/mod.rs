//! The lab as it is known: experiments, their streams, and how many of both there may be.

mod experiment;
mod limits;
mod stream;

pub use self::experiment::Experiment;
pub(crate) use self::experiment::Written;
pub(crate) use self::limits::{Limits, STREAMS_OF_ONE, Source};
pub use self::stream::{Sighting, Stream};
