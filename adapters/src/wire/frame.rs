//! A frame of a feed, as it came: most often a snapshot, but anybody may write there.
//!
//! A frame is a sequence of JSON values with nothing or whitespace between them, since a feed
//! merges what queues up for a slow reader. The last snapshot among them counts.

use std::fmt;

use status_core::{Feed, Report};

use super::cursor::{Cursor, JsonError};
use super::json;
use super::report::{Fields, Listed};

/// What a frame held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    /// The last snapshot in it, if there is one.
    pub snapshot: Option<Snapshot>,
    /// The last list of valid reports without the feed's own connection, which every snapshot has: somebody
    /// else wrote it, and it is no snapshot.
    pub foreign: Option<Snapshot>,
    /// What was refused in arrays of objects among which was no valid report, so that they are no
    /// snapshots. If there is no snapshot either, the feed speaks a dialect that is not known.
    pub unusable: Refused,
    /// How many other JSON values it held: commands, and whatever else people write. They mean
    /// nothing.
    pub meaningless: usize,
    /// Where its text was first not JSON and why, if it ever was. What was found behind it is
    /// there all the same.
    pub not_json: Option<String>,
}

/// Every connection that a feed holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The connections that count: their scopes hold [`Feed::counting_scope`].
    pub reports: Vec<Report>,
    /// How many reports were valid, of connections that count or not. At least one.
    pub valid: usize,
    /// The others.
    pub refused: Refused,
}

/// Reports that were refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// How many.
    pub count: usize,
    /// What was wrong with the first few: `report 3 (pend00-st-data): stats.tx.last "x" has no …`.
    pub first: Vec<String>,
}

/// Reads a frame. Nothing in it is an error: it is understood, or said to mean nothing.
///
/// It takes time in proportion to the frame's length, whatever the frame holds.
#[must_use]
pub fn read(feed: Feed, text: &str) -> Frame {
    let mut frame = Frame::default();
    let mut effort = Effort::for_length(text.len());
    let mut cursor = Cursor::new(text);
    while let Some(first) = cursor.peek() {
        let start = cursor.at();
        let value = match first {
            b'[' => Array::read(feed, &mut cursor).map(Some),
            _ => cursor.value().map(|_| None),
        };
        match value {
            Ok(array) => frame.take_in(array),
            Err(broken) => {
                let end = cursor.at();
                frame.not_json.get_or_insert_with(|| broken.told(text, end));
                match resume(text, start).filter(|_| effort.allows(end - start)) {
                    Some(next) => cursor.go_to(next),
                    None => break,
                }
            }
        }
    }
    frame
}

impl Frame {
    fn take_in(&mut self, array: Option<Array>) {
        match array {
            Some(Array { snapshot, lists_itself: true, .. }) => self.snapshot = Some(snapshot),
            Some(Array { snapshot, .. }) if snapshot.valid > 0 => self.foreign = Some(snapshot),
            Some(Array { snapshot, has_objects: true, .. }) => self.unusable = snapshot.refused,
            Some(_) | None => self.meaningless += 1,
        }
    }
}

/// Where the next snapshot may begin, behind the start of something broken.
///
/// A snapshot begins with `[` and `{`, with or without space between them, and in one that is
/// whole this pair is found at its beginning only.
fn resume(text: &str, broken: usize) -> Option<usize> {
    let mut from = broken + usize::from(text[broken..].starts_with('['));
    while let Some(found) = text[from..].find('[') {
        let inside = text[from + found + 1..].trim_start_matches([' ', '\t', '\n', '\r']);
        if inside.starts_with('{') {
            return Some(from + found);
        }
        from = text.len() - inside.len();
    }
    None
}

/// How many bytes may still be read in vain.
///
/// What is broken is searched again for something that is not, so a frame that is made of
/// beginnings without ends (`[{"a":[{"a":…`) would take time with the square of its length.
struct Effort(usize);

impl Effort {
    /// What a try costs at the least, since it takes some time even if it fails at once.
    const TRY: usize = 1_000;

    fn for_length(length: usize) -> Self {
        Self(length.saturating_mul(4).saturating_add(100 * Self::TRY))
    }

    fn allows(&mut self, spent: usize) -> bool {
        let left = self.0.checked_sub(spent.max(Self::TRY));
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

/// An array, as reports.
#[derive(Default)]
struct Array {
    snapshot: Snapshot,
    has_objects: bool,
    /// Whether the feed's own connection is in it.
    lists_itself: bool,
}

impl Array {
    /// How many refused reports are described.
    const DESCRIBED: usize = 3;

    fn read<'a>(feed: Feed, cursor: &mut Cursor<'a>) -> Result<Self, JsonError> {
        let mut array = Self::default();
        cursor.elements(|cursor| {
            if cursor.peek() == Some(b'{') {
                let mut fields = Fields::default();
                cursor.members(|key, cursor| fields.set(key, cursor))?;
                array.take_in(feed, &fields);
            } else {
                let kind = json::kind(cursor.value()?);
                array.refuse(None, format_args!("is {kind}, not an object"));
            }
            Ok(())
        })?;
        Ok(array)
    }

    fn take_in(&mut self, feed: Feed, fields: &Fields<'_>) {
        self.has_objects = true;
        match fields.report(feed) {
            Ok(Listed { report, is_own }) => {
                self.lists_itself |= is_own;
                self.snapshot.valid += 1;
                self.snapshot.reports.extend(report);
            }
            Err(problem) => self.refuse(Some(fields), problem),
        }
    }

    /// Counts a report that is refused, and describes it if it is one of the first.
    fn refuse(&mut self, fields: Option<&Fields<'_>>, problem: impl fmt::Display) {
        let Snapshot { valid, refused, .. } = &mut self.snapshot;
        refused.count += 1;
        if refused.first.len() < Self::DESCRIBED {
            let label = fields.and_then(Fields::label).map(|topic| format!(" ({topic})")).unwrap_or_default();
            refused.first.push(format!("report {}{label}: {problem}", *valid + refused.count));
        }
    }
}
