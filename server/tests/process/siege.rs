//! Clients that do all that they should not, and more of them than there should be: the server watches
//! all the same, and answers others.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use status_sim::mock::{Lab, Services, ServicesOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::{LONG, Status, environment, free_port, get, lab_services, mail, silence};

const STREAMS: usize = 1_000;
const HALF_SENT: usize = 500;
/// How many large answers may be on their way at once.
const TURNS: usize = 32;

async fn connect(port: u16, sent: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    // It may hang up before it has read it all.
    let _ = stream.write_all(sent).await;
    stream
}

/// Reads until this has come.
async fn until(stream: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        let count = timeout(LONG, stream.read_buf(&mut read)).await.expect("it comes").unwrap();
        assert_ne!(count, 0, "it ended with {}", String::from_utf8_lossy(&read));
    }
    String::from_utf8(read).unwrap()
}

/// This process needs a file for each of its clients.
fn allow_many_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let needed = u64::try_from(2 * (STREAMS + HALF_SENT)).unwrap();
    assert!(
        maximum.is_none_or(|most| most >= needed),
        "the limit of open files (ulimit -Hn) must be {needed}"
    );
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

#[tokio::test]
async fn a_thousand_listeners_and_half_sent_requests_leave_it_watching() {
    allow_many_files();
    let services = lab_services(3).await;
    // The feeds' mocks share the machine with all these clients.
    let mut status = Status::serve(&services, &[("STATUS_HEALTH_LAST", "20s")]);
    let port = status.port().await;
    mail(&services, 1).await;

    let mut listeners = Vec::new();
    for _ in 0..STREAMS {
        listeners.push(connect(port, b"GET /api/v1/stream HTTP/1.1\r\nHost: a\r\n\r\n").await);
    }
    for listener in &mut listeners {
        until(listener, "event: system").await;
    }
    let mut half_sent = Vec::new();
    for number in 0..HALF_SENT {
        let sent: &[u8] = if number % 2 == 0 { b"GET / HTTP/1.1\r\nHost: a\r\nX: " } else { b"" };
        half_sent.push(connect(port, sent).await);
    }

    silence(&services, "pend01-st-video");
    let next = mail(&services, 2).await;
    assert!(next.body.contains("pend01 ><   U [unhealthy pend01-st-video]"), "{}", next.body);
    for listener in &mut listeners {
        until(listener, "event: health").await;
    }
    assert!(get(port, "/").await.contains("1 unhealthy"), "others are answered");
    let figures = get(port, "/metrics").await;
    assert!(figures.contains("status_stream_clients 1000.0"), "{figures}");
    println!(
        "with {STREAMS} listeners and {HALF_SENT} half-sent requests it held {} kB",
        status.most_kilobytes()
    );

    drop(listeners);
    drop(half_sent);
    let gone = async {
        while !get(port, "/metrics").await.contains("status_stream_clients 0.0") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, gone).await.expect("who has gone is not counted");
    status.stop().await;
}

/// `status serve` that may have so many files open, and may not have more.
fn serve_with_files(services: &Services, files: usize) -> Status {
    let mut command = Command::new("sh");
    let run = format!("ulimit -n {files} && exec \"$0\" serve");
    command.args(["-c", &run, env!("CARGO_BIN_EXE_status")]).env_clear().envs(environment(services, &[]));
    Status::spawn(command)
}

#[tokio::test]
async fn one_address_with_all_connections_holds_up_neither_others_nor_itself() {
    const IDLE: usize = 300;
    allow_many_files();
    let services = lab_services(1).await;
    let mut status = serve_with_files(&services, 1024);
    let port = status.port().await;
    mail(&services, 1).await;
    // Somebody else, who was there before, and is idle for longest.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
    const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    other.write_all(REQUEST).await.unwrap();
    until(&mut other, "ok\n").await;

    let mut idle = Vec::new();
    for number in 0..IDLE {
        // Some have sent nothing, some a half, and some have had an answer.
        let sent: &[u8] = [&b""[..], b"GET / HTTP/1.1\r\nX: ", REQUEST][number % 3];
        idle.push(connect(port, sent).await);
    }
    for path in ["/healthz", "/metrics", "/", "/readyz", "/api/v1/system"] {
        assert!(get(port, path).await.starts_with("HTTP/1.1 200"), "{path}");
    }
    other.write_all(REQUEST).await.unwrap();
    until(&mut other, "ok\n").await;
    status
        .out
        .line(&["all 256 connections are taken, most of them by 127.0.0.1, whose idlest makes room"])
        .await;
    drop(idle);
    status.stop().await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_who_comes_after_is_answered() {
    let services = lab_services(1).await;
    let mut status = Status::serve(&services, &[]);
    let port = status.port().await;
    mail(&services, 1).await;
    let long = "x".repeat(100_000);
    for request in [
        format!("GET /?q={long} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(5_000)),
        format!("{long}\r\n\r\n"),
    ] {
        let mut stream = connect(port, request.as_bytes()).await;
        let mut answer = Vec::new();
        // It may be reset, since the server does not read the rest.
        let _ = timeout(LONG, stream.read_to_end(&mut answer)).await.expect("it ends");
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        assert!(get(port, "/healthz").await.starts_with("HTTP/1.1 200"));
    }
    // A query that is long and not too long is only one that finds nothing.
    let answer = get(port, &format!("/?q={}", &long[..4_000])).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("No experiment fits"));
    status.stop().await;
}

#[tokio::test]
async fn who_reads_nothing_of_a_large_page_holds_little_memory() {
    const EXPERIMENTS: usize = 2_000;
    const CLIENTS: usize = 300;
    allow_many_files();
    let mut options = ServicesOptions::default();
    options.relay.stats_every = Duration::from_secs(1);
    options.jump.stats_every = Duration::from_secs(1);
    let services = Services::start(&Lab::with_experiments(EXPERIMENTS, &["data"]), options).await.unwrap();
    let chosen =
        [("STATUS_HEALTH_LAST", "60s"), ("STATUS_QUERY_BOOK_EVERY", "1h"), ("STATUS_LOG_LEVEL", "warn")];
    let port = free_port();
    let mut environment = environment(&services, &chosen);
    environment.insert("STATUS_PORT_SERVE".to_owned(), port.to_string());
    let mut status = Status::run(&["serve"], environment);
    mail(&services, 1).await;
    let page = get(port, "/").await;
    assert!(page.len() > 400_000, "{} bytes", page.len());

    let before = status.most_kilobytes();
    let mut readers = Vec::new();
    for _ in 0..CLIENTS {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut reader = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
        reader.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        readers.push(reader);
    }
    // As many as have a turn get the beginning of their page, and read no further.
    let (began, mut beginnings) = tokio::sync::mpsc::channel(CLIENTS);
    for mut reader in readers {
        let began = began.clone();
        tokio::spawn(async move {
            let mut first = [0; 512];
            let count = reader.read(&mut first).await.unwrap_or(0);
            if String::from_utf8_lossy(&first[..count]).contains("200 OK") {
                let _ = began.send(reader).await;
            }
        });
    }
    let mut held = Vec::new();
    while held.len() < TURNS {
        held.push(timeout(LONG, beginnings.recv()).await.expect("they get their turn").unwrap());
    }
    let most = status.most_kilobytes() - before;
    println!("{CLIENTS} readers of {} kB each made it hold {most} kB more", page.len() / 1024);
    assert!(most < 100_000, "{most} kB");
    assert!(get(port, "/healthz").await.starts_with("HTTP/1.1 200"), "others are answered");
    assert!(get(port, "/page.css").await.starts_with("HTTP/1.1 200"));
    drop(held);
    status.stop().await;
}
