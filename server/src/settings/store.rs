//! Where the store is if nobody says so.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::StoreSettings;

const FILE: &str = "status.db";

/// In the folder that systemd gives this service, else in the user's folder for such things.
pub(super) fn default_place(vars: &[(OsString, OsString)], is_root: bool) -> StoreSettings {
    let folder = |name: &str| {
        let (_, value) = vars.iter().find(|(known, _)| known == name)?;
        // A service can have several, separated by colons.
        let first = value.as_bytes().split(|byte| *byte == b':').next()?;
        let path = Path::new(OsStr::from_bytes(first));
        path.is_absolute().then(|| path.to_owned())
    };
    let state = folder("STATE_DIRECTORY");
    let state = state.or_else(|| folder("XDG_STATE_HOME").map(|path| path.join("status")));
    let home = || folder("HOME").map(|path| path.join(".local/state/status"));
    // systemd gives a service of root's no home.
    let root = || is_root.then(|| PathBuf::from("/var/lib/status"));
    state
        .or_else(home)
        .or_else(root)
        .map_or(StoreSettings::Nowhere, |folder: PathBuf| StoreSettings::File(folder.join(FILE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_folder_that_there_is_counts() {
        let place = |vars: &[(&str, &str)]| {
            let vars: Vec<(OsString, OsString)> =
                vars.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            default_place(&vars, false)
        };
        let file = |path: &str| StoreSettings::File(PathBuf::from(path));
        let home = ("HOME", "/home/a");
        assert_eq!(place(&[]), StoreSettings::Nowhere);
        assert_eq!(place(&[("HOME", "")]), StoreSettings::Nowhere);
        assert_eq!(place(&[home]), file("/home/a/.local/state/status/status.db"));
        assert_eq!(place(&[home, ("XDG_STATE_HOME", "/x")]), file("/x/status/status.db"));
        assert_eq!(place(&[home, ("XDG_STATE_HOME", "x")]), file("/home/a/.local/state/status/status.db"));
        assert_eq!(default_place(&[], true), file("/var/lib/status/status.db"));
        let systemd = ("STATE_DIRECTORY", "/var/lib/status:/var/lib/other");
        assert_eq!(place(&[home, systemd]), file("/var/lib/status/status.db"));
    }
}
