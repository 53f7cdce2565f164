//! Mail addresses as people write them in settings.

use lettre::Address;
use lettre::message::Mailbox;

/// Reads one address: `a@b.org`, or `Name <a@b.org>`. Quotes around the whole of it, as files
/// with settings have them, mean nothing.
///
/// # Errors
/// What is no address, and what was expected.
pub fn parse_mailbox(text: &str) -> Result<Mailbox, String> {
    let text = unquoted(text);
    let problem = |what: &str| Err(format!("{text:?} {what}: expected a@b.org or Name <a@b.org>"));
    let (name, address) = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((name, address)) => (name.trim(), address.trim()),
        None => ("", text),
    };
    if !address.is_ascii() {
        return problem("has an address with other letters than ASCII");
    }
    let Ok(address) = address.parse::<Address>() else { return problem("is no mail address") };
    if name.contains(char::is_control) {
        return problem("has a name with control characters");
    }
    let name = match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => name.to_owned(),
    };
    Ok(Mailbox::new(Some(name).filter(|name| !name.is_empty()), address))
}

/// Reads any number of addresses with commas between them. An address that comes twice counts once.
///
/// # Errors
/// Which part is no address, and what was expected.
pub fn parse_mailboxes(text: &str) -> Result<Vec<Mailbox>, String> {
    let mut mailboxes: Vec<Mailbox> = Vec::new();
    for part in parts(unquoted(text)).map(unquoted).filter(|part| !part.is_empty()) {
        let mailbox = parse_mailbox(part)?;
        if mailboxes.iter().all(|other| other.email != mailbox.email) {
            mailboxes.push(mailbox);
        }
    }
    Ok(mailboxes)
}

/// The text without the quotes around it, if they belong together.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    for quote in ['"', '\''] {
        let inside = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
        if let Some(inside) = inside.filter(|inside| !inside.contains(quote)) {
            return inside.trim();
        }
    }
    text
}

/// Splits at commas, but not at those in a quoted name.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        c == ',' && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(Option<String>, String)> {
        let mailboxes = parse_mailboxes(text).unwrap();
        mailboxes.into_iter().map(|mailbox| (mailbox.name, mailbox.email.to_string())).collect()
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let a = (None, "a@b.org".to_owned());
        for text in
            ["a@b.org", " a@b.org ", "\"a@b.org\"", "'a@b.org'", "<a@b.org>", "a@b.org,", "a@b.org, a@b.org"]
        {
            assert_eq!(read(text), std::slice::from_ref(&a), "{text}");
        }
        assert_eq!(read("root@localhost"), [(None, "root@localhost".to_owned())]);
        let named = |name: &str| (Some(name.to_owned()), "a@b.org".to_owned());
        assert_eq!(read("Lab Status <a@b.org>"), [named("Lab Status")]);
        assert_eq!(read("'Lab Status <a@b.org>'"), [named("Lab Status")]);
        assert_eq!(read("Straße 1 <a@b.org>"), [named("Straße 1")]);
        assert_eq!(
            read(r#""Lab, \"A\"" <a@b.org>, c@d.org"#),
            [named("Lab, \"A\""), (None, "c@d.org".to_owned())]
        );
        assert_eq!(read(r#""a@b.org", "c@d.org""#).len(), 2);
        assert_eq!(read("\"a@b.org, c@d.org\"").len(), 2);
        assert_eq!(read(" , \"\" ,"), []);
    }

    #[test]
    fn a_bad_part_is_named() {
        for (text, part) in [
            ("a@b.org, nobody", "nobody"),
            ("a@b.org; c@d.org", "a@b.org; c@d.org"),
            ("a@b.org c@d.org", "a@b.org c@d.org"),
            ("Name <a@b.org", "Name <a@b.org"),
            ("<>", "<>"),
            ("@b.org", "@b.org"),
            ("ä@b.org", "ä@b.org"),
            ("x\r\nBcc: e@f.org <a@b.org>", "control"),
        ] {
            let problem = parse_mailboxes(text).unwrap_err();
            assert!(problem.contains(part), "{problem}");
            assert!(!problem.contains('\n'), "{problem}");
        }
    }
}
