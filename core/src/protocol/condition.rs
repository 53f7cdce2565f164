//! An event summed up as one of four states.

use super::event::{Event, Issue};
use super::name::Feed;

/// How an experiment was from an event on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// All was well.
    Healthy,
    /// Something was wrong, and it could be booked, or nothing books it.
    Unhealthy,
    /// A stream that is required was not ok: it could not be booked.
    Out,
    /// All that was wrong is what a silent feed makes unknown: nothing says that the equipment was at fault.
    Unknown,
}

impl Event {
    /// How the experiment was from this event on. What follows from a silent feed alone is not its fault.
    #[must_use]
    pub fn condition(&self) -> Condition {
        if self.healthy {
            return Condition::Healthy;
        }
        let silent = |feed| self.cause().contains(&feed);
        // Where no feed was silent, whatever is wrong is its own.
        let (mut own, mut own_stream) = (self.cause().is_empty(), self.cause().is_empty());
        for issue in self.issues() {
            match issue {
                Issue::MissingJump => own |= !silent(Feed::Jump),
                Issue::MissingRequired(_) | Issue::Missing(_) => own_stream |= !silent(Feed::Relay),
                // It was heard of, so no silence explains it.
                Issue::Unhealthy(_) => own_stream = true,
            }
        }
        match (own || own_stream, own_stream && self.resources().any(|(_, available)| !available)) {
            (false, _) => Condition::Unknown,
            (true, true) => Condition::Out,
            (true, false) => Condition::Unhealthy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::{Health, StreamHealth};
    use super::*;
    use crate::protocol::{ResourceName, StreamStatus, Topic, Wall};
    use alloc::vec;

    /// What follows where jump and the one stream, which is required, are so, and these feeds are silent.
    fn condition(jump_ok: bool, status: StreamStatus, silent: &[Feed]) -> Condition {
        let (topic, resource) = (Topic::from("a-st-v"), ResourceName::from("r-a"));
        let streams = vec![StreamHealth { topic: &topic, required: true, status }];
        let health = Health { jump_ok, streams, resources: vec![(&resource, status == StreamStatus::Ok)] };
        Event::new(Wall::default(), &health, silent.to_vec(), None).condition()
    }

    #[test]
    fn what_a_silent_feed_makes_unknown_is_nobodys_fault() {
        use StreamStatus::{Missing, Ok, Silent};
        assert_eq!(condition(true, Ok, &[]), Condition::Healthy);
        assert_eq!(condition(true, Missing, &[]), Condition::Out);
        assert_eq!(condition(true, Silent, &[]), Condition::Out);
        assert_eq!(condition(false, Ok, &[]), Condition::Unhealthy);
        assert_eq!(condition(true, Missing, &[Feed::Relay]), Condition::Unknown);
        assert_eq!(condition(false, Ok, &[Feed::Jump]), Condition::Unknown);
        assert_eq!(
            condition(false, Missing, &[Feed::Relay]),
            Condition::Unhealthy,
            "jump is missed of its own"
        );
        assert_eq!(condition(false, Missing, &[Feed::Jump]), Condition::Out, "and here the stream is");
        assert_eq!(condition(false, Missing, &[Feed::Relay, Feed::Jump]), Condition::Unknown);
        assert_eq!(condition(true, Silent, &[Feed::Relay]), Condition::Out, "it was heard of");
    }
}
