//! What the tests of several adapters need.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses some of it")]

pub mod feed;
pub mod mail;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "postgres")]
pub mod server;
pub mod smtp;
pub mod store;

use std::io::{self, Write};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use status_adapters::clock::Clock;
use status_adapters::service::Service;
use status_core::{Now, Time, Wall};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The secret that is shared with every service, and must show up nowhere.
pub const SECRET: &str = "VerySecretIndeed";

/// 2026-11-24T00:29:26Z.
pub const NOW: Wall = Wall::from_millis(1_795_480_166_000);

/// How long anything may take that should happen at once.
pub const LIMIT: Duration = Duration::from_secs(20);

/// A clock that stands still.
pub struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Now {
        Now { time: Time::from_millis(1_000), wall: NOW }
    }
}

pub fn clock() -> Arc<dyn Clock> {
    Arc::new(StoppedClock)
}

/// A service at an address such as `http://127.0.0.1:4711`, below the path `/tenant/x`.
pub fn service(name: &'static str, address: &str) -> Service {
    let (scheme, host) = address.split_once("://").unwrap();
    Service::new(name, scheme, host, "/tenant/x", SECRET.into())
}

/// Waits for something that should happen at once.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, what).await.expect("it should have happened by now")
}

/// An address on loopback where nothing listens.
pub async fn nowhere() -> String {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
}

/// A server that reads a request's head, answers with these bytes, and then holds the connection
/// open, or closes it. Returns its address.
pub async fn raw_server(answer: &'static [u8], hold: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            read_head(&mut stream).await;
            let _ = stream.write_all(answer).await;
            if hold {
                held.push(stream);
            }
        }
    });
    address
}

/// Reads up to the empty line that ends a request's head.
pub async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// Everything that is logged in this thread while it lives, at every level.
pub struct Log {
    lines: Lines,
    _guard: tracing::subscriber::DefaultGuard,
}

impl Log {
    pub fn start() -> Self {
        // While one subscriber is the only one, tracing asks the thread that happens to come by whether anything is of
        // interest. A second one for all threads, which keeps nothing, makes it ask every subscriber.
        static EVERYWHERE: Once = Once::new();
        EVERYWHERE.call_once(|| {
            let all = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(io::sink);
            tracing::subscriber::set_global_default(all.finish()).unwrap();
        });
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines of the adapters at a level or above: what operators see.
    pub fn ours(&self, levels: &[&str]) -> Vec<String> {
        let text = self.text();
        let ours = |line: &&str| {
            line.contains("status_adapters")
                && levels.iter().any(|level| line.contains(&format!(" {level} ")))
        };
        text.lines().filter(ours).map(str::to_owned).collect()
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A certificate for `localhost` and 127.0.0.1, and the authority that signed it (itself).
pub struct Identity {
    pub root: rustls::pki_types::CertificateDer<'static>,
    pub acceptor: tokio_rustls::TlsAcceptor,
}

impl Identity {
    pub fn new() -> Self {
        status_adapters::install_crypto();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let root = made.cert.der().clone();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![root.clone()], key.into())
            .unwrap();
        Self { root, acceptor: Arc::new(config).into() }
    }
}
