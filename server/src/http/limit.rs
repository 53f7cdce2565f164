//! Answers that are made as a whole, of which only so many may be on their way at once.
//!
//! A page of thousands of experiments has megabytes, and a client that reads it slowly holds them for as
//! long. So a crowd of such clients waits for its turn instead of filling the memory.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

use super::Problem;

/// How many such answers may be on their way.
const AT_ONCE: usize = 32;
/// How long a client may take for its answer: who is slower holds a turn that others wait for.
const LONGEST: Duration = Duration::from_secs(60);
/// How much of an answer is handed on at once.
const PIECE_BYTES: usize = 16 * 1024;
/// How long a client waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// The turns that there are.
#[derive(Clone)]
pub(super) struct Concurrency(Arc<Semaphore>);

impl Concurrency {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// Answers when there is room for one more.
pub(super) async fn limit_concurrency(
    State(Concurrency(free)): State<Concurrency>,
    request: Request,
    next: Next,
) -> Response {
    match tokio::time::timeout(PATIENCE, free.acquire_owned()).await {
        Ok(Ok(turn)) => next.run(request).await.map(|answer| {
            let over = Box::pin(tokio::time::sleep(LONGEST));
            Body::new(Held { answer, rest: Bytes::new(), over, _turn: turn })
        }),
        Ok(Err(_)) | Err(_) => {
            let problem = format!("{AT_ONCE} answers are on their way already: ask again later");
            let answer = Problem::answer(StatusCode::SERVICE_UNAVAILABLE, problem);
            ([(header::RETRY_AFTER, "10")], answer).into_response()
        }
    }
}

/// An answer that holds its turn until the client has taken it, or has had its time.
///
/// It is handed on in pieces: as a whole it would be taken from here at once, and wait elsewhere.
struct Held {
    answer: Body,
    rest: Bytes,
    over: Pin<Box<Sleep>>,
    _turn: OwnedSemaphorePermit,
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.over.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(axum::Error::new(std::io::Error::from(
                std::io::ErrorKind::TimedOut,
            )))));
        }
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.answer).poll_frame(cx)).transpose()?.map(Frame::into_data) {
                None => return Poll::Ready(None),
                Some(Err(other)) => return Poll::Ready(Some(Ok(other))),
                Some(Ok(data)) => self.rest = data,
            }
        }
        let length = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        match self.answer.size_hint().exact() {
            Some(exact) => SizeHint::with_exact(exact + rest),
            None => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use futures_util::StreamExt;

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
            .layer(from_fn_with_state(Concurrency::new(), limit_concurrency));
        let mut under_way = Vec::new();
        for _ in 0..AT_ONCE {
            under_way.push(ask(&app).await);
        }
        assert_eq!(http_body::Body::size_hint(under_way[0].body()).exact(), Some(5), "its length is known");
        assert_eq!(ask(&app).await.status(), StatusCode::SERVICE_UNAVAILABLE);
        under_way.pop();
        assert_eq!(ask(&app).await.status(), StatusCode::OK);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_handed_on_in_pieces_and_has_its_time() {
        const BYTES: usize = 5 * PIECE_BYTES + 1;
        let app = Router::new()
            .route("/", get(|| async { vec![7; BYTES] }))
            .layer(from_fn_with_state(Concurrency::new(), limit_concurrency));
        let mut answer = ask(&app).await.into_body().into_data_stream();
        let mut read = 0;
        while let Some(piece) = answer.next().await {
            let piece = piece.unwrap();
            assert!(piece.len() <= PIECE_BYTES);
            read += piece.len();
        }
        assert_eq!(read, BYTES);
        let mut slow = ask(&app).await.into_body().into_data_stream();
        assert!(slow.next().await.unwrap().is_ok());
        tokio::time::advance(LONGEST).await;
        assert!(slow.next().await.unwrap().is_err());
    }
}
