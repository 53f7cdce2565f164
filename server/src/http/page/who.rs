//! Who looks at a page, and what that page says of it.

use url::form_urlencoded;

use crate::http::auth::Visitor;

/// Who looks at a page.
#[derive(Debug)]
pub(super) struct Who {
    visitor: Visitor,
    /// The query of the page to sign in at, which leads back to this page.
    signin: String,
}

impl Who {
    /// Somebody who looks at the page with this query.
    pub(super) fn of(visitor: Visitor, query: &str) -> Self {
        let next: String = form_urlencoded::byte_serialize(format!("?{query}").as_bytes()).collect();
        Self {
            visitor,
            signin: if query.is_empty() { "?signin".to_owned() } else { format!("?signin&next={next}") },
        }
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
