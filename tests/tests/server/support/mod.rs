//! What the tests of the whole server share: how it is started, and how it is looked at.

mod log;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Debug;
use std::time::Duration;

use serde_json::Value;
use status_server::command::serve::Server;
use status_server::settings::Settings;
use status_sim::mock::{Lab, Late, Mail, Services, ServicesOptions};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use log::Log;

/// How long anything may take that happens by itself: far longer than it takes, since the machine
/// may be busy.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// How long ago a stream last transmitted that is silent at the next snapshot.
const LONG_AGO: Duration = Duration::from_secs(3600);

/// The feeds report twenty times in `STATUS_HEALTH_LAST`, so that a hiccup of the machine is no outage.
const STATS_EVERY: Duration = Duration::from_millis(100);
const SETTINGS: [(&str, &str); 8] = [
    ("STATUS_HEALTH_LAST", "2s"),
    ("STATUS_HEALTH_STARTUP", "1500ms"),
    ("STATUS_QUERY_BOOK_EVERY", "1s"),
    ("STATUS_TIMEOUT_BOOK", "5s"),
    ("STATUS_PORT_SERVE", "0"),
    ("STATUS_LOG_FILE", "stderr"),
    ("STATUS_STORE", ":memory:"),
    // Each check's news is a mail of its own: what is collected is tested by itself.
    ("STATUS_EMAIL_WAIT", "0s"),
];

/// A server at work, the services around it, and what it logs. All of it ends with this.
pub(crate) struct Running {
    /// The services that it watches and asks.
    pub(crate) services: Services,
    /// What they tell of.
    pub(crate) lab: Lab,
    /// What the server has logged.
    pub(crate) log: Log,
    /// What asks it.
    pub(crate) http: reqwest::Client,
    /// Where it answers, as the beginning of a URL.
    pub(crate) address: String,
    stop: CancellationToken,
    server: JoinHandle<Result<(), String>>,
}

/// Mock services around a lab, that report often.
pub(crate) async fn services(lab: &Lab) -> Services {
    let mut options = ServicesOptions::default();
    options.relay.stats_every = STATS_EVERY;
    options.jump.stats_every = STATS_EVERY;
    Services::start(lab, options).await.unwrap()
}

/// The settings of a server that uses these services. Those in `chosen` count before all others.
pub(crate) fn settings(services: &Services, chosen: &[(&str, &str)]) -> Settings {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    // Of two variables with the same name, the later counts.
    let variables: BTreeMap<String, String> =
        services.environment().into_iter().chain(SETTINGS.iter().chain(chosen).map(own)).collect();
    let variables = variables.into_iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Settings::from_vars(variables).unwrap().0
}

impl Running {
    /// A server around services that are as they are.
    pub(crate) async fn start(services: Services, chosen: &[(&str, &str)]) -> Self {
        status_adapters::install_crypto();
        let log = Log::start();
        let server = Server::bind(&settings(&services, chosen)).await.unwrap();
        let address = format!("http://127.0.0.1:{}", server.addresses().unwrap()[0].port());
        let stop = CancellationToken::new();
        Self {
            lab: services.lab.clone(),
            services,
            log,
            http: reqwest::Client::new(),
            address,
            server: tokio::spawn(server.run(stop.clone())),
            stop,
        }
    }

    /// A server around a lab of so many experiments, each with the streams `data` and `video`,
    /// that has found all of them well and told so.
    pub(crate) async fn well(experiments: usize, chosen: &[(&str, &str)]) -> Self {
        let lab = Lab::with_experiments(experiments, &["data", "video"]);
        let running = Self::start(services(&lab).await, chosen).await;
        let mail = running.mail(1).await;
        let text = format!("New health events (0 issues, {experiments} ok):");
        assert!(mail.body.contains(&text), "{}", mail.body);
        running
    }

    /// The mail with this number, counted from 1: it waits until it has come.
    pub(crate) async fn mail(&self, number: usize) -> Mail {
        let mails = on_time(self.services.smtp.wait_for_mails(number as u64, LONG).await);
        mails[number - 1].clone()
    }

    /// The first mail with this text in it: it waits until it has come.
    pub(crate) async fn mail_about(&self, text: &str) -> Mail {
        let about = |mail: &&Mail| mail.body.contains(text);
        let seen = self.services.smtp.wait_for(|seen| seen.mails.iter().any(|mail| about(&mail)), LONG).await;
        let Ok(seen) = seen else {
            panic!("no mail about {text:?} but {:#?}", self.services.smtp.mails());
        };
        seen.mails.iter().find(about).unwrap().clone()
    }

    /// How many mails have come so far.
    pub(crate) fn mails(&self) -> usize {
        self.services.smtp.mails().len()
    }

    /// Waits until book says of each resource whether it can be booked, as given.
    pub(crate) async fn booked(&self, expected: &[(&str, bool)]) {
        let agrees = |(resource, available): &(&str, bool), state: &status_sim::mock::BookState| {
            state.is_available(resource) == *available
        };
        let all = |state: &status_sim::mock::BookState| expected.iter().all(|one| agrees(one, state));
        on_time(self.services.book.wait_for(all, LONG).await);
    }

    /// Waits until both feeds have sent a snapshot and book has answered.
    pub(crate) async fn ready(&self) {
        self.missing(Value::Array(Vec::new())).await;
    }

    /// Waits until these have not been heard of yet, and all others have.
    pub(crate) async fn missing(&self, expected: Value) {
        let coming = async {
            while self.get("/readyz").await.1["missing"] != expected {
                self.pause().await;
            }
        };
        let came = tokio::time::timeout(LONG, coming).await;
        came.unwrap_or_else(|_| panic!("not {expected} but something else is missing"));
    }

    /// Waits for a moment, before the API is asked again.
    pub(crate) async fn pause(&self) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    /// What the API answers at a path: status and body.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.request(reqwest::Method::GET, path).await;
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    /// The API's whole answer to a request.
    pub(crate) async fn request(&self, method: reqwest::Method, path: &str) -> reqwest::Response {
        let request = self.http.request(method, format!("{}{path}", self.address)).timeout(LONG);
        request.header("Origin", "http://elsewhere.example.org").send().await.unwrap()
    }

    /// What the API says of an experiment.
    pub(crate) async fn experiment(&self, name: &str) -> Value {
        let (_, all) = self.get("/api/v1/experiments").await;
        let found = all.as_array().unwrap().iter().find(|one| one["topic_name"] == name);
        found.unwrap_or_else(|| panic!("{name} is not known: {all}")).clone()
    }

    /// The names of all known experiments, as the API sorts them.
    pub(crate) async fn names(&self) -> Vec<String> {
        let (_, all) = self.get("/api/v1/experiments").await;
        all.as_array().unwrap().iter().map(|one| one["topic_name"].as_str().unwrap().to_owned()).collect()
    }

    /// An experiment's history.
    pub(crate) async fn events(&self, name: &str) -> Vec<Value> {
        let (status, events) = self.get(&format!("/api/v1/experiments/events/{name}")).await;
        assert_eq!(status, 200, "{events}");
        events.as_array().unwrap().clone()
    }

    /// A stream stays connected and has not transmitted for long.
    pub(crate) fn silence(&self, topic: &str) {
        self.lab.silence_since(topic, LONG_AGO);
    }

    /// Plugs in a new experiment, which is in no manifest, and returns the mail that tells of it.
    pub(crate) async fn witness(&self, name: &str) -> Mail {
        self.lab.add_experiment(name, &["data"]);
        self.lab.remove_resource(&format!("r-{name}"));
        self.mail_about(&format!("New health events (0 issues, 1 ok):\n{name} ok   U\n")).await
    }

    /// Likewise; and its mail must be the one with this number, so that nothing before it was news.
    pub(crate) async fn nothing_was_news_until(&self, number: usize) -> Mail {
        let mail = self.witness(&format!("witness{number}")).await;
        let subjects: Vec<String> = self.services.smtp.mails().iter().map(|mail| mail.body.clone()).collect();
        assert_eq!(self.mails(), number, "{subjects:#?}");
        mail
    }

    /// Ends the server, which must be able to, and sees to it that nothing in it broke.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(20), self.server).await;
        assert_eq!(ended.unwrap().unwrap(), Ok(()));
        for line in self.log.lines() {
            assert!(!line.contains("this server broke") && !line.contains("panicked"), "{line}");
        }
    }
}

/// What was waited for, or a panic that says what came instead.
pub(crate) fn on_time<T: Debug>(outcome: Result<T, Late>) -> T {
    outcome.unwrap_or_else(|late| panic!("{late}"))
}

/// The lines of a mail that stand under a headline, up to the next empty line.
pub(crate) fn section<'a>(mail: &'a Mail, headline: &str) -> Vec<&'a str> {
    let mut lines = mail.body.lines().skip_while(|line| !line.starts_with(headline));
    assert!(lines.next().is_some(), "no {headline:?} in {}", mail.body);
    lines.take_while(|line| !line.is_empty()).map(how_it_stands).collect()
}

/// How an experiment stands, without since when or for how long it did not.
fn how_it_stands(line: &str) -> &str {
    let begins = |words: &&str| line.contains(*words);
    if ["><   U [", "-- A   ["].iter().any(begins) {
        return line.split_inclusive(']').next().unwrap_or(line);
    }
    match line.split_once(" ok A   after ") {
        Some((name, _)) => &line[..name.len() + " ok A".len()],
        None => line,
    }
}
