//! Bodies of requests, which are short, come soon, or not at all.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;

use super::Problem;

/// A window of as many names as there may be, all of them long and in quotes, is shorter.
const LONGEST: usize = 128 * 1024;
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The whole body.
///
/// # Errors
/// It is too long or too slow.
pub(super) async fn read(body: Body) -> Result<Bytes, Problem> {
    match tokio::time::timeout(PATIENCE, axum::body::to_bytes(body, LONGEST)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => {
            let problem = format!("the body is longer than {} kB, or broke off", LONGEST / 1024);
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, problem))
        }
        Err(_) => {
            let problem = format!("the body did not come within {PATIENCE:?}");
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, problem))
        }
    }
}
