//! Time zones by their names.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use status_core::{Wall, Zone};

/// 2100-01-01, 00:00 in UTC. Nobody knows today what clocks will show then.
const LAST_CHANGE: Wall = Wall::from_millis(4_102_444_800_000);

/// The zone with this IANA name, in large letters or small, from 1970 to 2100; `None` if there is none.
///
/// The machine's own database goes first, since it is kept up to date. Where it has no such zone, or there is none, the one that
/// is built in has it.
#[must_use]
pub fn zone(name: &str) -> Option<Zone> {
    if name.eq_ignore_ascii_case("UTC") {
        return Some(Zone::utc());
    }
    let found = TimeZone::get(name).or_else(|_| TimeZoneDatabase::bundled().get(name)).ok()?;
    (!found.is_unknown()).then(|| as_data(found.iana_name().unwrap_or(name), &found))
}

/// What changes only the name of the time, and not the time, is left out.
fn as_data(name: &str, zone: &TimeZone) -> Zone {
    let first = zone.to_offset(Timestamp::UNIX_EPOCH).seconds();
    let mut changes = Vec::new();
    let mut offset = first;
    for change in zone.following(Timestamp::UNIX_EPOCH) {
        let at = u64::try_from(change.timestamp().as_millisecond()).map_or(LAST_CHANGE, Wall::from_millis);
        if at >= LAST_CHANGE {
            break;
        }
        if change.offset().seconds() != offset {
            offset = change.offset().seconds();
            changes.push((at, offset));
        }
    }
    Zone::new(name, first, changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(zone: &Zone, at: &str) -> String {
        let at: Timestamp = at.parse().unwrap();
        zone.in_full(Wall::from_millis(at.as_millisecond().try_into().unwrap()))
    }

    fn bundled(name: &str) -> Zone {
        as_data(name, &TimeZoneDatabase::bundled().get(name).unwrap())
    }

    #[test]
    fn a_zone_has_the_changes_of_the_past_and_of_the_future() {
        for berlin in [zone("europe/berlin").unwrap(), bundled("Europe/Berlin")] {
            assert_eq!(berlin.name(), "Europe/Berlin");
            assert_eq!(shown(&berlin, "1975-07-01T12:00:00Z"), "1975-07-01T13:00:00.000+01:00");
            assert_eq!(shown(&berlin, "2026-03-29T00:59:59Z"), "2026-03-29T01:59:59.000+01:00");
            assert_eq!(shown(&berlin, "2026-03-29T01:00:00Z"), "2026-03-29T03:00:00.000+02:00");
            assert_eq!(shown(&berlin, "2026-10-25T01:00:00Z"), "2026-10-25T02:00:00.000+01:00");
            assert_eq!(shown(&berlin, "2099-07-01T12:00:00Z"), "2099-07-01T14:00:00.000+02:00");
        }
    }

    #[test]
    fn odd_offsets_and_odd_changes_are_there_too() {
        let noon = "2026-07-01T12:00:00Z";
        assert_eq!(shown(&bundled("Asia/Kathmandu"), noon), "2026-07-01T17:45:00.000+05:45");
        assert_eq!(shown(&bundled("Australia/Lord_Howe"), noon), "2026-07-01T22:30:00.000+10:30");
        assert_eq!(
            shown(&bundled("Australia/Lord_Howe"), "2026-12-01T12:00:00Z"),
            "2026-12-01T23:00:00.000+11:00"
        );
    }

    #[test]
    fn utc_is_utc_and_never_changes() {
        assert_eq!(zone("utc"), Some(Zone::utc()));
    }

    #[test]
    fn what_is_no_name_is_no_zone() {
        for text in [
            "Europe/Berln",
            "Mars",
            "CET-1CEST,M3.5.0,M10.5.0/3",
            "+01:00",
            "Etc/Unknown",
            "../../etc/passwd",
            "",
        ] {
            assert_eq!(zone(text), None, "{text}");
        }
    }

    #[test]
    fn no_zone_has_more_changes_than_can_be_kept() {
        let all = TimeZoneDatabase::bundled();
        let lengths = all.available().map(|name| format!("{:?}", bundled(name.as_str())).len());
        assert!(lengths.max().unwrap() < 40_000);
    }
}
