//! Whether a file could be written, found out without writing anything.

use std::io::{self, ErrorKind};
use std::path::Path;

use rustix::fs::{Access, access};

/// Whether a file is there: if this user can write it, or make it with the folders that it is to be in.
///
/// # Errors
/// Why this user can't.
pub fn check_writable(path: &Path) -> Result<bool, String> {
    match path.metadata() {
        Ok(there) if there.is_dir() => Err("it is a folder".to_owned()),
        Ok(_) => may(path, Access::WRITE_OK).map(|()| true).map_err(|error| error.to_string()),
        Err(error) if error.kind() == ErrorKind::NotFound => can_be_made(path).map(|()| false),
        Err(error) => Err(error.to_string()),
    }
}

/// Looks at the folder, or where there is none, at the nearest one above it.
fn can_be_made(path: &Path) -> Result<(), String> {
    let mut folders = path.ancestors().skip(1).map(named);
    let own = folders.next().ok_or("it has no name")?;
    if own.symlink_metadata().is_ok() {
        let told = |error| format!("its folder {} cannot be written to: {error}", own.display());
        return may(own, Access::WRITE_OK | Access::EXEC_OK).map_err(told);
    }
    let above = folders.find(|folder| folder.symlink_metadata().is_ok()).unwrap_or(Path::new("."));
    may(above, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| {
        let (own, above) = (own.display(), above.display());
        format!("its folder {own} does not exist, and cannot be made in {above}: {error}")
    })
}

/// The folder of a file that is named without one.
fn named(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

fn may(path: &Path, what: Access) -> io::Result<()> {
    Ok(access(path, what)?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_can_be_written_is_told_and_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "x").unwrap();
        assert_eq!(check_writable(&path("file")), Ok(true));
        assert_eq!(check_writable(&path("new")), Ok(false));
        assert_eq!(check_writable(&path("a/b/new")), Ok(false), "the folders can be made, too");
        assert_eq!(check_writable(Path::new("new-in-the-working-folder")), Ok(false));
        assert_eq!(check_writable(folder.path()), Err("it is a folder".to_owned()));
        let below = check_writable(&path("file/new")).unwrap_err();
        assert!(below.contains("Not a directory"), "{below}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
