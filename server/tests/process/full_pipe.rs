//! Whoever reads the log stops reading: the server goes on, and ends when it is told to.

use std::collections::BTreeMap;
use std::io::{PipeReader, Write};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::support::{LONG, environment, free_port, get, lab_services, listens, mail};

const LIMIT: Duration = Duration::from_secs(5);

/// The process with both its outputs into pipes that are full from the start, and the other ends
/// of these, which nobody reads.
fn stuck(arguments: &[&str], environment: BTreeMap<String, String>) -> (Child, [PipeReader; 2]) {
    let [(out, to_out), (err, to_err)] = [full_pipe(), full_pipe()];
    let mut command = Command::new(env!("CARGO_BIN_EXE_status"));
    command.args(arguments).env_clear().envs(environment);
    command.stdin(Stdio::null()).stdout(to_out).stderr(to_err).kill_on_drop(true);
    (command.spawn().unwrap(), [out, err])
}

fn full_pipe() -> (PipeReader, Stdio) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    // As much as a pipe holds on Linux, if nobody changes that.
    writer.write_all(&[b'\n'; 65_536]).unwrap();
    (reader, writer.into())
}

async fn terminate(mut child: Child) -> ExitStatus {
    let id = i32::try_from(child.id().expect("it still runs")).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::TERM).unwrap();
    timeout(LIMIT, child.wait()).await.expect("it ends in time").unwrap()
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_nothing_up() {
    for target in ["stdout", "stderr"] {
        let services = lab_services(1).await;
        let port = free_port();
        let chosen = [
            ("STATUS_PORT_SERVE", &*port.to_string()),
            ("STATUS_LOG_FILE", target),
            ("STATUS_HEALTH_LOG_EVERY", "1ms"),
        ];
        let (child, _unread) = stuck(&["serve"], environment(&services, &chosen));
        mail(&services, 1).await;
        services.lab.set_jump("pend00", false);
        mail(&services, 2).await;
        assert!(get(port, "/healthz").await.starts_with("HTTP/1.1 200"));
        assert_eq!(terminate(child).await.code(), Some(0), "{target}");
    }
}

#[tokio::test]
async fn a_demo_that_nobody_watches_ends_when_it_is_told_to() {
    let port = free_port();
    let (child, _unread) = stuck(&["demo", "--port", &port.to_string()], BTreeMap::new());
    listens(port).await;
    assert!(get(port, "/healthz").await.starts_with("HTTP/1.1 200"));
    assert_eq!(terminate(child).await.code(), Some(0));
}

#[tokio::test]
async fn a_start_that_fails_ends_although_nobody_reads_why() {
    let services = lab_services(1).await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let failing = environment(&services, &[("STATUS_PORT_SERVE", &port)]);
    for (environment, code) in [(failing, 1), (BTreeMap::new(), 2)] {
        let (mut child, _unread) = stuck(&["serve"], environment);
        let ended = timeout(LONG, child.wait()).await.expect("it ends").unwrap();
        assert_eq!(ended.code(), Some(code));
    }
}
