//! `status demo`: the whole server with mock services on this machine, a small lab, and an outage
//! that repeats.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::time::Duration;

use secrecy::ExposeSecret;
use status_adapters::clock::{Clock, SystemClock};
use status_adapters::token::for_person;
use status_sim::mock::{BookFault, FeedFault, Lab, Services, ServicesOptions, SmtpOptions};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::command::demo_past::DemoPast;
use crate::command::serve::Server;
use crate::log;
use crate::settings::Settings;

/// A mail of the demo is kept until it is printed.
const MAILS_KEPT: usize = 100;

/// Signs the tokens of the demo. Everybody knows it, and nobody but this machine reaches the demo.
const SECRET: &str = "demo-secret-that-everybody-knows";
/// How long the token is good that is printed at the start.
const TOKEN_FOR: Duration = Duration::from_secs(24 * 3600);

/// What the demo sets besides where its services are: limits so short that one needs not wait.
const SETTINGS: [(&str, &str); 9] = [
    ("STATUS_SECRET_ADMIN", SECRET),
    ("STATUS_STORE", ":memory:"),
    ("STATUS_HEALTH_LAST", "4s"),
    ("STATUS_HEALTH_STARTUP", "6s"),
    ("STATUS_QUERY_BOOK_EVERY", "10s"),
    ("STATUS_LOG_FILE", "stdout"),
    ("STATUS_LOG_FORMAT", "text"),
    ("STATUS_LOG_LEVEL", "info"),
    ("STATUS_EMAIL_SUBJECT", "demo lab"),
];

/// Runs the demo on a port of this machine alone (0 for any free one) until `stop`.
///
/// # Errors
/// What kept it from starting.
pub async fn run(port: u16, stop: CancellationToken) -> Result<(), String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|error| format!("cannot listen on port {port}: {error}; choose another --port"))?;
    let lab = Lab::with_experiments(6, &["data", "video"]);
    let options = ServicesOptions {
        smtp: SmtpOptions { keep: MAILS_KEPT, ..SmtpOptions::default() },
        ..ServicesOptions::default()
    };
    let services =
        Services::start(&lab, options).await.map_err(|error| format!("no mock services: {error}"))?;
    let settings = settings(&services)?;
    log::start(&settings.log)?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let past = tokio::select! {
        past = DemoPast::until(SystemClock.now().wall, settings.core.events) => past?,
        () = stop.cancelled() => return Ok(()),
    };
    let server = Server::going_on(listener, &settings, past.store, past.saved, past.records)?;
    say(&format!(
        "a lab of six experiments with mock services and a past of thirty days; look at http://{address}/ (end with Ctrl-C)"
    ));
    let token = for_person(&SECRET.into(), "demo", TOKEN_FOR, SystemClock.now().wall);
    say(&format!(
        "to acknowledge problems and to set maintenance, sign in with this token; STATUS_SECRET_ADMIN is {SECRET}, \
         which is no secret, and the demo is reached from this machine alone:\n{}",
        token.expose_secret()
    ));
    let script = async {
        tokio::join!(outages(&services), show_mails(&services));
    };
    beside(script, server.run(stop)).await
}

/// Plays the script for as long as the server runs: at the stop, or if it ends by itself.
async fn beside<T>(script: impl Future<Output = ()>, server: impl Future<Output = T>) -> T {
    let mut server = pin!(server);
    tokio::select! {
        outcome = &mut server => outcome,
        () = script => server.await,
    }
}

fn settings(services: &Services) -> Result<Settings, String> {
    let chosen = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    // Of two variables with the same name, the later counts.
    let variables = services.environment().into_iter().chain(chosen);
    let unique: std::collections::BTreeMap<String, String> = variables.collect();
    let variables = unique.into_iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Settings::from_vars(variables).map(|(settings, _)| settings).map_err(|problems| problems.to_string())
}

/// The scripted outages, again and again.
async fn outages(services: &Services) {
    let lab = &services.lab;
    let pause = |seconds| tokio::time::sleep(Duration::from_secs(seconds));
    pause(14).await;
    loop {
        say("the camera of pend01 freezes: it stays connected and sends nothing");
        lab.silence("pend01-st-video");
        pause(15).await;
        say("somebody restarts the camera of pend01");
        lab.transmit("pend01-st-video");
        pause(10).await;

        say("a switch fails: pend02, pend03 and pend04 are gone");
        ["pend02", "pend03", "pend04"].iter().for_each(|name| lab.unplug(name));
        pause(15).await;
        say("the switch is replaced");
        ["pend02", "pend03", "pend04"].iter().for_each(|name| lab.plug(name));
        pause(10).await;

        say("maintainers cannot reach pend05 any more; students do not notice");
        lab.set_jump("pend05", false);
        pause(12).await;
        lab.set_jump("pend05", true);
        say("pend05 can be reached again");
        pause(10).await;

        say("somebody takes pend00 out for repair by hand, and it stays so although it works");
        services.book.override_resource("r-pend00", false, "new bearings are fitted");
        pause(20).await;
        say("pend00 is repaired");
        services.book.override_resource("r-pend00", true, "repaired");
        pause(12).await;

        say("relay is restarted: it takes eight seconds");
        services.relay.set_fault(FeedFault::Down);
        pause(8).await;
        services.relay.set_fault(FeedFault::None);
        say("relay is back");
        pause(15).await;

        say("book is restarted and has no manifest");
        services.book.restart();
        pause(15).await;
        say("somebody uploads the manifest");
        services.book.set_fault(BookFault::None);
        services.book.load_manifest();
        pause(15).await;
    }
}

/// Prints each mail as it comes.
async fn show_mails(services: &Services) {
    let mut shown = 0;
    loop {
        let Ok(mails) = services.smtp.wait_for_mails(shown + 1, Duration::from_secs(3600)).await else {
            continue;
        };
        let kept = services.smtp.seen().kept;
        let new = usize::try_from(kept - shown).unwrap_or(usize::MAX).min(mails.len());
        for mail in &mails[mails.len() - new..] {
            let mut text = format!("a mail to {}: {}\n", mail.recipients.join(", "), mail.subject());
            mail.body.lines().for_each(|line| text.push_str(&format!("    | {line}\n")));
            say(text.trim_end());
        }
        shown = kept;
    }
}

/// Says what happens in the lab. If nobody reads the output any more, the demo goes on.
fn say(text: &str) {
    log::say(&format!("\n=== {text}"));
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn a_server_that_ends_by_itself_ends_the_demo() {
        let ended = beside(pending(), ready("broken"));
        assert_eq!(tokio::time::timeout(Duration::from_secs(30), ended).await, Ok("broken"));
    }

    #[tokio::test]
    async fn a_script_that_is_over_leaves_the_server_alone() {
        let server = async {
            tokio::task::yield_now().await;
            "stopped"
        };
        assert_eq!(beside(ready(()), server).await, "stopped");
    }
}
