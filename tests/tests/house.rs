//! The house as it is meant to be: which part may use which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Folders whose parts count one by one: each part is a thing of its own.
const OF_PARTS: [&str; 3] = ["command", "http", "observers"];

type Uses = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file below a folder, but for tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it can be read").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_source = |path: &PathBuf| {
        path.extension().is_some_and(|end| end == "rs") && path.file_stem().is_none_or(|name| name != "tests")
    };
    let below = folders.iter().flat_map(|folder| sources(folder));
    files.into_iter().filter(is_source).chain(below).collect()
}

/// The part of a crate that a path of modules belongs to.
fn part(source: &Path, modules: &[&str]) -> Option<String> {
    let is_module = |path: &str| source.join(path).is_dir() || source.join(format!("{path}.rs")).is_file();
    let first = *modules.first().filter(|first| is_module(first))?;
    let inner = modules.get(1).map(|second| format!("{first}/{second}"));
    Some(inner.filter(|inner| OF_PARTS.contains(&first) && is_module(inner)).unwrap_or(first.to_owned()))
}

/// The modules that the code of this one names, each as its path from the root of the crate.
fn named<'a>(code: &'a str, module: &[&'a str]) -> Vec<Vec<&'a str>> {
    let is_name = |letter: char| letter.is_alphanumeric() || "_:".contains(letter);
    let from_root = code.split("crate::").skip(1).map(|rest| (rest, &[][..]));
    let starts = code.match_indices("super::").map(|(at, _)| at);
    let from_here = starts.filter(|at| !code[..*at].ends_with("super::")).map(|at| {
        let rest = code[at..].trim_start_matches("super::");
        let up = (code.len() - at - rest.len()) / "super::".len();
        (rest, &module[..module.len().saturating_sub(up)])
    });
    let mut all = Vec::new();
    for (rest, above) in from_root.chain(from_here) {
        let end = rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
        let (path, rest) = rest.split_at(end);
        let list = rest.strip_prefix('{').and_then(|list| list.split('}').next()).unwrap_or_default();
        for last in list.split(',') {
            let path = path.split("::").chain(last.trim().split("::")).filter(|name| !name.is_empty());
            all.push(above.iter().copied().chain(path).collect());
        }
    }
    all
}

/// Which part of a crate uses which, as its `crate::` and `super::` paths tell.
fn uses(name: &str) -> Uses {
    let source = root().join(name).join("src");
    let mut uses = Uses::new();
    for file in sources(&source) {
        let path = file.strip_prefix(&source).expect("it is below").with_extension("");
        let mut module: Vec<&str> = path.iter().map(|part| part.to_str().expect("names are text")).collect();
        let Some(user) = part(&source, &module) else { continue };
        module.pop_if(|last| *last == "mod");
        let text = fs::read_to_string(&file).expect("it can be read");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for named in named(&code, &module) {
            if let Some(used) = part(&source, &named).filter(|used| *used != user) {
                uses.entry(user.clone()).or_default().insert(used);
            }
        }
    }
    uses
}

/// The crates of the workspace.
fn crates() -> Vec<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("it can be read");
    let members = manifest.split("\nmembers = [").nth(1).and_then(|rest| rest.split(']').next());
    let members = members.expect("there is a list").split(',');
    members.map(|name| name.trim().trim_matches('"').to_owned()).collect()
}

/// A way along `uses` that comes back to where it began.
fn cycle(uses: &Uses, way: &mut Vec<String>, done: &mut BTreeSet<String>) -> Option<Vec<String>> {
    let here = way.last()?.clone();
    for next in uses.get(&here).into_iter().flatten() {
        if let Some(begin) = way.iter().position(|before| before == next) {
            return Some(way[begin..].to_vec());
        }
        if done.contains(next) {
            continue;
        }
        way.push(next.clone());
        let found = cycle(uses, way, done);
        if found.is_some() {
            return found;
        }
        way.pop();
    }
    done.insert(here);
    None
}

fn first_cycle(uses: &Uses) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    uses.keys().find_map(|part| cycle(uses, &mut vec![part.clone()], &mut done))
}

#[test]
fn no_part_of_a_crate_uses_itself_by_way_of_others() {
    for name in crates() {
        assert_eq!(first_cycle(&uses(&name)), None, "{name}");
    }
    assert!(uses("server").len() > 5, "paths are found");
}

#[test]
fn a_path_is_followed_from_where_it_is_written() {
    let here = ["http", "page", "bar"];
    assert_eq!(named("use crate::view::words;", &here), [["view", "words"]]);
    assert_eq!(
        named("super::super::api::list(super::words)", &here).concat(),
        ["http", "api", "list", "http", "page", "words"]
    );
    assert_eq!(named("use super::{Lab, alerts::Alerts};", &["book"]).concat(), ["Lab", "alerts", "Alerts"]);
}

#[test]
fn a_cycle_is_found_wherever_it_is() {
    let uses = |pairs: &[(&str, &str)]| {
        let mut uses = Uses::new();
        for (user, used) in pairs {
            uses.entry((*user).to_owned()).or_default().insert((*used).to_owned());
        }
        uses
    };
    assert_eq!(first_cycle(&uses(&[("a", "b"), ("a", "c"), ("b", "c"), ("d", "a")])), None);
    let found = first_cycle(&uses(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "b")]));
    assert_eq!(found, Some(["b", "c", "d"].map(str::to_owned).to_vec()));
}

#[test]
fn what_crosses_the_border_of_the_core_knows_nothing_of_what_is_behind_it() {
    let uses = uses("core");
    assert_eq!(uses.get("protocol"), None);
    let behind: BTreeSet<&str> =
        uses.iter().filter(|(_, used)| used.contains("monitor")).map(|(user, _)| user.as_str()).collect();
    assert_eq!(behind, BTreeSet::new(), "nothing uses the monitor, which uses everything");
}

#[test]
fn the_core_depends_on_what_can_do_no_io() {
    let manifest = fs::read_to_string(root().join("core/Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let names = dependencies.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    assert_eq!(names, ["serde", "smol_str"]);
    let library = fs::read_to_string(root().join("core/src/lib.rs")).unwrap();
    assert!(library.contains("#![no_std]"));
}
