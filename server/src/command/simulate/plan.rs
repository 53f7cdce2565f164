//! Which runs there are: every file with every set of settings. All of it is checked before anything is played.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use status_sim::scenario::{Scenario, Settings, overridden};

use super::complain;
use crate::command::args::{Set, SimulateArgs};

/// One scenario, played once.
#[derive(Debug)]
pub(super) struct Run {
    file: PathBuf,
    pub(super) scenario: Scenario,
    /// What was set for it, as it was written.
    pub(super) set: Option<String>,
    /// Where its picture goes.
    pub(super) picture: Option<PathBuf>,
}

impl Run {
    /// Its file, and what was set.
    pub(super) fn name(&self) -> String {
        named(&self.file, self.set.as_deref())
    }
}

fn named(file: &Path, set: Option<&str>) -> String {
    let file = file.display();
    set.map_or_else(|| file.to_string(), |set| format!("{file} with {set}"))
}

/// Returns all runs; or, where something is wrong, says all that is, and returns none.
pub(super) fn runs(args: &SimulateArgs) -> Option<Vec<Run>> {
    let mut runs = Vec::new();
    let mut problems = Vec::new();
    for file in &args.files {
        match read(file) {
            Ok(scenario) => {
                for unknown in scenario.unknown_names() {
                    complain(&format!("{}: warning: {unknown}", file.display()));
                }
                of_file(args, file, &scenario, &mut runs, &mut problems);
            }
            Err(problem) => problems.push(problem),
        }
    }
    let mut pictures = BTreeSet::new();
    for path in runs.iter().filter_map(|run| run.picture.as_ref()) {
        if !pictures.insert(path) {
            problems.push(format!("--svg: two pictures would be written to {}", path.display()));
        }
    }
    problems.iter().for_each(|problem| complain(problem));
    problems.is_empty().then_some(runs)
}

fn read(file: &Path) -> Result<Scenario, String> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: cannot be read: {error}"))?;
    Scenario::read(&text).map_err(|error| format!("{name}: {error}"))
}

/// A file's runs: one for each set, or one with the settings that it has.
fn of_file(
    args: &SimulateArgs,
    file: &Path,
    scenario: &Scenario,
    runs: &mut Vec<Run>,
    problems: &mut Vec<String>,
) {
    let sets = args.sets.iter().map(Some).chain(args.sets.is_empty().then_some(None));
    for (i, set) in sets.enumerate() {
        let mut scenario = scenario.clone();
        scenario.seed = args.seed.unwrap_or(scenario.seed);
        let values = set.map(|set| set.values.clone()).unwrap_or_default();
        warn_of_overridden(file, &scenario.settings, set, &values);
        scenario.settings.extend(values);
        if let Err(error) = playable(&scenario) {
            let set = set.map(|set| format!("--set {}", set.name));
            problems.push(format!("{}: {error}", named(file, set.as_deref())));
            continue;
        }
        let stem = (args.files.len() > 1).then(|| file.file_stem().unwrap_or_default());
        let number = (args.sets.len() > 1).then_some(i + 1);
        let picture = args.svg.as_deref().map(|out| picture(out, stem, number));
        let set = set.map(|Set { name, .. }| name.clone());
        runs.push(Run { file: file.to_owned(), scenario, set, picture });
    }
}

fn warn_of_overridden(
    file: &Path,
    settings: &BTreeMap<String, String>,
    set: Option<&Set>,
    values: &BTreeMap<String, String>,
) {
    if let Some(warning) = overridden(settings, values) {
        complain(&format!("{}: warning: {warning}", named(file, set.map(|set| set.name.as_str()))));
    }
}

/// Whether the settings make sense, and the run comes to an end while somebody waits for it.
fn playable(scenario: &Scenario) -> Result<(), String> {
    Settings::read(&scenario.settings).map_err(|error| error.to_string())?;
    scenario.check_size().map_err(|error| error.to_string())
}

/// `out.svg`, or `out-camera-2.svg` where there are several files and sets.
fn picture(out: &Path, stem: Option<&std::ffi::OsStr>, number: Option<usize>) -> PathBuf {
    let mut name: OsString = out.file_stem().unwrap_or_default().to_owned();
    if let Some(stem) = stem {
        name.push("-");
        name.push(stem);
    }
    if let Some(number) = number {
        name.push(format!("-{number}"));
    }
    if let Some(extension) = out.extension() {
        name.push(".");
        name.push(extension);
    }
    out.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn pictures_of_several_runs_have_several_names() {
        let name = |stem, number| picture(Path::new("a/out.svg"), stem, number);
        assert_eq!(name(None, None), Path::new("a/out.svg"));
        assert_eq!(name(Some(OsStr::new("camera")), None), Path::new("a/out-camera.svg"));
        assert_eq!(name(None, Some(2)), Path::new("a/out-2.svg"));
        assert_eq!(name(Some(OsStr::new("camera")), Some(2)), Path::new("a/out-camera-2.svg"));
        assert_eq!(picture(Path::new("out"), None, Some(1)), Path::new("out-1"));
    }
}
