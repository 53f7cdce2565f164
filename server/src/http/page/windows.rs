//! Windows of maintenance and remarks, as the pages show them.

use status_core::{Monitor, Pattern, Remark, Wall, Window, WindowBooking, WindowTime, Zone, printable};

use crate::view::remark::concerns;

/// How many remarks a page shows.
const REMARKS: usize = 30;

/// A window of maintenance.
pub(super) struct Row {
    pub(super) id: u64,
    pub(super) on: bool,
    pub(super) names: String,
    pub(super) when: String,
    pub(super) reason: String,
    pub(super) by: String,
    pub(super) made: String,
    pub(super) booking: &'static str,
}

/// Something that people did, or that began or ended.
pub(super) struct RemarkRow {
    pub(super) when: String,
    pub(super) text: String,
}

impl Row {
    fn of(window: &Window, now: Wall, zone: &Zone) -> Self {
        let names: Vec<&str> = window.names.iter().map(Pattern::as_str).collect();
        Self {
            id: window.id.0,
            on: window.is_on(now, zone),
            names: names.join(", "),
            when: when(window, now, zone),
            reason: window.reason.clone(),
            by: window.by.clone(),
            made: zone.to_minute(window.made),
            booking: match window.booking {
                WindowBooking::Keep => "as the verdicts say",
                WindowBooking::Out => "out",
            },
        }
    }
}

/// When a window is on, in the zone's time.
fn when(window: &Window, now: Wall, zone: &Zone) -> String {
    let minute = |at: Wall| zone.to_minute(at);
    let is_on = window.is_on(now, zone);
    match &window.time {
        WindowTime::Once { until, .. } if is_on => format!("until {}", minute(*until)),
        WindowTime::Once { from, until } => format!("from {} until {}", minute(*from), minute(*until)),
        WindowTime::Repeated { every, until: last, .. } => {
            let until = window.until(now, zone);
            let mut text = every.to_string();
            match (is_on, until, window.next_change(now, zone)) {
                (true, Some(until), _) => text.push_str(&format!(", now until {}", minute(until))),
                (false, _, Some(next)) => text.push_str(&format!(", next from {}", minute(next))),
                (true, None, _) | (false, _, None) => {}
            }
            if let Some(last) = last {
                text.push_str(&format!(", no more after {}", minute(*last)));
            }
            text
        }
    }
}

/// The windows that are not over, those that are on first; `about` one experiment, or all.
pub(super) fn rows(monitor: &Monitor, now: Wall, about: Option<&str>) -> Vec<Row> {
    let zone = &monitor.config().zone;
    let kept = monitor.maintenance().windows().filter(|window| !window.is_over(now));
    let named = kept.filter(|window| about.is_none_or(|name| window.names(name)));
    let mut rows: Vec<Row> = named.map(|window| Row::of(window, now, zone)).collect();
    rows.sort_by_key(|row| !row.on);
    rows
}

/// The newest remarks, the newest first; `about` one experiment, or all.
pub(super) fn remarks(monitor: &Monitor, about: Option<&str>) -> Vec<RemarkRow> {
    let zone = &monitor.config().zone;
    let all = monitor.maintenance().remarks().rev();
    let concerned = all.filter(|remark| about.is_none_or(|name| concerns(&remark.what, name)));
    concerned.take(REMARKS).map(|remark| told(remark, zone)).collect()
}

fn told(remark: &Remark, zone: &Zone) -> RemarkRow {
    RemarkRow { when: zone.to_minute(remark.at), text: printable(&remark.what.to_string()).into_owned() }
}

#[cfg(test)]
mod tests {
    use status_core::{Repetition, WindowId};

    use super::*;

    #[test]
    fn it_is_told_when_a_window_is_on() {
        let at = |hour: u64| Wall::from_millis(1_767_225_600_000 + hour * 3_600_000);
        let told = |time, hour| {
            let names = vec![Pattern::parse("*").unwrap()];
            let (reason, by, booking) = (String::new(), String::new(), WindowBooking::Keep);
            let window = Window { id: WindowId(1), names, time, reason, by, made: at(0), booking };
            when(&window, at(hour), &Zone::utc())
        };
        let once = || WindowTime::Once { from: at(2), until: at(4) };
        assert_eq!(told(once(), 3), "until 2026-01-01 04:00Z");
        assert_eq!(told(once(), 1), "from 2026-01-01 02:00Z until 2026-01-01 04:00Z");
        let nightly = |until| {
            let every = Repetition::parse("daily 22:00-06:00").unwrap();
            WindowTime::Repeated { every, from: at(0), until }
        };
        assert_eq!(told(nightly(None), 23), "daily 22:00-06:00, now until 2026-01-02 06:00Z");
        assert_eq!(
            told(nightly(Some(at(240))), 12),
            "daily 22:00-06:00, next from 2026-01-01 22:00Z, no more after 2026-01-11 00:00Z"
        );
    }
}
