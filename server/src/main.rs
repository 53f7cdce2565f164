//! The binary `status`.

use std::process::ExitCode;

use clap::Parser;
use status_server::cli::{Cli, Command};
use status_server::serve::Server;
use status_server::settings::Settings;
use status_server::{demo, log, simulate};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code of a start that the settings don't allow.
const BAD_SETTINGS: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    status_adapters::install_crypto();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}")),
    };
    let code = runtime.block_on(async {
        let stop = stop_on_signals();
        match cli.command {
            Command::Serve => serve(stop).await,
            Command::Demo { port } => {
                demo::run(port, stop).await.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
            }
            Command::Simulate(args) => simulate::run(args, stop).await,
        }
    });
    // What still waits for a service is not waited for.
    runtime.shutdown_background();
    code
}

async fn serve(stop: CancellationToken) -> ExitCode {
    let (settings, warnings) = match Settings::from_env() {
        Ok(read) => read,
        Err(problems) => {
            complain(&problems.to_string());
            return ExitCode::from(BAD_SETTINGS);
        }
    };
    log::start(&settings.log);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if settings.mail.is_none() {
        tracing::warn!(
            "no mail will be sent: set STATUS_EMAIL_HOST, STATUS_EMAIL_FROM and STATUS_EMAIL_TO for mail"
        );
    }
    let server = match Server::bind(&settings).await {
        Ok(server) => server,
        Err(error) => return fail(&error),
    };
    match server.address() {
        Ok(address) => tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "serving at {address}"),
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

/// Cancelled by SIGTERM or SIGINT.
fn stop_on_signals() -> CancellationToken {
    let stop = CancellationToken::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        match signal(kind) {
            Ok(mut signal) => {
                let stop = stop.clone();
                tokio::spawn(async move {
                    signal.recv().await;
                    stop.cancel();
                });
            }
            Err(error) => complain(&format!("cannot listen for signals: {error}")),
        }
    }
    stop
}

fn fail(problem: &str) -> ExitCode {
    tracing::error!("{problem}");
    complain(problem);
    ExitCode::FAILURE
}

/// Tells whoever started it. Nobody may be there to read it.
fn complain(problem: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "status: {problem}");
}
