//! How long a feed's frame takes to be understood, next to the least that any parser would do: its
//! bytes into plain typed structs that borrow all they can.
//!
//! `cargo bench -p status-adapters`
#![expect(clippy::print_stdout, reason = "the table is what it is for")]
#![expect(clippy::expect_used, reason = "what it reads, it wrote itself")]

use std::borrow::Cow;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use serde::Deserialize;
use status_adapters::wire::frame;
use status_core::Feed;

fn main() {
    println!("connections  counting      MB  plain structs   our frame   ratio");
    for count in [300, 3_000, 30_000] {
        for one_in_three_watches in [true, false] {
            measure(count, one_in_three_watches);
        }
    }
}

fn measure(count: usize, one_in_three_watches: bool) {
    let text = snapshot(count, one_in_three_watches);
    let runs = (600_000 / count).clamp(31, 501);
    let plain = || serde_json::from_str::<Vec<Plain<'_>>>(&text).expect("valid").len();
    let ours = || frame::read(Feed::Relay, &text).snapshot.expect("a snapshot").reports.len();
    // To come here: what the core then takes for the same reports.
    assert_eq!(plain(), count);
    let counting = ours();
    let [plain, ours] = medians(runs, [&plain, &ours]);
    println!(
        "{count:>11}  {counting:>8}  {:>6.2}  {:>10.3} ms  {:>7.3} ms  {:>6.2}",
        text.len() as f64 / 1e6,
        plain.as_secs_f64() * 1e3,
        ours.as_secs_f64() * 1e3,
        ours.as_secs_f64() / plain.as_secs_f64(),
    );
}

/// The median time of each, run in turns so that a noisy neighbour disturbs all of them alike.
fn medians<const N: usize>(runs: usize, works: [&dyn Fn() -> usize; N]) -> [Duration; N] {
    let mut times = [const { Vec::new() }; N];
    for _ in 0..runs {
        for (work, times) in works.iter().zip(&mut times) {
            #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
            let start = std::time::Instant::now();
            black_box(work());
            times.push(start.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    })
}

/// A snapshot as relay v0.7 writes it: data and video streams of many experiments, and people who
/// watch some of them, or none.
fn snapshot(count: usize, one_in_three_watches: bool) -> String {
    let mut text = String::from("[");
    for i in 0..count {
        let (lab, kind) = (i / 2, if i % 2 == 0 { "data" } else { "video" });
        let watches = one_in_three_watches && i % 3 == 2;
        let (scopes, agent, write) = if watches {
            (r#"["read"]"#, "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0", false)
        } else {
            (r#"["write","read","expt"]"#, "Go-http-client/1.1", true)
        };
        let last = if watches { "Never".to_owned() } else { format!("{}.{:06}ms", i % 99, i * 7 % 999_983) };
        let _ = write!(
            text,
            r#"{}{{"canRead":true,"canWrite":{write},"connected":"2026-11-24T00:28:09.{:09}Z","expiresAt":"2026-11-24T02:28:09Z","remoteAddr":"203.0.113.{}, 127.0.0.1","scopes":{scopes},"stats":{{"tx":{{"last":"{last}","size":4000,"fps":24.{}}},"rx":{{"last":"Never","size":0,"fps":0}}}},"topic":"pend{lab:05}-st-{kind}","userAgent":"{agent}"}}"#,
            if i == 0 { "" } else { "," },
            i * 31 + 892_876_000,
            i % 256,
            65_887_126_436_389_u64 + i as u64,
        );
    }
    text.push(']');
    text
}

/// A report as a struct with nothing to it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "read for the time that it takes")]
struct Plain<'a> {
    can_read: bool,
    can_write: bool,
    #[serde(borrow)]
    connected: Cow<'a, str>,
    #[serde(borrow)]
    expires_at: Cow<'a, str>,
    #[serde(borrow)]
    remote_addr: Cow<'a, str>,
    #[serde(borrow)]
    scopes: Vec<&'a str>,
    #[serde(borrow)]
    stats: PlainStats<'a>,
    #[serde(borrow)]
    topic: Cow<'a, str>,
    #[serde(borrow)]
    user_agent: Cow<'a, str>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read for the time that it takes")]
struct PlainStats<'a> {
    #[serde(borrow)]
    tx: PlainTraffic<'a>,
    #[serde(borrow)]
    rx: PlainTraffic<'a>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read for the time that it takes")]
struct PlainTraffic<'a> {
    #[serde(borrow)]
    last: Cow<'a, str>,
    size: f64,
    fps: f64,
}
