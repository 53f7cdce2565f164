use super::*;
use crate::mail::digest::SHORTEST;

/// How many experiments a part of a mail says that it leaves out.
fn left_out(part: &str, what: &str) -> usize {
    let count = |text: &str| text.strip_prefix("and ")?.strip_suffix(what)?.parse().ok();
    part.lines().find_map(count).unwrap_or(0)
}

fn assert_bounded(digest: &Digest<'_>, link: &str, longest: usize) -> Composed {
    let composed = digest.compose(&settings(link), &Zone::utc(), longest);
    let html = composed.html.as_ref().map_or(0, String::len);
    let length = composed.body.len() + html;
    assert!(length <= longest, "{} and {html} are more than {longest}", composed.body.len());
    assert_eq!(composed.html.is_some(), longest >= 25_000, "{longest}");
    composed
}

#[test]
fn a_mail_is_no_longer_than_allowed_and_says_what_it_leaves_out() {
    let issues: Vec<Issue> =
        (0..20).map(|n| Issue::Missing(alloc::format!("pend00-st-{n:0200}").as_str().into())).collect();
    let lines: Vec<MailLine> =
        (0..500).map(|n| line(&alloc::format!("pend{n}"), false, true, &issues)).collect();
    let problems: Vec<Problem> = lines.iter().cloned().map(problem).collect();
    let alerts = [standing(SystemAlert::TooManyNames, "x".repeat(300_000), Wall::from_millis(0))];
    let cleared = alloc::vec![ended(SystemAlert::BookUnreachable, Wall::from_millis(0)); 2_000];
    for longest in [LONGEST, 100_000, 50_000, 25_000, 24_999, 12_000, SHORTEST] {
        let digest =
            Digest { alerts: &alerts, cleared: cleared.clone(), more_events: 7, ..digest(&lines, &problems) };
        let Composed { body, .. } = assert_bounded(&digest, "lab.example.org/status", longest);
        assert!(body.len() > longest / 4, "{} of {longest}", body.len());
        let (events, problems) = body.split_once("All current problems (500):").unwrap();
        for (part, what) in [(events, " more events"), (problems, " more problems")] {
            let listed = part.lines().filter(|line| line.contains(" -- A ")).count();
            assert_eq!(left_out(part, what), 500 - listed, "{part}");
        }
        assert!(events.contains("\nand 7 earlier events\n"), "{events}");
        assert!(body.contains(" (and more)\n") && body.contains(" that ended earlier\n"), "{body}");
        assert!(body.ends_with("\nlab.example.org/status\n"));
    }
}

#[test]
fn the_lines_that_say_what_is_left_out_have_their_room_too() {
    let lines: Vec<MailLine> =
        (0..12_345).map(|n| line(&alloc::format!("pend{n}"), false, true, &[])).collect();
    let problems: Vec<Problem> = lines.iter().cloned().map(Problem::from).collect();
    for longest in (4_000..4_060).chain(25_000..25_020) {
        let Composed { body, .. } = assert_bounded(&digest(&lines, &problems), "", longest);
        assert!(body.contains(" more events\n") && body.contains(" more problems\n"), "{body}");
    }
}

#[test]
fn the_shortest_mail_has_room_for_everything_that_is_always_in_it() {
    let alerts = SystemAlert::ALL.map(|alert| standing(alert, "ü<".repeat(1_000), WHEN));
    let window = OpenWindow {
        names: "'pend<".repeat(1_000),
        until: Some(WHEN),
        reason: "\"<ü".repeat(1_000),
        by: "&".repeat(1_000),
    };
    let windows = alloc::vec![window; 50];
    let lines: Vec<MailLine> = (0..500).map(|n| down(&alloc::format!("<{n}{}", "\"".repeat(240)))).collect();
    let problems: Vec<Problem> = lines.iter().cloned().map(problem).collect();
    let link = "<".repeat(200);
    for longest in [SHORTEST, 8_000, 25_000, 30_000, LONGEST] {
        let digest = Digest {
            notice: "x".repeat(300),
            alerts: &alerts,
            cleared: alloc::vec![ended(SystemAlert::StoreReplaced, WHEN); 500],
            more_cleared: 70_000,
            more_events: 123_456,
            windows: &windows,
            ..digest(&lines, &problems)
        };
        let Composed { body, html, .. } = assert_bounded(&digest, &link, longest);
        assert!(body.ends_with(&alloc::format!("\n{link}\n")), "{body}");
        let left_out = left_out(&body, " more windows");
        assert!((30..50).contains(&left_out), "some of them are listed: {body}");
        assert!(html.is_none_or(|html| html.ends_with("</html>\n") && html.contains(" more windows<")));
    }
}

#[test]
fn what_the_text_does_not_need_is_for_the_html() {
    let lines: Vec<MailLine> = (0..200).map(|n| down(&alloc::format!("pend{n}"))).collect();
    let problems: Vec<Problem> = lines.iter().cloned().map(problem).collect();
    let Composed { body, html, .. } = assert_bounded(&digest(&lines, &problems), "lab.example.org", LONGEST);
    let html = html.unwrap();
    assert!(html.len() > LONGEST / 4 && !html.contains(" more "), "{}", html.len());
    assert!(!body.contains(" more "), "{body}");
}
