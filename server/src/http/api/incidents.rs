//! Outages of experiments, and system alerts, each told once.

use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use status_core::{ExperimentName, Wall};
use utoipa::ToSchema;

use crate::http::asked::{self, Named, Pairs, Wrong};
use crate::http::gather::{self, Asked, Unread};
use crate::http::{AppState, Problem, etag};
use crate::past::incident::{Incident, Subject, incidents};

/// How far back is looked if nobody says how far.
pub(crate) const USUAL: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many are told if nobody says how many.
const USUAL_COUNT: usize = 1_000;
/// How many experiments that a silent feed hides are named of one.
const NAMED: usize = 20;
/// How many are told at most.
const MOST: usize = 10_000;

/// An outage of an experiment, or a system alert.
#[derive(Serialize, ToSchema)]
pub(crate) struct IncidentView {
    /// Tells it from all others, as long as it is told.
    id: String,
    /// `experiment` or `system`.
    kind: &'static str,
    /// Which experiment; null for a system alert.
    topic_name: Option<String>,
    /// Which system alert; null for an experiment.
    alert: Option<&'static str>,
    /// When it was found; of a system alert, the last good sign before it.
    #[schema(format = DateTime)]
    from: String,
    /// When it was over; null while it lasts.
    #[schema(format = DateTime)]
    to: Option<String>,
    /// For how long it is known to have been so.
    seconds: f64,
    /// Whether the experiment could not be booked for it, at least for a time.
    out: bool,
    /// What was wrong, at most 20.
    issues: Vec<String>,
    /// The feed whose silence it is; null if it is none.
    cause: Option<&'static str>,
    /// The experiments of which nothing was known for it, at most 20.
    experiments: Vec<String>,
    /// How many those are.
    experiments_count: usize,
    /// The first mail that told of it; null if none did, or if an older version sent it, which did not write that down.
    mail: Option<MailView>,
    /// Who acknowledged it last; null if nobody did.
    acknowledged: Option<AcknowledgedView>,
    /// Whether the experiment was flapping when it began.
    flapping: bool,
}

/// A mail that told of something.
#[derive(Serialize, ToSchema)]
struct MailView {
    /// When the mail server took it.
    #[schema(format = DateTime)]
    at: String,
    /// Its subject.
    subject: String,
    /// Whether every recipient has it.
    complete: bool,
}

/// Who acknowledged something.
#[derive(Serialize, ToSchema)]
struct AcknowledgedView {
    /// Who.
    by: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// What they said.
    note: String,
}

impl IncidentView {
    fn of(incident: &Incident) -> Self {
        let (kind, topic_name, alert) = match &incident.subject {
            Subject::Experiment(name) => ("experiment", Some(name.to_string()), None),
            Subject::System(alert) => ("system", None, Some(alert.as_str())),
        };
        let mail = incident.mail.as_ref().map(|mail| MailView {
            at: mail.at.to_string(),
            subject: mail.subject.clone(),
            complete: mail.trouble.is_none(),
        });
        let acknowledged = incident.acknowledged.as_ref().map(|one| AcknowledgedView {
            by: one.by.clone(),
            at: one.at.to_string(),
            note: one.note.clone(),
        });
        Self {
            id: incident.id(),
            kind,
            topic_name,
            alert,
            from: incident.from.to_string(),
            to: incident.to.map(|to| to.to_string()),
            seconds: incident.down.as_secs_f64(),
            out: incident.out,
            issues: incident.issues.clone(),
            cause: incident.cause.map(status_core::Feed::as_str),
            experiments: incident.hidden.iter().take(NAMED).map(ToString::to_string).collect(),
            experiments_count: incident.hidden.len(),
            mail,
            acknowledged,
            flapping: incident.flapping,
        }
    }
}

/// What an incident may be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An experiment.
    Experiment,
    /// The services themselves.
    System,
}

/// Which incidents are wanted.
pub(crate) struct Wanted {
    pub(crate) since: Duration,
    pub(crate) name: Option<Named>,
    pub(crate) open: Option<bool>,
    pub(crate) kind: Option<Kind>,
    pub(crate) limit: usize,
}

impl Wanted {
    /// What a query asks for.
    pub(crate) fn read(pairs: &Pairs, now: Wall) -> Result<Self, Wrong> {
        let kinds = [("experiment", Kind::Experiment), ("system", Kind::System)];
        Ok(Self {
            since: asked::length(pairs.get("since"), USUAL, now)?,
            name: Named::read(pairs.raw("name"))?,
            open: asked::one_of("open", pairs.get("open"), &[("true", true), ("false", false)])?,
            kind: asked::one_of("kind", pairs.get("kind"), &kinds)?,
            limit: asked::number("limit", pairs.get("limit"), USUAL_COUNT, MOST)?,
        })
    }

    fn takes(&self, incident: &Incident) -> bool {
        let kind = match incident.subject {
            Subject::Experiment(_) => Kind::Experiment,
            Subject::System(_) => Kind::System,
        };
        // Who asks for an experiment is told what hid it, too.
        let hides =
            |name: &Named| incident.hidden.iter().any(|one: &ExperimentName| name.matches(one.as_str()));
        self.name.as_ref().is_none_or(|name| name.matches(incident.name()) || hides(name))
            && self.open.is_none_or(|open| open == incident.to.is_none())
            && self.kind.is_none_or(|wanted| wanted == kind)
    }
}

/// The incidents that are wanted, the newest first.
///
/// # Errors
/// If the store cannot be read.
pub(crate) async fn of(app: &AppState, wanted: &Wanted) -> Result<Vec<Incident>, Unread> {
    let past = gather::past(app, Asked::Last(wanted.since)).await?;
    let made = tokio::task::spawn_blocking(move || incidents(&past)).await;
    let all = made.map_err(|error| Unread(format!("the incidents could not be listed: {error}")))?;
    Ok(all.into_iter().filter(|one| wanted.takes(one)).take(wanted.limit).collect())
}

/// Outages of experiments and system alerts, the newest first: one for each, however many experiments a silent feed hides.
#[utoipa::path(
    get,
    path = "/api/v1/incidents",
    operation_id = "incidents",
    params(
        ("since" = Option<String>, Query, description = "Only what was not over by then: a time, or how long ago, such as 12h or 7d; 30d by default"),
        ("name" = Option<String>, Query, description = "Only those of this experiment or system alert; * stands for any characters, ? for any one"),
        ("open" = Option<bool>, Query, description = "Only those that last, or only those that are over"),
        ("kind" = Option<String>, Query, description = "`experiment` or `system`"),
        ("limit" = Option<u32>, Query, description = "At most so many, the newest: from 1 to 10000, 1000 by default")
    ),
    responses(
        (status = 200, description = "The incidents, the newest first", body = [IncidentView]),
        (status = 304, description = "Nothing has changed since the answer with this ETag"),
        (status = 400, description = "A parameter makes no sense", body = Problem),
        (status = 405, description = "Only GET and HEAD are allowed", body = Problem),
        (status = 503, description = "Too many large answers are on their way, or the store cannot be read: ask again later", body = Problem)
    )
)]
pub(crate) async fn list(State(app): State<AppState>, query: RawQuery, headers: HeaderMap) -> Response {
    match asked_for(&app, query).await {
        Ok(found) => {
            let views: Vec<IncidentView> = found.iter().map(IncidentView::of).collect();
            etag::json(&headers, serde_json::to_vec(&views))
        }
        Err(refused) => refused,
    }
}

/// The same as a table for spreadsheets.
#[utoipa::path(
    get,
    path = "/api/v1/incidents.csv",
    operation_id = "incidents_csv",
    params(
        ("since" = Option<String>, Query, description = "As in /api/v1/incidents"),
        ("name" = Option<String>, Query, description = "As in /api/v1/incidents"),
        ("open" = Option<bool>, Query, description = "As in /api/v1/incidents"),
        ("kind" = Option<String>, Query, description = "As in /api/v1/incidents"),
        ("limit" = Option<u32>, Query, description = "As in /api/v1/incidents")
    ),
    responses(
        (status = 200, description = "The incidents, one a line, below a line with the names of the columns", body = String, content_type = "text/csv"),
        (status = 304, description = "Nothing has changed since the answer with this ETag"),
        (status = 400, description = "A parameter makes no sense", body = Problem),
        (status = 405, description = "Only GET and HEAD are allowed", body = Problem),
        (status = 503, description = "Too many large answers are on their way, or the store cannot be read: ask again later", body = Problem)
    )
)]
pub(crate) async fn csv(State(app): State<AppState>, query: RawQuery, headers: HeaderMap) -> Response {
    match asked_for(&app, query).await {
        Ok(found) => {
            let mut answer =
                etag::by_content(&headers, "text/csv; charset=utf-8", table(&found).into_bytes());
            let name = HeaderValue::from_static("attachment; filename=\"incidents.csv\"");
            answer.headers_mut().insert(header::CONTENT_DISPOSITION, name);
            answer
        }
        Err(refused) => refused,
    }
}

/// The incidents that a query asks for, or the answer that says why there are none.
async fn asked_for(app: &AppState, RawQuery(query): RawQuery) -> Result<Vec<Incident>, Response> {
    let wanted = Wanted::read(&Pairs::of(query.as_deref().unwrap_or_default()), app.now().wall)
        .map_err(|wrong| Problem::answer(StatusCode::BAD_REQUEST, wrong))?;
    of(app, &wanted).await.map_err(|Unread(why)| Problem::answer(StatusCode::SERVICE_UNAVAILABLE, why))
}

const COLUMNS: &str = "id,kind,name,from,to,seconds,out,issues,cause,experiments,mailed,subject,acknowledged_by,acknowledged,note,flapping,complete";

fn table(incidents: &[Incident]) -> String {
    let mut table = format!("{COLUMNS}\r\n");
    for incident in incidents {
        let view = IncidentView::of(incident);
        let mail = view.mail.as_ref();
        let known = view.acknowledged.as_ref();
        let cells: [String; 17] = [
            text(&view.id),
            text(view.kind),
            text(incident.name()),
            view.from.clone(),
            view.to.clone().unwrap_or_default(),
            view.seconds.to_string(),
            view.out.to_string(),
            text(&view.issues.join("; ")),
            text(view.cause.unwrap_or_default()),
            view.experiments_count.to_string(),
            mail.map(|mail| mail.at.clone()).unwrap_or_default(),
            text(mail.map(|mail| mail.subject.as_str()).unwrap_or_default()),
            text(known.map(|known| known.by.as_str()).unwrap_or_default()),
            known.map(|known| known.at.clone()).unwrap_or_default(),
            text(known.map(|known| known.note.as_str()).unwrap_or_default()),
            view.flapping.to_string(),
            mail.map(|mail| mail.complete.to_string()).unwrap_or_default(),
        ];
        table.push_str(&cells.join(","));
        table.push_str("\r\n");
    }
    table
}

/// A cell with what others wrote: in quotes, as RFC 4180 has them, whatever separates cells where it is read. What a spreadsheet
/// would take for a formula begins with an apostrophe.
fn text(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let mark = if is_formula { "'" } else { "" };
    format!("\"{mark}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use status_adapters::store::PastMail;
    use status_core::Wall;

    use super::*;

    #[test]
    fn a_cell_is_neither_a_formula_nor_two_cells() {
        let cells =
            ["plain", "a,b", "a;b", "say \"no\"", "=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "two\nlines", ""];
        let expected = [
            "\"plain\"",
            "\"a,b\"",
            "\"a;b\"",
            "\"say \"\"no\"\"\"",
            "\"'=1+1\"",
            "\"'+1\"",
            "\"'-1\"",
            "\"'@x\"",
            "\"'\t=1\"",
            "\"'\r=1\"",
            "\"two\nlines\"",
            "\"\"",
        ];
        assert_eq!(cells.map(text), expected);
    }

    #[test]
    fn a_table_says_last_whether_everybody_got_the_mail() {
        let of = |mail: Option<PastMail>| {
            let incident = Incident {
                subject: Subject::Experiment("=pend00".into()),
                from: Wall::from_millis(7),
                to: None,
                down: Duration::ZERO,
                out: false,
                issues: Vec::new(),
                cause: None,
                hidden: Vec::new(),
                mail,
                acknowledged: None,
                flapping: false,
            };
            table(&[incident]).lines().nth(1).unwrap().to_owned()
        };
        let mail = |trouble: Option<&str>| PastMail {
            at: Wall::from_millis(8),
            subject: "lab".to_owned(),
            trouble: trouble.map(ToOwned::to_owned),
            mentions: Vec::new(),
        };
        assert!(of(None).starts_with("\"'=pend00@7\",\"experiment\",\"'=pend00\",1970-"), "{}", of(None));
        let ends = [of(None), of(Some(mail(None))), of(Some(mail(Some("ops: 550"))))];
        let last = ends.map(|line| line.rsplit(',').next().unwrap().to_owned());
        assert_eq!(last, ["", "true", "false"]);
        assert_eq!(COLUMNS.split(',').count(), of(None).split(',').count());
    }
}
