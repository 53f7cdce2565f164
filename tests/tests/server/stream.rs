//! The stream of changes.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::Value;

use crate::support::{LONG, Running};

/// A client of the stream.
struct Client {
    answer: Response,
    read: String,
}

impl Client {
    async fn of(running: &Running) -> Self {
        let answer = running.request(Method::GET, "/api/v1/stream").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, read: String::new() }
    }

    /// The next message: its name and what it tells. `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            while let Some((message, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| message.lines().find_map(|line| line.strip_prefix(name));
                let found = field("event: ").zip(field("data: "));
                let found = found.map(|(name, data)| (name.to_owned(), serde_json::from_str(data).unwrap()));
                self.read = rest.to_owned();
                if found.is_some() {
                    return found;
                }
            }
            let chunk = tokio::time::timeout(LONG, self.answer.chunk()).await.expect("it goes on");
            self.read.push_str(str::from_utf8(&chunk.ok()??).unwrap());
        }
    }

    async fn until(&mut self, wanted: impl Fn(&str, &Value) -> bool) -> Value {
        loop {
            let (name, data) = self.next().await.expect("it goes on");
            if wanted(&name, &data) {
                return data;
            }
        }
    }
}

#[tokio::test]
async fn changes_are_told_as_they_happen() {
    let running = Running::well(2, &[]).await;
    let mut client = Client::of(&running).await;
    let (name, first) = client.next().await.unwrap();
    assert_eq!((name.as_str(), &first["counts"]["experiments"]), ("system", &2.into()));
    running.silence("pend01-st-video");
    let event = client.until(|name, _| name == "health").await;
    assert_eq!((&event["topic_name"], &event["healthy"]), (&"pend01".into(), &false.into()));
    assert_eq!(event["issues"], serde_json::json!(["unhealthy pend01-st-video"]));
    let system = client.until(|name, data| name == "system" && data["counts"]["unhealthy"] == 1).await;
    assert_ne!(system["revision"], first["revision"]);
    running.stop().await;
}

#[tokio::test]
async fn clients_that_listen_do_not_hold_up_the_stop() {
    let running = Running::well(1, &[]).await;
    let mut client = Client::of(&running).await;
    client.next().await.unwrap();
    let watch = std::pin::pin!(running.stop());
    tokio::time::timeout(Duration::from_secs(10), watch).await.expect("it stops");
    while client.next().await.is_some() {}
}
