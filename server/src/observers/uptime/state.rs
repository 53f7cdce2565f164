//! How a stretch of time went.

use std::time::Duration;

use status_core::{Condition, Wall};

use super::known::{Span, known};

/// How an experiment was for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// All was well.
    Healthy,
    /// Something was wrong, and it could be booked.
    Unhealthy,
    /// It could not be booked, since a stream that is required did not work.
    Out,
    /// People worked on it.
    Maintenance,
    /// Startup: nothing was decided yet.
    Startup,
    /// Nobody knows: the server did not run, or a feed was silent.
    Unknown,
}

impl State {
    /// All of them, in the order of a legend.
    pub const ALL: [Self; 6] =
        [Self::Healthy, Self::Unhealthy, Self::Out, Self::Maintenance, Self::Startup, Self::Unknown];

    /// Returns whether it was not as it should be.
    #[must_use]
    pub const fn is_down(self) -> bool {
        matches!(self, Self::Unhealthy | Self::Out)
    }
}

impl From<Condition> for State {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Healthy => Self::Healthy,
            Condition::Unhealthy => Self::Unhealthy,
            Condition::Out => Self::Out,
            Condition::Unknown => Self::Unknown,
        }
    }
}

/// A stretch of time in which nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// From when to when.
    pub span: Span,
    /// How it was.
    pub state: State,
    /// Which of its changes was the last one then; `None` if nobody watched, or there had been none.
    pub change: Option<usize>,
}

/// How long an experiment was how. What is neither is unknown, or startup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// For how long it was healthy.
    pub healthy: Duration,
    /// For how long it was not.
    pub unhealthy: Duration,
    /// For how long it was in maintenance.
    pub maintenance: Duration,
}

impl Tally {
    /// Returns what these stretches come to.
    #[must_use]
    pub fn of(stretches: &[Stretch]) -> Self {
        let mut tally = Self::default();
        for Stretch { span, state, .. } in stretches {
            match state {
                State::Healthy => tally.healthy += span.length(),
                State::Unhealthy | State::Out => tally.unhealthy += span.length(),
                State::Maintenance => tally.maintenance += span.length(),
                State::Startup | State::Unknown => {}
            }
        }
        tally
    }

    /// For how long it is known whether it was healthy, without maintenance.
    #[must_use]
    pub fn known(self) -> Duration {
        self.healthy + self.unhealthy
    }

    /// The healthy part of what is known, from 0 to 1; `None` if nothing is.
    #[must_use]
    pub fn share(self) -> Option<f64> {
        let known = self.known().as_secs_f64();
        (known > 0.0).then(|| self.healthy.as_secs_f64() / known)
    }
}

/// How an experiment was in `window`, without a gap. `changes` are in the order in which they happened; `watched` and
/// `maintenance` are in order, and none of them overlap.
#[must_use]
pub fn stretches(
    changes: &[(Wall, Condition)],
    watched: &[Span],
    maintenance: &[Span],
    window: Span,
    now: Wall,
) -> Vec<Stretch> {
    let numbered: Vec<(Wall, usize)> =
        changes.iter().enumerate().map(|(at, (when, _))| (*when, at)).collect();
    let mut whole = Vec::new();
    let mut at = window.from;
    for (span, change) in known(&numbered, watched, now) {
        let Some(span) = span.within(Span { from: at, to: window.to }) else { continue };
        push_unknown(&mut whole, Span { from: at, to: span.from });
        let condition = changes.get(change).map_or(Condition::Unknown, |(_, condition)| *condition);
        divide(&mut whole, span, State::from(condition), change, maintenance);
        at = span.to;
    }
    push_unknown(&mut whole, Span { from: at, to: window.to });
    whole
}

fn push_unknown(to: &mut Vec<Stretch>, span: Span) {
    if span.from < span.to {
        to.push(Stretch { span, state: State::Unknown, change: None });
    }
}

/// Adds a stretch, in pieces where part of it was in maintenance.
fn divide(to: &mut Vec<Stretch>, span: Span, state: State, change: usize, maintenance: &[Span]) {
    let change = Some(change);
    let mut at = span.from;
    let first = maintenance.partition_point(|one| one.to <= span.from);
    for inside in maintenance[first..].iter().map_while(|one| one.within(span)) {
        if at < inside.from {
            to.push(Stretch { span: Span { from: at, to: inside.from }, state, change });
        }
        to.push(Stretch { span: inside, state: State::Maintenance, change });
        at = inside.to;
    }
    if at < span.to {
        to.push(Stretch { span: Span { from: at, to: span.to }, state, change });
    }
}

/// A time in which something was wrong. What nobody knows in between ends none, since nobody saw it well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// When it was found.
    pub from: Wall,
    /// Up to when it was known to be so.
    pub to: Wall,
    /// For how long it was known to be so: no longer than from begin to end.
    pub down: Duration,
    /// Whether it was not seen well since.
    pub is_open: bool,
    /// Its first stretch.
    pub first: usize,
    /// Its last one.
    pub last: usize,
}

/// The outages in these stretches, in order.
#[must_use]
pub fn outages(stretches: &[Stretch]) -> Vec<Outage> {
    let mut outages: Vec<Outage> = Vec::new();
    for (at, Stretch { span, state, .. }) in stretches.iter().enumerate() {
        let open = outages.last_mut().filter(|last| last.is_open);
        match (state, open) {
            (State::Unhealthy | State::Out, Some(open)) => {
                (open.to, open.last) = (span.to, at);
                open.down += span.length();
            }
            (State::Unhealthy | State::Out, None) => {
                let (from, to, down) = (span.from, span.to, span.length());
                outages.push(Outage { from, to, down, is_open: true, first: at, last: at });
            }
            (State::Healthy | State::Maintenance, Some(open)) => open.is_open = false,
            (State::Healthy | State::Maintenance | State::Startup | State::Unknown, _) => {}
        }
    }
    outages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(seconds: u64) -> Wall {
        Wall::from_millis(seconds * 1_000)
    }

    fn span(from: u64, to: u64) -> Span {
        Span { from: wall(from), to: wall(to) }
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const CHANGES: [(u64, Condition); 5] = [
        (100, Condition::Healthy),
        (200, Condition::Out),
        (250, Condition::Unknown),
        (300, Condition::Unhealthy),
        (400, Condition::Healthy),
    ];

    fn of(watched: &[Span], maintenance: &[Span], window: Span) -> Vec<Stretch> {
        let changes = CHANGES.map(|(at, condition)| (wall(at), condition));
        stretches(&changes, watched, maintenance, window, wall(1_000))
    }

    fn told(stretches: &[Stretch]) -> Vec<(u64, u64, State)> {
        let seconds = |at: Wall| at.as_millis() / 1_000;
        stretches.iter().map(|one| (seconds(one.span.from), seconds(one.span.to), one.state)).collect()
    }

    #[test]
    fn each_instant_has_one_state() {
        let all = of(&[span(0, 600), span(700, 1_000)], &[span(220, 320), span(900, 950)], span(50, 1_000));
        assert_eq!(
            told(&all),
            [
                (50, 100, State::Unknown),
                (100, 200, State::Healthy),
                (200, 220, State::Out),
                (220, 250, State::Maintenance),
                (250, 300, State::Maintenance),
                (300, 320, State::Maintenance),
                (320, 400, State::Unhealthy),
                (400, 600, State::Healthy),
                (600, 700, State::Unknown),
                (700, 900, State::Healthy),
                (900, 950, State::Maintenance),
                (950, 1_000, State::Healthy),
            ]
        );
        let tally = Tally::of(&all);
        assert_eq!((tally.healthy, tally.unhealthy, tally.maintenance), (s(550), s(100), s(150)));
        assert_eq!(Tally::of(&of(&[], &[], span(0, 1_000))).share(), None);
    }

    #[test]
    fn silence_ends_no_outage_and_health_does() {
        let all = of(&[span(0, 1_000)], &[], span(0, 1_000));
        let found = outages(&all);
        let [one] = found[..] else { panic!("{found:?}") };
        assert_eq!((one.from, one.to, one.down, one.is_open), (wall(200), wall(400), s(150), false));
        let open = outages(&of(&[span(0, 1_000)], &[], span(0, 270)));
        assert_eq!((open.len(), open[0].to, open[0].is_open), (1, wall(250), true));
        let apart = outages(&of(&[span(0, 1_000)], &[span(240, 310)], span(0, 1_000)));
        assert_eq!(
            apart.iter().map(|one| (one.from, one.to)).collect::<Vec<_>>(),
            [(wall(200), wall(240)), (wall(310), wall(400))]
        );
    }
}
