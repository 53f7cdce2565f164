//! What a restart must not lose is in the store, and a store that is broken stops nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use status_sim::mock::{Services, SmtpFault};
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::{LONG, Status, api, environment, lab_services, mail, silence};

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.db");
    (folder, path)
}

fn serve(services: &Services, path: &Path) -> Status {
    Status::serve(services, &[("STATUS_STORE", path.to_str().unwrap())])
}

async fn kill(mut status: Status) {
    status.signal(Signal::KILL);
    status.ended(LONG).await;
}

/// Waits until the store answers a query with yes.
async fn is_written(path: &Path, query: &str) {
    let answer = || {
        let store = rusqlite::Connection::open(path).unwrap();
        store.query_row(query, [], |row| row.get(0)).unwrap_or(false)
    };
    let waiting = async {
        while !answer() {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap();
}

/// The mails that came, by their identities: each once.
fn identities(services: &Services) -> BTreeSet<String> {
    let ids = services.smtp.mails();
    ids.iter().map(|mail| mail.header("Message-ID").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn killed_in_an_outage_it_goes_on_where_it_was() {
    let services = lab_services(3).await;
    let (_folder, path) = place();
    let status = serve(&services, &path);
    mail(&services, 1).await;
    silence(&services, "pend00-st-video");
    assert!(mail(&services, 2).await.body.contains("pend00 ><   U [unhealthy pend00-st-video]"));
    let two = |events: &Value| events.as_array().is_some_and(|events| events.len() == 2);
    let before = api(&status, "/api/v1/experiments/events/pend00", two).await;
    // The mark that a mail was taken is written down a moment after it came.
    is_written(&path, "SELECT (SELECT count(*) FROM news) + (SELECT count(*) FROM queued_mails) = 0").await;
    kill(status).await;

    // While nobody watches, one recovers and another breaks down.
    services.lab.transmit("pend00-st-video");
    services.lab.unplug("pend02");
    services.book.override_resource("r-pend02", true, "looks fine");
    let mut status = serve(&services, &path);
    // History and verdicts are there at once.
    assert_eq!(api(&status, "/api/v1/experiments/events/pend00", two).await, before);
    let told = mail(&services, 3).await;
    assert!(told.body.contains("New health events (1 issues, 1 ok):"), "{}", told.body);
    assert!(told.body.contains("pend00 ok A") && told.body.contains("pend02 ><   U"), "{}", told.body);
    let taken_out = services.book.wait_for(|state| !state.is_available("r-pend02"), LONG).await;
    taken_out.unwrap_or_else(|late| panic!("{late}"));
    status.stop().await;
    assert_eq!((services.smtp.mails().len(), identities(&services).len()), (3, 3));
}

#[tokio::test]
async fn a_mail_that_waited_through_a_restart_comes_once() {
    let services = lab_services(1).await;
    let (_folder, path) = place();
    services.smtp.set_fault(SmtpFault::RecipientsLater);
    let status = serve(&services, &path);
    let waits = |ready: &Value| ready["undelivered"][0]["tries"].as_u64() >= Some(1);
    let ready = api(&status, "/readyz", waits).await;
    assert_eq!(ready["undelivered_mails"], 1);
    let waiting = &ready["undelivered"][0];
    assert!(waiting["trouble"].as_str().unwrap().contains("451"), "{ready}");
    let id = waiting["id"].as_str().unwrap().to_owned();
    status.out.line(&["is not delivered yet", &id, "451"]).await;
    // What the mail server said is written down a moment after it is told.
    let all = "SELECT record FROM queued_mails UNION ALL SELECT record FROM records";
    is_written(&path, &format!("SELECT count(*) > 0 FROM ({all}) WHERE instr(record, ' 451')")).await;
    kill(status).await;

    services.smtp.set_fault(SmtpFault::None);
    let mut status = serve(&services, &path);
    status.out.line(&["from before the start is not delivered yet", "451"]).await;
    let told = mail(&services, 1).await;
    assert!(told.body.contains("pend00 ok A"), "{}", told.body);
    api(&status, "/readyz", |ready| ready["undelivered_mails"] == 0).await;
    status.stop().await;
    assert_eq!(services.smtp.mails().len(), 1);
}

#[tokio::test]
async fn killed_before_the_answer_came_it_sends_the_same_mail_again() {
    let services = lab_services(1).await;
    let (_folder, path) = place();
    services.smtp.set_fault(SmtpFault::HangsAfterText);
    let status = serve(&services, &path);
    let first = mail(&services, 1).await;
    kill(status).await;
    services.smtp.set_fault(SmtpFault::None);
    let mut status = serve(&services, &path);
    let again = mail(&services, 2).await;
    assert_eq!(again.header("Message-ID"), first.header("Message-ID"));
    assert_eq!((again.subject(), &again.body), (first.subject(), &first.body));
    status.stop().await;
}

#[tokio::test]
async fn what_is_on_its_way_at_the_end_is_marked_as_sent() {
    let services = lab_services(1).await;
    let (_folder, path) = place();
    for _ in 0..3 {
        let mut status = serve(&services, &path);
        // It hears signals by then.
        status.port().await;
        mail(&services, 1).await;
        status.stop().await;
    }
    assert_eq!(services.smtp.mails().len(), 1, "an ordinary restart repeats nothing");
}

#[tokio::test]
async fn a_store_in_use_is_refused_and_a_newer_one_stays_as_it_is() {
    let services = lab_services(1).await;
    let (_folder, path) = place();
    let mut first = serve(&services, &path);
    first.port().await;
    let mut second = serve(&services, &path);
    assert_eq!(second.ended(LONG).await.code(), Some(1));
    second.err.line(&["another process uses the store", path.to_str().unwrap()]).await;
    first.stop().await;

    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 77).unwrap();
    let before = fs::read(&path).unwrap();
    let before_it = services.smtp.mails().len();
    let mut newer = serve(&services, &path);
    newer.out.line(&["\"level\":\"error\"", "has version 77", "run the newer program"]).await;
    let ready = api(&newer, "/readyz", |ready| !ready["store_trouble"].is_null()).await;
    assert!(ready["store_trouble"].as_str().unwrap().contains("it is left as it is"), "{ready}");
    let told = mail(&services, before_it + 2).await;
    assert!(told.body.contains("the store cannot be written since"), "{}", told.body);
    assert!(told.body.contains("run the newer program"), "{}", told.body);
    newer.stop().await;
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn an_older_store_is_read() {
    let services = lab_services(1).await;
    let (_folder, path) = place();
    let old = include_str!("../../../adapters/fixtures/store-v1.sql");
    rusqlite::Connection::open(&path).unwrap().execute_batch(old).unwrap();
    let mut status = serve(&services, &path);
    let events = api(&status, "/api/v1/experiments/events/pend00", Value::is_array).await;
    assert!(events.as_array().unwrap().len() >= 2, "{events}");
    // The mail that was left over comes as it was sealed.
    assert_eq!(mail(&services, 1).await.body.trim_end(), "text");
    status.stop().await;
}

#[tokio::test]
async fn a_damaged_store_is_set_aside() {
    let services = lab_services(1).await;
    let (folder, path) = place();
    // What it is can still be seen, and it cannot be read.
    let mut bytes = [0; 8192];
    bytes[68..72].copy_from_slice(b"stat");
    fs::write(&path, bytes).unwrap();
    let mut status = serve(&services, &path);
    status.out.line(&["\"level\":\"error\"", "is damaged", "set aside as", ".damaged-"]).await;
    mail(&services, 1).await;
    status.stop().await;
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().any(|name| name.to_string_lossy().contains(".damaged-")));
}

#[tokio::test]
async fn a_store_that_is_deleted_gets_everything_again_and_repeats_nothing() {
    let services = lab_services(2).await;
    let (_folder, path) = place();
    let status = serve(&services, &path);
    mail(&services, 1).await;
    silence(&services, "pend00-st-video");
    mail(&services, 2).await;
    services.lab.transmit("pend00-st-video");
    mail(&services, 3).await;
    fs::remove_file(&path).unwrap();
    status.out.line(&["\"level\":\"error\"", "was deleted or replaced while the server ran"]).await;
    let told = mail(&services, 4).await;
    assert!(told.body.contains("the store was replaced since"), "{}", told.body);
    let mails = mail(&services, 5).await;
    assert!(mails.body.contains("New health events (0 issues, 0 ok):"), "{}", mails.body);
    let (_, json, _) = history(path.to_str().unwrap(), &["--format", "json"]).await;
    let events: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(events.as_array().map(Vec::len), Some(4), "{events}");
    kill(status).await;

    let mut status = serve(&services, &path);
    let three = |events: &Value| events.as_array().is_some_and(|events| events.len() == 3);
    api(&status, "/api/v1/experiments/events/pend00", three).await;
    silence(&services, "pend01-st-video");
    let told = mail(&services, 6).await;
    assert!(told.body.contains("New health events (1 issues, 0 ok):"), "{}", told.body);
    status.stop().await;
    assert_eq!(services.smtp.mails().len(), 6);
}

#[tokio::test]
async fn where_nothing_can_be_written_the_watching_goes_on() {
    let services = lab_services(1).await;
    // Not even root can write there.
    let mut status = serve(&services, Path::new("/proc/status/status.db"));
    let told = mail(&services, 1).await;
    assert!(told.body.contains("pend00 ok A"), "{}", told.body);
    let ready = api(&status, "/readyz", |ready| !ready["store_trouble"].is_null()).await;
    assert!(ready["store_trouble"].as_str().unwrap().contains("/proc/status"), "{ready}");
    assert!(mail(&services, 2).await.body.contains("the store cannot be written since"));
    silence(&services, "pend00-st-video");
    let taken_out = services.book.wait_for(|state| !state.is_available("r-pend00"), LONG).await;
    taken_out.unwrap_or_else(|late| panic!("{late}"));
    status.stop().await;
}

#[tokio::test]
async fn on_a_full_disk_the_watching_goes_on() {
    let services = lab_services(1).await;
    let (_folder, path) = place();
    let mut command = Command::new("sh");
    // No file may grow beyond 24 blocks of 512 bytes, and whoever tries is told so.
    let script = "trap '' XFSZ; ulimit -f 24; exec \"$0\" serve";
    command.args(["-c", script, env!("CARGO_BIN_EXE_status")]);
    let chosen = [("STATUS_STORE", path.to_str().unwrap())];
    command.env_clear().envs(environment(&services, &chosen));
    let mut status = Status::spawn(command);
    mail(&services, 1).await;
    let ready = api(&status, "/readyz", |ready| !ready["store_trouble"].is_null()).await;
    assert!(ready["store_trouble"].as_str().unwrap().contains("status.db"), "{ready}");
    assert!(mail(&services, 2).await.body.contains("the store cannot be written since"));
    silence(&services, "pend00-st-video");
    let taken_out = services.book.wait_for(|state| !state.is_available("r-pend00"), LONG).await;
    taken_out.unwrap_or_else(|late| panic!("{late}"));
    status.stop().await;
}

async fn history(path: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let environment = [("STATUS_STORE".to_owned(), path.to_owned())];
    let mut status = Status::run(&[&["history"], arguments].concat(), environment);
    let code = status.ended(LONG).await.code();
    (code, status.out.all().join("\n"), status.err.all().join("\n"))
}

#[tokio::test]
async fn the_history_is_printed_also_while_the_server_runs() {
    let services = lab_services(2).await;
    let (_folder, path) = place();
    let text = path.to_str().unwrap();
    let (code, out, err) = history(text, &[]).await;
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("there is no store yet"), "{err}");

    let mut status = serve(&services, &path);
    mail(&services, 1).await;
    silence(&services, "pend00-st-video");
    mail(&services, 2).await;
    let (code, table, _) = history(text, &[]).await;
    assert_eq!((code, table.lines().count()), (Some(0), 3), "{table}");
    assert!(table.ends_with("pend00  unhealthy  unhealthy pend00-st-video"), "{table}");
    let (_, json, _) = history(text, &["--experiment", "pend01", "--format", "json"]).await;
    let events: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(events.as_array().unwrap().len(), 1);
    assert_eq!((&events[0]["topic_name"], &events[0]["healthy"]), (&"pend01".into(), &true.into()));
    let (_, none, _) = history(text, &["--since", "1ms", "--experiment", "pend01"]).await;
    assert_eq!(none, "");
    status.stop().await;
    let (code, _, err) = history(":memory:", &[]).await;
    assert!(code == Some(1) && err.contains(":memory:"), "{err}");
}

/// For how many seconds an experiment was healthy in the last 24 hours, and by the days one by one.
fn healthy_seconds(detail: &Value) -> (f64, f64) {
    let uptime = &detail["uptime"];
    let days = uptime["days"].as_array().unwrap().iter().map(|day| day["healthy_seconds"].as_f64().unwrap());
    (uptime["last_24h"]["healthy_seconds"].as_f64().unwrap(), days.sum())
}

#[tokio::test]
async fn uptime_goes_on_after_a_restart() {
    const PATH: &str = "/api/v1/experiments/pend00";
    let services = lab_services(1).await;
    let (_folder, path) = place();
    let mut status = serve(&services, &path);
    let is_known = |detail: &Value| detail["uptime"].is_object();
    let before = api(&status, PATH, |detail| is_known(detail) && healthy_seconds(detail).0 > 2.0).await;
    let before = healthy_seconds(&before);
    assert!((before.0 - before.1).abs() < 0.2, "the days and the window tell the same: {before:?}");
    status.stop().await;
    let mut status = serve(&services, &path);
    let after = healthy_seconds(&api(&status, PATH, is_known).await);
    // What was written down last may be a snapshot old.
    assert!(after.0 > 1.0 && after.1 > 1.0, "{before:?} {after:?}");
    status.stop().await;
}
