//! The tests kill the server again and again while another program copies its store. No event and no mail may be lost,
//! and no mail may be sent again under another Message-ID.
//!
//! A few kills by default; CONTRIBUTING.md says how to have a thousand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;
use status_sim::Rng;
use status_sim::mock::{Lab, Mail, Services, ServicesOptions};

use crate::support::{LONG, Status, api, mail, services, silence};

/// How many kills there are, unless the variable says otherwise.
const KILLS: u64 = 16;
const VARIABLE: &str = "STATUS_TEST_KILLS";
/// The number of servers that the test kills side by side. Each has its own mock services and its own store.
const LANES: u64 = 8;

const EXPERIMENT: &str = "pend00";
const STREAM: &str = "pend00-st-video";
/// It takes part in nothing, so nothing is ever told of it again.
const BYSTANDER: &str = "pend01";

/// What came of one server's kills.
#[derive(Debug, Default)]
struct Figures {
    kills: u64,
    backups: u64,
    /// Mails that came, without those that came a second time.
    mails: usize,
    /// Mails that came a second time, since the server was killed before it knew that they had come.
    again: usize,
}

#[tokio::test]
async fn killed_beside_backups_it_loses_nothing_and_tells_nothing_twice() {
    let kills = std::env::var(VARIABLE).map_or(KILLS, |text| text.parse().expect("a number of kills"));
    let lanes = (0..LANES.min(kills)).map(|lane| {
        let of_lane = kills / LANES + u64::from(lane < kills % LANES);
        tokio::spawn(kill_again_and_again(of_lane, lane))
    });
    let mut all = Figures::default();
    for lane in lanes.collect::<Vec<_>>() {
        let Figures { kills, backups, mails, again } = lane.await.unwrap();
        all.kills += kills;
        all.backups += backups;
        all.mails += mails;
        all.again += again;
    }
    println!("{all:?}");
    assert_eq!(all.kills, kills);
    assert!(all.backups >= LANES.min(kills), "{all:?}");
}

/// Each kill comes within a moment after a stream has fallen silent or works again: before the server has seen it,
/// while it writes it down, while the mail is on its way, or after that.
async fn kill_again_and_again(kills: u64, seed: u64) -> Figures {
    const MOMENT: u64 = 400;
    let mut options = ServicesOptions::default();
    options.smtp.keep = 100_000;
    let services = services(&Lab::with_experiments(2, &["data", "video"]), options).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.db");
    let mut rng = Rng::new(seed);
    let mut status = serve(&services, &path);
    mail(&services, 1).await;
    let backups = Backups::begin(&path);
    for kill in 1..=kills {
        if kill % 2 == 1 {
            silence(&services, STREAM);
        } else {
            services.lab.transmit(STREAM);
        }
        // Nothing is waited for: the kill comes at any moment.
        tokio::time::sleep(rng.millis(0, MOMENT)).await;
        status.signal(Signal::KILL);
        status.ended(LONG).await;
        status = serve(&services, &path);
        if rng.below(4) == 0 {
            // Once more, while it opens the store or knows nothing yet.
            tokio::time::sleep(rng.millis(0, MOMENT)).await;
            status.signal(Signal::KILL);
            status.ended(LONG).await;
            status = serve(&services, &path);
        }
        told(&services, usize::try_from(kill).unwrap() + 1).await;
    }
    // A mail that came just before the last kill comes again: only then is it known that it came.
    api(&status, "/readyz", |ready| ready["undelivered_mails"] == 0).await;
    status.stop().await;
    let backups = backups.end();
    check(&services, &path, kills, seed);
    let mails = services.smtp.mails();
    let (mails, again) = once_each(&mails);
    Figures { kills, backups, mails: mails.len(), again }
}

/// Starts the server with a startup that is long enough for a busy machine. A server that hears nothing from a feed
/// until its startup is over finds an outage, and that would be one more event.
fn serve(services: &Services, path: &Path) -> Status {
    Status::serve(
        services,
        &[
            ("STATUS_STORE", path.to_str().unwrap()),
            ("STATUS_HEALTH_LAST", "60s"),
            ("STATUS_HEALTH_STARTUP", "4s"),
        ],
    )
}

/// The mails in the order in which they came first, and how often one came again.
pub(crate) fn once_each(mails: &[Mail]) -> (Vec<&Mail>, usize) {
    let mut known: BTreeMap<&str, &Mail> = BTreeMap::new();
    let mut first = Vec::new();
    for mail in mails {
        let id = mail.header("Message-ID").unwrap();
        match known.get(id) {
            Some(before) => {
                assert_eq!((before.subject(), &before.body), (mail.subject(), &mail.body), "{id}");
            }
            None => {
                known.insert(id, mail);
                first.push(mail);
            }
        }
    }
    let again = mails.len() - first.len();
    (first, again)
}

/// What mails tell anew of an experiment, in their order: whether it is well.
pub(crate) fn news(mails: &[Mail], experiment: &str) -> Vec<bool> {
    let (mails, _) = once_each(mails);
    let new = |mail: &&Mail| -> Vec<bool> {
        let lines = mail.body.lines().skip_while(|line| !line.starts_with("New health events"));
        let lines = lines.skip(1).take_while(|line| !line.is_empty());
        let own = lines.filter(|line| line.split(' ').next() == Some(experiment));
        own.map(|line| line[experiment.len()..].starts_with(" ok")).collect()
    };
    mails.iter().flat_map(new).collect()
}

/// Waits until the mails that have arrived hold this many events of the experiment.
pub(crate) async fn told(services: &Services, times: usize) {
    let waiting = services.smtp.wait_for(
        |seen| {
            let mails: Vec<Mail> = seen.mails.iter().cloned().collect();
            news(&mails, EXPERIMENT).len() >= times
        },
        LONG,
    );
    waiting.await.unwrap_or_else(|late| panic!("{times} news: {late}"));
}

/// The store and the mails tell the same, and that is what happened.
fn check(services: &Services, path: &Path, kills: u64, seed: u64) {
    let happened: Vec<bool> = (0..=kills).map(|event| event % 2 == 0).collect();
    let mails = services.smtp.mails();
    assert_eq!(news(&mails, EXPERIMENT), happened, "in mails, seed {seed}");
    assert_eq!(news(&mails, BYSTANDER), [true], "in mails, seed {seed}");
    let store = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    assert_eq!(events(&store, EXPERIMENT), happened, "in the store, seed {seed}");
    assert_eq!(events(&store, BYSTANDER), [true], "in the store, seed {seed}");
    let owed: u32 = store
        .query_row("SELECT (SELECT count(*) FROM news) + (SELECT count(*) FROM queued_mails)", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(owed, 0, "everybody has everything, seed {seed}");
}

/// Whether each event of an experiment says that it is well, in their order.
fn events(store: &Connection, experiment: &str) -> Vec<bool> {
    let mut asked = store.prepare("SELECT event FROM events WHERE experiment = ?1 ORDER BY id").unwrap();
    let texts = asked.query_map([experiment], |row| row.get::<_, String>(0)).unwrap();
    let is_well = |text: String| {
        let event: serde_json::Value = serde_json::from_str(&text).unwrap();
        event["healthy"].as_bool().unwrap_or_else(|| panic!("{event}"))
    };
    texts.map(|text| is_well(text.unwrap())).collect()
}

/// Another program that makes one copy of the store after another.
struct Backups {
    thread: thread::JoinHandle<u64>,
    over: Arc<AtomicBool>,
}

impl Backups {
    fn begin(path: &Path) -> Self {
        let (path, over) = (path.to_owned(), Arc::new(AtomicBool::new(false)));
        let is_over = Arc::clone(&over);
        Self { thread: thread::spawn(move || back_up(&path, &is_over)), over }
    }

    /// How many copies there were.
    fn end(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Makes copies until it is over. Each is whole, and holds at least as much as the one before.
fn back_up(path: &Path, over: &AtomicBool) -> u64 {
    const PAUSE: Duration = Duration::from_millis(20);
    let copy: PathBuf = path.with_file_name("copy.db");
    let (mut copies, mut most) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        if one_backup(path, &copy) {
            let backup = Connection::open(&copy).unwrap();
            let whole: String = backup.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(whole, "ok", "copy {copies}");
            let held = events(&backup, EXPERIMENT).len();
            assert!(held >= most, "copy {copies} holds {held} events, and the one before held {most}");
            (copies, most) = (copies + 1, held);
        }
        // The machine has other things to do, too.
        thread::sleep(PAUSE);
    }
    copies
}

/// Opens the store as another program does, copies it and closes it. Returns whether there is a copy: a server that
/// starts may have the store to itself for a moment.
fn one_backup(path: &Path, copy: &Path) -> bool {
    let _ = std::fs::remove_file(copy);
    let store = Connection::open(path).unwrap();
    store.busy_timeout(LONG).unwrap();
    store.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).is_ok()
}
