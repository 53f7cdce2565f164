//! Waiting for a mock to have seen something.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;

/// What was waited for has not come in time.
#[derive(Clone, Debug)]
pub struct Late {
    waited: Duration,
    seen: String,
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not within {:?}; the last that was seen: {}", self.waited, self.seen)
    }
}

impl std::error::Error for Late {}

/// Waits until `condition` holds for a state, and gives that state. It wakes only on changes.
pub(super) async fn until<T: Clone + fmt::Debug>(
    mut states: watch::Receiver<T>,
    limit: Duration,
    condition: impl FnMut(&T) -> bool,
) -> Result<T, Late> {
    let found = tokio::time::timeout(limit, states.wait_for(condition)).await;
    if let Ok(Ok(state)) = found {
        return Ok(state.clone());
    }
    drop(found);
    let seen = format!("{:?}", *states.borrow());
    Err(Late { waited: limit, seen })
}
