//! The API: one module for each thing that can be asked for.

pub(crate) mod changes;
pub(crate) mod detail;
pub(super) mod events;
pub(super) mod experiments;
pub(crate) mod fields;
pub(crate) mod incidents;
mod list_body;
pub(super) mod metrics;
pub(super) mod openapi;
pub(super) mod ready;
pub(crate) mod system;
