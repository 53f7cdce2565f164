//! What a refusal is about, and so how long it lasts.
//!
//! Codes tell less than they should: servers refuse the name that we gave, the sender, or a machine that has not
//! logged in, only once the first recipient is named, and with the code of a recipient that does not exist.

use super::reply::Reply;

/// How long a refusal lasts, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lasts {
    ForNow,
    ForGood,
    /// For a mail of this length.
    TooLong,
}

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// The name that we gave for ourselves.
    Helo,
    /// The sender.
    Sender,
    /// That we have not logged in.
    Login,
    /// What the mail server does for whom, or its own state.
    Policy,
    /// The command: a misunderstanding.
    Command,
    /// How long the mail is.
    Length,
    /// A mailbox that is full, and will not be for ever.
    Full,
    /// The recipient, or the mail.
    Recipient,
}

/// Who is talking, for finding that in what is said.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) helo: String,
    pub(super) sender: String,
}

const HELO: &[&str] = &["helo", "ehlo", "qualified hostname", "qualified host name"];
const SENDER: &[&str] =
    &["sender", "mail from", "from address", "envelope from", "envelope-from", "return path", "return-path"];
const LOGIN: &[&str] = &["authenticat", "auth required", "log in", "login", "logged in"];
/// What servers say of machines that they take no mail from.
const MACHINE: &[&str] = &[
    "spamhaus",
    "blacklist",
    "blocklist",
    "block list",
    "blocked using",
    "dnsbl",
    "reverse dns",
    "ptr record",
    "reverse lookup",
    "client host",
    "your host",
    "your ip",
];
const FULL: &[&str] = &["mailbox full", "mailbox is full", "quota", "insufficient"];
const RECIPIENT: &[&str] = &[
    "recipient",
    "user unknown",
    "unknown user",
    "no such",
    "not exist",
    "doesn't exist",
    "mailbox",
    "not found",
    "invalid address",
];
const POLICY: &[&str] = &[
    "relay",
    "policy",
    "blocked",
    "rbl",
    "ip address",
    "access denied",
    "greylist",
    "graylist",
    "try again",
    "try later",
    "temporar",
    "too many",
];
const LENGTH: &[&str] = &[
    "message too",
    "mail too",
    "message size",
    "size limit",
    "size exceed",
    "exceeds size",
    "too large",
    "too big",
];

impl About {
    /// Reads it off the code, the enhanced code and, where those leave it open, the words.
    pub(super) fn new(reply: &Reply, names: &Names) -> Self {
        let text = reply.lines.join(" ").to_lowercase();
        // Whose mailbox it is does not say what is wrong with it.
        let words: Vec<&str> = text.split_whitespace().filter(|word| !word.contains('@')).collect();
        let words = words.join(" ");
        let says = |known: &[&str]| known.iter().any(|known| words.contains(known));
        let named = |name: &str| text.contains(&format!("<{}>", name.to_lowercase()));
        let [_, subject, detail] = reply.enhanced;
        match (reply.code, subject, detail) {
            (530 | 534 | 535 | 538, ..) => return Self::Login,
            (_, 1, 7 | 8) => return Self::Sender,
            (_, 2, 3) | (_, 3, 4) => return Self::Length,
            (_, 2, 2) => return Self::Full,
            // The recipient's address, and its mailbox.
            (_, 1 | 2, _) => return Self::Recipient,
            _ => {}
        }
        if says(HELO) || named(&names.helo) {
            return Self::Helo;
        }
        if says(SENDER) || (named(&names.sender) && !says(RECIPIENT)) {
            return Self::Sender;
        }
        if says(LOGIN) {
            return Self::Login;
        }
        match (reply.code, subject) {
            (521, _) | (_, 3 | 7) => Self::Policy,
            _ if says(MACHINE) => Self::Policy,
            _ if says(FULL) => Self::Full,
            (500 | 502 | 503 | 555, _) => Self::Command,
            _ if says(RECIPIENT) => Self::Recipient,
            (504, _) => Self::Command,
            _ if says(LENGTH) => Self::Length,
            _ if says(POLICY) => Self::Policy,
            _ => Self::Recipient,
        }
    }

    /// What to look at, if anything is known.
    pub(super) fn hint(self, reply: &Reply, names: &Names) -> Option<String> {
        let Names { helo, sender } = names;
        Some(match self {
            Self::Helo => format!(
                "likely cause: it does not accept the name {helo} that this machine gives for itself: set \
                 STATUS_EMAIL_HELO to a whole name such as status.example.org"
            ),
            Self::Sender => {
                format!("likely cause: it does not accept {sender} as the sender: look at STATUS_EMAIL_FROM")
            }
            Self::Login => {
                "likely cause: it wants a login: look at STATUS_EMAIL_PASSWORD, STATUS_EMAIL_USER and \
                 STATUS_EMAIL_AUTH_TYPE"
                    .to_owned()
            }
            // One that is busy, or puts off whom it does not know yet, has no setting for it here.
            Self::Policy if reply.code / 100 == 4 => return None,
            Self::Policy => {
                "likely cause: it does not take such mail from this machine: it may want a login \
                 (STATUS_EMAIL_PASSWORD), or be told to relay for this machine"
                    .to_owned()
            }
            Self::Command | Self::Length | Self::Full | Self::Recipient => return None,
        })
    }
}

/// How long a refusal of one recipient lasts. Only what is about that recipient can last.
pub(super) fn of_recipient(reply: &Reply, about: About) -> Lasts {
    match about {
        // 552 is also what is said of too many recipients, and of a full mailbox.
        _ if reply.code / 100 == 4 || reply.code == 552 => Lasts::ForNow,
        About::Recipient => Lasts::ForGood,
        About::Helo
        | About::Sender
        | About::Login
        | About::Policy
        | About::Command
        | About::Length
        | About::Full => Lasts::ForNow,
    }
}

/// How long a refusal of the text lasts.
pub(super) fn of_text(reply: &Reply, about: About) -> Lasts {
    match about {
        _ if reply.code / 100 == 4 => Lasts::ForNow,
        _ if reply.code == 552 && reply.enhanced[1..] != [2, 2] => Lasts::TooLong,
        About::Length => Lasts::TooLong,
        About::Helo | About::Login | About::Command | About::Full => Lasts::ForNow,
        About::Sender | About::Policy | About::Recipient => Lasts::ForGood,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::reply::ReplyReader;

    fn read(said: &str) -> (Reply, About) {
        let reply = ReplyReader::default().read(&mut format!("{said}\r\n").into_bytes()).unwrap().unwrap();
        let names = Names { helo: "vm".to_owned(), sender: "status@b.org".to_owned() };
        let about = About::new(&reply, &names);
        (reply, about)
    }

    #[test]
    fn only_what_is_about_the_recipient_is_for_good() {
        for (said, about) in [
            ("550 no such user", About::Recipient),
            ("550", About::Recipient),
            ("551 user not local", About::Recipient),
            ("553 bad address", About::Recipient),
            ("501 5.1.3 bad recipient address syntax", About::Recipient),
            (
                "550 5.1.1 <beta@a.org>: Recipient address rejected: User unknown in relay recipient table",
                About::Recipient,
            ),
            ("504 5.5.2 <beta>: Recipient address rejected: need fully-qualified address", About::Recipient),
            ("550 5.2.1 mailbox disabled", About::Recipient),
            ("556 5.1.10 recipient has a null MX", About::Recipient),
            ("550 <michelo@a.org> unknown", About::Recipient),
            ("550-line one\r\n550 no such user here", About::Recipient),
            ("504 <vm>: need fully-qualified hostname", About::Helo),
            ("504 5.5.2 <vm>: Helo command rejected: need fully-qualified hostname", About::Helo),
            ("550 5.7.1 Helo command rejected: You are not welcome", About::Helo),
            ("501 <VM> is no name", About::Helo),
            ("550 EHLO name must be a whole domain", About::Helo),
            ("550 5.1.8 Sender address rejected: Domain not found", About::Sender),
            (
                "550-Verification failed for <status@b.org>\r\n550-No such user here\r\n550 Sender verify failed",
                About::Sender,
            ),
            ("553 5.7.1 <status@b.org>: Sender address rejected: not owned by user", About::Sender),
            ("550 <status@b.org> is not yours", About::Sender),
            ("530 5.7.0 log in first", About::Login),
            ("550 authentication required", About::Login),
            ("554 5.7.1 <beta@a.org>: Relay access denied", About::Policy),
            ("550 relay not permitted", About::Policy),
            ("550 5.7.1 we do not like you", About::Policy),
            (
                "554 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
                About::Policy,
            ),
            ("550 reverse DNS not found", About::Policy),
            ("550 5.2.2 over quota", About::Full),
            ("550 mailbox full", About::Full),
            ("521 5.3.2 no mail here", About::Policy),
            ("503 5.5.1 nested MAIL command", About::Command),
            ("500 what", About::Command),
            ("504 not implemented", About::Command),
        ] {
            let (reply, found) = read(said);
            assert_eq!(found, about, "{said}");
            let lasts = if about == About::Recipient { Lasts::ForGood } else { Lasts::ForNow };
            assert_eq!(of_recipient(&reply, found), lasts, "{said}");
        }
        for said in
            ["552 too many recipients", "552 5.2.2 mailbox full", "552", "450 busy", "452 4.2.2 full", "450"]
        {
            let (reply, about) = read(said);
            assert_eq!(of_recipient(&reply, about), Lasts::ForNow, "{said}");
        }
    }

    #[test]
    fn a_refused_text_is_for_good_but_where_it_is_too_long_or_about_us() {
        for (said, lasts) in [
            ("554 looks like spam", Lasts::ForGood),
            ("550", Lasts::ForGood),
            ("554 5.7.1 not wanted", Lasts::ForGood),
            ("552 too long", Lasts::TooLong),
            ("552", Lasts::TooLong),
            ("554 5.3.4 message too big for system", Lasts::TooLong),
            ("550 5.2.3 over the limit", Lasts::TooLong),
            ("554 message size exceeds the fixed limit", Lasts::TooLong),
            ("552 5.2.2 mailbox full", Lasts::ForNow),
            ("452 full", Lasts::ForNow),
            ("452 4.3.4 message too big", Lasts::ForNow),
            ("530 log in", Lasts::ForNow),
            ("550 5.7.1 Helo command rejected", Lasts::ForNow),
            ("503 no recipients", Lasts::ForNow),
        ] {
            let (reply, about) = read(said);
            assert_eq!(of_text(&reply, about), lasts, "{said}");
        }
    }
}
