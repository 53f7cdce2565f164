//! A log file that begins anew when it is full, and keeps a few full ones.
//!
//! With a largest size of 100 MB and 5 kept: `status.log` is written, `status.log.1` is the one
//! before it, and so on to `status.log.5`. Together they never hold more than 600 MB.
//!
//! The log has addresses of people in it, so no file of it is for everybody: the owner may write it, and the group
//! may read it.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Nobody keeps more files than this, so a file with a higher number is not of our making.
pub(crate) const MOST_KEPT: u32 = 1_000;

/// What may be done with a file of the log, at the most.
const FILE_MODE: u32 = 0o640;
/// What may be done with a folder that is made for it.
const FOLDER_MODE: u32 = 0o750;

/// A file that lines are added to.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    max_size: u64,
    keep: u32,
    /// Open, but for when it could not be opened again.
    file: Option<File>,
}

impl LogFile {
    /// Opens the file at `path`, and makes it and its folder if they aren't there. It grows to
    /// `max_size` bytes at most, and `keep` full ones are kept besides it.
    ///
    /// # Errors
    /// The file can't be made or written, or is no file.
    pub(super) fn open(path: &Path, max_size: u64, keep: u32) -> io::Result<Self> {
        // A link is followed once, so that full files stay beside the one that it leads to.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut log = Self { path, max_size, keep, file: None };
        log.current()?;
        log.remove_surplus();
        log.close_to_others();
        Ok(log)
    }

    /// Lets go of the file, and opens the one that is at the path by now.
    ///
    /// # Errors
    /// The file can't be made or written, or is no file.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        self.file = None;
        self.current().map(drop)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes one file may hold.
    pub(super) fn max_size(&self) -> u64 {
        self.max_size
    }

    /// Adds a line, of which it writes as much as a whole file may hold.
    ///
    /// # Errors
    /// The line is not in the file. The next may be, once the cause is gone.
    pub(super) fn write(&mut self, line: &str) -> io::Result<()> {
        let most = usize::try_from(self.max_size).unwrap_or(usize::MAX);
        let line = &line.as_bytes()[..line.len().min(most)];
        let mut size = self.current()?;
        if size > 0 && size.saturating_add(line.len() as u64) > self.max_size {
            self.begin_anew()?;
            size = self.current()?;
        }
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        file.write_all(line).inspect_err(|_| {
            // Half a line would spoil the next. If it can't be taken off, that is no worse.
            let _ = file.set_len(size);
        })
    }

    /// Sees to it that the file at the path is open, and says how large it is. Somebody may have
    /// moved, removed or emptied it meanwhile; then this begins another.
    fn current(&mut self) -> io::Result<u64> {
        if let (Some(file), Ok(there)) = (&self.file, fs::metadata(&self.path))
            && is_same(&file.metadata()?, &there)
        {
            return Ok(size_of(&there));
        }
        self.file = None;
        if let Some(folder) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
        }
        refuse_pipes(&self.path)?;
        let file = OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(&self.path)?;
        let there = file.metadata()?;
        // One that was there before may be open to more people. Where that can't be changed, it is somebody else's.
        if let Some(mode) = narrower(&there) {
            let _ = file.set_permissions(mode);
        }
        let size = size_of(&there);
        self.file = Some(file);
        Ok(size)
    }

    /// Puts the full file aside and begins another.
    fn begin_anew(&mut self) -> io::Result<()> {
        for number in (1..self.keep).rev() {
            // Most often it is missing because there are not so many yet.
            let _ = fs::rename(self.numbered(number), self.numbered(number + 1));
        }
        if self.keep > 0 && fs::rename(&self.path, self.numbered(1)).is_ok() {
            self.file = None;
            return Ok(());
        }
        // If it can't be put aside, it is emptied: a full disk is worse than a lost log.
        self.file.as_ref().map_or(Ok(()), |file| file.set_len(0))
    }

    /// Removes full files that are more than are to be kept, from when more were. They bear the
    /// numbers that follow, without a gap: one behind a gap is somebody else's.
    fn remove_surplus(&self) {
        let surplus = (self.keep.saturating_add(1)..=MOST_KEPT).map(|number| self.numbered(number));
        for path in surplus {
            if fs::remove_file(path).is_err() {
                return;
            }
        }
    }

    /// Full files were perhaps written when the log was open to everybody.
    fn close_to_others(&self) {
        for path in (1..=self.keep).map(|number| self.numbered(number)) {
            let Ok(there) = fs::symlink_metadata(&path) else { return };
            if let Some(mode) = narrower(&there) {
                let _ = fs::set_permissions(&path, mode);
            }
        }
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!(".{number}"));
        name.into()
    }
}

/// Fails where there is something else than a file or a device: a pipe would hold the server up until
/// somebody reads it.
pub(crate) fn refuse_pipes(path: &Path) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !is_device(&there)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    Ok(())
}

/// What may be done with a file of the log, if it may be done more than that at present.
fn narrower(there: &Metadata) -> Option<Permissions> {
    let mode = there.permissions().mode() & 0o7777;
    let narrower = mode & FILE_MODE;
    (there.is_file() && mode != narrower).then(|| Permissions::from_mode(narrower))
}

/// Only a file can be full: a device is not, whatever went into it.
fn size_of(metadata: &Metadata) -> u64 {
    if metadata.is_file() { metadata.len() } else { 0 }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

#[cfg(unix)]
fn is_device(metadata: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    metadata.file_type().is_char_device()
}

#[cfg(not(unix))]
fn is_device(_: &Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log in a folder of its own that goes when the test ends.
    fn log(max_size: u64, keep: u32) -> (LogFile, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let log = LogFile::open(&folder.path().join("a/b/status.log"), max_size, keep).unwrap();
        (log, folder)
    }

    fn text(log: &LogFile, number: u32) -> Option<String> {
        let path = if number == 0 { log.path.clone() } else { log.numbered(number) };
        fs::read_to_string(path).ok()
    }

    /// The texts of all files, the newest first.
    fn texts(log: &LogFile) -> Vec<String> {
        (0..20).filter_map(|number| text(log, number)).collect()
    }

    fn total(log: &LogFile) -> u64 {
        let files = fs::read_dir(log.path.parent().unwrap()).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
    }

    #[test]
    fn a_full_file_is_put_aside_and_the_oldest_goes() {
        let (mut log, _folder) = log(10, 2);
        for line in ["1aaa\n", "2bbb\n", "3ccc\n", "4ddd\n", "5eee\n"] {
            log.write(line).unwrap();
        }
        assert_eq!(texts(&log), ["5eee\n", "3ccc\n4ddd\n", "1aaa\n2bbb\n"]);
        for line in ["6fff\n", "7ggg\n"] {
            log.write(line).unwrap();
        }
        assert_eq!(texts(&log), ["7ggg\n", "5eee\n6fff\n", "3ccc\n4ddd\n"]);
    }

    #[test]
    fn the_files_never_hold_more_than_they_may() {
        for keep in [0, 1, 3] {
            let (mut log, _folder) = log(100, keep);
            for i in 0..500_usize {
                log.write(&format!("{}\n", "x".repeat(i * 7 % 150))).unwrap();
                assert!(total(&log) <= 100 * (u64::from(keep) + 1));
            }
            assert_eq!(texts(&log).len(), keep as usize + 1);
        }
    }

    #[test]
    fn a_log_goes_on_where_it_was() {
        let (mut log, _folder) = log(10, 1);
        log.write("1\n").unwrap();
        let mut log = LogFile::open(&log.path, 10, 1).unwrap();
        log.write("2\n").unwrap();
        assert_eq!(texts(&log), ["1\n2\n"]);
    }

    #[test]
    fn a_file_that_is_too_large_at_the_start_is_put_aside() {
        let (log, _folder) = log(10, 1);
        fs::write(&log.path, "x".repeat(1_000)).unwrap();
        let mut log = LogFile::open(&log.path, 10, 1).unwrap();
        log.write("1\n").unwrap();
        assert_eq!(texts(&log), ["1\n".to_owned(), "x".repeat(1_000)]);
    }

    #[test]
    fn files_are_removed_when_fewer_are_to_be_kept() {
        let (mut log, folder) = log(1, 5);
        for _ in 0..6 {
            log.write("x").unwrap();
        }
        assert_eq!(texts(&log).len(), 6);
        let others =
            ["status.log.20260101", "status.log.gz", "status.log.7", "status.log.1001", "other.log.4"];
        for other in others {
            fs::write(folder.path().join("a/b").join(other), "kept").unwrap();
        }
        let log = LogFile::open(&log.path, 1, 2).unwrap();
        assert_eq!((0..6).filter_map(|number| text(&log, number)).count(), 3);
        for other in others {
            assert!(folder.path().join("a/b").join(other).exists(), "{other}");
        }
    }

    #[test]
    fn a_file_that_was_moved_removed_or_emptied_is_begun_anew() {
        let (mut log, folder) = log(10, 1);
        log.write("1\n").unwrap();
        fs::rename(&log.path, folder.path().join("moved")).unwrap();
        log.write("2\n").unwrap();
        assert_eq!(texts(&log), ["2\n"]);
        fs::remove_dir_all(folder.path().join("a")).unwrap();
        log.write("3\n").unwrap();
        assert_eq!(texts(&log), ["3\n"]);
        OpenOptions::new().write(true).truncate(true).open(&log.path).unwrap();
        log.write("4\n").unwrap();
        assert_eq!(texts(&log), ["4\n"]);
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn no_file_of_the_log_is_for_everybody() {
        let (mut log, folder) = log(1, 3);
        for _ in 0..3 {
            log.write("x").unwrap();
        }
        let files = [log.path.clone(), log.numbered(1), log.numbered(2)];
        assert!(files.iter().all(|file| mode(file) & !FILE_MODE == 0));
        assert_eq!(mode(&folder.path().join("a/b")) & !FOLDER_MODE, 0);

        // As an earlier version, or a generous administrator, has left them.
        for (file, open) in files.iter().zip([0o666, 0o644, 0o600]) {
            fs::set_permissions(file, Permissions::from_mode(open)).unwrap();
        }
        let log = LogFile::open(&log.path, 1, 3).unwrap();
        assert_eq!(files.each_ref().map(|file| mode(file)), [0o640, 0o640, 0o600]);
        drop(log);
    }

    #[test]
    fn a_file_that_was_moved_is_there_again_once_it_is_opened_anew() {
        let (mut log, folder) = log(10, 1);
        log.write("1\n").unwrap();
        fs::rename(&log.path, folder.path().join("moved")).unwrap();
        log.reopen().unwrap();
        assert_eq!(texts(&log), [""]);
        log.write("2\n").unwrap();
        assert_eq!(texts(&log), ["2\n"]);
    }

    #[test]
    fn a_line_that_cannot_be_written_is_an_error_and_the_next_may_be() {
        let (mut log, folder) = log(10, 1);
        fs::remove_dir_all(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a"), "in the way").unwrap();
        assert!(log.write("1\n").is_err());
        assert!(log.write("2\n").is_err());
        fs::remove_file(folder.path().join("a")).unwrap();
        log.write("3\n").unwrap();
        assert_eq!(texts(&log), ["3\n"]);
    }

    #[test]
    fn a_file_that_cannot_be_put_aside_is_emptied() {
        let (mut log, _folder) = log(10, 1);
        fs::create_dir(log.numbered(1)).unwrap();
        for line in ["1aaaaaaa\n", "2bbbbbbb\n"] {
            log.write(line).unwrap();
        }
        assert_eq!(text(&log, 0).unwrap(), "2bbbbbbb\n");
    }

    #[test]
    fn what_is_no_file_is_refused_and_a_device_is_never_full() {
        let folder = tempfile::tempdir().unwrap();
        assert!(LogFile::open(folder.path(), 10, 1).is_err());
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(LogFile::open(&socket, 10, 1).is_err());
        let mut null = LogFile::open(Path::new("/dev/null"), 10, 1).unwrap();
        for _ in 0..10 {
            null.write("123456789\n").unwrap();
        }
        assert!(!Path::new("/dev/null.1").exists());
    }

    #[test]
    fn a_full_disk_is_an_error() {
        if let Ok(mut full) = LogFile::open(Path::new("/dev/full"), 10, 1) {
            assert!(full.write("1\n").is_err());
        }
    }
}
