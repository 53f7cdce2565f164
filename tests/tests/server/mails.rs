//! What is mailed, how often, and to whom.

use crate::support::{Running, section};

#[tokio::test]
async fn an_outage_of_many_is_one_mail_and_their_recovery_one_more() {
    const MANY: usize = 40;
    let running = Running::well(MANY, &[]).await;
    let names = running.lab.experiments();
    running.lab.topics().iter().for_each(|topic| running.lab.disconnect(topic));
    let outage = running.mail(2).await;
    let first = "40 down (pend00, pend01, pend02, ...)";
    assert_eq!(outage.subject(), format!("lab.example.org 40 new health events: {first}"));
    let lines: Vec<String> = names
        .iter()
        .map(|name| {
            format!("{name} ><   U [missing required {name}-st-data, missing required {name}-st-video]")
        })
        .collect();
    assert_eq!(section(&outage, "New health events (40 issues, 0 ok):"), lines);
    assert_eq!(section(&outage, "All current problems (40):"), lines);
    let resources: Vec<String> = names.iter().map(|name| format!("r-{name}")).collect();
    let all = |available| resources.iter().map(|name| (name.as_str(), available)).collect::<Vec<_>>();
    running.booked(&all(false)).await;

    running.lab.plug_all();
    let recovery = running.mail(3).await;
    assert_eq!(recovery.subject(), "lab.example.org 40 new health events: 40 ok");
    let lines: Vec<String> = names.iter().map(|name| format!("{name} ok A")).collect();
    assert_eq!(section(&recovery, "New health events (0 issues, 40 ok):"), lines);
    assert_eq!(section(&recovery, "All current problems (0):"), [""; 0]);
    running.booked(&all(true)).await;
    running.nothing_was_news_until(4).await;
    running.stop().await;
}

#[tokio::test]
async fn an_outage_of_everything_is_a_mail_for_each_feed_at_most() {
    let running = Running::well(20, &[]).await;
    running.lab.unplug_all();
    running.mail_about("pend19 ><   U [missing jump, missing required").await;
    running.booked(&[("r-pend00", false), ("r-pend19", false)]).await;
    let mails = running.mails();
    assert!(mails <= 3, "the first, one for relay's streams and one for jump, but not {mails}");
    running.nothing_was_news_until(mails + 1).await;
    running.stop().await;
}

#[tokio::test]
async fn what_happens_within_the_wait_is_one_mail() {
    let running = Running::well(3, &[("STATUS_EMAIL_WAIT", "3s")]).await;
    running.silence("pend00-st-video");
    running.booked(&[("r-pend00", false)]).await;
    running.silence("pend01-st-video");
    let mail = running.mail(2).await;
    assert_eq!(mail.subject(), "lab.example.org 2 new health events: 2 down (pend00, pend01)");
    running.stop().await;
}

#[tokio::test]
async fn a_mail_is_a_proper_message_to_every_to_and_cc_address() {
    let chosen = [
        ("STATUS_EMAIL_TO", "alpha@a.org, Jörg Müller <gamma@a.org>"),
        ("STATUS_EMAIL_CC", "\"beta@a.org\""),
        ("STATUS_EMAIL_FROM", "status@b.example.org"),
        ("STATUS_EMAIL_SUBJECT", "Prüfstände ☂ app.practable.io/tenant"),
        ("STATUS_EMAIL_LINK", "app.practable.io/tenant/status"),
    ];
    let running = Running::well(2, &chosen).await;
    let mail = running.mail(1).await;
    assert_eq!(mail.from, "status@b.example.org");
    assert_eq!(mail.recipients, ["alpha@a.org", "gamma@a.org", "beta@a.org"]);
    assert_eq!(mail.subject(), "Prüfstände ☂ app.practable.io/tenant 2 new health events: 2 ok");
    let header = |name| mail.header(name).unwrap_or_else(|| panic!("no {name} in {}", mail.raw));
    assert_eq!(header("From"), "status@b.example.org");
    assert!(header("To").contains("alpha@a.org") && header("To").contains("Jörg Müller"), "{}", header("To"));
    assert!(header("To").contains("<gamma@a.org>"), "{}", header("To"));
    assert_eq!(header("Cc"), "beta@a.org");
    assert_eq!(header("MIME-Version"), "1.0");
    assert!(header("Content-Type").starts_with("multipart/alternative"), "{}", mail.raw);
    assert!(mail.raw.to_ascii_lowercase().contains("text/html; charset=utf-8"), "{}", mail.raw);
    assert_eq!(header("List-Id"), "<status.b.example.org>");
    assert!(header("References").starts_with("<day-20"), "{}", header("References"));
    let id = header("Message-ID");
    assert!(id.starts_with('<') && id.ends_with("@b.example.org>"), "{id}");
    let date = header("Date");
    assert!(date.split(' ').count() == 6 && date.ends_with(" +0000"), "{date}");
    assert!(mail.raw.is_ascii(), "{}", mail.raw);
    assert!(mail.raw.lines().all(|line| line.len() <= 998), "{}", mail.raw);
    assert!(mail.body.contains("\napp.practable.io/tenant/status\n"), "{}", mail.body);

    running.silence("pend00-st-video");
    let next = running.mail(2).await;
    assert_ne!(next.header("Message-ID"), Some(id), "each mail is another");
    running.stop().await;
}

#[tokio::test]
async fn without_mail_settings_the_rest_is_done() {
    let chosen = ["HOST", "TO", "FROM", "CC"].map(|name| format!("STATUS_EMAIL_{name}"));
    let chosen: Vec<(&str, &str)> = chosen.iter().map(|name| (name.as_str(), "")).collect();
    let lab = status_sim::mock::Lab::with_experiments(2, &["data"]);
    lab.never_transmitted("pend00-st-data");
    let running = Running::start(crate::support::services(&lab).await, &chosen).await;
    running.booked(&[("r-pend00", false), ("r-pend01", true)]).await;
    running.lab.transmit("pend00-st-data");
    running.booked(&[("r-pend00", true)]).await;
    assert_eq!(running.events("pend00").await.len(), 2);
    assert_eq!(running.services.smtp.seen().connections, 0);
    running.stop().await;
}
