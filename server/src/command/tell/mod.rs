//! `status token`, `status maintain` and `status ack`: what people tell a running server, by way of its API.

mod ack;
mod maintain;
mod server;

use std::process::ExitCode;

use secrecy::ExposeSecret;
use status_adapters::clock::{Clock, SystemClock};
use status_adapters::token::for_person;

use crate::command::args::{AckArgs, MaintainArgs, TokenArgs};
use crate::log;
use crate::settings::Settings;

/// Why nothing came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Failure {
    /// The settings don't do.
    Settings(String),
    /// The server does not run, or refuses.
    Server(String),
}

/// Prints a token.
pub fn token(args: &TokenArgs) -> ExitCode {
    told(secret().map(|secret| {
        let token = for_person(&secret, &args.name, args.lasts, SystemClock.now().wall);
        token.expose_secret().to_owned()
    }))
}

/// Makes, lists or ends windows of maintenance.
pub async fn maintain(args: &MaintainArgs) -> ExitCode {
    told(maintain::run(args).await)
}

/// Acknowledges a problem, or takes that back.
pub async fn ack(args: &AckArgs) -> ExitCode {
    told(ack::run(args).await)
}

fn secret() -> Result<secrecy::SecretString, Failure> {
    let secret = Settings::secret_admin_from_vars(std::env::vars_os());
    secret.map_err(|problems| Failure::Settings(problems.to_string()))
}

/// Prints what came of a command.
fn told(outcome: Result<String, Failure>) -> ExitCode {
    match outcome {
        Ok(text) => {
            // Whoever has stopped reading has seen enough.
            let _ = std::io::Write::write_all(&mut std::io::stdout().lock(), format!("{text}\n").as_bytes());
            ExitCode::SUCCESS
        }
        Err(Failure::Settings(problem)) => {
            log::complain(&problem);
            ExitCode::from(2)
        }
        Err(Failure::Server(problem)) => {
            log::complain(&problem);
            ExitCode::FAILURE
        }
    }
}
