//! The command line.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use status_adapters::token::{NAME_AT_MOST, is_name};
use status_adapters::wire::duration;

use super::moment::Moment;

/// Watches a remote lab's equipment, takes what is broken out of booking, and mails what changed.
#[derive(Debug, Parser)]
#[command(name = "status", version = env!("BUILD_VERSION"))]
#[command(
    after_help = "Settings come from environment variables that begin with STATUS_; docs/configure.md lists them."
)]
pub struct Cli {
    /// When what is printed has colours; NO_COLOR turns them off where that is auto
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub color: Color,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Do the job, with the settings from the environment
    ///
    /// Watches relay and jump, tells book what can be booked, sends mail, and answers at
    /// STATUS_PORT_SERVE, until SIGTERM or SIGINT.
    #[command(after_help = "\
Settings come from environment variables that begin with STATUS_; docs/configure.md lists them.
Needed are STATUS_HOST_BOOK, STATUS_HOST_RELAY, STATUS_HOST_JUMP and STATUS_SECRET_BOOK,
STATUS_SECRET_RELAY, STATUS_SECRET_JUMP.

Exit codes: 0 stopped by a signal, 1 something failed, 2 the settings or the command line are wrong.")]
    Serve,
    /// Try the settings and every service, and change nothing
    ///
    /// Reads the settings from the environment as serve does, asks book, relay, jump and the mail server, looks
    /// at the store, the log file and the port, and prints a line for each: ok, or what is wrong and what to
    /// change. Run it as the user, and with the environment, that serve has; it may run beside serve.
    #[command(after_help = "\
Each service gets 75 s, since some feeds report only once a minute.

Exit codes: 0 all is well, 1 something is wrong or it was interrupted, 2 the command line is wrong.")]
    Check(CheckArgs),
    /// Show what it does, on this machine alone
    ///
    /// Runs the server with a small lab, services that are imitated, and an outage that repeats.
    /// It needs no settings, asks nobody else, and prints its address and what is happening.
    Demo {
        /// The port to answer at; 0 for any free one
        #[arg(long, value_name = "N", default_value_t = 0)]
        port: u16,
    },
    /// Play scripted outages, and show what would have happened
    ///
    /// Plays each scenario against the rules of this program in virtual time, and prints what happened, what was
    /// decided and which mails would have come. A scenario is a text file; docs/simulate.md shows one.
    #[command(after_help = "\
With --set once, every file is played with these settings. With --set twice or more, every file is played
once for each, and a table compares the runs.

Exit codes: 0 all is well, 1 an expectation was not met or a promise of the rules was broken (or something
else failed), 2 a file, a setting or the command line is wrong, 130 it was interrupted.")]
    Simulate(SimulateArgs),
    /// Print the changes in health that the store has kept
    ///
    /// Reads the store that STATUS_STORE names, also while the server runs, and changes nothing in it.
    #[command(after_help = "\
Exit codes: 0 printed, 1 there is no store or it cannot be read, 2 the command line is wrong.")]
    History(HistoryArgs),
    /// Print what a time came to: uptime, outages, repairs
    ///
    /// Reads the store that STATUS_STORE names, also while the server runs, and changes nothing in it. The page has the same at
    /// /report.
    #[command(after_help = "\
Exit codes: 0 printed, 1 there is no store or it cannot be read, 2 the command line is wrong.")]
    Report(ReportArgs),
    /// Copy the store, from a file to a database for instance
    Store {
        /// What to do with it.
        #[command(subcommand)]
        action: StoreAction,
    },
    /// Print a token with which a person can change something
    ///
    /// Signs it with STATUS_SECRET_ADMIN, and asks nobody. It goes into the header Authorization of the API as it is, or into
    /// the page where one signs in. Whoever has it can use it until it expires.
    #[command(after_help = "\
Exit codes: 0 printed, 2 STATUS_SECRET_ADMIN is missing or the command line is wrong.")]
    Token(TokenArgs),
    /// Set, list or end windows of maintenance
    ///
    /// While a window is on, what it names is no news: it makes no mail. Tells the running server so, with a token that it
    /// makes from STATUS_SECRET_ADMIN.
    #[command(after_help = "\
status maintain 'pend0*' --for 2h --reason 'new bearings'
status maintain @relay --every 'daily 04:00-04:15' --reason 'relay restarts'
status maintain pend01 --from 2026-12-01T09:00:00+01:00 --until 2026-12-01T17:00:00+01:00 --reason move --booking out
status maintain --list
status maintain --end 7

Exit codes: 0 done, 1 the server does not run or refuses, 2 a setting or the command line is wrong.")]
    Maintain(MaintainArgs),
    /// Acknowledge the problem of an experiment, or take that back
    ///
    /// Nobody is reminded of a problem that somebody sees to. Tells the running server so, with a token that it makes from
    /// STATUS_SECRET_ADMIN.
    #[command(after_help = "\
status ack pend01 --note 'camera ordered'
status ack --withdraw pend01

Exit codes: 0 done, 1 the server does not run or refuses, 2 a setting or the command line is wrong.")]
    Ack(AckArgs),
    /// Print what a shell needs to complete this command line
    ///
    /// For bash, for example: status completions bash > ~/.local/share/bash-completion/completions/status
    Completions {
        /// Which shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Write the manual pages into a folder
    ///
    /// One for the program and one for each of its commands. A package does that.
    Man {
        /// The folder, which is made if there is none
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
}

/// What can be done with a store as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum StoreAction {
    /// Copy all that a store holds into another one that holds nothing
    ///
    /// Each is a file, or a database such as postgres://status@db.example.org/status?schema=lab1, whose password is in
    /// STATUS_STORE_PASSWORD. No server may use either meanwhile: stop it before. All is copied, or nothing.
    #[command(after_help = "\
status store copy --from /var/lib/status/status.db --to 'postgres://status@db.example.org/status'

Exit codes: 0 copied, 1 one of them is in use or cannot be used, or the second holds something, 2 the command line
or a setting is wrong.")]
    Copy(CopyArgs),
}

/// What is copied where.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct CopyArgs {
    /// The store that is there
    #[arg(long, value_name = "FILE|URL")]
    pub from: String,
    /// The store that is to be filled
    #[arg(long, value_name = "FILE|URL")]
    pub to: String,
}

/// When what is printed has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Which token `status token` is to print.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct TokenArgs {
    /// Whose it is: the name that is shown beside what he changes
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub name: String,
    /// How long it is good, such as 30m, 8h or 7d
    #[arg(long = "for", value_name = "SPAN", default_value = "8h", value_parser = life)]
    pub lasts: Duration,
}

/// Which server is told, and by whom.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerArgs {
    /// The server's address, such as `https://lab.example.org/status` [default: as STATUS_PORT_SERVE and STATUS_ADDRESS_SERVE say]
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Who says so [default: the user who runs this]
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub name: Option<String>,
}

/// What `status maintain` is to do.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct MaintainArgs {
    /// Experiments, with * for any characters and ? for any one, or @relay, @jump, @book for these and what they cause
    #[arg(value_name = "NAME", required_unless_present_any = ["list", "end"], requires = "reason")]
    pub names: Vec<String>,
    /// How long, such as 2h
    #[arg(long = "for", value_name = "SPAN", conflicts_with_all = ["until", "every"])]
    pub lasts: Option<String>,
    /// From when on, such as 2026-12-01T09:00:00+01:00 [default: now]
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// The end; with --every, the end of the whole series
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Again and again, in the server's time zone: 'daily 22:00-06:00', 'mon-fri 04:00-04:15'
    #[arg(long, value_name = "TIMES")]
    pub every: Option<String>,
    /// Why, for colleagues and students
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// What becomes of booking meanwhile [default: keep]
    #[arg(long, value_enum)]
    pub booking: Option<Booking>,
    /// List the windows that are not over
    #[arg(long, conflicts_with_all = ["names", "lasts", "from", "until", "every", "reason", "booking", "end"])]
    pub list: bool,
    /// End the window with this number
    #[arg(long, value_name = "ID", conflicts_with_all = ["names", "lasts", "from", "until", "every", "reason", "booking"])]
    pub end: Option<u64>,
    /// Which server is told, and by whom.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// What becomes of booking while a window is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Booking {
    /// It follows the verdicts, as ever.
    Keep,
    /// It is out of booking, with the reason for students.
    Out,
}

impl Booking {
    /// As the API has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Out => "out",
        }
    }
}

/// What `status ack` is to do.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct AckArgs {
    /// Which experiment, such as pend01
    #[arg(value_name = "NAME")]
    pub experiment: String,
    /// What others should know
    #[arg(long, value_name = "TEXT", required_unless_present = "withdraw")]
    pub note: Option<String>,
    /// Until when, such as 2026-12-01T09:00:00+01:00 [default: until it recovers or gets worse]
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Take the acknowledgement back
    #[arg(long, conflicts_with_all = ["note", "until"])]
    pub withdraw: bool,
    /// Which server is told, and by whom.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// What `status check` is to do besides looking.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct CheckArgs {
    /// Also send one real mail, which says that it is a test, to everybody in STATUS_EMAIL_TO and STATUS_EMAIL_CC
    #[arg(long)]
    pub send_test_mail: bool,
}

/// What `status simulate` is to do.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct SimulateArgs {
    /// Scenarios
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How to tell what happened: for people, or for programs (a line of JSON for each run)
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Also draw a picture of each run; with several runs, their names are put before the extension
    #[arg(long, value_name = "OUT", value_parser = read_svg)]
    pub svg: Option<PathBuf>,
    /// Override settings in every file, such as health_last=30s,query_book_every=1m
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = read_set)]
    pub sets: Vec<Set>,
    /// Override the seed, which decides what the scripts leave to chance
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Repair everything at the end, and judge whether all comes to be well
    #[arg(long, conflicts_with = "wire")]
    pub heal: bool,
    /// Play over real sockets, against services that are imitated, and compare the decisions; the figures
    /// are those of the virtual run
    #[arg(long)]
    pub wire: bool,
    /// With --wire: so many times as fast as it is written
    #[arg(long, value_name = "N", default_value_t = 60, requires = "wire", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub speed: u32,
}

/// How a run is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Settings that are chosen together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// As it was written.
    pub name: String,
    /// Values by the names that scenarios know them by.
    pub values: BTreeMap<String, String>,
}

/// Reads the file of a picture: it is SVG, whatever it is called, so it may not be called otherwise.
fn read_svg(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension() {
        Some(other) if !other.eq_ignore_ascii_case("svg") => {
            let instead = path.with_extension("svg");
            let other = other.to_string_lossy();
            Err(format!("pictures are SVG, and cannot be {other}: write --svg {}", instead.display()))
        }
        _ if text.is_empty() => Err("the name of a file such as out.svg was expected".into()),
        Some(_) | None => Ok(path),
    }
}

/// Reads `health_last=30s,query_book_every=1m`, or the same with the names of the environment.
fn read_set(text: &str) -> Result<Set, String> {
    let mut values = BTreeMap::new();
    for one in text.split(',') {
        let Some((name, value)) = one.split_once('=') else {
            return Err(format!("{one:?} is no NAME=VALUE; such as health_last=30s was expected"));
        };
        let name = name.trim().to_lowercase();
        let name = name.strip_prefix("status_").unwrap_or(&name).to_owned();
        if let Some(before) = values.insert(name.clone(), value.trim().to_owned()) {
            return Err(format!("{name} is set twice, and was {before:?}; for two runs, write --set twice"));
        }
    }
    Ok(Set { name: text.to_owned(), values })
}

/// What `status history` is to print.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct HistoryArgs {
    /// Only of this experiment, such as pend00; of all whose names begin so, if none is called so; or of a pattern, such as 'pend0*'
    #[arg(long, value_name = "NAME")]
    pub experiment: Option<String>,
    /// Only from then on: 12h or 7d ago, or a date or time of UTC, such as 2026-11-27 or 2026-11-27T14:00
    #[arg(long, value_name = "WHEN", value_parser = Moment::parse)]
    pub since: Option<Moment>,
    /// Only until then, likewise; a date alone is its beginning
    #[arg(long, value_name = "WHEN", value_parser = Moment::parse)]
    pub until: Option<Moment>,
    /// Only so many of them, the newest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = HistoryFormat::Table)]
    pub format: HistoryFormat,
}

/// How events are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HistoryFormat {
    /// A line for each, for people.
    Table,
    /// One JSON array, for programs.
    Json,
}

/// What `status report` is to print.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct ReportArgs {
    /// How far back to look, such as 24h or 30d
    #[arg(long, value_name = "SPAN", value_parser = past, default_value = "30d")]
    pub since: Duration,
    /// How to print it
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub format: ReportFormat,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Tables, for people.
    Text,
    /// One JSON object, for programs.
    Json,
    /// A document to look at and to print.
    Html,
}

fn past(text: &str) -> Result<Duration, String> {
    span(text)
        .and_then(|span| if span.is_zero() { Err("there is no time in it".to_owned()) } else { Ok(span) })
}

/// Nobody needs a token for longer, and whoever finds it can use it as long.
const LONGEST_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);

fn life(text: &str) -> Result<Duration, String> {
    let life = span(text)?;
    if (Duration::from_secs(1)..=LONGEST_LIFE).contains(&life) {
        return Ok(life);
    }
    Err("a token is good for 1s to 90d".to_owned())
}

fn name(text: &str) -> Result<String, String> {
    if is_name(text) {
        return Ok(text.trim().to_owned());
    }
    Err(format!("a name has 1 to {NAME_AT_MOST} characters, none of them a control character"))
}

fn span(text: &str) -> Result<Duration, String> {
    duration::parse_setting(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;
    use status_core::Wall;

    use super::*;

    fn read(line: &str) -> Result<Command, ErrorKind> {
        let cli = Cli::try_parse_from(line.split(' ')).map_err(|error| error.kind())?;
        Ok(cli.command)
    }

    #[test]
    fn the_command_line_is_well_made() {
        Cli::command().debug_assert();
    }

    #[test]
    fn commands_are_understood() {
        assert_eq!(read("status serve"), Ok(Command::Serve));
        assert_eq!(read("status check"), Ok(Command::Check(CheckArgs { send_test_mail: false })));
        let test_mail = Ok(Command::Check(CheckArgs { send_test_mail: true }));
        assert_eq!(read("status check --send-test-mail"), test_mail);
        assert_eq!(read("status demo"), Ok(Command::Demo { port: 0 }));
        assert_eq!(read("status demo --port 8080"), Ok(Command::Demo { port: 8080 }));
        assert_eq!(read("status --version"), Err(ErrorKind::DisplayVersion));
        let args = HistoryArgs {
            experiment: Some("pend00".into()),
            since: Some(Moment::Ago(Duration::from_secs(7 * 24 * 3600))),
            until: None,
            limit: None,
            format: HistoryFormat::Json,
        };
        let line = "status history --experiment pend00 --since 7d --format json";
        assert_eq!(read(line), Ok(Command::History(args)));
        let args = ReportArgs { since: Duration::from_secs(30 * 24 * 3600), format: ReportFormat::Text };
        assert_eq!(read("status report"), Ok(Command::Report(args)));
        assert!(read("status report --since 0s").is_err());
        for (line, since) in [
            ("status history --since 2026-11-24", 1_795_478_400_000),
            ("status history --since 2026-11-24T01:00", 1_795_482_000_000),
            ("status history --since 2026-11-24T01:00:00+01:00 --limit 5", 1_795_478_400_000),
        ] {
            let Ok(Command::History(args)) = read(line) else { panic!("{line}") };
            assert_eq!(args.since, Some(Moment::At(Wall::from_millis(since))), "{line}");
        }
        for bad in
            ["--since yesterday", "--until 2026-13-01", "--limit 0", "--limit -1", "--since 1969-01-01"]
        {
            assert!(read(&format!("status history {bad}")).is_err(), "{bad}");
        }
        assert!(read("status completions bash").is_ok() && read("status completions cmd").is_err());
        assert!(
            read("status check --color never").is_ok() && read("status --color sometimes check").is_err()
        );
        for bad in ["status sreve", "status serve --port 1", "status demo --port 65536"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_to_tell_the_server_is_understood() {
        let Ok(Command::Token(args)) = read("status token --name alice") else { panic!() };
        assert_eq!((args.name.as_str(), args.lasts), ("alice", Duration::from_secs(8 * 3600)));
        let line = "status maintain pend0* @relay --for 2h --reason bearings --booking out --name bob --server http://x";
        let Ok(Command::Maintain(args)) = read(line) else { panic!("{line}") };
        assert_eq!(
            (args.names.len(), args.lasts.as_deref(), args.booking),
            (2, Some("2h"), Some(Booking::Out))
        );
        let server = ServerArgs { server: Some("http://x".to_owned()), name: Some("bob".to_owned()) };
        assert_eq!(args.server, server);
        for good in [
            "status token --name a --for 90d",
            "status maintain a --every x --until y --reason z",
            "status maintain --list",
            "status maintain --end 7 --name bob",
            "status ack pend01 --note x --until y",
            "status ack --withdraw pend01",
        ] {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in [
            "status token",
            "status token --name a --for 0s",
            "status token --name a --for 91d",
            "status token --name a --for soon",
            "status token --name a\u{7}",
            "status maintain",
            "status maintain pend01 --for 2h",
            "status maintain a --for 2h --until x --reason y",
            "status maintain a --for 2h --every x --reason y",
            "status maintain a --for 2h --reason y --booking in",
            "status maintain --list --end 7",
            "status maintain a --list --reason y",
            "status maintain --end x",
            "status ack",
            "status ack pend01",
            "status ack pend01 --withdraw --note x",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_to_simulate_is_understood() {
        let line = "status simulate a.toml b.toml --set STATUS_HEALTH_LAST=30s,book_override=enforce --seed 7 --heal";
        let Ok(Command::Simulate(args)) = read(line) else { panic!("{line}") };
        assert_eq!(args.files, ["a.toml", "b.toml"].map(PathBuf::from));
        let values = [("book_override", "enforce"), ("health_last", "30s")];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(args.sets[0].values, values.into());
        assert_eq!((args.format, args.svg, args.seed, args.heal), (Format::Text, None, Some(7), true));
        for bad in [
            "status simulate",
            "status simulate a.toml --set health_last",
            "status simulate a.toml --set health_last=1s,health_last=2s",
            "status simulate a.toml --svg out.png",
            "status simulate a.toml --svg a.svg/out.svg.gz",
            "status simulate a.toml --format xml",
            "status simulate a.toml --seed -1",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn help_says_where_settings_come_from() {
        let mut command = Cli::command();
        assert!(command.render_help().to_string().contains("STATUS_"));
        let serve = command.find_subcommand_mut("serve").unwrap().render_long_help().to_string();
        assert!(serve.contains("STATUS_SECRET_JUMP") && serve.contains("Exit codes"));
    }
}
