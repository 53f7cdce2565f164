//! A line of the log: one JSON object, or text for reading. Either way it is one line, and holds
//! nothing that a terminal would obey.

use std::borrow::Cow;
use std::fmt::{self, Write};

use status_core::Wall;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::is_ours;
use super::settings::LogFormat;

/// How many bytes a line has at the most, with its end. journald cuts a line at 48 kB and Docker at 16 kB, and what is
/// left of an object is no JSON.
pub(super) const LONGEST_LINE: usize = 8_192;
/// Longer texts are cut. Fifty times what an honest value needs.
const LONGEST_TEXT: usize = LONGEST_LINE;
/// To how much the texts of a line are cut that is too long as a whole: to the first of these that is enough.
const SHORTER_TEXTS: [usize; 7] = [4_096, 2_048, 1_024, 512, 256, 128, 64];
/// What stands in place of what was cut off.
const CUT: &str = "… (the rest is left out)";

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

    /// The line, with its end. Where it would be too long, its texts are cut, and say so.
    pub(super) fn print(&self, format: LogFormat) -> String {
        let mut line = self.print_cut(format, LONGEST_TEXT);
        for most in SHORTER_TEXTS {
            if line.len() <= LONGEST_LINE {
                break;
            }
            line = self.print_cut(format, most);
        }
        line
    }

    /// The line with at most so many bytes of each text.
    fn print_cut(&self, format: LogFormat, most: usize) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = match format {
            LogFormat::Json => self.json(&mut out, most),
            LogFormat::Text => self.text(&mut out, most),
        };
        out.push('\n');
        out
    }

    /// `{"time":"2026-11-24T00:28:13.792Z","level":"warn","msg":"…","field":"value"}`
    fn json(&self, out: &mut String, most: usize) -> fmt::Result {
        let level = self.level.as_str().to_ascii_lowercase();
        write!(out, "{{\"time\":\"{}\",\"level\":\"{level}\",\"msg\":", self.time)?;
        json_string(out, &cut(&self.message, most))?;
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
                Value::Text(text) => json_string(out, &cut(text, most))?,
            }
        }
        out.push('}');
        Ok(())
    }

    /// `2026-11-24T00:28:13.792Z WARN  message field=value other="two words"`
    fn text(&self, out: &mut String, most: usize) -> fmt::Result {
        write!(out, "{} {:<5} ", self.time, self.level)?;
        for c in cut(&self.message, most).chars() {
            if breaks_line(c) { write!(out, "{}", c.escape_default())? } else { out.push(c) }
        }
        if let Some(library) = self.library {
            write!(out, " library={library}")?;
        }
        for (name, value) in &self.fields {
            write!(out, " {name}=")?;
            match value {
                Value::Plain(text) => out.push_str(text),
                Value::Text(text) => match cut(text, most) {
                    text if is_word(&text) => out.push_str(&text),
                    text => json_string(out, &text)?,
                },
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
        self.add(field, Value::Text(cut(value, LONGEST_TEXT).into_owned()));
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
        self.add(field, Value::Text(cut(&text.0, LONGEST_TEXT).into_owned()));
    }
}

/// How many bytes a line of the state has besides its part of it.
pub(super) const AROUND_STATE: usize = 160;

/// The parts of the state as lines: JSON objects whatever the format of the others, since programs read them. They
/// have the same time, so that they are known to be of one state.
pub(super) fn health(parts: &[String], time: Wall) -> String {
    let mut lines = String::with_capacity(parts.iter().map(|part| part.len() + AROUND_STATE).sum());
    for (number, part) in (1..).zip(parts) {
        let of = parts.len();
        // Writing to a String cannot fail.
        let _ = write!(
            lines,
            "{{\"time\":\"{time}\",\"level\":\"info\",\"msg\":\"health\",\"part\":{number},\"parts\":{of},\"state\":"
        );
        // Its author sees to it that it is JSON; that it stays one line is seen to here.
        lines.extend(part.chars().map(|c| if breaks_line(c) { ' ' } else { c }));
        lines.push_str("}\n");
    }
    lines
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

/// A text of which at most so many bytes are left; one that was cut says so.
pub(super) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    // One that was cut before does not say it twice.
    let whole = text.strip_suffix(CUT).unwrap_or(text);
    Cow::Owned(format!("{}{CUT}", &whole[..whole.floor_char_boundary(most)]))
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
