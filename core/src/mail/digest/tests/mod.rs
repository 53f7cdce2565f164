mod bounds;
mod html;
mod subject;
mod text;

use alloc::string::String;
use alloc::vec::Vec;

use super::{Acknowledged, Composed, Digest, LONGEST, Muted, OpenWindow, Problem, StandingAlert};
use crate::protocol::{EndedAlert, Feed, FlapLine, Issue, MailConfig, MailLine, SystemAlert, Wall, Zone};

/// 2026-11-24T00:28:13.792Z.
const WHEN: Wall = Wall::from_millis(1_795_480_093_792);
/// 2026-11-24T00:20:00.000Z.
const SINCE: Wall = Wall::from_millis(1_795_479_600_000);

fn line(name: &str, healthy: bool, available: bool, issues: &[Issue]) -> MailLine {
    MailLine::of(name.into(), healthy, available, issues.to_vec())
}

/// One that has lost a stream that students need.
fn down(name: &str) -> MailLine {
    line(name, false, false, &[Issue::MissingRequired(alloc::format!("{name}-st-video").as_str().into())])
}

fn recovered(name: &str, after: u64) -> MailLine {
    MailLine { after: Some(after), ..line(name, true, true, &[]) }
}

/// One of which these feeds tell nothing.
fn unknown(name: &str, cause: &[Feed]) -> MailLine {
    MailLine { cause: cause.to_vec(), ..down(name) }
}

/// One of which these feeds tell again.
fn known_again(name: &str, cause: &[Feed], after: u64) -> MailLine {
    MailLine { cause: cause.to_vec(), ..recovered(name, after) }
}

fn flapping(name: &str, times: u64, is_over: bool) -> MailLine {
    let what = Issue::Unhealthy(alloc::format!("{name}-st-video").as_str().into());
    MailLine { flapping: Some(FlapLine { what, times, is_over }), ..line(name, true, true, &[]) }
}

fn standing(alert: SystemAlert, detail: impl Into<String>, since: Wall) -> StandingAlert {
    StandingAlert { alert, detail: detail.into(), since, is_muted: false }
}

fn ended(alert: SystemAlert, since: Wall) -> EndedAlert {
    EndedAlert { alert, since, flapped: None }
}

fn problem(line: MailLine) -> Problem {
    Problem::from(MailLine { since: Some(SINCE), ..line })
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| alloc::format!("pend{n:02}")).collect()
}

fn digest<'a>(events: &'a [MailLine], problems: &'a [Problem]) -> Digest<'a> {
    Digest {
        notice: String::new(),
        when: WHEN,
        is_reminder: false,
        alerts: &[],
        cleared: Vec::new(),
        more_cleared: 0,
        events: events.iter().collect(),
        more_events: 0,
        problems,
        windows: &[],
    }
}

fn settings(link: &str) -> MailConfig {
    MailConfig { subject: "lab".into(), link: link.into(), html: true, ..MailConfig::default() }
}

fn composed(digest: &Digest<'_>) -> Composed {
    digest.compose(&settings("lab.example.org/status"), &Zone::utc(), LONGEST)
}
