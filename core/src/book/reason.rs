//! The reason that book is given, in words that a student understands.

use alloc::string::String;
use core::fmt::Write;

use super::resource::Hold;
use crate::protocol::{Availability, Topic};

/// How many streams are named. Of the others only the number is given.
const NAMED: usize = 3;

/// Why a resource is as it is: `failing` are its required streams that are not ok. While relay is
/// silent, nothing is known of them, which is another thing than that they do not work.
pub(super) fn of(failing: &[Topic], relay_is_silent: bool) -> String {
    let mut reason = String::from(Availability::OUR_MARK);
    if failing.is_empty() {
        reason.push_str("everything that it needs is working");
    } else if relay_is_silent {
        reason.push_str("nothing is known of its ");
        push_names(&mut reason, failing, "and");
        reason.push_str(" at the moment; it can be booked again as soon as they are known to work");
    } else {
        reason.push_str("the equipment is not working at the moment (no ");
        push_names(&mut reason, failing, ",");
        reason.push_str("); it can be booked again as soon as it works");
    }
    reason
}

/// Why a resource is out of booking although it may be well.
pub(super) fn of_hold(hold: &Hold) -> String {
    let mark = Availability::OUR_MARK;
    match hold {
        Hold::Maintenance { until: Some(until), reason } => {
            alloc::format!("{mark}people are working on it until {until}: {reason}")
        }
        Hold::Maintenance { until: None, reason } => {
            alloc::format!("{mark}people are working on it: {reason}")
        }
        Hold::Flapping => alloc::format!(
            "{mark}the equipment keeps coming and going; it can be booked again as soon as it has worked for a while"
        ),
    }
}

/// The streams' names, the last of them after this word where all are named.
fn push_names(text: &mut String, topics: &[Topic], last: &str) {
    let named = topics.len().min(NAMED);
    for (i, topic) in topics.iter().take(NAMED).enumerate() {
        let between = match i {
            0 => "",
            _ if last != "," && i + 1 == topics.len() => " and ",
            _ => ", ",
        };
        text.push_str(between);
        text.push_str(topic.split().map_or(topic.as_str(), |(_, stream)| stream));
    }
    if let more @ 1.. = topics.len() - named {
        // Writing to a string cannot fail.
        let _ = write!(text, " and {more} more");
    }
}
