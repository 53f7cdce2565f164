//! Answers that are made as a whole, of which only so many may be on their way at once.
//!
//! A page of thousands of experiments has megabytes, and a client that reads it slowly holds them for as
//! long. So a crowd of such clients waits for its turn instead of filling the memory.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Problem;

/// How many such answers may be on their way.
const AT_ONCE: usize = 32;
/// How long a client waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// The turns that there are.
#[derive(Clone)]
pub(super) struct Turns(Arc<Semaphore>);

impl Turns {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// Answers when there is room for one more.
pub(super) async fn take_turns(State(Turns(free)): State<Turns>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(PATIENCE, free.acquire_owned()).await {
        Ok(Ok(turn)) => next.run(request).await.map(|answer| Body::new(Held { answer, _turn: turn })),
        Ok(Err(_)) | Err(_) => {
            let problem = format!("{AT_ONCE} answers are on their way already: ask again later");
            let answer = Problem::answer(StatusCode::SERVICE_UNAVAILABLE, problem);
            ([(header::RETRY_AFTER, "10")], answer).into_response()
        }
    }
}

/// An answer that holds its turn until it is over.
struct Held {
    answer: Body,
    _turn: OwnedSemaphorePermit,
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.answer).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.answer.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;

    use super::*;

    async fn ask(app: &Router) -> Response {
        use axum::extract::Request;
        use tower_service::Service;
        app.clone().call(Request::new(Body::empty())).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_too_many_waits_and_then_is_told_so() {
        let app = Router::new()
            .route("/", get(|| async { "hello" }))
            .layer(from_fn_with_state(Turns::new(), take_turns));
        let mut under_way = Vec::new();
        for _ in 0..AT_ONCE {
            under_way.push(ask(&app).await);
        }
        assert_eq!(http_body::Body::size_hint(under_way[0].body()).exact(), Some(5), "its length is known");
        assert_eq!(ask(&app).await.status(), StatusCode::SERVICE_UNAVAILABLE);
        under_way.pop();
        assert_eq!(ask(&app).await.status(), StatusCode::OK);
    }
}
