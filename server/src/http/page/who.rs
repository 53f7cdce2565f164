//! Who looks at a page, and what that page says of it.

use url::form_urlencoded;

use super::listing::Listing;
use super::nav::{self, Link};
use crate::http::auth::Visitor;

/// Who looks at a page.
#[derive(Debug)]
pub(super) struct Who {
    visitor: Visitor,
    /// The query of the page to sign in at, which leads back to this page.
    signin: String,
    /// The query of this page.
    query: String,
    /// Where a link back to all experiments leads: to those that were listed before.
    back: String,
    /// What leads from this page to the first one: nothing where a query does, or a path that goes up.
    root: &'static str,
}

impl Who {
    /// Somebody who looks at the page with this query.
    pub(super) fn of(visitor: Visitor, query: &str) -> Self {
        let next: String = form_urlencoded::byte_serialize(format!("?{query}").as_bytes()).collect();
        Self {
            visitor,
            signin: if query.is_empty() { "?signin".to_owned() } else { format!("?signin&next={next}") },
            query: query.to_owned(),
            back: format!("?{}", Listing::of(query).query()),
            root: "",
        }
    }

    /// The same on a page with a path of its own: every link begins with `root`, such as `./` or `../`.
    pub(super) fn below(self, root: &'static str) -> Self {
        Self { root, ..self }
    }

    /// Where a link back to all experiments leads: to those that were listed before.
    pub(super) fn back(&self) -> &str {
        &self.back
    }

    /// What every link to a page or a file begins with.
    pub(super) fn root(&self) -> &'static str {
        self.root
    }

    /// The links at the top of each page.
    pub(super) fn links(&self) -> impl Iterator<Item = Link> {
        nav::links(&self.query)
    }

    pub(super) fn into_visitor(self) -> Visitor {
        self.visitor
    }

    /// Whether anybody can change something.
    pub(super) fn is_possible(&self) -> bool {
        self.visitor != Visitor::Powerless
    }

    /// The name of whoever has signed in.
    pub(super) fn name(&self) -> Option<&str> {
        self.visitor.name()
    }

    /// Where to sign in to come back to a part of this page.
    pub(super) fn signin_to(&self, part: &str) -> String {
        if self.signin == "?signin" { self.signin.clone() } else { format!("{}%23{part}", self.signin) }
    }

    /// Where to sign in.
    pub(super) fn signin(&self) -> &str {
        &self.signin
    }
}
