//! `status simulate`: its output, its pictures, and its exit codes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{LONG, Status};

/// A file of the simulator's own tests.
fn data(name: &str) -> String {
    format!("{}/../sim/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn write(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.into_os_string().into_string().unwrap()
}

/// Its exit code, and what it said on both outputs.
async fn simulate(arguments: &[&str]) -> (Option<i32>, String, String) {
    let arguments: Vec<&str> = ["simulate"].iter().chain(arguments).copied().collect();
    let mut status = Status::run(&arguments, BTreeMap::new());
    let ended = status.ended(LONG).await;
    (ended.code(), status.out.all().join("\n"), status.err.all().join("\n"))
}

#[tokio::test]
async fn a_run_is_told_and_all_is_well() {
    let (code, out, err) = simulate(&[&data("camera.toml"), "--heal"]).await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for part in
        ["A camera freezes", "falls silent", "taken out of booking", "everything is repaired", "all met"]
    {
        assert!(out.contains(part), "{part} is not in {out}");
    }
}

#[tokio::test]
async fn an_expectation_that_is_not_met_is_exit_code_1_and_told_twice() {
    let (code, out, err) = simulate(&[&data("book.toml")]).await;
    let unmet = "expectation not met at 0:04:00 (line 10): r-pend00 was expected not to be bookable, and is";
    assert_eq!((code, err), (Some(1), format!("status: {}: {unmet}", data("book.toml"))));
    assert!(out.contains(unmet), "{out}");
}

#[tokio::test]
async fn json_is_one_line_for_each_run() {
    let (camera, book) = (data("camera.toml"), data("book.toml"));
    let (code, out, _) = simulate(&[&camera, &book, "--format", "json", "--seed", "7"]).await;
    assert_eq!(code, Some(1));
    let runs: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found: Vec<_> = runs.iter().map(|run| (run["seed"].as_u64(), run["ok"].as_bool())).collect();
    assert_eq!(found, [(Some(7), Some(true)), (Some(7), Some(false))]);
    assert_eq!(runs[1]["settings"]["health_last"], "15s");
}

#[tokio::test]
async fn settings_are_overridden_and_variants_compared() {
    let camera = data("camera.toml");
    let (code, out, _) = simulate(&[&camera, "--format", "json", "--set", "STATUS_HEALTH_LAST=20s"]).await;
    let run: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, run["settings"]["health_last"].as_str()), (Some(0), Some("20s")));

    let both = ["--set", "health_last=10s", "--set", "health_last=2m,query_book_every=1m"];
    let (code, out, err) = simulate(&[&[camera.as_str()][..], &both].concat()).await;
    assert_eq!(code, Some(1));
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[3].starts_with("variant") && lines[4].starts_with("health_last=10s  "), "{out}");
    assert!(lines[5].starts_with("health_last=2m,query_book_every=1m  "), "{out}");
    assert!(out.contains("health_last=2m,query_book_every=1m: expectation not met"), "{out}");
    assert!(
        err.contains("camera.toml with health_last=2m,query_book_every=1m: expectation not met"),
        "{err}"
    );
}

#[tokio::test]
async fn each_run_has_its_own_picture() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out.svg").into_os_string().into_string().unwrap();
    let (camera, book) = (data("camera.toml"), data("book.toml"));
    let sets = ["--set", "health_last=15s", "--set", "health_last=16s"];
    simulate(&[&[camera.as_str(), &book, "--svg", &out][..], &sets].concat()).await;
    let mut names: Vec<PathBuf> =
        directory.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into()).collect();
    names.sort();
    let expected = ["out-book-1.svg", "out-book-2.svg", "out-camera-1.svg", "out-camera-2.svg"];
    assert_eq!(names, expected.map(PathBuf::from));

    let (code, _, err) = simulate(&[&camera, &camera, "--svg", &out]).await;
    assert_eq!(code, Some(2));
    assert!(err.contains("two pictures would be written to"), "{err}");
    let (code, _, err) = simulate(&[&camera, "--svg", "/nowhere/out.svg"]).await;
    assert_eq!(code, Some(2));
    assert!(err.contains("/nowhere/out.svg: cannot be written"), "{err}");
}

#[tokio::test]
async fn what_is_wrong_is_exit_code_2_and_nothing_is_played() {
    let directory = tempfile::tempdir().unwrap();
    let text = "name = \"x\"\nlasts = \"5m\"\n\nsteps = [\n    { at = \"1m\", do = \"explode\" },\n]\n";
    let bad = write(directory.path(), "bad.toml", text);
    let (code, out, err) = simulate(&[&data("camera.toml"), &bad, "nothing.toml"]).await;
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains(&format!("{bad}: line 5: do: \"explode\" is nothing that can happen")), "{err}");
    assert!(err.contains("nothing.toml: cannot be read: "), "{err}");

    for (set, problem) in [
        ("health_lst=1s", "health_lst: is no setting of a scenario"),
        ("health_last=soon", "health_last: "),
        ("health_last", "\"health_last\" is no NAME=VALUE"),
    ] {
        let (code, out, err) = simulate(&[&data("camera.toml"), "--set", set]).await;
        assert_eq!((code, out.as_str()), (Some(2), ""), "{set}");
        assert!(err.contains(problem), "{err}");
    }
}

#[tokio::test]
async fn what_was_probably_meant_is_said_with_the_line() {
    let directory = tempfile::tempdir().unwrap();
    let head = "name = \"x\"\nlasts = \"2h\"\nlab = { experiments = 1 }\n";
    for (body, problem) in [
        (
            "steps = [\n  { at = \"1m\", do = \"slience\", what = \"all\" },\n]",
            "line 5: do: \"slience\" is nothing that can happen; did you mean \"silence\"?",
        ),
        (
            "steps = [\n  { at = \"1m\", do = \"down\", what = \"realy\" },\n]",
            "line 5: what: \"realy\" is no service; did you mean \"relay\"?",
        ),
        (
            "steps = [{ at = \"1m\", do = \"kill\", whta = \"x\" }]",
            "line 4: whta: is no field here; did you mean \"what\"?",
        ),
        (
            "expect = [{ alerts = [\"relay is slient\"] }]",
            "line 4: alerts: \"relay is slient\" is no system alert; did you mean \"relay is silent\"?",
        ),
        (
            "settings = { STATUS_HEALTH_LST = \"1s\" }",
            "is no setting of a scenario; did you mean \"health_last\"?",
        ),
        (
            "steps = [\n  { at = \"3h\", do = \"kill\" },\n]",
            "line 5: at: 3h is after the end: lasts = \"2h\" in line 2",
        ),
        (
            "expect = [\n\n  { at = \"2h1s\", mails = 1 },\n]",
            "line 6: at: 2h1s is after the end: lasts = \"2h\" in line 2",
        ),
        (
            "[settings]\nhealth_last = \"20s\"\nsteps = [\n  { at = \"1m\", do = \"kill\" },\n]",
            "line 6: steps: it stands below [settings] (line 4), so it is a part of that in TOML; move it above line 4",
        ),
    ] {
        let bad = write(directory.path(), "bad.toml", &format!("{head}{body}\n"));
        let (code, out, err) = simulate(&[&bad]).await;
        assert_eq!((code, out.as_str()), (Some(2), ""), "{body}");
        assert!(err.contains(problem), "{err} for {body}");
        assert!(err.len() < 400 && err.lines().count() == 1, "it is short: {err}");
    }
}

#[tokio::test]
async fn a_setting_that_changes_nothing_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let text = "name = \"x\"\nlasts = \"2m\"\nlab = { experiments = 1 }\nsettings = { health_last_checked = \"15s\" }\n";
    let file = write(directory.path(), "checked.toml", text);
    let (code, _, err) = simulate(&[&file, "--set", "health_last=30s"]).await;
    let warning = "warning: health_last = \"30s\" changes nothing but health_last_active, since \
                   health_last_checked = \"15s\" goes before it";
    assert_eq!(code, Some(0));
    assert!(err.contains(warning), "{err}");
    let (_, _, err) = simulate(&[&file, "--set", "health_last=30s,health_last_active=20s"]).await;
    assert!(
        err.contains("changes nothing, since health_last_active = \"20s\" and health_last_checked"),
        "{err}"
    );
    for quiet in ["health_last_checked=30s", "health_last=30s,health_last_checked=20s"] {
        let (_, _, err) = simulate(&[&file, "--set", quiet]).await;
        assert_eq!(err, "", "{quiet}");
    }
}

#[tokio::test]
async fn a_picture_is_called_what_it_is() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["out.png", "out.pdf", "out.svg.gz"] {
        let out = directory.path().join(name).into_os_string().into_string().unwrap();
        let (code, said, err) = simulate(&[&data("camera.toml"), "--svg", &out]).await;
        assert_eq!((code, said.as_str()), (Some(2), ""), "{name}");
        assert!(err.contains("pictures are SVG, and cannot be "), "{err}");
        assert!(!Path::new(&out).exists(), "{name}");
    }
    let out = directory.path().join("out.SVG");
    let (code, ..) = simulate(&[&data("camera.toml"), "--svg", out.to_str().unwrap()]).await;
    assert_eq!((code, out.exists()), (Some(0), true));
}

#[tokio::test]
async fn what_would_never_end_is_refused_with_its_field_its_limit_and_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = |lasts: &str, lab: &str| {
        write(
            directory.path(),
            "large.toml",
            &format!("name = \"x\"\nlasts = \"{lasts}\"\nlab = {{ {lab} }}\n"),
        )
    };
    for (lasts, lab, problem) in [
        ("3000d", "experiments = 100", "line 2: lasts: about "),
        ("5m", "experiments = 20000", "line 3: experiments: 20000 is more than 1000"),
    ] {
        let (code, out, err) = simulate(&[&file(lasts, lab)]).await;
        assert_eq!((code, out.as_str()), (Some(2), ""));
        assert!(err.contains(problem), "{err}");
    }
    let file = file("30d", "experiments = 100");
    let (code, _, err) = simulate(&[&file, "--set", "query_book_every=1s"]).await;
    assert_eq!(code, Some(2));
    assert!(err.contains("with --set query_book_every=1s: lasts: about "), "{err}");
}

#[tokio::test]
async fn a_long_run_tells_how_far_it_is_and_is_interrupted_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let text = "name = \"years\"\nlasts = \"200d\"\nlab = { experiments = 20 }\n";
    let long = write(directory.path(), "long.toml", text);
    let mut status = Status::run(&["simulate", &long], BTreeMap::new());
    status.err.line(&["long.toml: ", " of 200d, ", "times as fast as life"]).await;
    status.signal(Signal::INT);
    assert_eq!(status.ended(Duration::from_secs(5)).await.code(), Some(130));
    assert!(status.out.all().is_empty(), "{:?}", status.out.all());
}

/// docs/simulate.md shows this picture, and says that this command makes it.
#[tokio::test]
async fn the_picture_in_the_readme_is_the_one_that_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("morning.svg");
    let (code, ..) = simulate(&[&data("morning.toml"), "--svg", out.to_str().unwrap()]).await;
    assert_eq!(code, Some(0));
    let shown = format!("{}/../docs/pictures/morning.svg", env!("CARGO_MANIFEST_DIR"));
    let same = std::fs::read_to_string(out).unwrap() == std::fs::read_to_string(shown).unwrap();
    assert!(
        same,
        "make it again: status simulate sim/tests/data/morning.toml --svg docs/pictures/morning.svg"
    );
}
