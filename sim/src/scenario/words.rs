//! The words that scenario files are written in.

use status_core::WindowBooking;

use super::{Fault, Order, Sending, Service};

/// Every word that `do` can have, for telling somebody who has misspelt one.
pub(super) const VERBS: &[&str] = &[
    "transmit",
    "silence",
    "never",
    "disconnect",
    "flap",
    "twins",
    "unplug",
    "plug",
    "lose_jump",
    "regain_jump",
    "add",
    "remove",
    "up",
    "down",
    "slow",
    "hang",
    "refuse",
    "full",
    "read_only",
    "turn_away",
    "mute",
    "garble",
    "lose_answers",
    "ignore_changes",
    "repeat",
    "fail_some",
    "limit",
    "report_every",
    "say",
    "load_manifest",
    "restart_book",
    "require",
    "withdraw",
    "take_out",
    "put_back",
    "lose",
    "refuse_recipients",
    "put_off_recipients",
    "limit_mails",
    "delete_store",
    "maintain",
    "end_maintenance",
    "acknowledge",
    "withdraw_acknowledgement",
    "set_clock",
    "suspend",
    "cut_off",
    "reconnect",
    "kill",
    "start",
];

/// What a stream does, in a word: whether `every` goes with it is the reader's to know.
pub(super) const fn of_sending(sending: Sending) -> &'static str {
    match sending {
        Sending::Every(_) => "transmit",
        Sending::Silent => "silence",
        Sending::Never => "never",
        Sending::Gone => "disconnect",
        Sending::Flapping(_) => "flap",
    }
}

/// What people tell the server, in a word.
pub(super) const fn of_order(order: &Order) -> &'static str {
    match order {
        Order::Maintain(_) => "maintain",
        Order::EndMaintenance { .. } => "end_maintenance",
        Order::Acknowledge { .. } => "acknowledge",
        Order::Withdraw { .. } => "withdraw_acknowledgement",
    }
}

/// What becomes of booking in a window, in a word.
pub(super) const fn of_booking(booking: WindowBooking) -> &'static str {
    match booking {
        WindowBooking::Keep => "keep",
        WindowBooking::Out => "out",
    }
}

/// What is wrong with a service, in a word.
pub(super) const fn of_fault(fault: Fault) -> &'static str {
    match fault {
        Fault::None => "up",
        Fault::Down => "down",
        Fault::Slow(_) => "slow",
        Fault::Hangs => "hang",
        Fault::Refuses => "refuse",
        Fault::TurnsAway => "turn_away",
        Fault::Mute => "mute",
        Fault::Garbles => "garble",
        Fault::LosesAnswers => "lose_answers",
        Fault::IgnoresChanges => "ignore_changes",
        Fault::Repeats => "repeat",
        Fault::FailsSome(_) => "fail_some",
        Fault::Limits { .. } => "limit",
    }
}

/// The fault that a word names, where it needs no more than that.
pub(super) fn fault(word: &str) -> Option<Fault> {
    const SIMPLE: [Fault; 10] = [
        Fault::None,
        Fault::Down,
        Fault::Hangs,
        Fault::Refuses,
        Fault::TurnsAway,
        Fault::Mute,
        Fault::Garbles,
        Fault::LosesAnswers,
        Fault::IgnoresChanges,
        Fault::Repeats,
    ];
    if matches!(word, "full" | "read_only") {
        return Some(Fault::Refuses);
    }
    SIMPLE.into_iter().find(|fault| of_fault(*fault) == word)
}

/// The service that a word names.
pub(super) fn service(word: &str) -> Option<Service> {
    Service::ALL.into_iter().find(|service| service.as_str() == word)
}
