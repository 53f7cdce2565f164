//! What a snapshot costs: from a frame's bytes to decided actions, next to the least that any parser
//! would do, its bytes into plain typed structs that borrow all they can. And how much memory the
//! server holds that is sent such snapshots.
//!
//! `cargo bench -p status-server`
#![expect(clippy::print_stdout, reason = "the tables are what it is for")]
#![expect(clippy::expect_used, reason = "what it reads, it wrote itself")]

use std::borrow::Cow;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use status_adapters::wire::frame;
use status_core::{Action, Config, Feed, Input, Monitor, Now, Time, Wall};
use status_sim::mock::{Lab, Services, ServicesOptions};

const SIZES: [usize; 3] = [300, 3_000, 30_000];

/// The end of a snapshot: the connection that relay has to itself, without which a list is none.
const OWN_CONNECTION: &str = r#",{"canRead":true,"canWrite":true,"connected":"2026-11-24T00:27:55.789095431Z","expiresAt":"0001-01-01T00:00:00Z","remoteAddr":"internal","scopes":["read","stats","write"],"stats":{"tx":{"last":"Never","size":0,"fps":0},"rx":{"last":"Never","size":0,"fps":0}},"topic":"stats","userAgent":"crossbar"}]"#;

fn main() {
    println!(
        "From bytes to decided actions: every second snapshot, all streams of one in ten experiments are silent.\n"
    );
    println!("connections  counting      MB  plain structs  frame to actions   ratio  per connection");
    for count in SIZES {
        for one_in_three_watches in [true, false] {
            measure(count, one_in_three_watches);
        }
    }
    println!(
        "\nThe server, with a mock of relay that lists so many connections, and of jump a third of that.\n"
    );
    println!("connections  resident MB  most resident MB");
    for count in SIZES {
        let [resident, most] = memory(count);
        println!("{count:>11}  {resident:>11.1}  {most:>16.1}");
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts and sizes are far from what an f64 cannot count")]
fn measure(count: usize, one_in_three_watches: bool) {
    let texts = [snapshot(count, one_in_three_watches, false), snapshot(count, one_in_three_watches, true)];
    let runs = (600_000 / count).clamp(31, 501);
    let plain = |turn: usize| serde_json::from_str::<Vec<Plain<'_>>>(&texts[turn % 2]).expect("valid").len();
    let mut server = Decider::new();
    server.take(&texts[0]);
    let counting = frame::read(Feed::Relay, &texts[0]).snapshot.expect("a snapshot").reports.len();
    assert_eq!(plain(0), count + 1);
    let [plain, ours] = medians(runs, [&mut |turn| plain(turn), &mut |turn| server.take(&texts[turn % 2])]);
    assert!(server.decided > 0, "something was decided");
    println!(
        "{count:>11}  {counting:>8}  {:>6.2}  {:>10.3} ms  {:>13.3} ms  {:>6.2}  {:>11.0} ns",
        texts[0].len() as f64 / 1e6,
        plain.as_secs_f64() * 1e3,
        ours.as_secs_f64() * 1e3,
        ours.as_secs_f64() / plain.as_secs_f64(),
        ours.as_secs_f64() * 1e9 / count as f64,
    );
}

/// The path of a frame through parser and core, as in the server.
struct Decider {
    monitor: Monitor,
    now: Now,
    decided: usize,
}

impl Decider {
    fn new() -> Self {
        let now = Now { time: Time::from_millis(1_000_000), wall: Wall::from_millis(1_795_480_000_000) };
        let config = Config { startup: Duration::ZERO, ..Config::default() };
        let mut monitor = Monitor::new(config, now);
        let _ = monitor.handle(now, Input::Wake);
        Self { monitor, now, decided: 0 }
    }

    fn take(&mut self, text: &str) -> usize {
        self.now.time = self.now.time + Duration::from_secs(5);
        let reports = frame::read(Feed::Relay, text).snapshot.expect("a snapshot").reports;
        let connection = status_core::CallId(1);
        let actions =
            self.monitor.handle(self.now, Input::Reported { feed: Feed::Relay, connection, reports });
        self.decided += actions.iter().filter(|action| matches!(action, Action::Note(_))).count();
        actions.len()
    }
}

/// What the server holds after it has taken in some snapshots, and the most that it held, in MB.
fn memory(connections: usize) -> [f64; 2] {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        const LIMIT: Duration = Duration::from_secs(60);
        let lab = Lab::with_experiments(connections / 3, &["data", "log", "video"]);
        let services = Services::start(&lab, ServicesOptions::default()).await.expect("mock services");
        let folder = tempfile::tempdir().expect("a folder for the store");
        let mut server = serve(&services, &folder.path().join("status.db"));
        for feed in [&services.relay, &services.jump] {
            feed.wait_for(|seen| seen.snapshots >= 20, LIMIT).await.expect("the server listens");
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap_or_default();
        // It is only measured, and holds nothing that matters.
        let _ = server.kill().and_then(|()| server.wait());
        ["VmRSS:", "VmHWM:"].map(|name| megabytes(&status, name))
    })
}

fn serve(services: &Services, store: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_status"))
        .arg("serve")
        .env_clear()
        .envs(services.environment())
        .env("STATUS_PORT_SERVE", "0")
        .env("STATUS_STORE", store)
        .env("STATUS_HEALTH_STARTUP", "2s")
        .env("STATUS_LOG_FILE", "stderr")
        .stderr(Stdio::null())
        .spawn()
        .expect("the server starts")
}

/// A line of `/proc/PID/status`; not a number where there is no such file.
fn megabytes(status: &str, name: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kilobytes.map_or(f64::NAN, |kilobytes| kilobytes * 1024.0 / 1e6)
}

/// The median time of each, run in turns so that a noisy neighbour disturbs all of them alike.
fn medians<const N: usize>(runs: usize, mut works: [&mut dyn FnMut(usize) -> usize; N]) -> [Duration; N] {
    let mut times = [const { Vec::new() }; N];
    for turn in 0..runs {
        for (work, times) in works.iter_mut().zip(&mut times) {
            #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
            let start = std::time::Instant::now();
            black_box(work(turn));
            times.push(start.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    })
}

/// A snapshot as relay v0.7 writes it: data and video streams of many experiments, and people who
/// watch some of them, or none. One experiment in ten is silent, or none.
fn snapshot(count: usize, one_in_three_watches: bool, some_silent: bool) -> String {
    let mut text = String::from("[");
    for i in 0..count {
        let (lab, kind) = (i / 2, if i % 2 == 0 { "data" } else { "video" });
        let watches = one_in_three_watches && i % 3 == 2;
        let (scopes, agent, write) = if watches {
            (r#"["read"]"#, "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0", false)
        } else {
            (r#"["write","read","expt"]"#, "Go-http-client/1.1", true)
        };
        let silent = some_silent && lab % 10 == 0;
        let last = match (watches, silent) {
            (true, _) => "Never".to_owned(),
            (false, true) => format!("1m{}.{:06}s", i % 59, i * 7 % 999_983),
            (false, false) => format!("{}.{:06}ms", i % 99, i * 7 % 999_983),
        };
        let _ = write!(
            text,
            r#"{}{{"canRead":true,"canWrite":{write},"connected":"2026-11-24T00:28:09.{:09}Z","expiresAt":"2026-11-24T02:28:09Z","remoteAddr":"203.0.113.{}, 127.0.0.1","scopes":{scopes},"stats":{{"tx":{{"last":"{last}","size":4000,"fps":24.{}}},"rx":{{"last":"Never","size":0,"fps":0}}}},"topic":"pend{lab:05}-st-{kind}","userAgent":"{agent}"}}"#,
            if i == 0 { "" } else { "," },
            i * 31 + 892_876_000,
            i % 256,
            65_887_126_436_389_u64 + i as u64,
        );
    }
    text.push_str(OWN_CONNECTION);
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
