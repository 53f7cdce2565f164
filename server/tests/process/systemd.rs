//! What systemd is told by a service of `Type=notify`.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{LONG, Status, environment, lab_services};

/// Reads what the server tells, until it has told all of these.
async fn told(socket: &UnixDatagram, wanted: &'static [&'static str]) -> Vec<String> {
    let socket = socket.try_clone().unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let reading = tokio::task::spawn_blocking(move || {
        let mut told: Vec<String> = Vec::new();
        while !wanted.iter().all(|line| told.iter().any(|known| known == line)) {
            let mut bytes = [0; 1024];
            let count = socket.recv(&mut bytes).unwrap_or_else(|_| panic!("of {wanted:?} came {told:?}"));
            told.extend(String::from_utf8_lossy(&bytes[..count]).lines().map(str::to_owned));
        }
        told
    });
    reading.await.unwrap()
}

#[tokio::test]
async fn a_socket_that_has_a_name_and_no_file_is_told_the_same() {
    let name = format!("status-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let services = lab_services(1).await;
    let name = format!("@{name}");
    let chosen = [("NOTIFY_SOCKET", &*name), ("WATCHDOG_USEC", "200000")];
    let mut status = Status::run(&["serve"], environment(&services, &chosen));
    told(&socket, &["READY=1", "STATUS=watching"]).await;
    told(&socket, &["WATCHDOG=1"]).await;
    status.signal(Signal::TERM);
    told(&socket, &["STOPPING=1"]).await;
    assert_eq!(status.ended(LONG).await.code(), Some(0));
    assert!(status.out.all().iter().all(|line| !line.contains("systemd cannot be told")));
}

#[tokio::test]
async fn it_says_when_it_is_ready_that_its_driver_drives_and_that_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let services = lab_services(1).await;
    let microseconds = Duration::from_millis(200).as_micros().to_string();
    let chosen = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", &*microseconds)];
    let mut status = Status::run(&["serve"], environment(&services, &chosen));
    status.port().await;
    told(&socket, &["READY=1", "STATUS=watching"]).await;
    for _ in 0..3 {
        told(&socket, &["WATCHDOG=1"]).await;
    }
    status.signal(Signal::TERM);
    told(&socket, &["STOPPING=1"]).await;
    assert_eq!(status.ended(LONG).await.code(), Some(0));
}
