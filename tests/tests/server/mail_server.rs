//! The mail server refuses for now, refuses for good, loses what it said, and hangs.

use status_sim::mock::SmtpFault;

use crate::support::{LONG, Running, on_time, section};

/// Waits until the mail server was asked so many more times.
async fn tried(running: &Running, more: u64) {
    let before = running.services.smtp.seen().connections;
    on_time(running.services.smtp.wait_for(|seen| seen.connections >= before + more, LONG).await);
}

#[tokio::test]
async fn a_mail_that_is_not_taken_now_is_delivered_once_with_all_that_came_meanwhile() {
    let running = Running::well(2, &[]).await;
    running.services.smtp.set_fault(SmtpFault::TextLater);
    running.silence("pend00-st-video");
    tried(&running, 1).await;
    running.log.line(&["WARN", "mail server 127.0.0.1", "451"]).await;
    running.silence("pend01-st-video");
    running.booked(&[("r-pend01", false)]).await;
    tried(&running, 1).await;
    running.services.smtp.set_fault(SmtpFault::None);
    let mail = running.mail(2).await;
    assert_eq!(mail.subject(), "lab.example.org 2 new health events: 2 down (pend00, pend01)");
    assert!(mail.body.starts_with("This mail is late: it was to be sent at 20"), "{}", mail.body);
    let lines = ["pend00 ><   U [unhealthy pend00-st-video]", "pend01 ><   U [unhealthy pend01-st-video]"];
    assert_eq!(section(&mail, "New health events (2 issues, 0 ok):"), lines);
    running.log.line(&["WARN", "mail works again"]).await;
    running.nothing_was_news_until(3).await;
    running.stop().await;
}

#[tokio::test]
async fn one_refused_address_keeps_nobody_else_from_the_mail() {
    let chosen = [("STATUS_EMAIL_TO", "alpha@a.org, gone@a.org"), ("STATUS_EMAIL_CC", "beta@a.org")];
    let running = Running::well(1, &chosen).await;
    running.services.smtp.set_unknown_recipients(&["gone@a.org"]);
    running.silence("pend00-st-video");
    let mail = running.mail(2).await;
    assert_eq!(mail.recipients, ["alpha@a.org", "beta@a.org"]);
    running.log.line(&["WARN", "gone@a.org", "550", "no such user"]).await;
    running.services.smtp.set_unknown_recipients(&[]);
    let mail = running.nothing_was_news_until(3).await;
    assert_eq!(mail.recipients, ["alpha@a.org", "gone@a.org", "beta@a.org"]);
    running.stop().await;
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_given_up_and_the_next_is_sent() {
    let running = Running::well(1, &[]).await;
    running.services.smtp.set_fault(SmtpFault::RefusesText);
    running.silence("pend00-st-video");
    running
        .log
        .line(&["WARN", "gave up mail \"lab.example.org 1 new health events: 1 down (pend00)\"", "554"])
        .await;
    let given_up = &running.get("/readyz").await.1["given_up"];
    assert_eq!(given_up[0]["subject"], "lab.example.org 1 new health events: 1 down (pend00)");
    assert!(given_up[0]["why"].as_str().is_some_and(|why| why.contains("554")), "{given_up}");
    running.services.smtp.set_fault(SmtpFault::None);
    let mail = running.nothing_was_news_until(2).await;
    let problem = "pend00   ><   U [unhealthy pend00-st-video]";
    assert_eq!(section(&mail, "All current problems"), [problem], "what was given up is still told");
    running.stop().await;
}

#[tokio::test]
async fn a_mail_whose_answer_is_lost_comes_again_as_the_same_message() {
    let running = Running::well(1, &[]).await;
    running.services.smtp.set_fault(SmtpFault::CutsAfterText);
    running.silence("pend00-st-video");
    let once = running.mail(2).await;
    running.services.smtp.set_fault(SmtpFault::None);
    let again = running.mail(3).await;
    assert_eq!(again.header("Message-ID"), once.header("Message-ID"));
    assert_eq!((again.subject(), &again.body), (once.subject(), &once.body));
    running.nothing_was_news_until(4).await;
    running.stop().await;
}

#[tokio::test]
async fn the_rest_goes_on_while_the_mail_server_hangs() {
    let running = Running::well(2, &[]).await;
    running.services.smtp.set_fault(SmtpFault::HangsAtGreeting);
    let hanging = running.services.smtp.seen().connections;
    running.silence("pend00-st-video");
    running.booked(&[("r-pend00", false)]).await;
    on_time(running.services.smtp.wait_for(|seen| seen.connections > hanging, LONG).await);
    assert_eq!(running.get("/readyz").await.1["undelivered_mails"], 1);
    assert_eq!(running.events("pend00").await.len(), 2);
    running.lab.transmit("pend00-st-video");
    running.booked(&[("r-pend00", true)]).await;
    // A mail server may take five minutes to greet: what is owed meanwhile waits, and nothing else does.
    running.silence("pend01-st-video");
    running.booked(&[("r-pend01", false)]).await;
    running.stop().await;
}

#[tokio::test]
async fn a_full_mailbox_holds_up_nobody_and_gets_what_it_is_owed_as_one_mail() {
    let running = Running::well(1, &[("STATUS_EMAIL_TO", "alpha@a.org, beta@a.org")]).await;
    running.services.smtp.set_full_mailboxes(&["beta@a.org"]);
    running.silence("pend00-st-video");
    assert_eq!(running.mail(2).await.recipients, ["alpha@a.org"]);
    running.log.line(&["WARN", "452", "mailbox is full"]).await;
    running.lab.transmit("pend00-st-video");
    assert_eq!(running.mail(3).await.recipients, ["alpha@a.org"]);
    running.services.smtp.set_full_mailboxes(&[]);
    let late = running.mail(4).await;
    assert_eq!(late.recipients, ["beta@a.org"]);
    assert_eq!(late.subject(), "lab.example.org 1 new health events: 1 ok", "one that went and came back");
    assert!(late.header("To").is_some_and(|to| to.contains("alpha@a.org")), "{}", late.raw);
    running.log.line(&["WARN", "mail works again"]).await;
    let next = running.nothing_was_news_until(5).await;
    assert_eq!(next.recipients, ["alpha@a.org", "beta@a.org"]);
    running.stop().await;
}

#[tokio::test]
async fn a_mail_server_that_takes_short_mails_only_gets_short_ones() {
    let running = Running::well(80, &[]).await;
    running.services.smtp.set_longest_mail(6_000);
    running.lab.topics().iter().for_each(|topic| running.lab.disconnect(topic));
    let mail = running.mail(2).await;
    assert!(mail.body.contains(" more events") && mail.body.contains(" more problems"), "{}", mail.body);
    let subject = "lab.example.org 80 new health events: 80 down (pend00, pend01, pend02, ...)";
    assert_eq!(mail.subject(), subject);
    running.stop().await;
}
