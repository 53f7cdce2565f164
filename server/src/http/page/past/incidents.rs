//! The page of incidents.

use askama::Template;
use status_core::{Wall, printable};

use super::super::filters;
use super::super::who::Who;
use super::super::words::{span, stamp};
use super::Refused;
use crate::http::api::incidents::{self, Wanted};
use crate::http::asked::Pairs;
use crate::http::{self, AppState};
use crate::past::incident::{Incident, Subject};
use crate::view::system::SystemView;

/// How many the page shows.
const SHOWN: usize = 300;

#[derive(Template)]
#[template(path = "incidents.html")]
struct IncidentsPage<'a> {
    system: &'a SystemView,
    who: &'a Who,
    choices: Vec<super::Choice>,
    rows: Vec<Row>,
    /// Whether there are more.
    more: bool,
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
    let limit = wanted.limit.min(SHOWN);
    let mut found = incidents::of(app, &Wanted { limit: limit + 1, ..wanted }).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let system = http::api::system::view(app);
    let since = pairs.get("since").unwrap_or("30d");
    let text = |name| pairs.get(name).unwrap_or_default();
    let page = IncidentsPage {
        system: &system,
        who,
        choices: super::choices(crate::http::asked::length(pairs.get("since"), incidents::USUAL, now)?),
        rows: found.iter().map(Row::of).collect(),
        more,
        since,
        name: text("name"),
        kind: text("kind"),
        open: text("open"),
        csv: pairs.only(&["since", "name", "kind", "open"]),
    };
    Ok(page.render())
}

impl Row {
    fn of(incident: &Incident) -> Self {
        let (experiment, effect) = match &incident.subject {
            Subject::Experiment(name) if incident.out => (Some(name.to_string()), "out of booking"),
            Subject::Experiment(name) => (Some(name.to_string()), "unhealthy"),
            Subject::System(_) => (None, "system"),
        };
        let minute = |at: Wall| stamp(&at.to_string()).get(..16).unwrap_or_default().to_owned();
        let mail =
            incident.mail.as_ref().map(|mail| format!("{}: {}", minute(mail.at), printable(&mail.subject)));
        let known = incident.acknowledged.as_ref().map(|one| {
            let note =
                if one.note.is_empty() { String::new() } else { format!(": {}", printable(&one.note)) };
            format!("{}{note}", printable(&one.by))
        });
        Self {
            id: incident.id(),
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
            mail: mail.unwrap_or_else(|| "none".to_owned()),
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
