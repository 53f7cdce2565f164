//! The state in parts, each of which fits into a line: each is a JSON object, and together they are the whole, where
//! objects of the same name are united and lists of the same name are joined.

use serde_json::Value;

use super::State;

/// What stands around the fields of the system and the experiments of a part.
const AROUND: usize = r#"{,"experiments":{}}"#.len();
/// No piece needs less, however little room is left.
const LEAST_ROOM: usize = 64;
/// What stands at the end of a text that was cut.
const CUT: &str = "… (the rest is left out)";

impl State {
    /// The whole state in as few parts as it takes, none of which has more than `room` bytes. An experiment is only
    /// divided if it has no room in a part of its own, and only a text that is longer than a part is cut, and says so.
    pub(crate) fn parts(&self, room: usize) -> Vec<String> {
        let mut parts = Parts { room, done: Vec::new(), system: String::new(), experiments: String::new() };
        let inner = room.saturating_sub(AROUND);
        for piece in pieces(&self.system, inner) {
            parts.add_system(&piece);
        }
        for (name, experiment) in &self.experiments {
            let left = inner.saturating_sub(name.len() + 2);
            let pieces = pieces(experiment, left);
            let is_divided = pieces.len() > 1;
            for piece in pieces {
                parts.add_experiment(name, &piece, is_divided);
            }
        }
        parts.finish()
    }
}

/// Parts, the last of which is being filled.
struct Parts {
    room: usize,
    done: Vec<String>,
    /// The fields in it, without the braces.
    system: String,
    /// The experiments in it, without the braces.
    experiments: String,
}

impl Parts {
    fn add_system(&mut self, object: &str) {
        if !self.system.is_empty() {
            self.end_part();
        }
        let fields = object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        self.system.push_str(fields.unwrap_or_default());
    }

    /// No name may come twice in an object, so each piece of one that is divided has a part of its own.
    fn add_experiment(&mut self, name: &str, object: &str, is_divided: bool) {
        let needed = self.system.len() + self.experiments.len() + name.len() + object.len() + AROUND + 2;
        let is_empty = self.system.is_empty() && self.experiments.is_empty();
        if !is_empty && (is_divided || needed > self.room) {
            self.end_part();
        }
        if !self.experiments.is_empty() {
            self.experiments.push(',');
        }
        self.experiments.push_str(name);
        self.experiments.push(':');
        self.experiments.push_str(object);
    }

    fn end_part(&mut self) {
        let comma = if self.system.is_empty() { "" } else { "," };
        let Self { system, experiments, .. } = self;
        self.done.push(format!("{{{system}{comma}\"experiments\":{{{experiments}}}}}"));
        self.system.clear();
        self.experiments.clear();
    }

    fn finish(mut self) -> Vec<String> {
        self.end_part();
        self.done
    }
}

/// A value in pieces that have room.
fn pieces(text: &str, room: usize) -> Vec<String> {
    let room = room.max(LEAST_ROOM);
    if text.len() <= room {
        return vec![text.to_owned()];
    }
    // What was written a moment ago can be read.
    serde_json::from_str(text).map_or_else(|_| Vec::new(), |value: Value| divide(&value, room))
}

fn divide(value: &Value, room: usize) -> Vec<String> {
    let room = room.max(LEAST_ROOM);
    let whole = value.to_string();
    if whole.len() <= room {
        return vec![whole];
    }
    match value {
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                let name = cut(name, room / 2);
                let values = divide(value, room.saturating_sub(name.len() + 3));
                values.into_iter().map(|value| format!("{name}:{value}")).collect()
            };
            pack(['{', '}'], fields.iter().map(field), room)
        }
        Value::Array(list) => {
            pack(['[', ']'], list.iter().map(|value| divide(value, room.saturating_sub(2))), room)
        }
        Value::String(text) => vec![cut(text, room)],
        Value::Null | Value::Bool(_) | Value::Number(_) => vec![whole],
    }
}

/// Puts together what has room together. The pieces of one thing are kept apart.
fn pack([open, close]: [char; 2], things: impl Iterator<Item = Vec<String>>, room: usize) -> Vec<String> {
    let mut packed = Vec::new();
    let mut current = String::new();
    for pieces in things {
        let is_divided = pieces.len() > 1;
        for piece in pieces {
            if !current.is_empty() && (is_divided || current.len() + piece.len() + 3 > room) {
                packed.push(format!("{open}{current}{close}"));
                current.clear();
            }
            if !current.is_empty() {
                current.push(',');
            }
            current.push_str(&piece);
        }
    }
    packed.push(format!("{open}{current}{close}"));
    packed
}

/// A text as JSON that has at most so many bytes; one that was cut says so.
fn cut(text: &str, room: usize) -> String {
    let mut printed = Value::from(text).to_string();
    let mut most = room.saturating_sub(CUT.len() + 2);
    while printed.len() > room && most > 0 {
        let beginning = &text[..text.floor_char_boundary(most)];
        printed = Value::from(format!("{beginning}{CUT}")).to_string();
        most -= most.div_ceil(8);
    }
    printed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(experiments: usize, streams: usize) -> State {
        let experiment = |number: usize| {
            let name = format!("\"pend{number:02}\"");
            let stream = |stream: usize| format!("\"pend{number:02}-st-{stream}\":{{\"ok\":true}}");
            let streams: Vec<String> = (0..streams).map(stream).collect();
            let issues = (0..streams.len()).map(|issue| format!("\"missing {issue}\"")).collect::<Vec<_>>();
            let issues = issues.join(",");
            (
                name,
                format!("{{\"healthy\":false,\"issues\":[{issues}],\"streams\":{{{}}}}}", streams.join(",")),
            )
        };
        let system = "{\"time\":\"now\",\"system_alerts\":[{\"alert\":\"x\"}]}".to_owned();
        State { system, experiments: (0..experiments).map(experiment).collect() }
    }

    /// What a reader makes of the parts.
    fn unite(whole: &mut Value, part: Value) {
        match (whole, part) {
            (Value::Object(whole), Value::Object(part)) => {
                for (name, value) in part {
                    match whole.get_mut(&name) {
                        Some(known) => unite(known, value),
                        None => drop(whole.insert(name, value)),
                    }
                }
            }
            (Value::Array(whole), Value::Array(part)) => whole.extend(part),
            (whole, part) => panic!("{whole} and {part}"),
        }
    }

    fn united(parts: &[String]) -> Value {
        let mut whole = Value::Object(serde_json::Map::new());
        parts.iter().for_each(|part| unite(&mut whole, serde_json::from_str(part).unwrap()));
        whole
    }

    #[test]
    fn parts_fit_and_are_the_whole_together() {
        for (experiments, streams) in [(0, 0), (1, 2), (40, 3), (3, 200), (109, 12), (1, 1_000)] {
            let state = state(experiments, streams);
            let whole = united(&state.parts(usize::MAX));
            assert_eq!(state.parts(usize::MAX).len(), 1);
            for room in [900, 8_000] {
                let parts = state.parts(room);
                assert!(parts.iter().all(|part| part.len() <= room), "{experiments} {streams} {room}");
                assert_eq!(united(&parts), whole);
                let bytes: usize = parts.iter().map(String::len).sum();
                assert!(parts.len() <= 2 + 3 * bytes / room, "{} parts of {room} for {bytes}", parts.len());
            }
        }
    }

    #[test]
    fn an_experiment_that_has_room_is_in_one_part() {
        let state = state(109, 3);
        for part in state.parts(2_000) {
            let part: Value = serde_json::from_str(&part).unwrap();
            for experiment in part["experiments"].as_object().unwrap().values() {
                assert_eq!(experiment["streams"].as_object().unwrap().len(), 3);
                assert!(experiment["healthy"].is_boolean());
            }
        }
    }

    #[test]
    fn only_a_text_that_is_longer_than_a_part_is_cut_and_says_so() {
        let detail = "\"ä\u{1}".repeat(3_000);
        let system = Value::from_iter([("trouble", detail.as_str()), ("other", "kept")]).to_string();
        let parts = State { system, experiments: Vec::new() }.parts(8_000);
        assert!(parts.iter().all(|part| part.len() <= 8_000));
        let whole = united(&parts);
        let cut = whole["trouble"].as_str().unwrap();
        let beginning = cut.strip_suffix(CUT).unwrap();
        assert!(detail.starts_with(beginning) && beginning.len() > 500, "{}", beginning.len());
        assert_eq!(whole["other"], "kept");
    }
}
