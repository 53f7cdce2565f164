//! What would have been done, if this server did more than observe.

use alloc::collections::VecDeque;

use crate::protocol::{Wall, Withheld};

/// How many things are remembered of each kind: the newest.
const KEPT: usize = 50;
/// How much of a mail's text is remembered, in bytes: with thousands of experiments it may be long.
const LONGEST: usize = 64 * 1024;

/// The newest things that were decided and not done, oldest first.
#[derive(Debug, Default)]
pub(crate) struct WithheldLog(VecDeque<(Wall, Withheld)>);

impl WithheldLog {
    /// Remembers one, and returns it as far as it is remembered.
    pub(crate) fn put(&mut self, when: Wall, mut withheld: Withheld) -> Withheld {
        if let Withheld::Mail { body, .. } = &mut withheld
            && body.len() > LONGEST
        {
            body.truncate(body.floor_char_boundary(LONGEST));
            body.push_str("\n...\n");
        }
        let same_kind = |(_, other): &(Wall, Withheld)| {
            core::mem::discriminant(other) == core::mem::discriminant(&withheld)
        };
        if self.0.iter().filter(|entry| same_kind(entry)).count() >= KEPT
            && let Some(oldest) = self.0.iter().position(same_kind)
        {
            self.0.remove(oldest);
        }
        self.0.push_back((when, withheld.clone()));
        withheld
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &(Wall, Withheld)> + DoubleEndedIterator {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    #[test]
    fn a_long_mail_is_remembered_up_to_64_kibibytes() {
        let kept = |length| {
            let mail = Withheld::Mail { subject: String::new(), body: "x".repeat(length) };
            match WithheldLog::default().put(Wall::default(), mail) {
                Withheld::Mail { body, .. } => body.len(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!([65_536, 65_537].map(kept), [65_536, 65_536 + "\n...\n".len()]);
    }
}
