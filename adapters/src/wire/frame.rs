//! A frame of a feed, as it came: most often a snapshot, but anybody may write there.
//!
//! A frame is a sequence of JSON values with nothing or whitespace between them, since a feed
//! merges what queues up for a slow reader. The last snapshot among them counts.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use status_core::{Feed, Report};

use super::json::Members;
use super::report::Fields;
use super::text;

/// What a frame held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    /// The last snapshot in it, if there is one.
    pub snapshot: Option<Snapshot>,
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
    let mut at = 0;
    while let Some(space) = text[at..].find(|c| !matches!(c, ' ' | '\t' | '\n' | '\r')) {
        at += space;
        let (value, length) = value(feed, &text[at..]);
        match value {
            Ok(array) => {
                frame.take_in(array);
                at += length;
            }
            Err(problem) => {
                frame.not_json.get_or_insert_with(|| complaint(&problem, text, at, length));
                match resume(&text[at..]).filter(|_| effort.allows(length)) {
                    Some(skipped) => at += skipped,
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
            Some(Array { snapshot, .. }) if snapshot.valid > 0 => self.snapshot = Some(snapshot),
            Some(Array { snapshot, has_objects: true }) => self.unusable = snapshot.refused,
            Some(_) | None => self.meaningless += 1,
        }
    }
}

/// Reads the JSON value that the text begins with, and says how many bytes it looked at. Of values
/// other than arrays, it sees no more than where they end.
fn value(feed: Feed, text: &str) -> (serde_json::Result<Option<Array>>, usize) {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = if text.starts_with('[') {
        json.deserialize_seq(Reports { feed }).map(Some)
    } else {
        IgnoredAny::deserialize(&mut json).map(|IgnoredAny| None)
    };
    (value, json.into_iter::<IgnoredAny>().byte_offset())
}

/// How many bytes to skip to where the next snapshot may begin, behind something broken.
///
/// The services write snapshots without any space, and in one that is whole this pair is found
/// at its beginning only.
fn resume(broken: &str) -> Option<usize> {
    const BEGIN: &str = "[{";
    let from = usize::from(broken.starts_with(BEGIN));
    broken[from..].find(BEGIN).map(|found| from + found)
}

fn complaint(problem: &serde_json::Error, text: &str, at: usize, length: usize) -> String {
    const BEFORE: usize = 20;
    let near = text.floor_char_boundary(at + length.saturating_sub(BEFORE));
    format!("{problem} of the text from byte {at} on, near {}", text::excerpt(&text[near..]))
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
}

impl Array {
    /// How many refused reports are described.
    const DESCRIBED: usize = 3;

    fn take_in(&mut self, feed: Feed, fields: &Fields<'_>, shape: Result<(), &'static str>) {
        self.has_objects |= shape.is_ok();
        let report = match shape {
            Ok(()) => fields.report(feed),
            Err(kind) => Err(format!("is {kind}, not an object")),
        };
        match report {
            Ok(report) => {
                self.snapshot.valid += 1;
                self.snapshot.reports.extend(report);
            }
            Err(problem) => self.refuse(fields, &problem),
        }
    }

    fn refuse(&mut self, fields: &Fields<'_>, problem: &str) {
        let Snapshot { valid, refused, .. } = &mut self.snapshot;
        refused.count += 1;
        if refused.first.len() < Self::DESCRIBED {
            let label = fields.label().map(|topic| format!(" ({topic})")).unwrap_or_default();
            refused.first.push(format!("report {}{label}: {problem}", *valid + refused.count));
        }
    }
}

/// Reads an array as reports.
struct Reports {
    feed: Feed,
}

impl<'de> Visitor<'de> for Reports {
    type Value = Array;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of reports")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Array, A::Error> {
        let mut array = Array::default();
        loop {
            let mut fields = Fields::default();
            let members = Members(|key, value| fields.set(key, value));
            match seq.next_element_seed(members)? {
                Some(shape) => array.take_in(self.feed, &fields, shape),
                None => return Ok(array),
            }
        }
    }
}
