//! The lab as it is known: experiments, their streams, and how many of both there may be.

mod attention;
mod experiment;
mod limits;
mod manifest;
mod record;
mod snapshot;
mod stream;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

pub use self::attention::Muted;
pub(crate) use self::attention::{Came, Story};
pub use self::experiment::Experiment;
use self::limits::Limits;
pub use self::stream::{Observation, Stream};
use crate::alerts::AlertCondition;
use crate::context::Cx;
use crate::protocol::{ExperimentName, Mailed, Topic};

/// Every experiment that something has named, and what was refused since there are too many.
#[derive(Debug, Default)]
pub(crate) struct Lab {
    pub(crate) experiments: BTreeMap<ExperimentName, Experiment>,
    /// The experiments that require streams of others: the manifest may require `a-st-b-st-c` of `a`, and by its name it
    /// is a stream of `a-st-b`.
    borrowers: BTreeMap<Topic, Vec<ExperimentName>>,
    limits: Limits,
}

impl Lab {
    /// The mail server has answered about a mail with news of these.
    pub(crate) fn was_mailed(&mut self, experiments: &[ExperimentName], mailed: &Arc<Mailed>) {
        for name in experiments {
            if let Some(experiment) = self.experiments.get_mut(name)
                && experiment.attention.was_mailed(mailed)
            {
                experiment.written.at = None;
            }
        }
    }

    /// Sets how many streams there are, as a check counted.
    pub(crate) fn recount(&mut self, streams: usize) {
        self.limits.recount(streams);
    }

    /// Whether names are refused, since there are too many.
    pub(crate) fn too_many(&self, cx: &Cx<'_>, startup_is_over: bool) -> AlertCondition {
        self.limits.condition(cx.config, cx.now.time, startup_is_over)
    }
}
