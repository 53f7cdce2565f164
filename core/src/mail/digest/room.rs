//! What there is room for, where a mail may only be so long.

use alloc::format;
use alloc::string::String;

use super::entry::{Entry, Form};

/// The room for a line that says how much is left out.
const LEFT_OUT: usize = 40;

/// Two lists of entries, between which the room is split.
pub(super) struct Lists<'a, 'b> {
    pub(super) events: &'b [Entry<'a>],
    pub(super) problems: &'b [Entry<'a>],
}

/// What of the two lists there is room for.
pub(super) struct Filled {
    pub(super) events: String,
    pub(super) problems: String,
    /// How many experiments have no line among the events for want of room.
    pub(super) events_left_out: usize,
    pub(super) problems_left_out: usize,
}

impl Lists<'_, '_> {
    /// Writes as many entries of both as there is room for. Besides `room`, they take what `left_out` of each needs.
    pub(super) fn fill(&self, room: usize, write: impl Fn(&Entry<'_>, Form) -> String) -> Filled {
        let (events, problems) = (length(self.events, room, &write), length(self.problems, room, &write));
        let (for_events, for_problems) = share(room, events, problems);
        let (events, events_left_out) = fill(self.events, for_events, &write);
        let (problems, problems_left_out) = fill(self.problems, for_problems, &write);
        Filled { events, problems, events_left_out, problems_left_out }
    }
}

/// The room that has to be left for saying what is left out of a section, which may take two lines; in each, `around` stands around
/// the words.
pub(super) fn for_left_out(around: usize) -> usize {
    2 * (LEFT_OUT + around)
}

/// Splits the room between two parts: one that needs less than half of it leaves the rest to the other.
fn share(room: usize, one: usize, other: usize) -> (usize, usize) {
    let half = room / 2;
    if one <= half {
        (one, room - one)
    } else if other <= half {
        (room - other, other)
    } else {
        (half, room - half)
    }
}

/// How long these entries are, or a little more than `most`.
fn length(entries: &[Entry<'_>], most: usize, write: &impl Fn(&Entry<'_>, Form) -> String) -> usize {
    let mut length = 0;
    for entry in entries {
        if length > most {
            break;
        }
        length += write(entry, Form::Whole).len();
    }
    length
}

/// Writes the entries that `room` is enough for, in short where that helps. Returns how many experiments are left out.
fn fill(entries: &[Entry<'_>], room: usize, write: &impl Fn(&Entry<'_>, Form) -> String) -> (String, usize) {
    let mut out = String::new();
    for (at, entry) in entries.iter().enumerate() {
        let whole = write(entry, Form::Whole);
        let line = if out.len() + whole.len() <= room { whole } else { write(entry, Form::Short) };
        if out.len() + line.len() > room {
            return (out, entries[at..].iter().map(Entry::experiments).sum());
        }
        out.push_str(&line);
    }
    (out, 0)
}

/// Says how many are left out for want of room.
pub(super) fn left_out(count: usize, what: &str) -> Option<String> {
    (count > 0).then(|| format!("and {count} more {what}"))
}

/// Says how many events are only counted.
pub(super) fn counted(earlier: usize) -> Option<String> {
    match earlier {
        0 => None,
        1 => Some("and 1 earlier event".into()),
        _ => Some(format!("and {earlier} earlier events")),
    }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn what_one_part_does_not_need_is_for_the_other() {
        assert_eq!(share(100, 20, 500), (20, 80));
        assert_eq!(share(100, 500, 20), (80, 20));
        assert_eq!(share(101, 500, 500), (50, 51));
    }
}
