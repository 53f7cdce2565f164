//! The file: whether it may be used, that nobody else uses it, and what to do when it is broken.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use status_core::Wall;

use super::schema;

/// How often, and after how long, a lock is tried again.
const LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_millis(20);

/// What is at the place where the store should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing, or a file that is empty.
    Nothing,
    /// A store of this version or an older one.
    Ours,
    /// A store of a newer program.
    Newer(i32),
    /// A database of another program.
    Foreign,
    /// No database.
    Rubbish,
}

/// Looks at the head of the file, and changes nothing: a newer program's file must stay as it is.
pub(super) fn look(path: &Path) -> io::Result<Found> {
    const HEAD: usize = 100;
    let mut head = Vec::new();
    // To open a pipe takes until somebody opens its other end.
    if fs::metadata(path).is_ok_and(|data| !data.is_file() && !data.is_dir()) {
        return Err(io::Error::other("it is no regular file"));
    }
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
        Ok(file) if file.metadata()?.is_dir() => {
            let what = "it is a folder, and STATUS_STORE is to name a file";
            return Err(io::Error::new(io::ErrorKind::IsADirectory, what));
        }
        Ok(file) => file.take(HEAD as u64).read_to_end(&mut head)?,
    };
    if head.is_empty() {
        return Ok(Found::Nothing);
    }
    if head.len() < HEAD || !head.starts_with(b"SQLite format 3\0") {
        return Ok(Found::Rubbish);
    }
    let number = |at: usize| i32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (version, application) = (number(60), number(68));
    Ok(match version {
        // One that was just made when this process was killed has neither mark nor version yet.
        0 if application == 0 => Found::Ours,
        _ if application != schema::APPLICATION => Found::Foreign,
        newer if newer > schema::version() => Found::Newer(newer),
        _ => Found::Ours,
    })
}

/// Makes the folder, if there is none, for this user only.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    Ok(())
}

/// Makes the file, if there is none, for this user only.
pub(super) fn create(path: &Path) -> io::Result<()> {
    private().create(true).append(true).open(path).map(drop)
}

/// Sees to it that no other process uses the store as long as this lives. `None` if one does.
pub(super) fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = private().create(true).append(true).open(beside(path, ".lock"))?;
    for turn in 0.. {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            // Whoever only looks whether it is locked holds it for a moment.
            Err(TryLockError::WouldBlock) if turn < LOOKS => std::thread::sleep(LOOK),
            Err(TryLockError::WouldBlock) => break,
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(None)
}

/// Whether another process uses the store. Nothing is made: where there is no lock, nobody does.
pub(super) fn is_locked(path: &Path) -> io::Result<bool> {
    let file = match File::open(beside(path, ".lock")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    };
    // Held for no longer than this takes, and shared, so that two who look don't see each other.
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Puts a broken file aside, with those that belong to it. Returns where it is now.
pub(super) fn set_aside(path: &Path, now: Wall) -> io::Result<PathBuf> {
    let stamp: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    let aside = |part: &str| beside(path, &format!(".damaged-{stamp}{part}"));
    for part in ["-wal", "-shm"] {
        match fs::rename(beside(path, part), aside(part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    fs::rename(path, aside(""))?;
    Ok(aside(""))
}

/// Whether all that was saved is in the file itself, and nothing in the log beside it.
pub(super) fn is_complete(path: &Path) -> bool {
    fs::metadata(beside(path, "-wal")).map_or(0, |data| data.len()) == 0
}

/// Which file it is: a file that takes its place has another number.
pub(super) fn number(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|data| (data.dev(), data.ino()))
}

/// The path of a file that belongs to the store.
pub(super) fn beside(path: &Path, part: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(part);
    PathBuf::from(name)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}
