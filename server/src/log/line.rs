//! A line of the log: one JSON object, or text for reading. Either way it is one line, and holds
//! nothing that a terminal would obey.

use std::fmt::{self, Write};

use status_core::Wall;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::is_ours;
use crate::settings::LogFormat;

/// Longer texts are cut. A hundred times what an honest value needs.
const LONGEST_TEXT: usize = 16_384;

/// What a line says.
pub(super) struct Line {
    time: Wall,
    level: Level,
    message: String,
    fields: Vec<(&'static str, Value)>,
    /// The library that says it, if it isn't one of ours.
    library: Option<&'static str>,
}

/// A value as it is to be printed.
enum Value {
    /// Numbers and the like, which look the same in JSON and text.
    Plain(String),
    /// A text.
    Text(String),
}

impl Line {
    /// What an event says.
    pub(super) fn new(event: &Event<'_>, time: Wall) -> Self {
        let metadata = event.metadata();
        let mut line = Self {
            time,
            level: *metadata.level(),
            message: String::new(),
            fields: Vec::new(),
            library: Some(metadata.target()).filter(|target| !is_ours(target)),
        };
        event.record(&mut line);
        line
    }

    /// What to say instead of a line that is longer than a whole file may be.
    pub(super) fn left_out(bytes: usize, level: Level, time: Wall) -> Self {
        Self {
            time,
            level,
            message: "a line was left out, since it is longer than STATUS_LOG_MAX_SIZE".to_owned(),
            fields: vec![("bytes", Value::Plain(bytes.to_string()))],
            library: None,
        }
    }

    /// What to say of lines that nobody took in time.
    pub(super) fn lost(lines: u64, time: Wall) -> Self {
        Self {
            time,
            level: Level::ERROR,
            message: format!("{lines} lines lost: they came faster than they could be written"),
            fields: vec![("lines", Value::Plain(lines.to_string()))],
            library: None,
        }
    }

    /// The line, with its end.
    pub(super) fn print(&self, format: LogFormat) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = match format {
            LogFormat::Json => self.json(&mut out),
            LogFormat::Text => self.text(&mut out),
        };
        out.push('\n');
        out
    }

    /// `{"time":"2026-11-24T00:28:13.792Z","level":"warn","msg":"…","field":"value"}`
    fn json(&self, out: &mut String) -> fmt::Result {
        let level = self.level.as_str().to_ascii_lowercase();
        write!(out, "{{\"time\":\"{}\",\"level\":\"{level}\",\"msg\":", self.time)?;
        json_string(out, &self.message)?;
        if let Some(library) = self.library {
            out.push_str(",\"library\":");
            json_string(out, library)?;
        }
        for (name, value) in &self.fields {
            out.push(',');
            // No name may come twice in an object.
            match *name {
                "time" | "level" | "msg" | "library" => write!(out, "\"{name}_\"")?,
                name => json_string(out, name)?,
            }
            out.push(':');
            match value {
                Value::Plain(text) => out.push_str(text),
                Value::Text(text) => json_string(out, text)?,
            }
        }
        out.push('}');
        Ok(())
    }

    /// `2026-11-24T00:28:13.792Z WARN  message field=value other="two words"`
    fn text(&self, out: &mut String) -> fmt::Result {
        write!(out, "{} {:<5} ", self.time, self.level)?;
        for c in self.message.chars() {
            if breaks_line(c) { write!(out, "{}", c.escape_default())? } else { out.push(c) }
        }
        if let Some(library) = self.library {
            write!(out, " library={library}")?;
        }
        for (name, value) in &self.fields {
            write!(out, " {name}=")?;
            match value {
                Value::Plain(text) => out.push_str(text),
                Value::Text(text) if is_word(text) => out.push_str(text),
                Value::Text(text) => json_string(out, text)?,
            }
        }
        Ok(())
    }

    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::Plain(text) | Value::Text(text)) => self.message = text,
            (name, value) => self.fields.push((name, value)),
        }
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, Value::Text(cut(value)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::Plain(value.to_string()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Value::Plain(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Value::Plain(value.to_string()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for infinity.
        let value =
            if value.is_finite() { Value::Plain(value.to_string()) } else { Value::Text(value.to_string()) };
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = Short(String::new());
        // It ends early if the text is long enough, and that is no error.
        let _ = write!(text, "{value:?}");
        self.add(field, Value::Text(cut(&text.0)));
    }
}

/// The state's dump as a line: one JSON object whatever the format of the others, since programs
/// read it. It may be large, so that it is made of the state's own text.
pub(super) fn health(mut state: String, time: Wall) -> String {
    // Its author sees to it that it is JSON; that it stays one line is seen to here.
    if state.contains(breaks_line) {
        state = state.replace(breaks_line, " ");
    }
    let start = format!("{{\"time\":\"{time}\",\"level\":\"info\",\"msg\":\"health\",\"state\":");
    state.insert_str(0, &start);
    state.push_str("}\n");
    state
}

/// Takes text until there is more than enough of it, so that a huge value costs little.
struct Short(String);

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() > LONGEST_TEXT {
            return Err(fmt::Error);
        }
        let text = text.get(..text.floor_char_boundary(LONGEST_TEXT + 4)).unwrap_or(text);
        self.0.push_str(text);
        Ok(())
    }
}

fn cut(text: &str) -> String {
    if text.len() <= LONGEST_TEXT {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(LONGEST_TEXT)])
}

/// Whether a text can stand without quotes.
fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_whitespace() || breaks_line(c) || "\"'=\\".contains(c))
}

/// Whether a character ends a line somewhere, commands a terminal, or turns the direction of writing.
fn breaks_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn json_string(out: &mut String, text: &str) -> fmt::Result {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // All of them are below U+10000, so that four digits are enough.
            c if breaks_line(c) => write!(out, "\\u{:04x}", u32::from(c))?,
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(())
}
