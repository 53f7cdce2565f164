//! The manifest as it is written down.

use alloc::vec::Vec;

use smol_str::SmolStr;

use super::{Book, Resource};
use crate::protocol::{ExperimentName, Requirements, SavedManifest};

impl Book {
    /// The last manifest as it is written down, put together from the resources that it made.
    pub(crate) fn record(&self) -> SavedManifest {
        let resources = self.resources().map(|resource| {
            let requirements =
                Requirements { stub: resource.stub().clone(), streams: resource.streams(resource.stub()) };
            (resource.name().clone(), requirements)
        });
        SavedManifest { manifest: resources.collect(), empty: self.is_empty() }
    }
}

impl Resource {
    /// The required streams as book names them: `st-video`.
    fn streams(&self, stub: &ExperimentName) -> Vec<SmolStr> {
        let stream = |topic: &str| topic.strip_prefix(stub.as_str())?.strip_prefix('-').map(SmolStr::new);
        self.required().iter().filter_map(|topic| stream(topic.as_str())).collect()
    }
}
