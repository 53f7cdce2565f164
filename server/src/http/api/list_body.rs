//! The list of all experiments as JSON, in pieces.
//!
//! With 30,000 connections it has 20 MB. Nobody holds it as a whole: the next piece is made when the
//! client has taken the one before it. So many clients, and slow ones, cost little memory, and the
//! state is locked only for as long as a piece takes. Each experiment in it is as it was when its
//! piece was made.

use axum::body::Bytes;
use status_core::ExperimentName;

use super::experiments::ExperimentView;
use crate::driver::Shared;

/// A piece ends with the experiment that makes it this long.
const PIECE_BYTES: usize = 16 * 1024;

/// Makes the pieces, each when it is asked for.
pub(crate) struct ListBody {
    shared: Shared,
    /// The last experiment that is in a piece.
    last: Option<ExperimentName>,
    /// Whether the list is complete.
    over: bool,
}

impl ListBody {
    pub(super) fn of(shared: Shared) -> Self {
        Self { shared, last: None, over: false }
    }

    fn piece(&mut self) -> serde_json::Result<Bytes> {
        // A client who takes nothing holds a few pieces: they are not to be larger than what is in them.
        let mut piece = Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 8);
        if self.last.is_none() {
            piece.push(b'[');
        }
        let monitor = self.shared.monitor();
        // Experiments come and go between two pieces, so a place in the order is kept as a name.
        let last = self.last.take();
        let is_told = |name: &ExperimentName| last.as_ref().is_some_and(|last| name <= last);
        let mut rest = monitor.experiments().skip_while(|(name, _)| is_told(name));
        let mut first = last.is_none();
        for (name, experiment) in rest.by_ref() {
            if !first {
                piece.push(b',');
            }
            first = false;
            serde_json::to_writer(&mut piece, &ExperimentView::new(name, experiment, &monitor))?;
            if piece.len() >= PIECE_BYTES {
                self.last = Some(name.clone());
                return Ok(piece.into());
            }
        }
        piece.push(b']');
        self.over = true;
        Ok(piece.into())
    }
}

impl Iterator for ListBody {
    type Item = serde_json::Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let piece = self.piece();
        // What can't be written ends the answer, so that nobody takes it for a whole one.
        self.over |= piece.is_err();
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use status_core::{Action, CallId, Config, Connection, Feed, Input, Monitor, Now, Report, Transmitted};

    use super::*;

    /// A state that jump tells of.
    struct Told {
        shared: Shared,
        connection: CallId,
    }

    impl Told {
        fn of(names: &[String]) -> Self {
            let mut monitor = Monitor::new(Config::default(), Now::default());
            let actions = monitor.handle(Now::default(), Input::Wake);
            let connection = actions.into_iter().find_map(|action| {
                if let Action::OpenFeed { feed: Feed::Jump, connection, .. } = action {
                    Some(connection)
                } else {
                    None
                }
            });
            let told = Self { shared: Shared::new(monitor), connection: connection.unwrap() };
            told.tell(names);
            told
        }

        fn tell(&self, names: &[String]) {
            let report = |name: &String| Report {
                topic: name.as_str().into(),
                transmitted: Transmitted::Unknown,
                connection: Connection::default(),
            };
            let reports = names.iter().map(report).collect();
            let input = Input::Reported { feed: Feed::Jump, connection: self.connection, reports };
            let _ = self.shared.monitor().handle(Now::default(), input);
        }

        fn pieces(&self) -> ListBody {
            ListBody::of(self.shared.clone())
        }
    }

    fn names(pieces: impl Iterator<Item = serde_json::Result<Bytes>>) -> Vec<String> {
        let text: Vec<u8> = pieces.flat_map(Result::unwrap).collect();
        let list: Vec<Value> = serde_json::from_slice(&text).unwrap();
        list.iter().map(|experiment| experiment["topic_name"].as_str().unwrap().to_owned()).collect()
    }

    fn numbered(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("pend{number:04}")).collect()
    }

    #[test]
    fn no_piece_is_large_and_together_they_are_the_list() {
        for count in [0, 1, 1_000] {
            let told = Told::of(&numbered(count));
            assert_eq!(names(told.pieces()), numbered(count));
            assert!(told.pieces().all(|piece| piece.unwrap().len() < 2 * PIECE_BYTES));
            assert!(count < 1_000 || told.pieces().count() > 10);
        }
    }

    #[test]
    fn experiments_that_appear_between_two_pieces_neither_break_nor_double_it() {
        let told = Told::of(&numbered(100));
        let mut pieces = told.pieces();
        let first = pieces.next();
        told.tell(&["a".to_owned(), "z".to_owned()]);
        let mut expected = numbered(100);
        expected.push("z".to_owned());
        assert_eq!(names(first.into_iter().chain(pieces)), expected);
    }
}
