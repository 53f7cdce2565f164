//! All four servers at once.

use std::io;
use std::net::SocketAddr;

use super::book::{Book, BookOptions};
use super::feed::{Dialect, Feed, FeedOptions};
use super::lab::Lab;
use super::smtp::{Smtp, SmtpOptions};

/// How the four servers are set up.
#[derive(Clone, Debug)]
pub struct ServicesOptions {
    /// Book.
    pub book: BookOptions,
    /// Relay, of either version.
    pub relay: FeedOptions,
    /// Jump.
    pub jump: FeedOptions,
    /// The mail server.
    pub smtp: SmtpOptions,
}

impl Default for ServicesOptions {
    fn default() -> Self {
        Self {
            book: BookOptions::default(),
            relay: FeedOptions::new(Dialect::RelayV07),
            jump: FeedOptions::new(Dialect::Jump),
            smtp: SmtpOptions::default(),
        }
    }
}

/// Book, relay, jump and a mail server. They stop when this is dropped.
#[derive(Debug)]
pub struct Services {
    /// What the others tell of.
    pub lab: Lab,
    /// Which resources there are, and whether they can be booked.
    pub book: Book,
    /// The streams.
    pub relay: Feed,
    /// The connections for maintenance.
    pub jump: Feed,
    /// The mail server.
    pub smtp: Smtp,
}

impl Services {
    /// Starts all four, on ports that the system picks.
    ///
    /// # Errors
    /// If one can't listen.
    pub async fn start(lab: &Lab, options: ServicesOptions) -> io::Result<Self> {
        Ok(Self {
            lab: lab.clone(),
            book: Book::start(lab.clone(), options.book).await?,
            relay: Feed::start(lab.clone(), options.relay).await?,
            jump: Feed::start(lab.clone(), options.jump).await?,
            smtp: Smtp::start(options.smtp).await?,
        })
    }

    /// What the server's environment must hold so that it finds these services: all that is
    /// required, and the mail settings.
    ///
    /// With TLS, the client must be told to trust [`Smtp::certificate_pem`].
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut variables = Vec::new();
        let mut set = |name: String, value: &str| variables.push((name, value.to_owned()));
        let mut service = |name: &str, address: SocketAddr, base_path: &str, secret: &str| {
            set(format!("STATUS_SCHEME_{name}"), "http");
            set(format!("STATUS_HOST_{name}"), &address.to_string());
            set(format!("STATUS_BASEPATH_{name}"), base_path);
            set(format!("STATUS_SECRET_{name}"), secret);
        };
        service("BOOK", self.book.address(), self.book.base_path(), self.book.secret());
        service("RELAY", self.relay.address(), self.relay.base_path(), self.relay.secret());
        service("JUMP", self.jump.address(), self.jump.base_path(), self.jump.secret());
        let login = self.smtp.options().credentials.as_ref();
        let mut email = |name: &str, value: &str| set(format!("STATUS_EMAIL_{name}"), value);
        email("HOST", &self.smtp.address().ip().to_string());
        email("PORT", &self.smtp.address().port().to_string());
        email("FROM", login.map_or("status@lab.example.org", |(user, _)| user));
        email("TO", "maintainer@lab.example.org");
        email("SUBJECT", "lab.example.org");
        email("LINK", "http://lab.example.org/status");
        match login {
            None => email("AUTH_TYPE", "none"),
            Some((_, password)) => {
                email("AUTH_TYPE", "plain");
                email("PASSWORD", password);
            }
        }
        variables
    }
}
