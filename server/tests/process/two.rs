//! Several servers on one database: one leads, and whatever dies, another one goes on.
//!
//! A few kills by default; CONTRIBUTING.md says how to have hundreds.

use std::time::Duration;

use rustix::process::Signal;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use status_adapters::clock::{Clock, Stopwatch, SystemClock};
use status_adapters::token::for_person;
use status_sim::Rng;
use status_sim::mock::{Lab, Services, ServicesOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::killed::{news, once_each, told};
use crate::postgres_server::{PASSWORD, Postgres};
use crate::support::{LONG, Status, api, get, lab_services, mail, services, silence};

/// How many kills of the leader there are, unless the variable says otherwise; and of the database, a quarter.
const KILLS: u64 = 20;
const VARIABLE: &str = "STATUS_TEST_LEADER_KILLS";
/// Within this time another server leads whatever happened to the one before.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(15);
/// How long a process is stopped.
const STANDS_STILL_FOR: Duration = Duration::from_secs(30);
const SECRET: &str = "Admin-Secret-4715";
const EXPERIMENT: &str = "pend00";
const STREAM: &str = "pend00-st-video";

fn kills() -> u64 {
    std::env::var(VARIABLE).map_or(KILLS, |text| text.parse().expect("a number of kills"))
}

/// Far longer than a busy machine keeps a snapshot back, or most stops last.
const FRESH_FOR: &str = "60s";

fn serve(services: &Services, url: &str, name: &str) -> Status {
    serve_with(services, url, name, FRESH_FOR)
}

fn serve_with(services: &Services, url: &str, name: &str, fresh_for: &str) -> Status {
    let chosen = [
        ("STATUS_STORE", url),
        ("STATUS_STORE_PASSWORD", PASSWORD),
        ("STATUS_INSTANCE", name),
        ("STATUS_SECRET_ADMIN", SECRET),
        ("STATUS_HEALTH_LAST_CHECKED", fresh_for),
        ("STATUS_HEALTH_LAST_ACTIVE", "300ms"),
        ("STATUS_HEALTH_STARTUP", "1500ms"),
        // What comes and goes all the time is news each time.
        ("STATUS_FLAP_AFTER", "0"),
    ];
    Status::serve(services, &chosen)
}

fn is(role: &'static str) -> impl Fn(&Value) -> bool {
    move |ready| ready["role"] == role && ready["ready"] == true
}

async fn leads(status: &Status) -> Value {
    api(status, "/readyz", is("leader")).await
}

async fn follows(status: &Status) -> Value {
    api(status, "/readyz", is("follower")).await
}

/// Two servers, of which the first leads and has told that all is well.
async fn two(services: &Services, url: &str) -> (Status, Status) {
    two_with(services, url, FRESH_FOR).await
}

async fn two_with(services: &Services, url: &str, fresh_for: &str) -> (Status, Status) {
    let first = serve_with(services, url, "one", fresh_for);
    leads(&first).await;
    mail(services, 1).await;
    let second = serve_with(services, url, "two", fresh_for);
    assert_eq!(follows(&second).await["leader"], "one");
    (first, second)
}

/// Sends a change to a server.
async fn change(status: &Status, path: &str, body: &Value) -> String {
    let token = for_person(&SECRET.into(), "alice", Duration::from_secs(600), SystemClock.now().wall);
    let mut stream = TcpStream::connect(("127.0.0.1", status.port().await)).await.unwrap();
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        token.expose_secret(),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(LONG, stream.read_to_string(&mut answer)).await.expect("it answers").unwrap();
    answer
}

#[tokio::test]
async fn one_leads_and_another_knows_the_same_and_goes_on() {
    let Some(postgres) = Postgres::start(None) else { return };
    let services = lab_services(3).await;
    let url = postgres.url("lab1", "");
    let (mut one, mut two) = two(&services, &url).await;
    let before = api(&one, "/api/v1/experiments/events/pend00", |events| events[0].is_object()).await;
    assert_eq!(api(&two, "/api/v1/experiments/events/pend00", |events| *events == before).await, before);
    let page = get(two.port().await, "/").await;
    assert!(page.contains("<strong>two follows</strong>; one leads since "), "{page}");
    let page = get(one.port().await, "/").await;
    assert!(page.contains("<strong>one leads</strong>"), "{page}");

    for (status, leads) in [(&one, "1"), (&two, "0")] {
        let expected = [
            &format!("status_leader {leads}.0\n"),
            "status_servers 2.0\n",
            "status_leader_changes_total 0\n",
        ];
        let port = status.port().await;
        let told = async {
            loop {
                let figures = get(port, "/metrics").await;
                if expected.iter().all(|line| figures.contains(*line)) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(LONG, told).await.unwrap_or_else(|_| panic!("{expected:?}"));
    }

    // What people tell the one that follows is done by the one that leads, and known to both.
    let began = Stopwatch::start();
    let window = json!({ "names": ["pend02"], "for": "1h", "reason": "new bearings" });
    let answer = change(&two, "/api/v1/maintenance", &window).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(began.read() < Duration::from_secs(2), "{:?}", began.read());
    for status in [&one, &two] {
        api(status, "/api/v1/maintenance", |all| all.to_string().contains("new bearings")).await;
    }

    // It ends, and the other one leads at once: it tells what happened since, and nothing again.
    silence(&services, STREAM);
    mail(&services, 2).await;
    let began = Stopwatch::start();
    one.stop().await;
    leads(&two).await;
    println!("after a stop: {:?}", began.read());
    services.lab.transmit(STREAM);
    let recovered = mail(&services, 3).await;
    assert!(recovered.body.contains("pend00 ok"), "{}", recovered.body);
    two.stop().await;
    assert_eq!(services.smtp.mails().len(), 3);
}

/// How long it took until this server led.
async fn time_to_lead(status: &Status) -> Duration {
    let began = Stopwatch::start();
    leads(status).await;
    began.read()
}

#[tokio::test]
async fn a_leader_that_stood_still_comes_back_to_another_one() {
    let Some(postgres) = Postgres::start(None) else { return };
    let services = lab_services(2).await;
    // All that it knows is out of date when it goes on.
    let (mut one, mut two) = two_with(&services, &postgres.url("lab1", ""), "20s").await;
    one.signal(Signal::STOP);
    let stopped = Stopwatch::start();
    let took = time_to_lead(&two).await;
    println!("after a stop of the process: {took:?}");
    assert!(took < TAKEN_OVER_WITHIN, "{took:?}");
    silence(&services, STREAM);
    mail(&services, 2).await;
    tokio::time::sleep(STANDS_STILL_FOR.saturating_sub(stopped.read())).await;
    one.signal(Signal::CONT);
    assert_eq!(follows(&one).await["leader"], "two");
    // What it knows is what the other one has decided.
    api(&one, "/api/v1/experiments/events/pend00", |events| {
        events.as_array().is_some_and(|all| all.len() == 2)
    })
    .await;
    two.signal(Signal::KILL);
    two.ended(LONG).await;
    leads(&one).await;
    services.lab.transmit(STREAM);
    mail(&services, 3).await;
    one.stop().await;
    let mails = services.smtp.mails();
    let told = (once_each(&mails).0.len(), news(&mails, EXPERIMENT));
    assert_eq!(told, (3, vec![true, false, true]));
}

/// A connection to a database that can be cut, so that nothing gets through and nobody is told.
struct Wire {
    port: u16,
    cut: watch::Sender<bool>,
}

impl Wire {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let (cut, is_cut) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let is_cut = is_cut.clone();
                tokio::spawn(async move {
                    let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                    tokio::join!(carry(near_in, far_out, is_cut.clone()), carry(far_in, near_out, is_cut));
                });
            }
        });
        Self { port: own, cut }
    }
}

/// Carries bytes while the wire is whole. One that was cut stays so for the connections that it had.
async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut cut: watch::Receiver<bool>,
) {
    let mut bytes = vec![0; 65_536];
    loop {
        let read = tokio::select! {
            biased;
            () = until_cut(&mut cut) => return std::future::pending().await,
            read = from.read(&mut bytes) => read,
        };
        match read {
            Ok(count) if count > 0 && to.write_all(&bytes[..count]).await.is_ok() => {}
            Ok(_) | Err(_) => return,
        }
    }
}

async fn until_cut(cut: &mut watch::Receiver<bool>) {
    drop(cut.wait_for(|cut| *cut).await);
}

#[tokio::test]
async fn a_leader_that_is_cut_off_takes_out_what_is_dead_and_puts_nothing_back() {
    let Some(postgres) = Postgres::start(None) else { return };
    let services = lab_services(2).await;
    let wire = Wire::to(postgres.port()).await;
    let url = postgres.url("lab1", "");
    let through = url.replace(&format!(":{}/", postgres.port()), &format!(":{}/", wire.port));
    let mut one = serve(&services, &through, "one");
    leads(&one).await;
    mail(&services, 1).await;
    wire.cut.send(true).unwrap();
    api(&one, "/api/v1/system", |system| system["cluster"]["database_is_away"] == true).await;
    silence(&services, STREAM);
    let is =
        |available| move |state: &status_sim::mock::BookState| state.is_available("r-pend00") == available;
    services.book.wait_for(is(false), LONG).await.unwrap_or_else(|late| panic!("{late}"));
    services.lab.transmit(STREAM);
    let healthy = |events: &Value| events.as_array().is_some_and(|all| all.len() == 3);
    api(&one, "/api/v1/experiments/events/pend00", healthy).await;
    assert!(!services.book.is_available("r-pend00"), "nothing is put back");
    // Another one comes, and leads: it knows nothing of all that, and finds it well.
    let began = Stopwatch::start();
    let mut two = serve(&services, &url, "two");
    leads(&two).await;
    println!("after the leader was cut off, with the start of the other: {:?}", began.read());
    services.book.wait_for(is(true), LONG).await.unwrap_or_else(|late| panic!("{late}"));
    wire.cut.send(false).unwrap();
    assert_eq!(follows(&one).await["leader"], "two");
    one.stop().await;
    two.stop().await;
    // The mail may come again, since the wire may be cut before it is written down that it has come.
    assert_eq!(once_each(&services.smtp.mails()).0.len(), 1, "nothing that was mailed has changed");
}

/// Each kill comes within a moment after a stream has fallen silent or works again.
async fn kill_the_leader(kills: u64, url: String, seed: u64) -> (Vec<Duration>, (usize, usize)) {
    const MOMENT: u64 = 400;
    let mut options = ServicesOptions::default();
    options.smtp.keep = 100_000;
    let services = services(&Lab::with_experiments(2, &["data", "video"]), options).await;
    let mut rng = Rng::new(seed);
    let (mut leader, mut follower) = two(&services, &url).await;
    let mut took = Vec::new();
    for kill in 1..=kills {
        if kill % 2 == 1 {
            silence(&services, STREAM);
        } else {
            services.lab.transmit(STREAM);
        }
        // Nothing is waited for: the kill comes at any moment.
        tokio::time::sleep(rng.millis(0, MOMENT)).await;
        leader.signal(Signal::KILL);
        took.push(time_to_lead(&follower).await);
        leader.ended(LONG).await;
        told(&services, usize::try_from(kill).unwrap() + 1).await;
        leader = std::mem::replace(&mut follower, serve(&services, &url, &format!("after{kill}")));
        follows(&follower).await;
    }
    // A mail that came just before the last kill comes again: only then is it known that it came.
    api(&leader, "/readyz", |ready| ready["undelivered_mails"] == 0).await;
    follower.stop().await;
    leader.stop().await;
    (took, check(&services, kills, seed))
}

/// How many mails came, and how many of them came again.
fn check(services: &Services, kills: u64, seed: u64) -> (usize, usize) {
    let happened: Vec<bool> = (0..=kills).map(|event| event % 2 == 0).collect();
    let mails = services.smtp.mails();
    assert_eq!(news(&mails, EXPERIMENT), happened, "seed {seed}");
    assert_eq!(news(&mails, "pend01"), [true], "seed {seed}");
    let (first, again) = once_each(&mails);
    (first.len(), again)
}

#[tokio::test]
async fn whoever_leads_is_killed_again_and_again_and_nothing_is_lost_or_told_twice() {
    const LANES: u64 = 4;
    let Some(postgres) = Postgres::start(None) else { return };
    let (kills, mut took) = (kills(), Vec::new());
    let lanes = (0..LANES.min(kills)).map(|lane| {
        let of_lane = kills / LANES + u64::from(lane < kills % LANES);
        tokio::spawn(kill_the_leader(of_lane, postgres.url(&format!("lane{lane}"), ""), lane))
    });
    for lane in lanes.collect::<Vec<_>>() {
        let (of_lane, mails) = lane.await.unwrap();
        println!("{} mails, {} of them came again", mails.0, mails.1);
        took.extend(of_lane);
    }
    took.sort();
    let (median, worst) = (took[took.len() / 2], took[took.len() - 1]);
    println!("{} kills; until another one led: median {median:?}, worst {worst:?}", took.len());
    assert!(worst < TAKEN_OVER_WITHIN, "{took:?}");
}

#[tokio::test]
async fn the_database_is_killed_again_and_again_and_nothing_is_lost_or_told_twice() {
    let Some(postgres) = Postgres::start(None) else { return };
    let services = lab_services(2).await;
    let (mut one, mut two) = two(&services, &postgres.url("lab1", "")).await;
    let mut rng = Rng::new(5);
    let kills = kills() / 4;
    for kill in 1..=kills {
        if kill % 2 == 1 {
            silence(&services, STREAM);
        } else {
            services.lab.transmit(STREAM);
        }
        tokio::time::sleep(rng.millis(0, 400)).await;
        postgres.crash();
        tokio::time::sleep(rng.millis(0, 1_500)).await;
        assert!(postgres.begin());
        told(&services, usize::try_from(kill).unwrap() + 1).await;
    }
    let led = |ready: &Value| ready["ready"] == true && ready["undelivered_mails"] == 0;
    api(&one, "/readyz", led).await;
    api(&two, "/readyz", led).await;
    one.stop().await;
    two.stop().await;
    println!(
        "{kills} kills of the database: {:?} mails, and those that came again",
        check(&services, kills, 5)
    );
}
