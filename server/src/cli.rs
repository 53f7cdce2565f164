//! The command line.

use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use status_adapters::wire::duration;

/// Watches a remote lab's equipment, takes what is broken out of booking, and mails what changed.
#[derive(Debug, Parser)]
#[command(name = "status", version)]
#[command(
    after_help = "Settings come from environment variables that begin with STATUS_; the README lists them."
)]
pub struct Cli {
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
Settings come from environment variables that begin with STATUS_; the README lists them.
Needed are STATUS_HOST_BOOK, STATUS_HOST_RELAY, STATUS_HOST_JUMP and STATUS_SECRET_BOOK,
STATUS_SECRET_RELAY, STATUS_SECRET_JUMP.

Exit codes: 0 stopped by a signal, 1 something failed, 2 the settings or the command line are wrong.")]
    Serve,
    /// Show what it does, on this machine alone
    ///
    /// Runs the server with a small lab, services that are imitated, and an outage that repeats.
    /// It needs no settings, asks nobody else, and prints its address and what is happening.
    Demo {
        /// The port to answer at; 0 for any free one
        #[arg(long, value_name = "N", default_value_t = 0)]
        port: u16,
    },
    /// Print the changes in health that the store has kept
    ///
    /// Reads the store that STATUS_STORE names, also while the server runs, and changes nothing in it.
    #[command(after_help = "\
Exit codes: 0 printed, 1 there is no store or it cannot be read, 2 the command line is wrong.")]
    History(HistoryArgs),
}

/// What `status history` is to print.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct HistoryArgs {
    /// Only of this experiment, such as pend00
    #[arg(long, value_name = "NAME")]
    pub experiment: Option<String>,
    /// Only what is younger than this, such as 12h or 7d
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub since: Option<Duration>,
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

fn span(text: &str) -> Result<Duration, String> {
    duration::parse_setting(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

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
        assert_eq!(read("status demo"), Ok(Command::Demo { port: 0 }));
        assert_eq!(read("status demo --port 8080"), Ok(Command::Demo { port: 8080 }));
        assert_eq!(read("status --version"), Err(ErrorKind::DisplayVersion));
        let args = HistoryArgs {
            experiment: Some("pend00".into()),
            since: Some(Duration::from_secs(7 * 24 * 3600)),
            format: HistoryFormat::Json,
        };
        let line = "status history --experiment pend00 --since 7d --format json";
        assert_eq!(read(line), Ok(Command::History(args)));
        assert!(read("status history --since yesterday").is_err());
        for bad in ["status sreve", "status serve --port 1", "status demo --port 65536"] {
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
