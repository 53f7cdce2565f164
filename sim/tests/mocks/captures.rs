//! The captures of real traffic, as data.

use serde_json::Value;

use crate::wire::{Answer, parse};

/// One request and what was answered.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) title: String,
    pub(crate) claims: Option<Value>,
    pub(crate) method: String,
    pub(crate) path: String,
    /// What was in the header, with `<jwt>` for the token.
    pub(crate) authorization: Option<String>,
    pub(crate) body: String,
    pub(crate) answer: Answer,
}

/// Reads a file of exchanges.
pub(crate) fn exchanges(text: &str) -> Vec<Exchange> {
    let text = text.replace("\r\n", "\n");
    // Each begins with a title and when it was captured.
    let mut starts = Vec::new();
    for (i, _) in text.match_indices("\n### captured ") {
        starts.push(text[..i].rfind("### ").unwrap());
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| exchange(&text[*start..end])).collect()
}

fn exchange(text: &str) -> Exchange {
    let (notes, rest) = text.split_once("----- request\n").unwrap();
    let (request, answer) = rest.split_once("\n----- response\n").unwrap();
    let title = notes.lines().next().unwrap().trim_start_matches("### ").to_owned();
    let claims = notes.lines().find_map(|line| line.strip_prefix("### token claims: "));
    let (head, body) = request.split_once("\n\n").unwrap();
    let mut words = head.split(' ');
    let authorization = head.lines().find_map(|line| line.strip_prefix("Authorization: "));
    Exchange {
        title,
        claims: claims.map(|claims| serde_json::from_str(claims).unwrap()),
        method: words.next().unwrap().to_owned(),
        path: words.next().unwrap().to_owned(),
        authorization: authorization.map(str::to_owned),
        body: body.trim().to_owned(),
        answer: trimmed(parse(answer)),
    }
}

/// The capture ends each body with a newline or two of its own; what the service sent is told by
/// the length that it gave.
fn trimmed(mut answer: Answer) -> Answer {
    let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
    answer.body.truncate(length);
    answer
}

/// Puts one text for everything that is different each time: codes, times, addresses.
pub(crate) fn without_accidents(body: &str, here: &[(&str, &str)]) -> String {
    let mut body = body.to_owned();
    for (found, stands_for) in here {
        body = body.replace(found, stands_for);
    }
    for (before, after) in [
        ("?code=", "\""),
        ("Loaded at ", "\""),
        ("token is expired by ", "\""),
        ("\"now\":\"", "\""),
        ("/connect/pend00/", "?"),
    ] {
        if let Some(start) = body.find(before).map(|i| i + before.len())
            && let Some(length) = body[start..].find(after)
        {
            body.replace_range(start..start + length, "*");
        }
    }
    body
}
