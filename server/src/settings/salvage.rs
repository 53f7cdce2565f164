//! What is left of settings of which some are wrong, so that the rest can be tried.

use std::ffi::OsString;

use super::{Problems, Settings};

/// What a service needs.
const SERVICES: [(&str, [&str; 2]); 3] = [
    ("book", ["STATUS_HOST_BOOK", "STATUS_SECRET_BOOK"]),
    ("relay", ["STATUS_HOST_RELAY", "STATUS_SECRET_RELAY"]),
    ("jump", ["STATUS_HOST_JUMP", "STATUS_SECRET_JUMP"]),
];

impl Settings {
    /// Reads the settings without the variables that are wrong, and names what cannot be tried for the lack of them: `book`, `relay`,
    /// `jump` or `mail`. `None` if nothing is left.
    #[must_use]
    pub fn salvaged(
        vars: impl IntoIterator<Item = (OsString, OsString)>,
        problems: &Problems,
    ) -> Option<(Self, Vec<&'static str>)> {
        let wrong: Vec<&str> = problems.problems.iter().map(|problem| bare(&problem.variable)).collect();
        let is_of_mail = wrong.iter().any(|name| name.starts_with("STATUS_EMAIL_"));
        let mut untried: Vec<&'static str> = Vec::new();
        let mut left: Vec<(OsString, OsString)> = vars.into_iter().collect();
        left.retain(|(name, _)| {
            let name = name.to_string_lossy();
            let is_left = !is_of_mail || !name.starts_with("STATUS_EMAIL_");
            is_left && !wrong.contains(&bare(&name))
        });
        for (service, needs) in SERVICES {
            let end = format!("_{}", service.to_uppercase());
            let about = |name: &&str| {
                name.ends_with(&end)
                    && ["HOST", "SECRET", "SCHEME", "BASEPATH"]
                        .iter()
                        .any(|part| name.starts_with(&format!("STATUS_{part}_")))
            };
            if wrong.iter().any(about) {
                untried.push(service);
                left.retain(|(name, _)| !needs.contains(&bare(&name.to_string_lossy())));
                // Nobody has this name: it is never asked.
                left.extend(needs.map(|name| (OsString::from(name), OsString::from("none.invalid"))));
            }
        }
        untried.extend(is_of_mail.then_some("mail"));
        Self::from_vars(left).ok().map(|(settings, _)| (settings, untried))
    }
}

/// A variable's name, also where it names the file that has the value.
fn bare(name: &str) -> &str {
    name.strip_suffix("_FILE").filter(|bare| *bare != "STATUS_LOG").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::REQUIRED;

    #[test]
    fn what_is_wrong_is_left_out_and_what_needs_it_is_named() {
        let wrong = [
            ("STATUS_HEALTH_LAST", "soon"),
            ("STATUS_SECRET_BOOK", ""),
            ("STATUS_SCHEME_JUMP", "ftp"),
            ("STATUS_EMAIL_TO", "nobody"),
            ("STATUS_LOG_FILE", "relative/path"),
        ];
        let mut vars: std::collections::BTreeMap<&str, &str> = REQUIRED.into_iter().collect();
        vars.extend(wrong);
        let vars = || vars.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let problems = Settings::from_vars(vars()).unwrap_err();
        let (settings, untried) = Settings::salvaged(vars(), &problems).unwrap();
        assert_eq!(untried, ["book", "jump", "mail"]);
        assert_eq!(settings.core.last_checked, std::time::Duration::from_secs(10));
        assert_eq!(settings.relay.audience(), "https://relay.example.org");
        assert!(settings.mail.is_none());
    }
}
