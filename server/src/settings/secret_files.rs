//! Secrets that a file holds, so that they need not stand in the environment, where every child and
//! every tool that prints it can see them.
//!
//! `STATUS_SECRET_BOOK_FILE` names the file that holds `STATUS_SECRET_BOOK`. Where neither is set,
//! the file `status_secret_book` in `$CREDENTIALS_DIRECTORY` counts, where systemd puts what
//! `LoadCredential=` and its like name.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::problem::{Fault, Problem};
use super::variables::{Found, Variable, Variables};

/// A secret is a line. Whatever is larger is another file, perhaps without an end.
const LARGEST: u64 = 64_000;

/// Where systemd puts this service's credentials.
pub(super) fn credentials(vars: &[(OsString, OsString)]) -> Option<PathBuf> {
    let (_, folder) = vars.iter().find(|(name, _)| name == "CREDENTIALS_DIRECTORY")?;
    let folder = Path::new(folder);
    folder.is_absolute().then(|| folder.to_owned())
}

/// Reads each secret that a file holds into its variable.
pub(super) fn read(v: &mut Variables, credentials: Option<&Path>, found: &mut Found) {
    for (variable, file) in [
        (&mut v.secret_admin, &v.secret_admin_file),
        (&mut v.secret_book, &v.secret_book_file),
        (&mut v.secret_relay, &v.secret_relay_file),
        (&mut v.secret_jump, &v.secret_jump_file),
        (&mut v.email_password, &v.email_password_file),
        (&mut v.store_password, &v.store_password_file),
    ] {
        fill(variable, file, credentials, found);
    }
}

/// Reads the secret of persons alone into its variable.
pub(super) fn read_admin(v: &mut Variables, credentials: Option<&Path>, found: &mut Found) {
    fill(&mut v.secret_admin, &v.secret_admin_file, credentials, found);
}

/// Reads the password of the store's database alone into its variable.
pub(super) fn read_store(v: &mut Variables, credentials: Option<&Path>, found: &mut Found) {
    fill(&mut v.store_password, &v.store_password_file, credentials, found);
}

fn fill(variable: &mut Variable, file: &Variable, credentials: Option<&Path>, found: &mut Found) {
    match secret(variable, file, credentials) {
        Ok(Some(secret)) => variable.fill(secret),
        Ok(None) => {}
        Err(problem) => found.problems.push(problem),
    }
}

/// What a file holds for this variable, if one is to be read.
fn secret(
    variable: &Variable,
    file: &Variable,
    credentials: Option<&Path>,
) -> Result<Option<String>, Problem> {
    let name = variable.name();
    let problem =
        |variable, fault, expected: &str| Problem { variable, fault, expected: expected.to_owned() };
    let read_from = |named_by: String, path: &Path| {
        let told =
            |why| problem(named_by, Fault::File { path: path.to_owned(), why }, "a file with one secret");
        content(path).map_err(told)
    };
    match (variable.secret(), file.text()) {
        (Some(_), None) => Ok(None),
        (Some(_), Some(_)) => Err(problem(name, Fault::Both, "only one of them")),
        // It may be that somebody wrote the secret itself there, so it is not shown.
        (None, Some(path)) if !looks_like_a_path(path) => {
            Err(problem(file.name(), Fault::BadSecret, "the whole path of a file, which begins with /"))
        }
        (None, Some(path)) => read_from(file.name(), Path::new(path)).map(Some),
        (None, None) => {
            let path = credentials.map(|folder| folder.join(name.to_lowercase()));
            let there = path.filter(|path| !is_missing(path));
            there.map(|path| read_from(name, &path)).transpose()
        }
    }
}

/// Whether it is the name of a file, and not a secret that begins with a slash by chance.
fn looks_like_a_path(text: &str) -> bool {
    text.starts_with('/') && (text[1..].contains('/') || !is_missing(Path::new(text)))
}

fn is_missing(path: &Path) -> bool {
    std::fs::metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// The text of a file, without the line break that editors and `echo` put at its end.
///
/// Why it can't be read never quotes it.
fn content(path: &Path) -> Result<String, String> {
    let failed = |error| format!("cannot be read ({error})");
    // A pipe would hold the start up until somebody writes to it.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err("is no regular file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("is larger than {} kB", LARGEST / 1000));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| "is not text in UTF-8".to_owned())?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.trim().is_empty() { Err("is empty".to_owned()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use secrecy::ExposeSecret;
    use status_adapters::mail::MailAuth;

    use crate::settings::{Problems, Settings, Warning};

    const BOOK: &str = "STATUS_SECRET_BOOK";
    const BOOK_FILE: &str = "STATUS_SECRET_BOOK_FILE";
    const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

    /// Everything that is needed but book's secret, and what is given.
    fn settings(given: &[(&str, &str)]) -> Result<(Settings, Vec<Warning>), Problems> {
        let rest = [
            ("STATUS_HOST_BOOK", "a.org"),
            ("STATUS_HOST_RELAY", "a.org"),
            ("STATUS_HOST_JUMP", "a.org"),
            ("STATUS_SECRET_RELAY", "x"),
            ("STATUS_SECRET_JUMP", "x"),
        ];
        let vars = given.iter().chain(&rest);
        Settings::from_vars(vars.map(|(name, value)| ((*name).into(), (*value).into())))
    }

    fn book(given: &[(&str, &str)]) -> String {
        settings(given).unwrap().0.book.secret().expose_secret().to_owned()
    }

    /// The one thing that is wrong.
    fn problem(given: &[(&str, &str)]) -> String {
        let problems = settings(given).unwrap_err().problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems[0].to_string()
    }

    /// A folder with files in it, and a function that gives their paths.
    fn folder(files: &[(&str, &[u8])]) -> (tempfile::TempDir, impl Fn(&str) -> String + use<>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let path = folder.path().to_owned();
        (folder, move |name: &str| path.join(name).to_str().unwrap().to_owned())
    }

    #[test]
    fn a_file_holds_the_secret_to_the_letter_but_for_one_line_break() {
        for (content, secret) in [
            ("secret", "secret"),
            ("secret\n", "secret"),
            ("secret\r\n", "secret"),
            ("secret\n\n", "secret\n"),
            ("\"secret\"\n", "\"secret\""),
            (" sec ret ", " sec ret "),
            ("geheim: ß\n", "geheim: ß"),
        ] {
            let (_folder, path) = folder(&[("book", content.as_bytes())]);
            assert_eq!(book(&[(BOOK_FILE, &path("book"))]), secret);
            assert_eq!(
                book(&[(BOOK_FILE, &format!("'{}'", path("book")))]),
                secret,
                "quotes around the path"
            );
        }
        let (_folder, path) = folder(&[("book", b"secret\n")]);
        symlink(path("book"), path("link")).unwrap();
        assert_eq!(book(&[(BOOK_FILE, &path("link"))]), "secret");
    }

    #[test]
    fn each_of_the_five_secrets_can_be_in_a_file_or_be_a_credential() {
        let names = ["secret_book", "secret_relay", "secret_jump", "email_password", "secret_admin"];
        let check = |vars: Vec<(String, String)>| {
            let rest = ["HOST_BOOK", "HOST_RELAY", "HOST_JUMP", "EMAIL_HOST"].map(|name| (name, "a.org"));
            let rest = rest.into_iter().chain([("EMAIL_FROM", "a@a.org"), ("EMAIL_TO", "a@a.org")]);
            let rest = rest.map(|(name, value)| (format!("STATUS_{name}"), value.to_owned()));
            let vars = vars.into_iter().chain(rest).map(|(name, value)| (name.into(), value.into()));
            let (settings, warnings) = Settings::from_vars(vars).unwrap();
            assert_eq!(warnings, []);
            let services = [&settings.book, &settings.relay, &settings.jump];
            for (service, name) in services.into_iter().zip(names) {
                assert_eq!(service.secret().expose_secret(), name);
            }
            assert_eq!(settings.secret_admin.unwrap().expose_secret(), names[4]);
            let auth = settings.mail.unwrap().auth;
            assert!(matches!(auth, MailAuth::Plain { password, .. } if password.expose_secret() == names[3]));
        };
        let files = names.map(|name| (format!("status_{name}"), name));
        let files = files.iter().map(|(file, name)| (file.as_str(), name.as_bytes())).collect::<Vec<_>>();
        let (folder, path) = folder(&files);
        let file_of =
            |name: &&str| (format!("STATUS_{}_FILE", name.to_uppercase()), path(&format!("status_{name}")));
        check(names.iter().map(file_of).collect());
        check(vec![(CREDENTIALS.to_owned(), folder.path().to_str().unwrap().to_owned())]);
    }

    #[test]
    fn what_is_named_comes_before_a_credential_and_two_names_are_one_too_many() {
        let (folder, path) = folder(&[("status_secret_book", b"credential"), ("book", b"file")]);
        let credentials = (CREDENTIALS, folder.path().to_str().unwrap());
        assert_eq!(book(&[credentials]), "credential");
        assert_eq!(book(&[credentials, (BOOK, "variable")]), "variable");
        assert_eq!(book(&[credentials, (BOOK_FILE, &path("book"))]), "file");
        assert_eq!(book(&[credentials, (BOOK_FILE, ""), (BOOK, " ")]), "credential");
        assert_eq!(book(&[(BOOK_FILE, " "), (BOOK, "variable")]), "variable");
        assert_eq!(book(&[(BOOK_FILE, &path("book")), (BOOK, "\"\"")]), "file");
        let both = problem(&[(BOOK_FILE, &path("book")), (BOOK, "hidden")]);
        assert_eq!(
            both,
            "STATUS_SECRET_BOOK and STATUS_SECRET_BOOK_FILE are both set: expected only one of them"
        );
        for no_folder in ["", "here", "/nowhere"] {
            let missing = problem(&[(CREDENTIALS, no_folder)]);
            assert!(missing.starts_with("STATUS_SECRET_BOOK is not set: expected "), "{missing}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_is_told_once_with_its_path_and_without_its_content() {
        let large = "hidden".repeat(20_000);
        let (folder, path) = folder(&[
            ("empty", b""),
            ("break", b"\r\n"),
            ("blanks", b"  \n"),
            ("bytes", b"hidden\xff"),
            ("large", large.as_bytes()),
        ]);
        let _pipe = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
        for (name, why) in [
            ("empty", "is empty"),
            ("break", "is empty"),
            ("blanks", "is empty"),
            ("bytes", "is not text in UTF-8"),
            ("large", "is larger than 64 kB"),
            ("socket", "is no regular file"),
            ("", "is no regular file"),
            ("missing", "cannot be read (No such file or directory (os error 2))"),
        ] {
            let expected = format!("the file {:?} {why}: expected a file with one secret", path(name));
            assert_eq!(problem(&[(BOOK_FILE, &path(name))]), format!("STATUS_SECRET_BOOK_FILE: {expected}"));
        }
        fs::rename(path("bytes"), path("status_secret_book")).unwrap();
        let expected = format!(
            "STATUS_SECRET_BOOK: the file {:?} is not text in UTF-8: expected a file with one secret",
            path("status_secret_book")
        );
        assert_eq!(problem(&[(CREDENTIALS, folder.path().to_str().unwrap())]), expected);
    }

    #[test]
    fn a_secret_in_the_place_of_a_path_is_not_shown() {
        let text = problem(&[(BOOK_FILE, "hidden")]);
        assert!(text.starts_with("STATUS_SECRET_BOOK_FILE has a value that can't be used"), "{text}");
        assert!(text.contains("begins with /") && !text.contains("hidden"), "{text}");
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn the_password_of_a_database_is_a_secret_like_the_others() {
        use crate::settings::StoreSettings;
        let (folder, path) = folder(&[("status_store_password", b"hidden\n")]);
        let url = ("STATUS_STORE", "postgres://a@c.org/b");
        for given in [
            ("STATUS_STORE_PASSWORD", "hidden".to_owned()),
            ("STATUS_STORE_PASSWORD_FILE", path("status_store_password")),
            (CREDENTIALS, folder.path().to_str().unwrap().to_owned()),
        ] {
            let vars = [url, (given.0, &given.1)].map(|(name, value)| (name.into(), value.into()));
            let alone = Settings::store_from_vars(vars).unwrap();
            let whole = settings(&[(BOOK, "x"), url, (given.0, &given.1)]).unwrap().0.store;
            let without = Settings::store_from_vars([url].map(|(name, value)| (name.into(), value.into())));
            assert!(matches!(whole, StoreSettings::Database(_)), "{whole:?}");
            assert!(alone == whole && Ok(&whole) != without.as_ref(), "it has the password");
            assert!(!format!("{whole:?}").contains("hidden"));
        }
        let (_, warnings) = settings(&[(BOOK, "x"), ("STATUS_STORE_PASSWORD", "hidden")]).unwrap();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
    }

    #[test]
    fn where_the_store_is_can_be_read_without_any_secret() {
        let vars = [(BOOK_FILE, "/missing"), (BOOK, "x"), ("STATUS_STORE", ":memory:")];
        let vars = vars.map(|(name, value)| (name.into(), value.into()));
        assert!(Settings::store_from_vars(vars).is_ok());
    }
}
