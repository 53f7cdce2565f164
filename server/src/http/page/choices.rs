//! The links with which a reader chooses what the first page lists.

use super::listing::{Listing, Look, Show, Sort};
use super::rows::Row;

/// Something to choose.
pub(super) struct Choice {
    /// What the address says then.
    pub(super) query: String,
    /// Its name in an address.
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    /// Whether it is what is shown.
    pub(super) is_chosen: bool,
    /// How many there are.
    pub(super) count: usize,
}

/// A column of the table.
pub(super) struct Column {
    pub(super) text: &'static str,
    /// The address that sorts by it, where one can.
    pub(super) query: Option<String>,
    /// How it is sorted, in the words of `aria-sort`, if it is.
    pub(super) direction: Option<&'static str>,
}

/// Which experiments can be shown, with how many of those that are found each would show.
pub(super) fn shows(listing: &Listing, found: &[Row]) -> Vec<Choice> {
    let choice = |show: Show| Choice {
        query: listing.showing(show).query(),
        name: show.name(),
        text: show.words(),
        is_chosen: show == listing.show,
        count: found.iter().filter(|row| row.is_shown(show)).count(),
    };
    Show::ALL.into_iter().map(choice).collect()
}

/// The orders in which they can be shown.
pub(super) fn sorts(listing: &Listing) -> Vec<Choice> {
    let choice = |sort: Sort| Choice {
        query: listing.sorted(sort).query(),
        name: sort.name(),
        text: sort.name(),
        is_chosen: sort == listing.sort,
        count: 0,
    };
    Sort::ALL.into_iter().map(choice).collect()
}

/// The columns of the table.
pub(super) fn columns(listing: &Listing) -> [Column; 6] {
    let sorted = |sort, text| Column {
        text,
        query: Some(listing.sorted(sort).query()),
        direction: listing.direction(sort),
    };
    let plain = |text| Column { text, query: None, direction: None };
    [
        sorted(Sort::Name, "experiment"),
        sorted(Sort::State, "health"),
        sorted(Sort::Since, "for"),
        plain("streams"),
        plain("booking"),
        sorted(Sort::Uptime, "last 30 days"),
    ]
}

/// The other look.
pub(super) fn look(listing: &Listing) -> Choice {
    let (look, text) = match listing.look {
        Look::Table => (Look::Tiles, "As tiles"),
        Look::Tiles => (Look::Table, "As a table"),
    };
    Choice { query: listing.looking(look).query(), name: "look", text, is_chosen: false, count: 0 }
}
