//! Figures of the process and of its runtime, for whoever looks into memory or speed.

use std::fmt::{self, Write};
use std::net::Ipv4Addr;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::runtime::{Handle, RuntimeMetrics};
use tokio_util::sync::CancellationToken;

use crate::http::listener::{self, Limits};
use crate::observers::metrics::Process;

/// Shows the figures as text at `http://127.0.0.1:port/`, to this machine alone, until `stop`.
/// If the port is taken, that is logged, and they are shown nowhere.
pub async fn serve(port: u16, stop: CancellationToken) {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Ok(listener) => listener::serve(Limits::of_this_process(), vec![listener], router(), stop).await,
        Err(error) => tracing::warn!(
            "no figures at port {port}: {error}; choose another STATUS_PORT_PROFILE, or set STATUS_PROFILE=false"
        ),
    }
}

fn router() -> Router {
    Router::new().route("/", get(|| async { figures() }))
}

/// All figures, one a line.
fn figures() -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ =
        process(&mut out, &Process::read()).and_then(|()| runtime(&mut out, &Handle::current().metrics()));
    out
}

fn process(out: &mut String, process: &Process) -> fmt::Result {
    out.push_str("process\n");
    line(out, "resident memory", process.status("VmRSS"))?;
    line(out, "most resident memory", process.status("VmHWM"))?;
    line(out, "threads", process.status("Threads"))?;
    line(out, "open files", process.open_files)?;
    line(out, "processor time", process.processor_seconds().map(|s| format!("{s:.2} s")))?;
    line(out, "running for", process.seconds().map(|s| format!("{s:.0} s")))
}

fn runtime(out: &mut String, metrics: &RuntimeMetrics) -> fmt::Result {
    out.push_str("runtime\n");
    line(out, "workers", Some(metrics.num_workers()))?;
    line(out, "tasks alive", Some(metrics.num_alive_tasks()))?;
    line(out, "tasks waiting for a worker", Some(metrics.global_queue_depth()))
}

fn line(out: &mut String, name: &str, value: Option<impl fmt::Display>) -> fmt::Result {
    match value {
        Some(value) => writeln!(out, "  {name:<28}{value}"),
        None => writeln!(out, "  {name:<28}unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_as_linux_writes_them() {
        let figures = Process {
            status: "Name:\tstatus\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\nThreads:\t3\n".into(),
            stat: "7 (a) R (b) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 3 0 4200 1000 256".into(),
            uptime: "100.25 190.00\n".into(),
            open_files: Some(9),
        };
        let mut out = String::new();
        process(&mut out, &figures).unwrap();
        insta::assert_snapshot!(out, @r"
        process
          resident memory             1024 kB
          most resident memory        2048 kB
          threads                     3
          open files                  9
          processor time              2.00 s
          running for                 58 s
        ");
    }

    #[test]
    fn what_is_not_told_is_unknown() {
        let mut out = String::new();
        process(&mut out, &Process::default()).unwrap();
        assert_eq!(out.matches("unknown").count(), 6, "{out}");
        let rubbish = Process { stat: ") ) ) x".into(), uptime: "x".into(), ..Process::default() };
        assert_eq!((rubbish.processor_seconds(), rubbish.seconds()), (None, None));
    }

    #[tokio::test]
    async fn the_runtime_is_asked() {
        let text = figures();
        assert!(text.contains("workers                     1"), "{text}");
        if cfg!(target_os = "linux") {
            assert!(!text.contains("unknown"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_stops_nothing() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        serve(taken.local_addr().unwrap().port(), CancellationToken::new()).await;
    }
}
