//! Relay and jump: which connections there are, and which of them to trust.

mod subscription;

pub use subscription::FeedSubscription;
