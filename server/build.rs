//! Tells the program which commit it was built from, where that can be known: git is asked, and nothing else.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=BUILD_COMMIT");
    println!("cargo:rerun-if-env-changed=BUILD_DATE");
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let told = given().or_else(from_git).map(|told| format!(" ({told})")).unwrap_or_default();
    println!("cargo:rustc-env=BUILD_VERSION={version}{told}");
}

/// What whoever builds it without a repository says, as a Dockerfile may.
fn given() -> Option<String> {
    let commit = std::env::var("BUILD_COMMIT").ok().filter(|commit| !commit.is_empty())?;
    Some(match std::env::var("BUILD_DATE") {
        Ok(date) if !date.is_empty() => format!("{commit} {date}"),
        _ => commit,
    })
}

/// The commit and its date, if this is the repository's own folder and not an archive within another one.
fn from_git() -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let top = git(root, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    let branch = git(root, &["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD".to_owned(), "packed-refs".to_owned()].into_iter().chain(branch) {
        let path = root.join(git(root, &["rev-parse", "--git-path", &name])?);
        if path.exists() {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
    git(root, &["show", "--no-patch", "--format=%h %cs", "--abbrev=9", "HEAD"])
}

/// What git says, if it is there and says something.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let said = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
    let text = String::from_utf8(said.stdout).ok()?.trim().to_owned();
    (said.status.success() && !text.is_empty()).then_some(text)
}
