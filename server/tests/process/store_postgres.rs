//! What a restart must not lose is in a PostgreSQL database, as well as in a file.

use std::collections::BTreeSet;

use rustix::process::Signal;
use serde_json::Value;
use status_sim::mock::Services;

use crate::postgres_server::{PASSWORD, Postgres};
use crate::support::{LONG, Status, api, environment, get, lab_services, mail, silence};

/// What names the store.
fn store(postgres: &Postgres) -> [(&'static str, String); 2] {
    [("STATUS_STORE", postgres.url("lab1", "")), ("STATUS_STORE_PASSWORD", PASSWORD.to_owned())]
}

fn serve(services: &Services, postgres: &Postgres) -> Status {
    let store = store(postgres);
    Status::serve(services, &store.each_ref().map(|(name, value)| (*name, value.as_str())))
}

/// The exit code, and what was printed on standard output and on standard error.
async fn run(postgres: &Postgres, arguments: &[&str]) -> (Option<i32>, String, String) {
    let environment = store(postgres).map(|(name, value)| (name.to_owned(), value));
    let mut status = Status::run(arguments, environment);
    let code = status.ended(LONG).await.code();
    (code, status.out.all().join("\n"), status.err.all().join("\n"))
}

fn identities(services: &Services) -> BTreeSet<String> {
    let ids = services.smtp.mails();
    ids.iter().map(|mail| mail.header("Message-ID").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn killed_in_an_outage_it_goes_on_where_it_was() {
    let Some(postgres) = Postgres::start(None) else { return };
    let services = lab_services(3).await;
    let (code, _, err) = run(&postgres, &["history"]).await;
    assert!(code == Some(1) && err.contains("there is no store yet"), "{err}");
    let mut status = serve(&services, &postgres);
    mail(&services, 1).await;
    silence(&services, "pend00-st-video");
    mail(&services, 2).await;
    let two = |events: &Value| events.as_array().is_some_and(|events| events.len() == 2);
    let before = api(&status, "/api/v1/experiments/events/pend00", two).await;
    let metrics = get(status.port().await, "/metrics").await;
    assert!(metrics.contains("status_store_size_bytes "), "{metrics}");
    let owed = "SELECT (SELECT count(*) FROM lab1.news) + (SELECT count(*) FROM lab1.queued_mails)";
    let waiting = async { while postgres.number(owed).await > 0 {} };
    tokio::time::timeout(LONG, waiting).await.unwrap();

    let mut second = serve(&services, &postgres);
    api(&second, "/readyz", |ready| ready["role"] == "follower" && ready["ready"] == true).await;
    second.stop().await;
    let (code, table, _) = run(&postgres, &["history", "--experiment", "pend00"]).await;
    assert_eq!((code, table.lines().count()), (Some(0), 2), "{table}");
    let (code, report, _) = run(&postgres, &["report", "--since", "1d"]).await;
    assert!(code == Some(0) && report.contains("3 experiments"), "{report}");

    status.signal(Signal::KILL);
    status.ended(LONG).await;
    services.lab.transmit("pend00-st-video");
    services.lab.unplug("pend02");
    let mut status = serve(&services, &postgres);
    assert_eq!(api(&status, "/api/v1/experiments/events/pend00", two).await, before);
    let told = mail(&services, 3).await;
    assert!(told.body.contains("New health events (1 issues, 1 ok):"), "{}", told.body);
    status.stop().await;
    assert_eq!((services.smtp.mails().len(), identities(&services).len()), (3, 3));
    assert!(!status.out.all().iter().chain(&status.err.all()).any(|line| line.contains(PASSWORD)));
}

#[tokio::test]
async fn while_the_database_is_away_the_watching_goes_on_and_nothing_is_lost() {
    let Some(postgres) = Postgres::start(None) else { return };
    let services = lab_services(2).await;
    let mut status = serve(&services, &postgres);
    mail(&services, 1).await;
    postgres.crash();
    silence(&services, "pend00-st-video");
    // It is written down before it is told, as far as that can be.
    services
        .book
        .wait_for(|state| !state.is_available("r-pend00"), LONG)
        .await
        .unwrap_or_else(|late| panic!("{late}"));
    let trouble =
        |ready: &Value| ready["store_trouble"].as_str().is_some_and(|text| text.contains("postgres://"));
    api(&status, "/readyz", trouble).await;
    assert!(postgres.begin());
    api(&status, "/readyz", |ready| ready["store_trouble"].is_null()).await;
    let (_, table, _) = run(&postgres, &["history", "--experiment", "pend00"]).await;
    assert!(table.ends_with("unhealthy pend00-st-video"), "{table}");
    status.stop().await;
    assert_eq!(services.smtp.mails().len(), identities(&services).len());
}

#[tokio::test]
async fn it_is_checked_and_copied_from_a_file_and_back() {
    let Some(postgres) = Postgres::start(None) else { return };
    let services = lab_services(1).await;
    let folder = tempfile::tempdir().unwrap();
    let [from, back] =
        ["from.db", "back.db"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    let mut status = Status::serve(&services, &[("STATUS_STORE", &from)]);
    mail(&services, 1).await;
    status.stop().await;
    let url = postgres.url("lab1", "");
    let checked = async |settings: &[(&str, &str)]| {
        let mut environment = environment(&services, settings);
        environment.insert("STATUS_PORT_SERVE".to_owned(), "0".to_owned());
        let mut status = Status::run(&["check"], environment);
        status.ended(LONG).await;
        let lines = status.out.all();
        assert!(!lines.iter().any(|line| line.contains("hidden") || line.contains(PASSWORD)), "{lines:?}");
        lines.into_iter().find(|line| line.contains("store")).unwrap_or_default()
    };
    let store = store(&postgres);
    let store = store.each_ref().map(|(name, value)| (*name, value.as_str()));
    let line = checked(&store).await;
    assert!(line.starts_with("ok ") && line.ends_with("there is none yet, and it can be made"), "{line}");
    let line = checked(&[store[0], ("STATUS_STORE_PASSWORD", "hidden")]).await;
    assert!(line.starts_with("WRONG ") && line.contains("see STATUS_STORE_PASSWORD"), "{line}");

    let (code, out, err) = run(&postgres, &["store", "copy", "--from", &from, "--to", &url]).await;
    assert!(code == Some(0) && out.starts_with("copied ") && out.ends_with("?schema=lab1"), "{out} {err}");
    let (code, _, err) = run(&postgres, &["store", "copy", "--from", &from, "--to", &url]).await;
    assert!(code == Some(1) && err.contains("holds something already"), "{err}");
    let (code, _, err) =
        run(&postgres, &["store", "copy", "--from", &from, "--to", "postgres://a:hidden@b/c"]).await;
    assert!(code == Some(2) && err.contains("STATUS_STORE_PASSWORD") && !err.contains("hidden"), "{err}");
    let line = checked(&store).await;
    assert!(line.starts_with("ok ") && line.ends_with("whole, with 1 change in health"), "{line}");
    let (code, ..) = run(&postgres, &["store", "copy", "--from", &url, "--to", &back]).await;
    assert_eq!(code, Some(0));
    let mut status = Status::serve(&services, &[("STATUS_STORE", &back)]);
    let one = |events: &Value| events.as_array().is_some_and(|events| events.len() == 1);
    api(&status, "/api/v1/experiments/events/pend00", one).await;
    status.stop().await;
    assert_eq!(services.smtp.mails().len(), 1);
}
