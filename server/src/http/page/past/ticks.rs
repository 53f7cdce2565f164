//! Where the axis of the time line has its ticks: at round times of UTC.

use status_core::Wall;
use status_sim::picture::round_step;

use crate::observers::uptime::Span;

const DAY: u64 = 24 * 3_600_000;
const MOST: u64 = 9;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The ticks in a stretch of time: how many milliseconds after its beginning each is, and what is written there.
pub(super) fn ticks(window: Span) -> Vec<(u64, String)> {
    let (from, to) = (window.from.as_millis(), window.to.as_millis());
    let step = round_step(to.saturating_sub(from), MOST);
    let first = from.div_ceil(step) * step;
    (first..=to)
        .step_by(usize::try_from(step).unwrap_or(usize::MAX))
        .map(|at| (at - from, label(at, step)))
        .collect()
}

fn label(at: u64, step: u64) -> String {
    let text = Wall::from_millis(at).to_string();
    if step < DAY && !at.is_multiple_of(DAY) {
        return text.get(11..16).unwrap_or_default().to_owned();
    }
    let month = text.get(5..7).and_then(|month| month.parse::<usize>().ok()).unwrap_or(1);
    let day = text.get(8..10).unwrap_or_default().trim_start_matches('0');
    format!("{day} {}", MONTHS.get(month.saturating_sub(1)).unwrap_or(&""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_at_round_times_and_few() {
        const TO: u64 = 1_795_792_439_000;
        let of = |length: u64| {
            let ticks = ticks(Span { from: Wall::from_millis(TO - length), to: Wall::from_millis(TO) });
            ticks.into_iter().map(|(_, label)| label).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of(DAY), "18:00 21:00 27 Nov 03:00 06:00 09:00 12:00 15:00");
        assert_eq!(of(7 * DAY), "21 Nov 22 Nov 23 Nov 24 Nov 25 Nov 26 Nov 27 Nov");
        assert_eq!(of(30 * DAY), "30 Oct 3 Nov 7 Nov 11 Nov 15 Nov 19 Nov 23 Nov 27 Nov");
        for length in [1, 60_000, 400 * DAY] {
            assert!(
                ticks(Span { from: Wall::from_millis(TO - length), to: Wall::from_millis(TO) }).len() < 15
            );
        }
    }
}
