//! What systemd is told, where it has started this process with `Type=notify`. Elsewhere nobody is.

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
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("systemd cannot be told how this server is: {error}");
    }
}

/// Tells systemd that the driver still drives. If it did not, systemd would start the server anew.
pub(crate) struct Watchdog(Option<Interval>);

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
            interval
        }))
    }

    /// Waits until it is to be fed.
    pub(crate) async fn due(&mut self) {
        match &mut self.0 {
            Some(interval) => {
                interval.tick().await;
            }
            None => std::future::pending().await,
        }
    }

    /// Feeds it, without waiting until systemd has taken that.
    #[expect(clippy::unused_self, reason = "who has it is who may feed it")]
    pub(crate) fn feed(&self) {
        tokio::task::spawn_blocking(|| tell(&[NotifyState::Watchdog]));
    }
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
