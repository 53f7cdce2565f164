//! What the tests of the process share: how it is started, watched, and sent signals.

use std::collections::BTreeMap;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use status_sim::mock::{Lab, Mail, Services, ServicesOptions};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

/// How long anything may take that happens by itself: far longer than it takes, since the machine
/// may be busy.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// How long a stream has not transmitted that is silent at the next snapshot.
const LONG_AGO: Duration = Duration::from_secs(3600);

const STATS_EVERY: Duration = Duration::from_millis(100);
const SETTINGS: [(&str, &str); 10] = [
    ("STATUS_STORE", ":memory:"),
    // Far longer than a busy machine keeps a snapshot back.
    ("STATUS_HEALTH_LAST", "5s"),
    ("STATUS_HEALTH_STARTUP", "1500ms"),
    ("STATUS_QUERY_BOOK_EVERY", "1s"),
    ("STATUS_TIMEOUT_BOOK", "5s"),
    ("STATUS_PORT_SERVE", "0"),
    ("STATUS_LOG_FILE", "stdout"),
    ("STATUS_LOG_LEVEL", "info"),
    ("RUST_LOG", "trace"),
    // Each check's news is a mail of its own.
    ("STATUS_EMAIL_WAIT", "0s"),
];

/// Mock services around a lab, that report often.
pub(crate) async fn services(lab: &Lab, mut options: ServicesOptions) -> Services {
    options.relay.stats_every = STATS_EVERY;
    options.jump.stats_every = STATS_EVERY;
    Services::start(lab, options).await.unwrap()
}

/// Mock services around so many experiments that are well.
pub(crate) async fn lab_services(experiments: usize) -> Services {
    let lab = Lab::with_experiments(experiments, &["data", "video"]);
    services(&lab, ServicesOptions::default()).await
}

/// What makes the process use these services. What is `chosen` counts before all else.
pub(crate) fn environment(services: &Services, chosen: &[(&str, &str)]) -> BTreeMap<String, String> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    // Of two variables with the same name, the later counts.
    services.environment().into_iter().chain(SETTINGS.iter().chain(chosen).map(own)).collect()
}

/// The process. It ends with this.
pub(crate) struct Status {
    child: Child,
    /// What it has written to its standard output.
    pub(crate) out: Lines,
    /// What it has written to its standard error.
    pub(crate) err: Lines,
}

impl Status {
    /// `status` with these arguments, in an environment that holds nothing else.
    pub(crate) fn run(arguments: &[&str], environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_status"));
        command.args(arguments).env_clear().envs(environment);
        Self::spawn(command)
    }

    /// `status serve` beside these services.
    pub(crate) fn serve(services: &Services, chosen: &[(&str, &str)]) -> Self {
        Self::run(&["serve"], environment(services, chosen))
    }

    /// The process that a command describes.
    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let out = Lines::read(child.stdout.take().unwrap());
        let err = Lines::read(child.stderr.take().unwrap());
        Self { child, out, err }
    }

    /// The port that the API listens on, once it says so in its log on the standard output.
    pub(crate) async fn port(&self) -> u16 {
        let line = self.out.line(&["serving at"]).await;
        port_in(&line)
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id().expect("it still runs")).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// How many files it may have open, now and at the most.
    pub(crate) fn files_allowed(&self) -> [String; 2] {
        let path = format!("/proc/{}/limits", self.child.id().expect("it still runs"));
        let limits = std::fs::read_to_string(path).unwrap();
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        let mut figures = line.split_whitespace().map(str::to_owned);
        [figures.next().unwrap(), figures.next().unwrap()]
    }

    /// The most memory that it has held so far.
    pub(crate) fn most_kilobytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id().expect("it still runs"));
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Waits until it has ended, and all that it wrote is read.
    pub(crate) async fn ended(&mut self, limit: Duration) -> ExitStatus {
        let Ok(ended) = timeout(limit, self.child.wait()).await else {
            panic!("it still runs after {limit:?}, and said {:#?} {:#?}", self.out.all(), self.err.all());
        };
        self.out.complete().await;
        self.err.complete().await;
        ended.unwrap()
    }

    /// Ends it as an operator does, and sees to it that it ended well.
    pub(crate) async fn stop(&mut self) {
        self.signal(Signal::TERM);
        let ended = self.ended(LONG).await;
        assert_eq!(ended.code(), Some(0), "{:#?} {:#?}", self.out.all(), self.err.all());
    }
}

/// The port in a line of JSON with an address in it.
pub(crate) fn port_in(line: &str) -> u16 {
    let line: Value = serde_json::from_str(line).unwrap();
    line["address"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap()
}

/// The lines of a stream, as they come.
pub(crate) struct Lines(watch::Receiver<Read>);

#[derive(Default)]
struct Read {
    lines: Vec<String>,
    complete: bool,
}

impl Lines {
    fn read(stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let (sender, receiver) = watch::channel(Read::default());
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_modify(|read| read.lines.push(line));
            }
            sender.send_modify(|read| read.complete = true);
        });
        Self(receiver)
    }

    /// The lines so far.
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.borrow().lines.clone()
    }

    /// Waits for a line that holds all of these, and returns it.
    pub(crate) async fn line(&self, parts: &[&str]) -> String {
        let found = |line: &&String| parts.iter().all(|part| line.contains(part));
        let mut read = self.0.clone();
        let waiting = read.wait_for(|read| read.complete || read.lines.iter().any(|line| found(&line)));
        let came = timeout(LONG, waiting).await.ok().and_then(Result::ok);
        let line = came.and_then(|read| read.lines.iter().find(found).cloned());
        line.unwrap_or_else(|| panic!("no line with {parts:?} in {:#?}", self.all()))
    }

    async fn complete(&self) {
        let mut read = self.0.clone();
        timeout(LONG, read.wait_for(|read| read.complete)).await.expect("the stream has ended").unwrap();
    }
}

/// The mail with this number, counted from 1: it waits until it has come.
pub(crate) async fn mail(services: &Services, number: usize) -> Mail {
    match services.smtp.wait_for_mails(number as u64, LONG).await {
        Ok(mails) => mails[number - 1].clone(),
        Err(late) => panic!("{late}"),
    }
}

/// A stream stays connected and has not transmitted for long.
pub(crate) fn silence(services: &Services, topic: &str) {
    services.lab.silence_since(topic, LONG_AGO);
}

/// What a port of this machine answers to a GET: head and body.
pub(crate) async fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(LONG, stream.read_to_string(&mut answer)).await.expect("it answers").unwrap();
    answer
}

/// What the API answers at a path, once it answers and that is the case.
pub(crate) async fn api(status: &Status, path: &str, awaited: impl Fn(&Value) -> bool) -> Value {
    let port = status.port().await;
    let waiting = async {
        loop {
            let answer = get(port, path).await;
            let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
            // A long answer comes in pieces, with their lengths before them.
            let body = &body[body.find(['[', '{']).unwrap_or(0)..=body.rfind([']', '}']).unwrap_or(0)];
            match serde_json::from_str(body) {
                Ok(value) if awaited(&value) => return value,
                _ => tokio::time::sleep(Duration::from_millis(30)).await,
            }
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap_or_else(|_| panic!("{path}: {:#?}", status.out.all()))
}

/// Waits until somebody listens on a port of this machine.
pub(crate) async fn listens(port: u16) {
    let connecting = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, connecting).await.expect("somebody listens");
}

/// A port that is free, and that nobody else gets: neither from the system, which gives higher ones,
/// nor from here.
pub(crate) fn free_port() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    let free = |port: &u16| std::net::TcpListener::bind(("0.0.0.0", *port)).is_ok();
    let ports = std::iter::repeat_with(|| first + GIVEN.fetch_add(1, Ordering::Relaxed));
    ports.take(1_000).find(free).expect("one of a thousand ports is free")
}
