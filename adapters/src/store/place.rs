//! The file: whether it may be used, that nobody else uses it, and what to do when it is broken.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use status_core::Wall;

use super::schema;

/// How often, and after how long, a lock is tried again.
const LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_millis(20);

/// A pipe that has taken the place of a file since it was looked at is opened at once, or not at all.
const NEVER_HANG: i32 = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();

/// The files that SQLite and this program keep beside the store.
const BESIDE: [&str; 3] = ["-wal", "-shm", LOCK];
const LOCK: &str = ".lock";
/// How many symbolic links may lead to the store, one after another: as many as Linux follows.
const LINKS_AT_MOST: usize = 40;

/// What is at the place where the store should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing, or a file that is empty.
    Nothing,
    /// A store of this version or an older one.
    Ours,
    /// A store whose head is broken: it still has the mark of this program.
    Damaged,
    /// A store of a newer program.
    Newer(i32),
    /// A database of another program.
    Foreign,
    /// No database, or one that is encrypted.
    NoDatabase,
}

/// The file that a path leads to, also where there is none yet. SQLite follows symbolic links and keeps
/// its files beside the one at their end.
pub(super) fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut place = path.to_owned();
    for _ in 0..LINKS_AT_MOST {
        match fs::read_link(&place) {
            Ok(target) => place = place.parent().unwrap_or(Path::new("")).join(target),
            Err(error) => {
                // It is no symbolic link, or there is nothing.
                let is_the_place =
                    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotFound);
                return if is_the_place { Ok(place) } else { Err(error) };
            }
        }
    }
    Err(io::Error::other("its symbolic links lead nowhere: they form a loop, or are too many"))
}

/// Fails if the store, or a file that belongs beside it, is there and is no regular file: to open a pipe
/// takes until some program opens its other end.
pub(super) fn refuse_odd(path: &Path) -> io::Result<()> {
    refuse_odd_store(path)?;
    for part in BESIDE {
        let file = beside(path, part);
        if let Some(kind) = odd(&file)? {
            let what = format!("{} is {kind}, not a regular file: remove it", file.display());
            return Err(io::Error::other(what));
        }
    }
    Ok(())
}

fn refuse_odd_store(path: &Path) -> io::Result<()> {
    match odd(path)? {
        None => Ok(()),
        Some("a folder") => {
            let what = "it is a folder, and STATUS_STORE is to name a file";
            Err(io::Error::new(io::ErrorKind::IsADirectory, what))
        }
        Some(kind) => {
            let what = format!("it is {kind}, not a regular file: set STATUS_STORE to another file");
            Err(io::Error::other(what))
        }
    }
}

/// What a path is, if there is something that is no regular file. Nothing is opened.
fn odd(path: &Path) -> io::Result<Option<&'static str>> {
    let found = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(io::Error::new(error.kind(), format!("{}: {error}", path.display())));
        }
        Ok(found) => found.file_type(),
    };
    Ok(match found {
        _ if found.is_file() => None,
        _ if found.is_dir() => Some("a folder"),
        _ if found.is_fifo() => Some("a pipe (FIFO)"),
        _ if found.is_socket() => Some("a socket"),
        _ => Some("a device"),
    })
}

/// Looks at the head of the file, and changes nothing: a newer program's file must stay as it is.
///
/// The file is opened and closed, which drops every lock that SQLite holds on it in this process: so no
/// connection of this process may be open.
pub(super) fn look(path: &Path) -> io::Result<Found> {
    const HEAD: usize = 100;
    let mut head = Vec::new();
    refuse_odd(path)?;
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
        Ok(file) => file.take(HEAD as u64).read_to_end(&mut head)?,
    };
    if head.is_empty() {
        return Ok(Found::Nothing);
    }
    if head.len() < HEAD {
        return Ok(Found::NoDatabase);
    }
    let number = |at: usize| i32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (version, application) = (number(60), number(68));
    let is_ours = application == schema::APPLICATION;
    if !head.starts_with(b"SQLite format 3\0") {
        return Ok(if is_ours { Found::Damaged } else { Found::NoDatabase });
    }
    Ok(match version {
        // One that was just made when this process was killed has neither mark nor version yet.
        0 if application == 0 => Found::Ours,
        _ if !is_ours || version <= 0 => Found::Foreign,
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

/// Makes the file, if there is none, for this user only. One that is there is not opened.
pub(super) fn create(path: &Path) -> io::Result<()> {
    match private().create_new(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map(drop),
    }
}

/// Sees to it that no other process uses the store as long as this lives. `None` if one does.
pub(super) fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = private().create(true).append(true).open(beside(path, LOCK))?;
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
    let file = match OpenOptions::new().read(true).custom_flags(NEVER_HANG).open(beside(path, LOCK)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    };
    // Held for no longer than this takes, and shared, so that two who look don't see each other.
    for turn in 0..=LOOKS {
        match file.try_lock_shared() {
            Ok(()) => return Ok(false),
            // A process that was just forked holds what its parent held, until it runs another program.
            Err(TryLockError::WouldBlock) if turn < LOOKS => std::thread::sleep(LOOK),
            Err(TryLockError::WouldBlock) => break,
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(true)
}

/// Puts a broken file aside, with those that belong to it. Returns where it is now.
pub(super) fn set_aside(path: &Path, now: Wall) -> io::Result<PathBuf> {
    let stamp: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    let aside = |part: &str| beside(path, &format!(".damaged-{stamp}{part}"));
    let unless_gone = |done: io::Result<()>| match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    };
    let log = beside(path, "-wal");
    // An empty log says nothing, and what says where in the log is what is found out anew.
    let is_empty = fs::metadata(&log).is_ok_and(|data| data.len() == 0);
    unless_gone(if is_empty { fs::remove_file(&log) } else { fs::rename(&log, aside("-wal")) })?;
    unless_gone(fs::remove_file(beside(path, "-shm")))?;
    fs::rename(path, aside(""))?;
    Ok(aside(""))
}

/// Whether all that was saved is in the file itself, and nothing in the log beside it.
pub(super) fn is_complete(path: &Path) -> bool {
    fs::metadata(beside(path, "-wal")).map_or(0, |data| data.len()) == 0
}

/// Which file it is, and in what state another program would have to leave it to go unnoticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// The device and the number of the file: one that takes its place has others.
    pub(super) number: (u64, u64),
    length: u64,
    modified: (i64, i64),
}

/// Finds out which file is there. It is not opened: to close it would drop the locks that SQLite holds.
pub(super) fn identity(path: &Path) -> io::Result<Identity> {
    let data = fs::metadata(path)?;
    Ok(Identity {
        number: (data.dev(), data.ino()),
        length: data.len(),
        modified: (data.mtime(), data.mtime_nsec()),
    })
}

/// The device and the number of a file, if it is there.
pub(super) fn number(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|data| (data.dev(), data.ino()))
}

/// The path of a file that belongs to the store.
pub(super) fn beside(path: &Path, part: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(part);
    PathBuf::from(name)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600).custom_flags(NEVER_HANG);
    options
}
