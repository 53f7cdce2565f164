//! How far a server may act that may not be the only one.

/// How far this server may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    /// It does whatever it decides.
    Full,
    /// Another server may lead by now: what is dead is taken out of booking, and nothing is put back.
    Protective,
    /// Another server leads: it only looks.
    None,
}

impl Authority {
    /// Whether anything may be changed.
    pub(crate) fn may_change(self) -> bool {
        self != Self::None
    }
}
