//! The fuzz corpus, played again on the stable toolchain.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so does its helper")]
#![expect(clippy::print_stdout, reason = "of a test that fails, the last file is the culprit")]

use std::path::Path;

use status_sim::fuzz;

/// Gives every file of a target's corpus to its body.
fn play(target: &str, body: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 10, "{target} has a corpus");
    for file in files {
        println!("{}", file.display());
        body(&std::fs::read(&file).unwrap());
    }
}

#[test]
fn scenario_files() {
    play("scenario_file", fuzz::scenario_file);
}

#[test]
fn report_frames() {
    play("report_frame", fuzz::report_frame);
}

#[test]
fn durations() {
    play("duration", fuzz::a_duration);
}

#[test]
fn whole_scenarios() {
    play("whole_scenario", fuzz::whole_scenario);
}

#[test]
fn mail_servers() {
    play("mail_server", fuzz::mail_server);
}
