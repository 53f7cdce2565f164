//! What a reader asks of the first page: which experiments, in which order, and how they look. All of it is in the address.

use url::form_urlencoded;

/// A longer search is cut: no name has so many characters.
const SEARCH_AT_MOST: usize = 200;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// What is searched for; every word of it must be found.
    pub(super) q: String,
    pub(super) show: Show,
    pub(super) sort: Sort,
    /// Whether the order is the other way round.
    pub(super) is_reversed: bool,
    pub(super) look: Look,
}

/// Which experiments are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Show {
    #[default]
    All,
    Problems,
    Unhealthy,
    Unbookable,
    Maintenance,
    Flapping,
    Acknowledged,
    Healthy,
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    /// Problems first, else by name.
    #[default]
    State,
    Name,
    /// What has changed last comes first.
    Since,
    /// The worst comes first, and what is not known last.
    Uptime,
}

/// How they look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Look {
    #[default]
    Table,
    Tiles,
}

impl Show {
    pub(super) const ALL: [Self; 8] = [
        Self::All,
        Self::Problems,
        Self::Unhealthy,
        Self::Unbookable,
        Self::Maintenance,
        Self::Flapping,
        Self::Acknowledged,
        Self::Healthy,
    ];

    /// Its name in an address.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Problems => "problems",
            Self::Unhealthy => "unhealthy",
            Self::Unbookable => "unbookable",
            Self::Maintenance => "maintenance",
            Self::Flapping => "flapping",
            Self::Acknowledged => "acknowledged",
            Self::Healthy => "healthy",
        }
    }

    /// What people read.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Problems => "with a problem",
            Self::Unhealthy => "unhealthy",
            Self::Unbookable => "not bookable",
            Self::Maintenance => "in maintenance",
            Self::Flapping => "flapping",
            Self::Acknowledged => "acknowledged",
            Self::Healthy => "healthy",
        }
    }
}

impl Sort {
    pub(super) const ALL: [Self; 4] = [Self::State, Self::Name, Self::Since, Self::Uptime];

    /// Its name in an address.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Name => "name",
            Self::Since => "since",
            Self::Uptime => "uptime",
        }
    }

    /// The order in words.
    pub(super) const fn words(self, is_reversed: bool) -> &'static str {
        match (self, is_reversed) {
            (Self::State, false) => "problems first",
            (Self::State, true) => "problems last",
            (Self::Name, false) => "by name",
            (Self::Name, true) => "by name, from the end",
            (Self::Since, false) => "the latest change first",
            (Self::Since, true) => "the oldest change first",
            (Self::Uptime, false) => "the lowest uptime first",
            (Self::Uptime, true) => "the highest uptime first",
        }
    }
}

impl Listing {
    /// Reads it from a query. What makes no sense asks for nothing in particular.
    pub(super) fn of(query: &str) -> Self {
        let mut listing = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "q" => listing.q = value.chars().take(SEARCH_AT_MOST).collect(),
                "show" => listing.show = named(&Show::ALL, Show::name, &value),
                "sort" => {
                    let bare = value.strip_prefix('-');
                    let wanted = bare.unwrap_or(&value);
                    listing.sort = named(&Sort::ALL, Sort::name, wanted);
                    listing.is_reversed = bare.is_some();
                }
                "look" if value == "tiles" => listing.look = Look::Tiles,
                _ => {}
            }
        }
        listing
    }

    /// Its order as it stands in an address; empty for the usual one.
    pub(super) fn order(&self) -> String {
        match (self.sort, self.is_reversed) {
            (Sort::State, false) => String::new(),
            (sort, false) => sort.name().to_owned(),
            (sort, true) => format!("-{}", sort.name()),
        }
    }

    /// The query that asks for it, without a question mark; empty for all in the usual order.
    pub(super) fn query(&self) -> String {
        let order = self.order();
        let look = if self.look == Look::Tiles { "tiles" } else { "" };
        let parts = [("q", self.q.as_str()), ("show", self.show.name()), ("sort", &order), ("look", look)];
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in parts.into_iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, value);
        }
        query.finish()
    }

    /// What is to follow the query of an experiment's page, so that the way back leads here.
    pub(super) fn suffix(&self) -> String {
        let query = self.query();
        if query.is_empty() { query } else { format!("&{query}") }
    }

    /// The same with only these shown.
    pub(super) fn showing(&self, show: Show) -> Self {
        Self { show, ..self.clone() }
    }

    /// The same in this order, or in the other direction if it is in this order.
    pub(super) fn sorted(&self, sort: Sort) -> Self {
        Self { sort, is_reversed: self.sort == sort && !self.is_reversed, ..self.clone() }
    }

    /// The same with another look.
    pub(super) fn looking(&self, look: Look) -> Self {
        Self { look, ..self.clone() }
    }

    /// How a column is sorted, in the words of `aria-sort`; `None` where it is not.
    pub(super) fn direction(&self, sort: Sort) -> Option<&'static str> {
        (self.sort == sort).then_some(if self.is_reversed { "descending" } else { "ascending" })
    }
}

/// The one with this name, or what is usual.
fn named<T: Copy + Default>(all: &[T], name: fn(T) -> &'static str, wanted: &str) -> T {
    all.iter().copied().find(|one| name(*one) == wanted).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_is_asked_for_and_nothing_else() {
        for query in [
            "",
            "q=pend+video",
            "show=unbookable",
            "q=a%26b&show=healthy&sort=-uptime&look=tiles",
            "sort=-state",
        ] {
            assert_eq!(Listing::of(query).query(), query);
        }
        for (query, same) in [
            ("show=x&sort=y&look=z&other=1", ""),
            ("sort=state", ""),
            ("q=%FF", "q=%EF%BF%BD"),
            ("&&=&=", ""),
        ] {
            assert_eq!(Listing::of(query).query(), same, "{query}");
        }
        assert_eq!(Listing::of(&format!("q={}", "x".repeat(10_000))).q.len(), SEARCH_AT_MOST);
        assert_eq!(Listing::of("experiment=a&show=healthy").suffix(), "&show=healthy");
    }

    #[test]
    fn a_second_choice_of_an_order_turns_it_round() {
        let by_name = Listing::default().sorted(Sort::Name);
        assert_eq!(by_name.query(), "sort=name");
        assert_eq!(by_name.sorted(Sort::Name).query(), "sort=-name");
        assert_eq!(by_name.sorted(Sort::Name).sorted(Sort::Name).query(), "sort=name");
        assert_eq!(Listing::default().sorted(Sort::State).query(), "sort=-state");
        assert_eq!(by_name.direction(Sort::Name), Some("ascending"));
        assert_eq!(by_name.direction(Sort::State), None);
    }
}
