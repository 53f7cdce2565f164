//! `status ack`.

use std::fmt::Write;

use serde_json::{Map, json};
use status_core::printable;

use super::Failure;
use super::server::{Server, token};
use crate::command::args::AckArgs;

pub(super) async fn run(args: &AckArgs) -> Result<String, Failure> {
    let token = token(&args.server)?;
    let server = Server::find(&args.server)?;
    let path = format!("/api/v1/experiments/{}/acknowledgement", in_path(&args.experiment));
    let name = printable(&args.experiment);
    if args.withdraw {
        server.change(("DELETE", &path), &token, None).await?;
        return Ok(format!("{name} is not acknowledged any more"));
    }
    let mut order = Map::new();
    order.insert("note".to_owned(), json!(args.note.as_deref().unwrap_or_default()));
    if let Some(until) = &args.until {
        order.insert("until".to_owned(), json!(until));
    }
    let made = server.change(("PUT", &path), &token, Some(&order.into())).await?;
    let text = |field: &str| printable(made[field].as_str().unwrap_or_default()).into_owned();
    let until = if made["until"].is_string() { format!(" until {}", text("until")) } else { String::new() };
    Ok(format!("{name} is acknowledged by {}{until}", text("by")))
}

/// A name as one step of a path. One that is a step already, `events`, must not look like it.
fn in_path(name: &str) -> String {
    let mut path = String::new();
    for (at, byte) in name.bytes().enumerate() {
        if byte.is_ascii_alphanumeric() && (at > 0 || name != "events") {
            path.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_one_step_of_a_path() {
        for (name, path) in [
            ("pend00", "pend00"),
            ("a/b", "a%2Fb"),
            ("a\"b' ä?#%", "a%22b%27%20%C3%A4%3F%23%25"),
            ("events", "%65vents"),
            ("..", "%2E%2E"),
        ] {
            assert_eq!(in_path(name), path);
        }
    }
}
