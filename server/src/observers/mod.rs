//! What is made of every input and every action: the log of decisions, the dump of the whole state, the metrics, and
//! the uptime of each experiment. An observer changes nothing.

pub mod decision_log;
pub mod metrics;
pub mod state_dump;
pub mod uptime;
