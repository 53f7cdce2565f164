//! What an event says of an experiment, in a word: what its history is made of.

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
    use super::*;

    fn condition(text: &str) -> Condition {
        serde_json::from_str::<Event>(text).unwrap().condition()
    }

    #[test]
    fn what_a_silent_feed_makes_unknown_is_nobodys_fault() {
        let event = |jump_ok: bool, issues: &str, cause: &str, available: bool| {
            condition(&alloc::format!(
                r#"{{"when":1,"healthy":false,"jump_ok":{jump_ok},"streams":{{}},"resources":{{"r-a":{available}}},"issues":[{issues}],"cause":[{cause}]}}"#
            ))
        };
        let (required, silent) = (r#"{"MissingRequired":"a-st-v"}"#, r#"{"Unhealthy":"a-st-w"}"#);
        let (relay, jump) = (r#""relay""#, r#""jump""#);
        let both = r#""relay","jump""#;
        assert_eq!(event(true, required, "", false), Condition::Out);
        assert_eq!(event(true, silent, "", true), Condition::Unhealthy);
        assert_eq!(event(false, r#""MissingJump""#, "", true), Condition::Unhealthy);
        assert_eq!(event(true, required, relay, false), Condition::Unknown);
        assert_eq!(event(false, r#""MissingJump""#, jump, true), Condition::Unknown);
        let all = alloc::format!(r#""MissingJump",{required}"#);
        assert_eq!(event(false, &all, relay, false), Condition::Unhealthy, "jump is missed of its own");
        assert_eq!(event(false, &all, jump, false), Condition::Out, "and here the stream is");
        assert_eq!(event(false, &all, both, false), Condition::Unknown);
        let text = r#"{"when":1,"healthy":true,"jump_ok":true,"streams":{},"issues":[]}"#;
        assert_eq!(condition(text), Condition::Healthy);
    }
}
