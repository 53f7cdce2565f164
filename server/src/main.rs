//! The binary `status`.

use std::process::ExitCode;

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use status_core::Mode;
use status_server::command::args::{Cli, Command, StoreAction};
#[cfg(feature = "demo")]
use status_server::command::demo;
use status_server::command::paint::Paint;
use status_server::command::serve::{NO_MAIL, Server};
use status_server::command::stop::{self, Role};
use status_server::command::{check, history, manual, report, simulate, store, tell};
use status_server::log;
use status_server::settings::Settings;
use tokio_util::sync::CancellationToken;

/// The exit code of a start that the settings don't allow.
const BAD_SETTINGS: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let paint = Paint::of(cli.color);
    status_adapters::install_crypto();
    allow_many_files();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}")),
    };
    let stop = match stop::on_signals(role(&cli.command)) {
        Ok(stop) => stop,
        Err(error) => return fail(&format!("cannot listen for signals: {error}")),
    };
    let code = runtime.block_on(async {
        match cli.command {
            Command::Serve => serve(stop).await,
            Command::Check(args) => check::run(&args, paint, stop).await,
            Command::History(args) => match history::print(&args, paint).await {
                Ok(()) => ExitCode::SUCCESS,
                Err(problem) => {
                    log::complain(&problem);
                    ExitCode::FAILURE
                }
            },
            Command::Report(args) => match report::print(&args).await {
                Ok(()) => ExitCode::SUCCESS,
                Err(problem) => {
                    log::complain(&problem);
                    ExitCode::FAILURE
                }
            },
            #[cfg(feature = "demo")]
            Command::Demo { port } => {
                demo::run(port, stop).await.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
            }
            #[cfg(not(feature = "demo"))]
            Command::Demo { .. } => fail(status_server::command::NO_MOCKS),
            Command::Simulate(args) => simulate::run(args, paint, stop).await,
            Command::Store { action: StoreAction::Copy(args) } => {
                interruptible(store::copy(&args), stop).await
            }
            Command::Token(args) => tell::token(&args),
            Command::Maintain(args) => interruptible(tell::maintain(&args), stop).await,
            Command::Ack(args) => interruptible(tell::ack(&args), stop).await,
            Command::Completions { shell } => {
                manual::completions(shell);
                ExitCode::SUCCESS
            }
            Command::Man { folder } => {
                manual::pages(&folder).map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
            }
        }
    });
    // What still waits for a service is not waited for.
    runtime.shutdown_background();
    log::flush();
    code
}

/// What a command comes to, unless a signal ends it before.
async fn interruptible(command: impl Future<Output = ExitCode>, stop: CancellationToken) -> ExitCode {
    tokio::select! {
        biased;
        code = command => code,
        () = stop.cancelled() => {
            log::complain("interrupted: it is not known what came of it");
            ExitCode::FAILURE
        }
    }
}

/// What signals mean to a command.
fn role(command: &Command) -> Role {
    match command {
        Command::Serve | Command::Demo { .. } => Role::Service,
        Command::Check(_)
        | Command::History(_)
        | Command::Report(_)
        | Command::Simulate(_)
        | Command::Store { .. }
        | Command::Token(_)
        | Command::Maintain(_)
        | Command::Ack(_)
        | Command::Completions { .. }
        | Command::Man { .. } => Role::Command,
    }
}

async fn serve(stop: CancellationToken) -> ExitCode {
    let (settings, warnings) = match Settings::from_env() {
        Ok(read) => read,
        Err(problems) => {
            log::complain(&problems.to_string());
            return ExitCode::from(BAD_SETTINGS);
        }
    };
    if let Err(error) = log::start(&settings.log) {
        return fail(&error);
    }
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if settings.core.mode == Mode::Observe {
        tracing::warn!(
            "only observing: STATUS_MODE is observe, so nothing is set in book and no mail is sent"
        );
    } else if settings.mail.is_none() {
        tracing::warn!("{NO_MAIL}");
    }
    let server = match Server::bind(&settings).await {
        Ok(server) => server,
        Err(error) => return fail(&error),
    };
    match server.addresses() {
        Ok(addresses) => {
            for address in addresses {
                tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "serving at {address}");
            }
        }
        Err(error) => return fail(&format!("the port is gone: {error}")),
    }
    match server.run(stop).await {
        Ok(()) => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

/// Lets this process open as many files and connections as the system allows it at all. If it
/// can't have more, what it has is enough as a rule.
fn allow_many_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

fn fail(problem: &str) -> ExitCode {
    tracing::error!("{problem}");
    log::complain(problem);
    ExitCode::FAILURE
}
