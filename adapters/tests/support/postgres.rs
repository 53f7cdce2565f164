//! A real PostgreSQL in a folder of its own, started by the tests that need one.
//!
//! Where it is not installed, a test says so and passes; with `STATUS_TEST_POSTGRES=needed`, as in CI, it fails.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use status_adapters::store::postgres::Address;

/// The password of the user `status`.
pub const PASSWORD: &str = "NotForTheLog";
/// How often, and after how long, it is looked whether it has started.
const LOOKS: u32 = 6_000;
const LOOK: Duration = Duration::from_millis(10);

/// What starts, stops and at last clears away: when this process ends, however that is, its input ends.
const SUPERVISOR: &str = r#"
postgres=$1; folder=$2; ssl=$3; pid=
stop() { [ -z "$pid" ] || { kill "-$1" "$pid"; wait "$pid"; pid=; }; }
while read -r word port; do
    case $word in
    start)
        "$postgres" -D "$folder/data" -p "$port" -k "$folder" -c listen_addresses=127.0.0.1 -c "ssl=$ssl" \
            -c fsync=off -c max_connections=200 -c shared_buffers=16MB >>"$folder/log" 2>&1 </dev/null &
        pid=$! ;;
    crash) stop QUIT; echo stopped ;;
    esac
done
stop QUIT
rm -rf "$folder"
"#;

/// One PostgreSQL server, on loopback and on a socket in its folder. It ends with the process.
pub struct Postgres {
    folder: PathBuf,
    port: u16,
    supervisor: std::sync::Mutex<Supervisor>,
}

struct Supervisor {
    _child: Child,
    words: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// A certificate and its key, in PEM.
pub struct Certificate {
    pub certificate: String,
    pub key: String,
}

/// The one server of this test binary; `None` where PostgreSQL is not installed.
pub fn shared(certificate: impl FnOnce() -> Option<Certificate>) -> Option<&'static Postgres> {
    static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
    SHARED.get_or_init(|| Postgres::start(certificate())).as_ref()
}

/// A name of a schema that no other test has.
pub fn schema() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("lab{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Postgres {
    /// Starts one; `None` where PostgreSQL is not installed.
    pub fn start(certificate: Option<Certificate>) -> Option<Self> {
        let Some(programs) = programs() else {
            let needed = std::env::var("STATUS_TEST_POSTGRES").is_ok_and(|word| word == "needed");
            assert!(!needed, "PostgreSQL is not installed, and STATUS_TEST_POSTGRES says that it is needed");
            say("passed without being tried, since PostgreSQL is not installed");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("status-pg-").tempdir().unwrap().keep();
        let user = Identity::of_server();
        user.own(&folder);
        let password = user.file(&folder, "password", PASSWORD);
        let data = folder.join("data");
        let mut initdb = Command::new(programs.join("initdb"));
        initdb.args(["-U", "status", "-E", "UTF8", "--no-locale", "--no-sync"]);
        initdb.args(["--auth-local=trust", "--auth-host=scram-sha-256"]);
        initdb.arg("-D").arg(&data).arg("--pwfile").arg(password);
        let made = user.run(&mut initdb).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let ssl = if let Some(Certificate { certificate, key }) = certificate {
            user.file(&data, "server.crt", &certificate);
            user.file(&data, "server.key", &key);
            "on"
        } else {
            "off"
        };
        let mut shell = Command::new("sh");
        shell.args(["-c", SUPERVISOR, "sh"]).arg(programs.join("postgres")).arg(&folder).arg(ssl);
        let mut child = user.run(shell.stdin(Stdio::piped()).stdout(Stdio::piped())).spawn().unwrap();
        let (words, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let supervisor = Supervisor { _child: child, words, answers: BufReader::new(answers) };
        let mut server = Self { folder, port: 0, supervisor: supervisor.into() };
        // Somebody else may take the port before the server does: then another is tried.
        let began = (0..5).any(|_| {
            server.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            server.begin()
        });
        assert!(began, "PostgreSQL finds no free port");
        Some(server)
    }

    /// Starts it (again). Returns whether it takes connections.
    pub fn begin(&self) -> bool {
        // It is the server's own, which makes it anew.
        let _ = fs::remove_file(self.folder.join("log"));
        writeln!(self.supervisor.lock().unwrap().words, "start {}", self.port).unwrap();
        for _ in 0..LOOKS {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            if log.contains("database system is ready to accept connections") {
                return true;
            }
            if log.contains("could not create any TCP/IP sockets") {
                return false;
            }
            std::thread::sleep(LOOK);
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        panic!("it does not take connections: {log}");
    }

    /// Ends it at once, as a power cut would.
    pub fn crash(&self) {
        self.say("crash");
    }

    fn say(&self, word: &str) {
        let mut supervisor = self.supervisor.lock().unwrap();
        writeln!(supervisor.words, "{word}").unwrap();
        let mut answer = String::new();
        supervisor.answers.read_line(&mut answer).unwrap();
        assert!(!answer.is_empty(), "the supervisor ended");
    }

    /// Its certificate, in PEM.
    pub fn certificate(&self) -> String {
        fs::read_to_string(self.folder.join("data/server.crt")).unwrap()
    }

    /// The port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of a schema on loopback, where a password is asked for, with more parameters such as
    /// `&sslmode=require`.
    pub fn url(&self, schema: &str, more: &str) -> String {
        format!("postgres://status@127.0.0.1:{}/postgres?schema={schema}{more}", self.port)
    }

    /// Likewise, on the socket, where none is.
    pub fn socket_url(&self, schema: &str) -> String {
        let (folder, port) = (self.folder.display(), self.port);
        format!("postgres://status@/postgres?host={folder}&port={port}&schema={schema}")
    }

    /// The address of a schema on the socket.
    pub fn address(&self, schema: &str) -> Address {
        Address::parse(&self.socket_url(schema)).unwrap()
    }

    /// A connection beside those of the program.
    pub async fn client(&self) -> tokio_postgres::Client {
        let mut config = tokio_postgres::Config::new();
        config.host_path(&self.folder).port(self.port).user("status").dbname("postgres");
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Has the database do something.
    pub async fn sql(&self, sql: &str) {
        self.client().await.batch_execute(sql).await.unwrap();
    }

    /// The one number that a question gives.
    pub async fn number(&self, sql: &str) -> i64 {
        self.client().await.query_one(sql, &[]).await.unwrap().get(0)
    }
}

/// An address with the password of the user `status`.
pub fn with_password(url: &str) -> Address {
    Address::parse(url).unwrap().with_password(&PASSWORD.into())
}

/// Where its programs are.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let packaged = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let mut packaged: Vec<PathBuf> = packaged.map(|version| version.path().join("bin")).collect();
    packaged.sort();
    let all = packaged.into_iter().rev().chain(std::env::split_paths(&path).collect::<Vec<_>>());
    all.into_iter().find(|folder| ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file()))
}

/// Whom the server runs as: PostgreSQL refuses to run as root.
struct Identity(Option<(u32, u32)>);

impl Identity {
    fn of_server() -> Self {
        let of = |name: &str| {
            let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
            let line = users.lines().find(|line| line.starts_with(&format!("{name}:")))?.to_owned();
            let mut numbers = line.split(':').skip(2).map_while(|number| number.parse().ok());
            numbers.next().zip(numbers.next())
        };
        let is_root =
            fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        Self(is_root.then(|| of("postgres").or_else(|| of("nobody")).expect("there is a user beside root")))
    }

    fn own(&self, path: &Path) {
        if let Some((user, group)) = self.0 {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    fn file(&self, folder: &Path, name: &str, content: &str) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        self.own(&path);
        path
    }

    fn run<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        command.current_dir("/")
    }
}

#[allow(clippy::print_stderr, reason = "whoever runs the tests is to know")]
fn say(what: &str) {
    eprintln!("{what}");
}
