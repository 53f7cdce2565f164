//! What systemd is told, where it has started this process with `Type=notify`. Elsewhere nobody is.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// The server answers, and watches.
pub fn ready(text: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(text)]);
}

/// The server is about to end.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    let socket = std::env::var_os("NOTIFY_SOCKET");
    let told = match socket.as_deref().map(OsStr::as_bytes) {
        Some([b'@', name @ ..]) => tell_abstract(name, states),
        Some(_) | None => sd_notify::notify(states),
    };
    if let Err(error) = told {
        tracing::warn!("systemd cannot be told how this server is: {error}");
    }
}

/// Tells a socket that has a name and no file, as containers and some managers name theirs (`@name`).
fn tell_abstract(name: &[u8], states: &[NotifyState<'_>]) -> io::Result<()> {
    let text: String = states.iter().map(|state| format!("{state}\n")).collect();
    let address = SocketAddr::from_abstract_name(name)?;
    UnixDatagram::unbound()?.send_to_addr(text.as_bytes(), &address)?;
    Ok(())
}

/// Tells systemd that the driver still drives. If it did not, systemd would start the server anew.
pub(crate) struct Watchdog(Option<Feeding>);

struct Feeding {
    interval: Interval,
    /// To a thread of its own: systemd may be slow to take it, and every other thread may hang on a disk.
    feeder: SyncSender<()>,
}

impl Watchdog {
    /// As the unit file asks for it: `WatchdogSec`.
    pub(crate) fn of_systemd() -> Self {
        Self::every(sd_notify::watchdog_enabled())
    }

    fn every(limit: Option<Duration>) -> Self {
        // Twice within the limit, so that one may be late.
        let pace = limit.map(|limit| limit / 2).filter(|pace| !pace.is_zero());
        Self(pace.map(|pace| {
            let mut interval = interval(pace);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Feeding { interval, feeder: feeder() }
        }))
    }

    /// Waits until it is to be fed.
    pub(crate) async fn due(&mut self) {
        match &mut self.0 {
            Some(feeding) => {
                feeding.interval.tick().await;
            }
            None => std::future::pending().await,
        }
    }

    /// Feeds it, without waiting until systemd has taken that.
    pub(crate) fn feed(&self) {
        if let Some(feeding) = &self.0 {
            // While it still has one to pass on, another says no more.
            let _ = feeding.feeder.try_send(());
        }
    }
}

/// Passes on to systemd what it is sent, until nobody can send any more.
fn feeder() -> SyncSender<()> {
    let (sender, coming) = sync_channel(1);
    let passing = std::thread::Builder::new().name("watchdog".to_owned());
    let passing = passing.spawn(move || coming.iter().for_each(|()| tell(&[NotifyState::Watchdog])));
    if let Err(error) = passing {
        tracing::error!("systemd's watchdog cannot be fed, and will end this server: {error}");
    }
    sender
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_fed_twice_within_its_limit_or_never() {
        let started = tokio::time::Instant::now();
        let mut watchdog = Watchdog::every(Some(Duration::from_secs(60)));
        for _ in 0..3 {
            watchdog.due().await;
        }
        assert_eq!(started.elapsed(), Duration::from_secs(60), "at once, and then every 30 s");
        let mut never = Watchdog::every(None);
        assert!(tokio::time::timeout(Duration::from_secs(3600), never.due()).await.is_err());
    }
}
