//! The page of incidents.

use askama::Template;
use status_core::{Wall, printable};

use super::super::filters;
use super::super::who::Who;
use super::super::words::{span, stamp};
use super::{History, Refused};
use crate::http::api::incidents::{self, Wanted};
use crate::http::asked::{self, Pairs, Wrong};
use crate::http::{self, AppState};
use crate::past::incident::{Incident, Subject};
use crate::view::system::SystemView;

/// How many the page shows.
pub(super) const SHOWN: usize = 300;
/// How many may be left out at most.
const MOST_SKIPPED: usize = 100_000;

#[derive(Template)]
#[template(path = "incidents.html")]
struct IncidentsPage<'a> {
    system: &'a SystemView,
    who: &'a Who,
    choices: Vec<super::Choice>,
    rows: Vec<Row>,
    /// The number of the first of them.
    first: usize,
    /// The query of those before them, if there are any, and of those after.
    older: Option<String>,
    newer: Option<String>,
    since: &'a str,
    name: &'a str,
    kind: &'a str,
    open: &'a str,
    /// The query of the table for spreadsheets.
    csv: String,
}

struct Row {
    id: String,
    title: String,
    /// The experiment's name for a link to it.
    experiment: Option<String>,
    is_open: bool,
    class: &'static str,
    effect: &'static str,
    from: String,
    to: String,
    lasted: String,
    what: String,
    mail: String,
    known: String,
}

pub(super) async fn render(
    app: &AppState,
    who: &Who,
    pairs: &Pairs,
    now: Wall,
) -> Result<askama::Result<String>, Refused> {
    let wanted = Wanted::read(pairs, now)?;
    let skip = skipped(pairs)?;
    let limit = wanted.limit.min(SHOWN);
    let mut found = incidents::of(app, &Wanted { limit: skip + limit + 1, ..wanted }).await?;
    found.drain(..skip.min(found.len()));
    let more = found.len() > limit;
    found.truncate(limit);
    let filter = pairs.only(&["since", "name", "kind", "open", "limit"]);
    let page_after = |skip: usize| match (skip, filter.as_str()) {
        (0, filter) => format!("?incidents&{filter}").trim_end_matches('&').to_owned(),
        (skip, "") => format!("?incidents&skip={skip}"),
        (skip, filter) => format!("?incidents&{filter}&skip={skip}"),
    };
    let history = History::of(app);
    let system = http::api::system::view(app);
    let since = pairs.get("since").unwrap_or("30d");
    let text = |name| pairs.raw(name).unwrap_or_default();
    let page = IncidentsPage {
        system: &system,
        who,
        choices: super::choices(asked::length(pairs.get("since"), incidents::USUAL, now)?),
        rows: found.iter().map(|one| Row::of(one, history)).collect(),
        first: skip + 1,
        older: more.then(|| page_after(skip + limit)),
        newer: (skip > 0).then(|| page_after(skip.saturating_sub(limit))),
        since,
        name: text("name"),
        kind: text("kind"),
        open: text("open"),
        csv: pairs.only(&["since", "name", "kind", "open"]),
    };
    Ok(page.render())
}

/// How many of the newest are left out.
fn skipped(pairs: &Pairs) -> Result<usize, Wrong> {
    match pairs.get("skip") {
        None | Some("0") => Ok(0),
        some => asked::number("skip", some, 0, MOST_SKIPPED),
    }
}

impl Row {
    fn of(incident: &Incident, history: History) -> Self {
        let (experiment, effect) = match &incident.subject {
            Subject::Experiment(name) if incident.out => (Some(name.to_string()), "out of booking"),
            Subject::Experiment(name) => (Some(name.to_string()), "unhealthy"),
            Subject::System(_) => (None, "system"),
        };
        let minute = |at: Wall| stamp(&at.to_string()).get(..16).unwrap_or_default().to_owned();
        let mail = incident.mail.as_ref().map(|mail| {
            let missed = if mail.trouble.is_some() { " (somebody did not get it)" } else { "" };
            format!("{}: {}{missed}", minute(mail.at), printable(&mail.subject))
        });
        let no_mail = match history {
            History::Kept => "none",
            History::NotKept => "not known, since nothing is kept",
        };
        let known = incident.acknowledged.as_ref().map(|one| {
            let note =
                if one.note.is_empty() { String::new() } else { format!(": {}", printable(&one.note)) };
            format!("{}{note}", printable(&one.by))
        });
        Self {
            id: super::anchor(incident.name(), incident.from),
            title: printable(&incident.title()).into_owned(),
            experiment,
            is_open: incident.to.is_none(),
            class: if incident.cause.is_some() || matches!(incident.subject, Subject::System(_)) {
                "d"
            } else {
                "u"
            },
            effect,
            from: minute(incident.from),
            to: incident.to.map(minute).unwrap_or_default(),
            lasted: span(incident.down),
            what: what(incident),
            mail: mail.unwrap_or_else(|| no_mail.to_owned()),
            known: known.unwrap_or_default(),
        }
    }
}

/// What was wrong, and what followed.
fn what(incident: &Incident) -> String {
    let mut text = match incident.subject {
        Subject::Experiment(_) => printable(&incident.issues.join(", ")).into_owned(),
        Subject::System(_) if !incident.hidden.is_empty() => {
            let names: Vec<String> =
                incident.hidden.iter().take(3).map(|name| printable(name.as_str()).into_owned()).collect();
            let more = incident.hidden.len() - names.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("nothing was known of {}{more}", names.join(", "))
        }
        Subject::System(_) => String::new(),
    };
    if incident.flapping {
        text.push_str(" (flapping)");
    }
    text
}

impl IncidentsPage<'_> {
    /// The values that `kind` and `open` may have, with what people read.
    fn kinds(&self) -> [(&'static str, &'static str); 3] {
        [("", "all"), ("experiment", "experiments"), ("system", "services")]
    }

    /// Whether the time is one of those that can be chosen.
    fn is_usual(&self) -> bool {
        self.choices.iter().any(|choice| choice.is_chosen)
    }

    fn opens(&self) -> [(&'static str, &'static str); 3] {
        [("", "all"), ("true", "lasting"), ("false", "over")]
    }
}
