//! When which windows of maintenance were on, as the remarks tell.

use std::collections::BTreeMap;

use status_core::{Remark, RemarkKind, Wall, Window, WindowId, WindowTime};

use super::known::Span;

/// When which windows were on.
#[derive(Clone, Debug, Default)]
pub struct WindowTimes(BTreeMap<WindowId, Times>);

#[derive(Clone, Debug)]
struct Times {
    window: Window,
    spans: Vec<Span>,
    /// Since when it is on, if it is.
    on: Option<Wall>,
}

impl WindowTimes {
    /// What the remarks tell from `since` on up to `now`; `on` are the windows that are on then.
    #[must_use]
    pub fn of<'a>(
        remarks: impl Iterator<Item = &'a Remark>,
        on: impl Iterator<Item = &'a Window>,
        since: Wall,
        now: Wall,
    ) -> Self {
        let mut times = Self::default();
        remarks.for_each(|remark| times.note(remark, since));
        for window in on {
            let known = times.known(window);
            // It began before the oldest remark.
            known.on = known.on.or_else(|| Some(began(window, since)));
        }
        for known in times.0.values_mut() {
            if let Some(from) = known.on.take().filter(|from| *from < now) {
                known.spans.push(Span { from, to: now });
            }
        }
        times
    }

    fn known(&mut self, window: &Window) -> &mut Times {
        let fresh = || Times { window: window.clone(), spans: Vec::new(), on: None };
        self.0.entry(window.id).or_insert_with(fresh)
    }

    fn note(&mut self, remark: &Remark, since: Wall) {
        match &remark.what {
            RemarkKind::WindowBegan(window) => {
                let known = self.known(window);
                known.on = known.on.or(Some(remark.at));
            }
            RemarkKind::WindowEnded { window, .. } => {
                let known = self.known(window);
                let once = matches!(window.time, WindowTime::Once { .. }) && known.spans.is_empty();
                let from = known.on.take().or_else(|| once.then(|| began(window, since)));
                if let Some(from) = from.filter(|from| *from < remark.at) {
                    known.spans.push(Span { from, to: remark.at });
                }
            }
            RemarkKind::WindowMade(_)
            | RemarkKind::Acknowledged { .. }
            | RemarkKind::AcknowledgementEnded { .. }
            | RemarkKind::FlappingBegan { .. }
            | RemarkKind::FlappingEnded { .. } => {}
        }
    }

    /// When an experiment was in maintenance: in order, and none overlaps another.
    #[must_use]
    pub fn naming(&self, experiment: &str) -> Vec<Span> {
        let naming =
            self.0.values().filter(|times| !times.spans.is_empty() && times.window.names(experiment));
        let mut spans: Vec<Span> = naming.flat_map(|times| times.spans.iter().copied()).collect();
        spans.sort_by_key(|span| span.from);
        let mut merged: Vec<Span> = Vec::new();
        for span in spans {
            match merged.last_mut() {
                Some(last) if span.from <= last.to => last.to = last.to.max(span.to),
                Some(_) | None => merged.push(span),
            }
        }
        merged
    }

    /// The windows that named an experiment within a stretch of time.
    pub fn windows<'a>(&'a self, experiment: &'a str, within: Span) -> impl Iterator<Item = &'a Window> {
        let was_on = move |times: &&Times| times.spans.iter().any(|span| span.within(within).is_some());
        self.0.values().filter(was_on).map(|times| &times.window).filter(|window| window.names(experiment))
    }
}

/// When a window began that is on, or was, and of whose beginning there is no remark.
fn began(window: &Window, since: Wall) -> Wall {
    match window.time {
        WindowTime::Once { from, .. } | WindowTime::Repeated { from, .. } => from.max(since),
    }
}
