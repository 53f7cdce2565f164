//! What every store has to do, whatever it is kept in, and what is saved for it.

use status_adapters::Store;
use status_core::{
    Acknowledgement, AttentionRecord, Change, Condition, Event, EventKey, ExperimentName, ExperimentRecord,
    FailureKind, Feed, FlapRecord, Issue, LossRecord, Mail, MailLine, MaintenanceRecord, Manifest, Mention,
    Mentioned, News, NewsItem, NewsRange, Now, OutboxRecord, PastAlert, Pattern, QueuedMailRecord,
    RecipientRecord, Remark, RemarkKind, Repetition, Requirements, SavedAlert, SavedManifest, StreamRecord,
    StreamStatus, SystemAlert, Time, Told, Verdict, Wall, Window, WindowBooking, WindowId, WindowTime,
};
use status_sim::service::FakeStore;

/// More events than any test saves.
pub const ALL: usize = 1_000;

/// A limit that no test here reaches.
pub const LARGE: u64 = 1_000_000_000;

pub fn wall(seconds: u64) -> Wall {
    Wall::from_millis(1_795_480_000_000 + seconds * 1_000)
}

pub fn stamp(seconds: u64) -> Now {
    Now { time: Time::from_millis(seconds * 1_000), wall: wall(seconds) }
}

pub fn event(number: u64, experiment: &str, healthy: bool) -> Change {
    let issues = if healthy { "" } else { r#""MissingJump""# };
    let when = wall(number).as_millis();
    let text = format!(
        r#"{{"when":{when},"healthy":{healthy},"jump_ok":{healthy},"streams":{{"pend00-st-video":true}},"issues":[{issues}]}}"#
    );
    let event: Event = serde_json::from_str(&text).unwrap();
    Change::Event { key: EventKey { incarnation: "a".into(), number }, experiment: experiment.into(), event }
}

pub fn experiment(name: &str, healthy: bool) -> Change {
    let verdict = Verdict { decided: true, healthy, jump_ok: healthy, available: true };
    let stream = StreamRecord {
        topic: format!("{name}-st-video").as_str().into(),
        named: wall(1),
        seen: healthy.then_some(wall(1)),
        ceased: false,
        status: StreamStatus::Ok,
    };
    let record = ExperimentRecord {
        first_named: wall(0),
        last_named: wall(1),
        in_manifest_at: None,
        jump_seen: Some(wall(1)),
        verdict,
        streams: vec![stream],
        saved_at: Some(stamp(1)),
        attention: (!healthy).then(|| Box::new(attention())),
    };
    Change::Experiment { name: name.into(), record }
}

pub fn queued(id: &str, attempts: u32) -> Change {
    Change::QueuedMail(QueuedMailRecord {
        mail: Mail {
            id: id.into(),
            subject: "lab 1 new health events".to_owned(),
            body: "text\n".to_owned(),
            html: Some("<p>text".to_owned()),
            thread: "2026-11-24".into(),
            recipients: vec!["alpha@a.org".into()],
        },
        covers: vec![NewsRange { after: 1, to: 2 }],
        mentions: mentions(),
        begun: wall(2),
        newest: 3,
        attempts,
        last_error: None,
        refused: vec![("beta@a.org".into(), "550 no such user".to_owned())],
        taken: false,
    })
}

pub fn news(number: u64, count: usize) -> Change {
    let line =
        MailLine { more_issues: 2, ..MailLine::of("pend00".into(), false, true, vec![Issue::MissingJump]) };
    Change::News(News { number, at: wall(2), awake: 70, item: NewsItem::Event(line), count })
}

pub fn outbox(told_up_to: u64) -> Change {
    let recipient = RecipientRecord {
        address: "alpha@a.org".into(),
        told_up_to,
        again: vec![NewsRange { after: 0, to: 1 }],
        attempts: 1,
        last_error: Some("452 full".to_owned()),
        longest: 100_000,
        missed: 3,
        mailed_at: Some(60),
    };
    Change::Outbox(OutboxRecord { recipients: vec![recipient], newest: 9, awake: 70 })
}

/// What maintainers know of an experiment that comes and goes.
pub fn attention() -> AttentionRecord {
    let losses = vec![LossRecord { what: Issue::MissingJump, times: vec![wall(1), wall(2)] }];
    AttentionRecord {
        since: Some(wall(1)),
        told: Told::Nothing,
        flap: FlapRecord { losses, flapping: None },
        acknowledgement: Some(acknowledgement()),
        ..AttentionRecord::default()
    }
}

pub fn acknowledgement() -> Acknowledgement {
    Acknowledgement { by: "alice".into(), note: "camera ordered".into(), at: wall(2), until: Some(wall(9)) }
}

pub fn maintenance(id: u64) -> Change {
    let window = Window {
        id: WindowId(id),
        names: vec![Pattern::parse("pend0*").expect("it is a name")],
        time: WindowTime::Repeated {
            every: Repetition::parse("daily 22:00-06:00").expect("it is a repetition"),
            from: wall(1),
            until: None,
        },
        reason: "new bearings".into(),
        by: "alice".into(),
        made: wall(1),
        booking: WindowBooking::Out,
    };
    let on = vec![window.id];
    Change::Maintenance(MaintenanceRecord { windows: vec![window], on, next: WindowId(id) })
}

pub fn remark(at: u64) -> Change {
    let (experiment, acknowledgement) = ("pend00".into(), acknowledgement());
    Change::Remark(Remark { at: wall(at), what: RemarkKind::Acknowledged { experiment, acknowledgement } })
}

pub fn alert_ended(since: u64, until: u64) -> Change {
    let alert = SystemAlert::Silent(Feed::Relay);
    let (since, until) = (wall(since), wall(until));
    Change::AlertEnded(PastAlert { alert, detail: "no snapshot".to_owned(), since, until })
}

pub fn done(id: &str) -> Change {
    let (subject, trouble) = ("lab 1 new health events".to_owned(), Some("550 beta@a.org".to_owned()));
    Change::MailDone { id: id.into(), when: wall(4), subject, trouble, mentions: mentions() }
}

fn mentions() -> Vec<Mention> {
    let relay = Mentioned::Alert(SystemAlert::Silent(Feed::Relay));
    let of = [Mentioned::Experiment("pend00".into()), relay];
    of.into_iter().map(|of| Mention { of, since: wall(1), at: wall(2) }).collect()
}

/// What a server would save in the course of a week.
pub fn story() -> Vec<Vec<Change>> {
    let needs = Requirements { stub: "pend00".into(), streams: vec!["st-video".into()] };
    let manifest = Manifest::from([("r-pend00".into(), needs)]);
    let alert = SavedAlert {
        alert: SystemAlert::BookUnreachable,
        detail: "no answer".into(),
        since: wall(5),
        stands: true,
        told: true,
        told_of_flapping: true,
        flap: FlapRecord::default(),
        calmed: None,
    };
    vec![
        vec![experiment("pend00", true), experiment("pend01", true)],
        vec![event(1, "pend00", true), event(2, "pend01", true), news(1, 1), outbox(0)],
        vec![news(2, 1), news(3, 1), news(4, 1), news(5, 1), queued("a.1", 0), queued("a.2", 0)],
        vec![queued("a.1", 1), outbox(2), Change::NewsTold { up_to: 2 }, news(4, 3)],
        vec![maintenance(1), remark(3), remark(3), maintenance(2), remark(5)],
        vec![Change::MailMerged { id: "a.2".into() }, Change::NewsMerged { numbers: vec![3, 7] }],
        vec![Change::Manifest(SavedManifest { manifest, empty: true }), Change::Alerts(vec![alert])],
        vec![event(3, "pend00", false), event(3, "pend00", false), experiment("pend00", false), done("a.1")],
        vec![done("a.1"), Change::Forgotten { name: "pend01".into() }, event(4, "pend00", true)],
        vec![experiment("pend01", false), event(5, "pend01", false), event(6, "pend01", true)],
        vec![Change::Prune { before: wall(6), keep: 2 }],
        vec![alert_ended(5, 9), alert_ended(1, 2)],
        vec![alert_ended(5, 9)],
        vec![Change::Clock(stamp(7))],
        vec![
            Change::ReplaceAll,
            experiment("pend00", true),
            news(6, 1),
            queued("a.3", 0),
            Change::Clock(stamp(8)),
        ],
        vec![Change::Clock(stamp(9))],
        vec![Change::Prune { before: wall(100), keep: 1 }],
    ]
}

/// Whatever is saved, loaded and read, a real store does with it what the one in memory does. `open` opens it anew.
pub async fn does_what_the_fake_one_does<S: Store>(open: impl AsyncFn() -> S) {
    let fake = FakeStore::default();
    for changes in story() {
        let real = open().await;
        fake.save(changes.clone()).await.unwrap();
        real.save(changes.clone()).await.unwrap();
        // What was saved is there for this process and for the next one.
        for keep in [ALL, 1] {
            assert_eq!(real.load(keep).await, fake.load(keep).await, "after {changes:?}");
        }
        drop(real);
        assert_eq!(open().await.load(ALL).await, fake.load(ALL).await, "after {changes:?}");
        for name in [None, Some(ExperimentName::from("pend00"))] {
            let expected = fake.history(name.as_ref(), wall(2), ALL).await;
            assert_eq!(
                open().await.history(name.as_ref(), wall(2), ALL).await,
                expected,
                "after {changes:?}"
            );
        }
    }
    let saved = open().await.load(ALL).await.unwrap();
    assert_eq!(saved.experiments.len(), 1);
    assert_eq!((saved.mail.news.len(), saved.mail.queued.len()), (1, 1));
}

/// Events that are written again stay in the order in which they happened.
pub async fn what_happened_before_stays_before(real: &dyn Store) {
    let stores: [&dyn Store; 2] = [real, &FakeStore::default()];
    for store in stores {
        // A new file got what was unwritten first, and then all of it.
        store.save(vec![experiment("pend00", true), event(2, "pend00", false)]).await.unwrap();
        store
            .save(vec![Change::ReplaceAll, event(1, "pend00", true), event(2, "pend00", false)])
            .await
            .unwrap();
        store.save(vec![experiment("pend00", true)]).await.unwrap();
        let saved = store.load(ALL).await.unwrap();
        let events = saved.experiments[&ExperimentName::from("pend00")].events.iter();
        assert_eq!(events.map(|event| event.healthy).collect::<Vec<_>>(), [true, false]);
    }
}

/// A save that fails is told, and the next one must bring everything.
pub async fn refuses_and_recovers(store: &dyn Store, break_down: impl AsyncFn(), repair: impl AsyncFn()) {
    store.save(vec![experiment("pend00", true)]).await.unwrap();
    break_down().await;
    store.save(vec![event(1, "pend00", true)]).await.unwrap_err();
    repair().await;
    let unfit = store.save(vec![event(1, "pend00", true)]).await;
    assert_eq!(unfit.unwrap_err().kind, FailureKind::Refused, "something may have been missed");
    store.save(vec![Change::ReplaceAll, experiment("pend01", true), event(1, "pend01", true)]).await.unwrap();
    let saved = store.load(ALL).await.unwrap();
    assert_eq!(saved.experiments.keys().map(ExperimentName::as_str).collect::<Vec<_>>(), ["pend01"]);
    assert_eq!(saved.experiments["pend01"].events.len(), 1);
}

/// What is known of the past is the same in a real store and in memory.
pub async fn the_past_is_the_same(file: &dyn Store) {
    let memory = FakeStore::default();
    let stores: [&dyn Store; 2] = [file, &memory];
    for store in stores {
        let changes = [
            (1, "a", true),
            (2, "b", true),
            (3, "a", false),
            (20, "a", true),
            (21, "c", false),
            (30, "a", false),
        ];
        store.save(changes.map(|(at, name, healthy)| event(at, name, healthy)).into()).await.unwrap();
        for (from, until) in [(1, 5), (18, 22), (18, 31), (18, 30)] {
            store.watched(wall(from), wall(until)).await.unwrap();
        }
    }
    let past = file.uptime_records(None, wall(10)).await.unwrap();
    assert_eq!(past.watched, [(wall(18), wall(30))], "the later one counts, and the first is over");
    let is_healthy = |changes: &Vec<(Wall, Condition)>| -> Vec<(Wall, bool)> {
        changes.iter().map(|(at, condition)| (*at, *condition == Condition::Healthy)).collect()
    };
    let of = |name: &str| is_healthy(&past.changes[&ExperimentName::from(name)]);
    assert_eq!(of("a"), [(wall(3), false), (wall(20), true), (wall(30), false)]);
    assert_eq!((of("b"), of("c")), (vec![(wall(2), true)], vec![(wall(21), false)]));
    for store in stores {
        store.save(vec![Change::Forgotten { name: "b".into() }, event(40, "b", false)]).await.unwrap();
    }
    let past = file.uptime_records(None, wall(10)).await.unwrap();
    let of_b = is_healthy(&past.changes[&ExperimentName::from("b")]);
    assert_eq!(of_b, [(wall(40), false)], "what was before is forgotten");
    for since in [0, 3, 4, 20, 25, 99] {
        for name in [None, Some(ExperimentName::from("a"))] {
            let past = memory.uptime_records(name.as_ref(), wall(since)).await.unwrap();
            assert_eq!(
                file.uptime_records(name.as_ref(), wall(since)).await.unwrap(),
                past,
                "{name:?} {since}"
            );
            let past = memory.past(name.as_ref(), wall(since)).await.unwrap();
            assert_eq!(file.past(name.as_ref(), wall(since)).await.unwrap(), past, "{name:?} {since}");
        }
    }
}

/// What lasted at a time is told from its beginning, by a real store and in memory.
pub async fn what_lasted_is_told_from_its_beginning(file: &dyn Store) {
    let memory = FakeStore::default();
    for store in [file, &memory] {
        let changes = [(1, "a", true), (3, "a", false), (6, "a", false), (12, "a", true), (2, "b", true)];
        store.save(changes.map(|(at, name, healthy)| event(at, name, healthy)).into()).await.unwrap();
        store.save(vec![done("told"), remark(4), alert_ended(2, 11)]).await.unwrap();
        store.watched(wall(1), wall(5)).await.unwrap();
    }
    let past = file.past(None, wall(10)).await.unwrap();
    let when = |name: &str| -> Vec<Wall> {
        past.events[&ExperimentName::from(name)].iter().map(|event| event.when).collect()
    };
    assert_eq!(when("a"), [wall(3), wall(6), wall(12)]);
    assert_eq!(when("b"), [wall(2)]);
    assert_eq!((past.mails.len(), past.remarks.len(), past.watched.len()), (1, 1, 1));
    assert_eq!(memory.past(None, wall(10)).await.unwrap(), past);
    let later = file.past(None, wall(13)).await.unwrap();
    assert_eq!((later.mails.len(), later.watched.len(), later.since), (0, 0, wall(13)));
}
