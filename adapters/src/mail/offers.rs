//! What a mail server offers in its answer to EHLO.

use super::reply::Reply;

/// A way of logging in that is known here, in the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    Plain,
    Login,
}

/// What is offered, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offers {
    pub(super) starttls: bool,
    /// How long a mail may be, in bytes, where there is a limit.
    pub(super) longest: Option<usize>,
    /// The ways of logging in, in capitals, known or not.
    mechanisms: Vec<String>,
}

impl Offers {
    /// Reads the answer. Its first line greets; each other line is a word and its parameters, in any case.
    pub(super) fn read(reply: &Reply) -> Self {
        let mut offers = Self::default();
        for line in reply.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            // Older servers write `AUTH=LOGIN PLAIN`.
            let mut words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
            match words.next() {
                Some("STARTTLS") => offers.starttls = true,
                Some("SIZE") => offers.longest = words.next().and_then(limit),
                Some("AUTH") => offers.add_mechanisms(words),
                _ => {}
            }
        }
        offers
    }

    fn add_mechanisms<'a>(&mut self, words: impl Iterator<Item = &'a str>) {
        for word in words.map(str::to_owned) {
            if !self.mechanisms.contains(&word) {
                self.mechanisms.push(word);
            }
        }
    }

    /// The best way of logging in that both sides know.
    pub(super) fn mechanism(&self) -> Option<Mechanism> {
        let offered = |name: &str| self.mechanisms.iter().any(|mechanism| mechanism == name);
        if offered("PLAIN") {
            return Some(Mechanism::Plain);
        }
        offered("LOGIN").then_some(Mechanism::Login)
    }

    /// The ways of logging in that are offered, for a person; `None` if there are none.
    pub(super) fn ways_to_log_in(&self) -> Option<String> {
        (!self.mechanisms.is_empty()).then(|| self.mechanisms.join(" "))
    }
}

/// A limit that makes sense: 0 says that there is none.
fn limit(word: &str) -> Option<usize> {
    word.parse().ok().filter(|limit| *limit > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Offers {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Offers::read(&Reply { code: 250, enhanced: [0; 3], lines })
    }

    #[test]
    fn words_are_read_in_any_case_and_the_old_way() {
        for lines in [
            &["mock", "STARTTLS", "AUTH PLAIN LOGIN", "SIZE 1000"][..],
            &["mock", "starttls", "auth plain login", "size 1000"],
            &["mock", "StartTLS ", "AUTH=PLAIN LOGIN", " SIZE=1000 "],
            &["mock", "STARTTLS", "AUTH\tPLAIN", "AUTH=LOGIN PLAIN", "SIZE 1000", "X\u{fffd}", ""],
        ] {
            let offers = read(lines);
            assert!(offers.starttls, "{lines:?}");
            assert_eq!(offers.longest, Some(1_000), "{lines:?}");
            assert_eq!(offers.ways_to_log_in().as_deref(), Some("PLAIN LOGIN"), "{lines:?}");
            assert_eq!(offers.mechanism(), Some(Mechanism::Plain));
        }
        assert_eq!(read(&["AUTH PLAIN"]), Offers::default(), "the first line greets");
        assert_eq!(read(&[]), Offers::default());
    }

    #[test]
    fn a_limit_that_makes_no_sense_is_none() {
        for size in ["SIZE", "SIZE 0", "SIZE 10M", "SIZE -1", "SIZE 99999999999999999999999"] {
            assert_eq!(read(&["mock", size]).longest, None, "{size}");
        }
    }

    #[test]
    fn what_is_offered_and_not_possible_is_told() {
        let offers = read(&["mock", "AUTH XOAUTH2 cram-md5"]);
        assert_eq!(
            (offers.mechanism(), offers.ways_to_log_in().as_deref()),
            (None, Some("XOAUTH2 CRAM-MD5"))
        );
        assert_eq!(read(&["mock", "AUTH"]).ways_to_log_in(), None);
        assert_eq!(read(&["mock", "AUTH XOAUTH2 LOGIN"]).mechanism(), Some(Mechanism::Login));
    }
}
