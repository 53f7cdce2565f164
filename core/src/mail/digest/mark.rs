//! The mark of an experiment: whether it is well, and whether it can be booked.

use crate::protocol::MailLine;

/// How an experiment stands, at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Unhealthy, and something of it can't be booked.
    Out,
    /// Unhealthy, can be booked.
    Ill,
    /// Healthy, can be booked.
    Well,
    /// Healthy, can't be booked.
    Unbooked,
}

impl Mark {
    pub(super) fn of(line: &MailLine) -> Self {
        match (line.healthy, line.available) {
            (false, false) => Self::Out,
            (false, true) => Self::Ill,
            (true, true) => Self::Well,
            (true, false) => Self::Unbooked,
        }
    }

    /// In a font in which all characters are equally wide.
    pub(super) fn in_text(self) -> &'static str {
        match self {
            Self::Out => "><   U",
            Self::Ill => "-- A  ",
            Self::Well => "ok A  ",
            Self::Unbooked => "ok   U",
        }
    }

    /// In any font, escaped, without a place to break the line.
    pub(super) fn in_html(self) -> &'static str {
        match self {
            Self::Out => "&gt;&lt;&nbsp;U",
            Self::Ill => "--&nbsp;A",
            Self::Well => "ok&nbsp;A",
            Self::Unbooked => "ok&nbsp;U",
        }
    }

    /// Its colour, which can be read on white and on black.
    pub(super) fn color(self) -> &'static str {
        match self {
            Self::Out => "#d93025",
            Self::Ill => "#a86400",
            Self::Well | Self::Unbooked => "#188038",
        }
    }
}
