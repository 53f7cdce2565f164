use super::*;

fn subject(digest: &Digest<'_>) -> String {
    composed(digest).subject
}

#[test]
fn it_says_what_matters() {
    let events = [down("pend00"), down("pend01"), recovered("pend02", 1_000)];
    assert_eq!(subject(&digest(&events, &[])), "lab 3 new health events: 2 down (pend00, pend01), 1 ok");
    assert_eq!(subject(&digest(&events[2..], &[])), "lab 1 new health events: 1 ok");
    assert_eq!(subject(&digest(&[], &[])), "lab 0 new health events");
    let many: Vec<MailLine> = names(12).iter().map(|name| down(name)).collect();
    assert_eq!(
        subject(&digest(&many, &[])),
        "lab 12 new health events: 12 down (pend00, pend01, pend02, ...)"
    );
}

#[test]
fn alerts_come_first_then_down_then_ok_then_flapping() {
    let relay = SystemAlert::Silent(Feed::Relay);
    let alerts = [standing(relay, String::new(), WHEN)];
    let mut events: Vec<MailLine> = names(58).iter().map(|name| unknown(name, &[Feed::Relay])).collect();
    let silent = Digest { alerts: &alerts, ..digest(&events, &[]) };
    assert_eq!(subject(&silent), "lab 58 new health events: relay is silent, 58 down");
    let only = Digest { alerts: &alerts, ..digest(&[], &[]) };
    assert_eq!(subject(&only), "lab 0 new health events: relay is silent");
    events.extend([down("own"), recovered("a", 1), flapping("b", 3, false), flapping("c", 9, true)]);
    assert_eq!(
        subject(&Digest { alerts: &alerts, ..digest(&events, &[]) }),
        "lab 62 new health events: relay is silent, 59 down (own, ...), 3 ok, 1 flapping (b), 1 no longer flapping (c)"
    );
}

#[test]
fn an_alert_that_is_over_is_said_to_be() {
    let [relay, jump] = Feed::BOTH.map(SystemAlert::Silent);
    let cleared =
        alloc::vec![ended(relay, WHEN), ended(relay, WHEN), ended(SystemAlert::BookUnreachable, WHEN)];
    let over = Digest { cleared, ..digest(&[], &[]) };
    assert_eq!(subject(&over), "lab 0 new health events: relay is back, book answers again");
    let alerts = [standing(relay, String::new(), WHEN), standing(jump, String::new(), WHEN)];
    let again = Digest { alerts: &alerts, ..over };
    assert_eq!(subject(&again), "lab 0 new health events: relay and jump are silent, book answers again");
    let cleared = alloc::vec![ended(jump, WHEN), ended(relay, WHEN)];
    let over = Digest { cleared, ..digest(&[], &[]) };
    assert_eq!(subject(&over), "lab 0 new health events: relay and jump are back");
}

#[test]
fn a_reminder_says_what_is_still_so() {
    let known = Some(Acknowledged { by: "alice".into(), note: String::new() });
    let problems = [
        problem(down("pend00")),
        problem(down("pend01")),
        Problem { acknowledged: known, ..problem(down("pend02")) },
        Problem { muted: Some(Muted::Maintenance), ..problem(down("pend03")) },
    ];
    let reminder = Digest { is_reminder: true, ..digest(&[], &problems) };
    let Composed { subject, body, .. } = composed(&reminder);
    assert_eq!(subject, "lab 0 new health events: still 2 down (pend00, pend01)");
    assert!(body.contains("\nNew health events (0 issues, 0 ok):\n\nAll current problems (4):\n"), "{body}");
    let all: Vec<Problem> = names(9).iter().map(|name| problem(unknown(name, &[Feed::Jump]))).collect();
    let alerts = [standing(SystemAlert::Silent(Feed::Jump), String::new(), WHEN)];
    let reminder = Digest { is_reminder: true, alerts: &alerts, ..digest(&[], &all) };
    assert_eq!(composed(&reminder).subject, "lab 0 new health events: jump is silent, still 9 down");
}

#[test]
fn it_has_no_leading_blank_where_nothing_is_set() {
    let events = [down("a")];
    let text = MailConfig::default();
    let subject = digest(&events, &[]).compose(&text, &Zone::utc(), LONGEST).subject;
    assert_eq!(subject, "1 new health events: 1 down (a)");
}

#[test]
fn it_stays_short_whatever_the_names_are() {
    let long: Vec<MailLine> = (0..5).map(|n| down(&alloc::format!("{n}{}", "ü".repeat(120)))).collect();
    let told = subject(&digest(&long, &[]));
    assert_eq!(told.matches("...").count(), 4, "{told}");
    assert!(told.chars().count() <= 150, "{told}");
    let alerts = SystemAlert::ALL.map(|alert| standing(alert, String::new(), WHEN));
    let mut events = long;
    events.push(flapping("b", 3, false));
    let digest = Digest { alerts: &alerts, ..digest(&events, &[]) };
    let told = subject(&digest);
    assert_eq!(
        told,
        "lab 6 new health events: relay and jump are silent, book cannot be asked, book has no manifest, \
         3 more alerts, 5 down, 1 ok, 1 flapping (b)"
    );
    let text = MailConfig { subject: "x".repeat(130), ..settings("") };
    let told = digest.compose(&text, &Zone::utc(), LONGEST).subject;
    assert!(told.ends_with("x 6 new health events: relay and jump are silent, ..."), "{told}");
}

#[test]
fn no_name_breaks_it_or_hides_in_it() {
    let events = [down("a\r\nBcc: eve@example.org"), down("b\u{202E}c"), down("<script>\"'")];
    let text = MailConfig { subject: "lab\r\nX: y".into(), ..MailConfig::default() };
    let subject = digest(&events, &[]).compose(&text, &Zone::utc(), LONGEST).subject;
    assert_eq!(
        subject,
        "lab  X: y 3 new health events: 3 down (a\\u{D}\\u{A}Bcc: eve@example.org, b\\u{202E}c, <script>\"')"
    );
}
