//! Every view says the same: the list, the details, the system, the figures, the badges and the page.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use status_adapters::clock::Stopwatch;
use status_sim::mock::{FeedFault, Lab};

use crate::support::{Running, services};

/// What every view says at one time.
struct Views {
    list: Vec<Value>,
    details: BTreeMap<String, Value>,
    system: Value,
    figures: String,
    badges: BTreeMap<String, String>,
    page: String,
    pages: BTreeMap<String, String>,
}

impl Views {
    /// Asks each, until nothing has changed meanwhile.
    async fn of(running: &Running) -> Self {
        loop {
            let system = running.get("/api/v1/system").await.1;
            let list = running.get("/api/v1/experiments").await.1.as_array().unwrap().clone();
            let mut views = Self {
                list,
                system,
                details: BTreeMap::new(),
                figures: text(running, "/metrics").await,
                badges: BTreeMap::new(),
                page: text(running, "/").await,
                pages: BTreeMap::new(),
            };
            for one in views.list.clone() {
                let name = one["topic_name"].as_str().unwrap();
                let detail = running.get(&format!("/api/v1/experiments/{name}")).await.1;
                views.details.insert(name.to_owned(), detail);
                views.badges.insert(name.to_owned(), text(running, &format!("/badge/{name}.svg")).await);
                views.pages.insert(name.to_owned(), text(running, &format!("/?experiment={name}")).await);
            }
            if running.get("/api/v1/system").await.1["revision"] == views.system["revision"] {
                return views;
            }
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count is a small whole number"
    )]
    fn figure(&self, name: &str, state: &str) -> u64 {
        let start = format!("{name}{{state=\"{state}\"}} ");
        let found = self.figures.lines().find_map(|line| line.strip_prefix(&start));
        found.unwrap_or_else(|| panic!("no {start} in {}", self.figures)).parse::<f64>().unwrap() as u64
    }

    /// Compares each view with the others.
    fn agree(&self) {
        let counts = &self.system["counts"];
        let mut states: BTreeMap<&str, u64> = BTreeMap::new();
        let mut works: BTreeMap<Option<bool>, u64> = BTreeMap::new();
        for one in &self.list {
            let name = one["topic_name"].as_str().unwrap();
            let detail = &self.details[name];
            let state = detail["state"].as_str().unwrap();
            *states.entry(state).or_default() += 1;
            assert_eq!(one["healthy"], json!(state == "healthy"), "{one} {detail}");
            for field in ["healthy", "available"] {
                assert_eq!(one[field], detail[field], "{one} {detail}");
            }
            assert_eq!(one["jump_ok"], detail["jump"]["ok"]);
            assert!(state != "healthy" || detail["issues"].as_array().unwrap().is_empty(), "{detail}");
            for stream in detail["streams"].as_array().unwrap() {
                assert_eq!(one["stream_ok"][stream["topic"].as_str().unwrap()], stream["ok"]);
                assert_eq!(stream["last_seen"].is_null(), stream["age_seconds"].is_null(), "{stream}");
                let within = stream["why"].as_str().unwrap().contains("within the last");
                assert!(!within || stream["age_seconds"].as_f64().unwrap() < 60.0, "{stream}");
            }
            let resources = detail["resources"].as_array().unwrap();
            for resource in resources {
                if resource["held"] == false {
                    *works.entry(resource["should_be_available"].as_bool()).or_default() += 1;
                }
            }
            let all = resources.iter().all(|resource| resource["should_be_available"] == true);
            assert_eq!(one["available"], json!(all && !resources.is_empty()), "{detail}");
            assert!(self.badges[name].contains(&format!("<title>{name}: {state}</title>")));
            assert!(self.page.contains(&format!("{state}<td>")) && self.pages[name].contains(state));
        }
        for state in ["healthy", "unhealthy", "undecided"] {
            let number = states.get(state).copied().unwrap_or_default();
            assert_eq!(counts[state], json!(number), "{state}: {counts}");
            assert_eq!(self.figure("status_experiments", state), number, "{state}");
        }
        for (state, count, verdict) in [
            ("available", "available", Some(true)),
            ("unavailable", "unavailable", Some(false)),
            ("undecided", "resources_undecided", None),
        ] {
            let number = works.get(&verdict).copied().unwrap_or_default();
            assert_eq!(counts[count], json!(number), "{count}: {counts}");
            assert_eq!(self.figure("status_resources", state), number, "{state}");
        }
        let tick = self.page.contains("<title>✓");
        assert_eq!(tick, self.system["state"] == "ok", "{}", self.system);
        if !self.list.is_empty() {
            let told = format!("{} of {} healthy", counts["healthy"], counts["experiments"]);
            assert!(self.page.contains(&told), "{told} in {}", self.page);
        }
    }
}

async fn text(running: &Running, path: &str) -> String {
    running.request(Method::GET, path).await.text().await.unwrap()
}

#[tokio::test]
async fn all_views_agree_before_startup_is_over_and_in_an_outage_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("status.db");
    let store = ("STATUS_STORE", store.to_str().unwrap());
    let lab = Lab::with_experiments(3, &["data", "video"]);
    let running = Running::start(services(&lab).await, &[store]).await;
    running.ready().await;
    Views::of(&running).await.agree();
    running.mail_about("New health events (0 issues, 3 ok):").await;
    running.silence("pend01-st-video");
    running.booked(&[("r-pend01", false)]).await;
    Views::of(&running).await.agree();
    running.stop().await;

    // The next one hears of nothing, and has not decided anything.
    let deaf = services(&lab).await;
    deaf.relay.set_fault(FeedFault::Down);
    deaf.jump.set_fault(FeedFault::Down);
    let running = Running::start(deaf, &[store, ("STATUS_HEALTH_STARTUP", "1h")]).await;
    running.missing(json!(["relay", "jump"])).await;
    let views = Views::of(&running).await;
    views.agree();
    let counts = &views.system["counts"];
    let restored = [&counts["healthy"], &counts["unhealthy"], &counts["undecided"], &counts["restored"]];
    assert_eq!(restored, [&json!(2), &json!(1), &json!(0), &json!(3)], "a restart changes no verdict");
    assert_eq!((&counts["available"], &counts["unavailable"]), (&json!(2), &json!(1)), "{counts}");
    assert_eq!(views.system["state"], "trouble");
    let well = &views.details["pend00"];
    assert_eq!((&well["state"], &well["restored"]), (&json!("healthy"), &json!(true)));
    let words = well.to_string();
    assert!(!words.contains("within the last"), "{words}");
    assert!(words.contains("relay has not listed it since, and last did so"), "{words}");
    assert!(words.contains("jump has not listed it since, and last did so"), "{words}");
    let (now, _past) = views.pages["pend00"].split_once("h-uptime").unwrap();
    assert!(!now.contains('✓'), "{now}");
    running.stop().await;
}

#[tokio::test]
async fn what_is_not_known_has_no_tick() {
    let lab = Lab::with_experiments(2, &["data", "video"]);
    let running = Running::start(services(&lab).await, &[("STATUS_HEALTH_STARTUP", "1h")]).await;
    running.ready().await;
    let views = loop {
        let views = Views::of(&running).await;
        if views.system["counts"]["experiments"] == 2 {
            break views;
        }
    };
    views.agree();
    assert_eq!(
        (&views.system["state"], &views.system["summary"]),
        (&json!("unknown"), &json!("2 undecided"))
    );
    assert!(views.page.contains("<title>… 2 undecided</title>"), "{}", views.page);
    assert!(views.page.contains("<strong>… not known yet</strong><span>0 of 2 healthy, 2 undecided</span>"));
    running.stop().await;

    let running = Running::start(services(&Lab::default()).await, &[]).await;
    running.missing(json!([])).await;
    let views = Views::of(&running).await;
    views.agree();
    assert!(!views.page.contains("<title>✓") && views.system["counts"]["experiments"] == 0, "{}", views.page);
    assert!(views.page.contains("<dt>experiments</dt><dd><strong>… none known</strong>"), "{}", views.page);
    assert!(views.page.contains("<dt>bookings</dt><dd><strong>… none known</strong>"), "{}", views.page);
    running.stop().await;
}

#[tokio::test]
async fn the_title_names_the_worst_of_experiments_and_services() {
    let running = Running::well(2, &[]).await;
    let title = async |wanted: &str| {
        let wanted = format!("<title>{wanted}</title>");
        let mut page = text(&running, "/").await;
        while !page.contains(&wanted) {
            assert!(
                !page.contains("<title>✓") || wanted.contains('✓') || !page.contains("class=alert"),
                "{page}"
            );
            running.pause().await;
            page = text(&running, "/").await;
        }
    };
    title("✓ status").await;
    running.services.jump.set_fault(FeedFault::Down);
    title("✕ 2 unhealthy, jump is silent").await;
    running.services.jump.set_fault(FeedFault::None);
    title("✓ status").await;
    running.services.book.restart();
    title("✕ book has no manifest").await;
    let page = text(&running, "/?experiment=pend00").await;
    assert!(page.contains("<title>pend00: healthy, book has no manifest</title>"), "{page}");
    running.stop().await;
}

#[tokio::test]
async fn an_incident_names_the_first_mail_that_told_of_it_wherever_it_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("status.db");
    let running = Running::well(3, &[("STATUS_STORE", store.to_str().unwrap())]).await;
    for name in ["pend01", "pend02"] {
        running.silence(&format!("{name}-st-video"));
        let mail = running.mail_about(&format!("{name} ><")).await;
        let incident = mailed(&running, name).await;
        assert!(mail.subject().ends_with(incident["mail"]["subject"].as_str().unwrap()), "{incident}");
        assert!(mail.subject().contains(name), "the mail about the other one came first: {incident}");
        let page = text(&running, &format!("/?experiment={name}")).await;
        let at = incident["mail"]["at"].as_str().unwrap().get(..19).unwrap().replace('T', " ");
        assert!(page.contains(&format!("mailed at {at}")), "{at} in {page}");
    }
    running.stop().await;
}

/// The incident that is open, once it is written down which mail told of it.
async fn mailed(running: &Running, name: &str) -> Value {
    let waited = Stopwatch::start();
    loop {
        let all = running.get(&format!("/api/v1/incidents?name={name}")).await.1;
        if all[0]["mail"].is_object() {
            return all[0].clone();
        }
        assert!(waited.read() < std::time::Duration::from_secs(20), "no mail in {all}");
        running.pause().await;
    }
}
