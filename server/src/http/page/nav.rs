//! The links at the top of each page.

/// The pages that a link leads to: the query, and what people read. A query is right below any path of a proxy, with a slash at its
/// end or without.
const PAGES: [(&str, &str); 6] = [
    ("?", "Experiments"),
    ("?timeline", "Time line"),
    ("?incidents", "Incidents"),
    ("?report", "Report"),
    ("?students", "Students"),
    ("?maintenance", "Maintenance"),
];
/// What is no page of its own there: it belongs to the experiments.
const OF_EXPERIMENTS: [&str; 6] = ["", "q", "show", "sort", "look", "experiment"];

/// One link.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Its query.
    pub(super) query: &'static str,
    /// What people read.
    pub(super) text: &'static str,
    /// Whether it leads to the page that is shown.
    pub(super) is_here: bool,
}

/// The links on the page with this query.
pub(super) fn links(query: &str) -> impl Iterator<Item = Link> {
    let first = query.split(['&', '=']).next().unwrap_or_default().to_owned();
    PAGES.into_iter().map(move |(query, text)| {
        let is_here = match &query[1..] {
            "" => OF_EXPERIMENTS.contains(&first.as_str()),
            key => key == first,
        };
        Link { query, text, is_here }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_that_is_shown_is_marked() {
        let here = |query| {
            let here: Vec<&str> = links(query).filter(|link| link.is_here).map(|link| link.text).collect();
            here.join(" ")
        };
        assert_eq!(here(""), "Experiments");
        assert_eq!(here("q=pend&show=healthy"), "Experiments");
        assert_eq!(here("experiment=pend00"), "Experiments");
        assert_eq!(here("look=tiles"), "Experiments");
        assert_eq!(here("maintenance"), "Maintenance");
        assert_eq!(here("signin&next=%3Fmaintenance"), "");
    }
}
