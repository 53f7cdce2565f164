//! Names from other services may hold any character. The command line shows such a character escaped, so that a terminal
//! never takes it for a command.

use std::collections::BTreeMap;

use status_sim::mock::{Lab, ServicesOptions};

use crate::support::{LONG, Status, environment, get, mail, services, silence};

/// Names with what turns the text around, what is no character to be seen, what ends a line, and a blank at the end; and
/// how each is shown.
const NAMES: [(&str, &str); 6] = [
    ("pend\u{202E}00", r"pend\u{202E}00"),
    ("pend\u{200B}01", r"pend\u{200B}01"),
    ("pend\u{2028}02", r"pend\u{2028}02"),
    ("pend\u{E0041}03", r"pend\u{E0041}03"),
    ("pend\u{2066}04", r"pend\u{2066}04"),
    ("pend05\u{FEFF}", r"pend05\u{FEFF}"),
];

/// The hostile characters of the names.
const HOSTILE: [char; 6] = ['\u{202E}', '\u{200B}', '\u{2028}', '\u{E0041}', '\u{2066}', '\u{FEFF}'];

/// Its output on both streams, which holds nothing hostile.
async fn said(arguments: &[&str], environment: BTreeMap<String, String>) -> String {
    let mut status = Status::run(arguments, environment);
    status.ended(LONG).await;
    let text = [status.out.all(), status.err.all()].concat().join("\n");
    assert!(!text.contains(HOSTILE), "{text:?}");
    text
}

#[tokio::test]
async fn what_check_says_of_names_is_escaped() {
    // It names three at most.
    for names in NAMES.chunks(3) {
        // The first resource is asked for.
        let lab = Lab::with_experiments(1, &["video"]);
        names.iter().for_each(|(name, _)| lab.add_experiment(name, &["video"]));
        let services = services(&lab, ServicesOptions::default()).await;
        names.iter().for_each(|(name, _)| lab.unplug(name));
        let said = said(&["check"], environment(&services, &[])).await;
        for (_, shown) in names {
            assert!(said.contains(&format!("{shown}-st-video")), "{shown} is not in {said}");
        }
    }
}

#[tokio::test]
async fn what_the_history_says_of_names_is_escaped() {
    let lab = Lab::new();
    NAMES.iter().for_each(|(name, _)| lab.add_experiment(name, &["video"]));
    let services = services(&lab, ServicesOptions::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.db");
    let mut status = Status::serve(&services, &[("STATUS_STORE", path.to_str().unwrap())]);
    mail(&services, 1).await;
    for (number, (name, _)) in NAMES.iter().enumerate() {
        silence(&services, &format!("{name}-st-video"));
        mail(&services, 2 + number).await;
    }
    status.stop().await;
    let store = BTreeMap::from([("STATUS_STORE".to_owned(), path.to_str().unwrap().to_owned())]);
    let told = said(&["history"], store.clone()).await;
    for (name, shown) in NAMES {
        let line = format!("{shown}  unhealthy  unhealthy {shown}-st-video");
        let squeezed = told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join("  "));
        let wanted = line.split_whitespace().collect::<Vec<_>>().join("  ");
        assert!(squeezed.into_iter().any(|told| told.ends_with(&wanted)), "{line} is not in {told}");
        // The error about an experiment that is not in the history names it, too.
        let none = said(&["history", "--experiment", &format!("{name}x")], store.clone()).await;
        assert!(none.contains("no events of "), "{none}");
    }
}

/// A name as a path or a query has it.
fn encoded(name: &str) -> String {
    name.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn what_the_page_and_the_badges_show_of_names_is_escaped() {
    let lab = Lab::new();
    NAMES.iter().for_each(|(name, _)| lab.add_experiment(name, &["video"]));
    let services = services(&lab, ServicesOptions::default()).await;
    let status = Status::serve(&services, &[]);
    mail(&services, 1).await;
    for (number, (name, _)) in NAMES.iter().enumerate() {
        silence(&services, &format!("{name}-st-video"));
        mail(&services, 2 + number).await;
    }
    let port = status.port().await;
    let overview = get(port, "/").await;
    assert!(!overview.contains(HOSTILE), "{overview:?}");
    for (name, shown) in NAMES {
        assert!(overview.contains(shown), "{shown} is not in {overview}");
        let name = encoded(name);
        for path in
            [format!("/?experiment={name}"), format!("/badge/{name}.svg"), format!("/badge/{name}x.svg")]
        {
            let answer = get(port, &path).await;
            assert!(!answer.contains(HOSTILE), "{path}: {answer:?}");
            assert!(answer.contains(shown), "{shown} is not in {answer}");
        }
    }
}

#[tokio::test]
async fn what_simulate_says_of_names_is_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("names.toml");
    let path = path.to_str().unwrap();
    for (name, shown) in NAMES {
        let quoted: String = name.chars().map(|c| format!("\\U{:08X}", u32::from(c))).collect();
        let text = format!(
            r#"name = "lab {quoted}"
about = "about {quoted}"
lasts = "5m"
lab = {{ experiments = 1 }}
steps = [
    {{ at = "1m", do = "add", what = "{quoted}", streams = ["data"] }},
    {{ at = "2m", do = "take_out", what = "r-pend00", reason = "since {quoted}" }},
    {{ at = "3m", do = "remove", what = ["{quoted}", "{quoted}x"] }},
]
expect = [{{ unhealthy = ["{quoted}", "{quoted}x"], available = ["r-{quoted}"], mailed = ["{quoted}?"] }}]
"#
        );
        std::fs::write(path, text).unwrap();
        let plain = said(&["simulate", path], BTreeMap::new()).await;
        for part in [
            format!("lab {shown}"),
            format!("{shown} comes with"),
            format!("since {shown}"),
            format!("r-{shown} is not"),
        ] {
            assert!(plain.contains(&part), "{part} is not in {plain}");
        }
        let promises = plain.contains("promise broken");
        assert!(!promises, "the oracle knows how names are shown: {plain}");
        let sets = ["simulate", path, "--set", "health_last=10s", "--set", &format!("email_subject={name}")];
        said(&sets, BTreeMap::new()).await;
        std::fs::write(
            path,
            format!("name = \"x\"\nlasts = \"5m\"\nsteps = [{{ at = \"{quoted}\", do = \"{quoted}\" }}]"),
        )
        .unwrap();
        said(&["simulate", path], BTreeMap::new()).await;
    }
}
