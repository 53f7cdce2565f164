//! What the binary does: one module for each command, and how its process starts and ends.

pub mod args;
pub mod check;
#[cfg(feature = "demo")]
pub mod demo;
#[cfg(feature = "demo")]
mod demo_past;
pub mod history;
pub mod manual;
pub mod moment;
pub mod paint;
pub mod report;
pub mod serve;
pub mod simulate;
pub mod stop;
pub mod store;
pub mod tell;
#[cfg(feature = "demo")]
pub mod wire_run;

/// What to say of a command that needs the mock services, where there are none.
#[cfg(not(feature = "demo"))]
pub const NO_MOCKS: &str =
    "this build has no mock services: build status with its feature demo, which is on by default";
