//! `status maintain`.

use std::fmt::Write;

use serde_json::{Map, Value, json};
use status_core::printable;

use super::Failure;
use super::server::{Server, token};
use crate::command::args::MaintainArgs;

const PATH: &str = "/api/v1/maintenance";

pub(super) async fn run(args: &MaintainArgs) -> Result<String, Failure> {
    if args.list {
        return Ok(listed(&Server::find(&args.server)?.get(PATH).await?));
    }
    let token = token(&args.server)?;
    let server = Server::find(&args.server)?;
    if let Some(id) = args.end {
        server.change(("DELETE", &format!("{PATH}/{id}")), &token, None).await?;
        return Ok(format!("window {id} is over"));
    }
    let made = server.change(("POST", PATH), &token, Some(&order(args))).await?;
    Ok(line(&made))
}

/// What is asked for: what was not said is left out.
fn order(args: &MaintainArgs) -> Value {
    let booking = args.booking.map(|booking| booking.as_str().to_owned());
    let texts = [
        ("from", &args.from),
        ("until", &args.until),
        ("for", &args.lasts),
        ("every", &args.every),
        ("reason", &args.reason),
        ("booking", &booking),
    ];
    let mut order: Map<String, Value> =
        texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?)))).collect();
    order.insert("names".to_owned(), json!(args.names));
    order.into()
}

/// A line for each window.
fn listed(windows: &Value) -> String {
    let lines: Vec<String> = windows.as_array().into_iter().flatten().map(line).collect();
    if lines.is_empty() { "there is no window of maintenance".to_owned() } else { lines.join("\n") }
}

/// A window in a line.
fn line(window: &Value) -> String {
    let text = |name: &str| printable(window[name].as_str().unwrap_or_default()).into_owned();
    let names: Vec<&str> =
        window["names"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut line = format!("window {}: {}", window["id"], printable(&names.join(" ")));
    // Writing to a String cannot fail.
    if window["every"].is_string() {
        let _ = write!(line, ", {}", text("every"));
    }
    let _ = write!(line, ", from {}", text("from"));
    if window["until"].is_string() {
        let _ = write!(line, " until {}", text("until"));
    }
    if window["booking"] == "out" {
        line.push_str(", out of booking");
    }
    if window["on"] == true {
        line.push_str(", on now");
    }
    let _ = write!(line, ", by {}: {}", text("by"), text("reason"));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_told_in_a_line_each_without_what_a_terminal_would_obey() {
        let windows = json!([
            {"id": 7, "names": ["pend0*", "@relay"], "on": true, "from": "2030-01-01T09:00:00.000Z",
             "until": "2030-01-01T12:00:00.000Z", "every": null, "reason": "new bearings", "booking": "out", "by": "alice"},
            {"id": 8, "names": ["a\u{1b}[31m"], "on": false, "from": "2030-01-01T09:00:00.000Z", "until": null,
             "every": "daily 22:00-06:00", "reason": "night", "booking": "keep", "by": "bob"},
        ]);
        assert_eq!(
            listed(&windows),
            "window 7: pend0* @relay, from 2030-01-01T09:00:00.000Z until 2030-01-01T12:00:00.000Z, out of booking, on now, \
             by alice: new bearings\n\
             window 8: a\\u{1B}[31m, daily 22:00-06:00, from 2030-01-01T09:00:00.000Z, by bob: night"
        );
        assert_eq!(listed(&json!([])), "there is no window of maintenance");
    }
}
