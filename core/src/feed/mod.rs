//! Relay and jump: which connections there are, and which of them to trust.

mod subscription;

pub use self::subscription::FeedSubscription;
use crate::context::Cx;
use crate::protocol::{Config, Feed, Time};

/// Both feeds.
#[derive(Debug)]
pub(crate) struct Feeds {
    pub(crate) relay: FeedSubscription,
    pub(crate) jump: FeedSubscription,
}

/// The feeds that are silent, each with the number of its newest snapshot.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Silence {
    pub(crate) relay: Option<u64>,
    pub(crate) jump: Option<u64>,
}

impl Silence {
    /// The feeds that are silent.
    pub(crate) fn feeds(self) -> impl Iterator<Item = Feed> {
        let relay = self.relay.map(|_| Feed::Relay);
        relay.into_iter().chain(self.jump.map(|_| Feed::Jump))
    }
}

impl Feeds {
    pub(crate) fn new(config: &Config, started: Time) -> Self {
        let subscription =
            |feed, token_life| FeedSubscription::new(feed, token_life, config.last_checked, started);
        Self {
            relay: subscription(Feed::Relay, config.reconnect_relay_every),
            jump: subscription(Feed::Jump, config.reconnect_jump_every),
        }
    }

    pub(crate) fn get(&self, feed: Feed) -> &FeedSubscription {
        match feed {
            Feed::Relay => &self.relay,
            Feed::Jump => &self.jump,
        }
    }

    pub(crate) fn get_mut(&mut self, feed: Feed) -> &mut FeedSubscription {
        match feed {
            Feed::Relay => &mut self.relay,
            Feed::Jump => &mut self.jump,
        }
    }

    /// At most two connections are open: the present one and its replacement.
    pub(crate) fn assert_invariants(&self) {
        for subscription in [&self.relay, &self.jump] {
            let open = subscription.connections();
            assert!(open <= 2, "{} has {open} connections", subscription.feed());
        }
    }

    /// How many snapshots of relay and jump have come.
    pub(crate) fn snapshots(&self) -> [u64; 2] {
        [self.relay.snapshots(), self.jump.snapshots()]
    }

    /// Which of them have been silent for too long, as far as was known at `known_at`, and which was their newest snapshot.
    pub(crate) fn silence(&self, known_at: Time, started: Time) -> Silence {
        let newest = |feed: &FeedSubscription| feed.is_silent(known_at, started).then(|| feed.snapshots());
        Silence { relay: newest(&self.relay), jump: newest(&self.jump) }
    }

    /// Whether both have reported in the life of this process.
    pub(crate) fn both_have_spoken(&self) -> bool {
        self.relay.last_snapshot().is_some() && self.jump.last_snapshot().is_some()
    }

    /// Connects to each, if that is due.
    pub(crate) fn reconcile(&mut self, cx: &mut Cx<'_>) {
        self.relay.reconcile(cx);
        self.jump.reconcile(cx);
    }

    /// Schedules the next call of the monitor for when a connection is due.
    pub(crate) fn schedule_wake(&self, cx: &mut Cx<'_>) {
        self.relay.schedule_wake(cx);
        self.jump.schedule_wake(cx);
    }
}
