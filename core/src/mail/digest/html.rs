//! The HTML of a mail: one table, which a phone shows as well as a screen, in light and dark. It has no pictures, and loads
//! nothing.

use alloc::format;
use alloc::string::String;

use super::StandingAlert;
use super::contents::{Contents, Listed};
use super::entry::{Entry, Form, One};
use super::link::Link;
use super::room::{counted, for_left_out, left_out};
use crate::protocol::printable;

/// The colours of whoever shows it, all of one scheme: text that is light stands on what is dark, wherever it is embedded.
const COLORS: &str = "color-scheme:light dark;background:Canvas;color:CanvasText";
const TABLE: &str =
    "border-collapse:collapse;font:16px/1.4 sans-serif;overflow-wrap:anywhere;word-break:break-word";
const END: &str = "</table>\n</body>\n</html>\n";

impl Contents<'_> {
    /// The HTML, of at most `longest` bytes.
    pub(super) fn html(&self, subject: &str, link: &str, longest: usize) -> String {
        let page = Link::parse(link);
        let head = document(subject) + &self.rows_before(longest);
        let tail = self.rows_behind(link, page.as_ref(), longest) + END;
        let (events, problems) = (heading(&self.events_heading()), heading(&self.problems_heading()));
        let fixed = head.len() + events.len() + problems.len() + tail.len();
        let fixed = fixed + 2 * for_left_out(wide("").len());
        let write = |entry: &Entry<'_>, form| self.row(entry, page.as_ref(), form);
        let filled = self.lists().fill(longest.saturating_sub(fixed), write);
        let mut out = head + &events + &filled.events;
        row(&mut out, left_out(filled.events_left_out, "events"));
        row(&mut out, counted(self.digest.more_events));
        out = out + &problems + &filled.problems;
        row(&mut out, left_out(filled.problems_left_out, "problems"));
        out + &tail
    }

    fn rows_before(&self, longest: usize) -> String {
        let mut out = String::new();
        for notice in self.digest.notice.lines().filter(|line| !line.is_empty()) {
            out.push_str(&wide(&escaped(notice)));
        }
        if !self.lab.is_empty() {
            out.push_str(&wide(&format!("<b>{}</b>", escaped(&self.lab))));
        }
        out.push_str(&wide(&self.zone.in_full(self.digest.when)));
        if !self.digest.alerts.is_empty() {
            out.push_str(&heading("System alerts:"));
        }
        for StandingAlert { alert, detail, since, .. } in self.digest.alerts {
            // Each character of a detail may take six bytes.
            let words = escaped(&self.alert_words(*since, detail, longest / 6));
            let advice = escaped(alert.advice());
            out.push_str(&wide(&format!("<b>{alert}</b> {words}<br>What to do: {advice}")));
        }
        section(&mut out, "No longer a system alert:", self.cleared(longest / 2));
        out
    }

    fn rows_behind(&self, link: &str, page: Option<&Link>, longest: usize) -> String {
        let mut out = String::new();
        section(&mut out, &self.windows_heading(), self.windows(longest / 6));
        let shown = escaped(&printable(link));
        match page {
            _ if link.is_empty() => {}
            Some(page) => out.push_str(&wide(&format!("<a href=\"{}\">{shown}</a>", escaped(page.page())))),
            None => out.push_str(&wide(&shown)),
        }
        out
    }

    fn row(&self, entry: &Entry<'_>, page: Option<&Link>, form: Form) -> String {
        match entry {
            Entry::Many(many) => wide(&escaped(&many.words())),
            Entry::One(one) => self.row_of(one, page, form),
        }
    }

    /// The mark, and beside it everything else, so that there are two columns on the narrowest screen.
    fn row_of(&self, one: &One<'_>, page: Option<&Link>, form: Form) -> String {
        let (mark, name) = (one.mark(), escaped(&one.name()));
        let experiment = &one.line.experiment;
        let name = match page {
            Some(page) => format!("<a href=\"{}\">{name}</a>", escaped(&page.experiment(experiment))),
            None => name,
        };
        let acknowledge = match (page, one.problem) {
            (Some(page), Some(problem)) if problem.acknowledged.is_none() => {
                format!(" <a href=\"{}\">acknowledge</a>", escaped(&page.acknowledge(experiment)))
            }
            _ => String::new(),
        };
        format!(
            "<tr valign=\"top\"><td nowrap style=\"color:{}\"><b>{}</b></td><td><b>{name}</b> {}{acknowledge}</td></tr>\n",
            mark.color(),
            mark.in_html(),
            escaped(&one.tail(self.zone, form)),
        )
    }
}

fn document(subject: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n</head>\n\
         <body style=\"{COLORS}\">\n<table cellpadding=\"3\" style=\"{TABLE};{COLORS}\">\n",
        escaped(subject)
    )
}

fn heading(words: &str) -> String {
    format!("<tr><th colspan=\"2\" align=\"left\"><br>{}</th></tr>\n", escaped(words))
}

/// A row as wide as the table, with what is HTML already.
fn wide(html: &str) -> String {
    format!("<tr><td colspan=\"2\">{html}</td></tr>\n")
}

fn row(out: &mut String, words: Option<String>) {
    if let Some(words) = words {
        out.push_str(&wide(&escaped(&words)));
    }
}

fn section(out: &mut String, title: &str, listed: Listed) {
    let Listed { lines, rest } = listed;
    if lines.is_empty() && rest.is_none() {
        return;
    }
    out.push_str(&heading(title));
    for one in lines.into_iter().chain(rest) {
        row(out, Some(one));
    }
}

/// A text as HTML shows it, between tags and in quotes.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(c),
        }
    }
    html
}
