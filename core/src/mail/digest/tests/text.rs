use super::*;

fn body(digest: &Digest<'_>) -> String {
    digest.compose(&settings(""), &Zone::utc(), LONGEST).body
}

fn events(events: &[MailLine]) -> String {
    let body = body(&digest(events, &[]));
    let events = body.split_once("\n\n").unwrap().1.split_once("\n\nAll current").unwrap().0;
    events.into()
}

fn problems(problems: &[Problem]) -> String {
    let body = body(&digest(&[], problems));
    body.split_once("All current problems").unwrap().1.into()
}

#[test]
fn marks_line_up_and_issues_come_first() {
    let bookable = line("p1", false, true, &[Issue::MissingJump, Issue::Missing("p1-st-log".into())]);
    let alerts = [standing(SystemAlert::BookUnreachable, "no answer", Wall::from_millis(0))];
    let events =
        [line("pend02", true, true, &[]), line("pend03", true, false, &[]), down("pend00"), bookable.clone()];
    let problems = [problem(bookable), Problem::from(down("pend00"))];
    let digest = Digest {
        alerts: &alerts,
        cleared: alloc::vec![ended(SystemAlert::Silent(Feed::Jump), Wall::from_millis(0))],
        ..digest(&events, &problems)
    };
    assert_eq!(
        composed(&digest).body,
        "2026-11-24T00:28:13.792Z\n\
         \n\
         System alerts:\n\
         book cannot be asked since 1970-01-01T00:00:00.000Z: no answer\n  \
         What to do: see whether book runs, and what the log of this server says of it\n\
         \n\
         No longer a system alert:\n\
         jump is silent (since 1970-01-01T00:00:00.000Z)\n\
         \n\
         New health events (2 issues, 2 ok):\n\
         pend00 ><   U [missing required pend00-st-video]\n\
         p1     -- A   [missing jump, missing p1-st-log]\n\
         pend02 ok A\n\
         pend03 ok   U\n\
         \n\
         All current problems (2):\n\
         p1     -- A   [missing jump, missing p1-st-log] since 2026-11-24 00:20Z\n\
         pend00 ><   U [missing required pend00-st-video]\n\
         \n\
         lab.example.org/status\n"
    );
}

#[test]
fn all_of_one_experiment_is_one_line() {
    let silent = line("pend03", false, true, &[Issue::Unhealthy("pend03-st-video".into())]);
    let told = events(&[
        down("pend00"),
        line("pend01", false, true, &[Issue::MissingJump]),
        silent,
        recovered("pend02", 720_000),
        recovered("pend03", 6_000),
        line("pend04", true, false, &[]),
    ]);
    assert_eq!(
        told,
        "New health events (2 issues, 3 ok):\n\
         pend00 ><   U [missing required pend00-st-video]\n\
         pend01 -- A   [missing jump]\n\
         pend03 ok A   after 6s [unhealthy pend03-st-video]\n\
         pend02 ok A   after 12m\n\
         pend04 ok   U"
    );
}

#[test]
fn the_newest_of_an_experiment_counts_and_what_was_in_between_is_told_once() {
    let jump = line("a", false, true, &[Issue::MissingJump]);
    assert_eq!(
        events(&[down("a"), recovered("a", 9_000), jump.clone()]),
        "New health events (1 issues, 0 ok):\na -- A   [missing jump]"
    );
    assert_eq!(
        events(&[down("a"), jump, down("a"), recovered("a", 61_000)]),
        "New health events (0 issues, 1 ok):\na ok A   after 1m 1s [missing jump, missing required a-st-video]"
    );
}

#[test]
fn what_a_silent_feed_does_to_many_is_one_line() {
    for (cause, words) in [
        (&[Feed::Relay][..], "streams, since relay is silent"),
        (&[Feed::Jump], "jump connections, since jump is silent"),
        (&[Feed::Relay, Feed::Jump], "streams and jump connections, since relay and jump are silent"),
    ] {
        let lines: Vec<MailLine> = names(58).iter().map(|name| unknown(name, cause)).collect();
        let now: Vec<Problem> = lines.iter().cloned().map(problem).collect();
        let common = alloc::format!("58 experiments: nothing is known of their {words}");
        assert_eq!(events(&lines), alloc::format!("New health events (58 issues, 0 ok):\n{common}"));
        assert_eq!(problems(&now), alloc::format!(" (58):\n{common}\n"));
    }
}

#[test]
fn one_with_an_issue_of_its_own_keeps_its_line() {
    let mut lines: Vec<MailLine> = names(3).iter().map(|name| unknown(name, &[Feed::Relay])).collect();
    lines.push(line("alone", false, true, &[Issue::MissingJump]));
    lines.push(unknown("other", &[Feed::Jump]));
    // What was wrong before relay fell silent is told.
    lines.extend([down("before"), unknown("before", &[Feed::Relay])]);
    assert_eq!(
        events(&lines),
        "New health events (6 issues, 0 ok):\n\
         3 experiments: nothing is known of their streams, since relay is silent\n\
         alone  -- A   [missing jump]\n\
         other  ><   U [missing required other-st-video]\n\
         before ><   U [missing required before-st-video]"
    );
}

#[test]
fn what_is_well_again_since_a_feed_is_back_is_one_line() {
    let relay = [Feed::Relay];
    let lines = [unknown("a", &relay), known_again("a", &relay, 20_000), known_again("b", &relay, 240_000)];
    assert_eq!(
        events(&lines),
        "New health events (0 issues, 2 ok):\n2 experiments: well again after 4m, since relay is back"
    );
    let both = [Feed::Jump, Feed::Relay, Feed::Jump];
    let lines = [known_again("a", &both, 1_000), known_again("b", &both[1..], 2_000)];
    assert!(events(&lines).ends_with("\n2 experiments: well again after 2s, since relay and jump are back"));
    let own = [down("a"), known_again("a", &relay, 20_000), known_again("b", &relay, 4_000)];
    assert_eq!(
        events(&own),
        "New health events (0 issues, 2 ok):\n\
         a ok A   after 20s [missing required a-st-video]\n\
         b ok A   after 4s"
    );
}

#[test]
fn flapping_is_told_with_how_often() {
    let jump = FlapLine { what: Issue::MissingJump, times: 1, is_over: false };
    let jump = MailLine { flapping: Some(jump), ..down("pend01") };
    let begun_and_over = [flapping("pend02", 3, false), flapping("pend02", 1_204, true)];
    let [begun, over] = begun_and_over;
    assert_eq!(
        events(&[flapping("pend00", 3, false), jump, begun, over, flapping("pend03", 1_234_567, true)]),
        "New health events (1 issues, 3 ok):\n\
         pend01 ><   U [missing required pend01-st-video], flapping: jump was lost once\n\
         pend00 ok A   flapping: pend00-st-video was lost 3 times\n\
         pend02 ok A   no longer flapping: pend02-st-video was lost 1,204 times\n\
         pend03 ok A   no longer flapping: pend03-st-video was lost 1,234,567 times"
    );
}

#[test]
fn a_problem_says_since_when_who_knows_of_it_and_why_it_is_no_news() {
    let by = |by: &str, note: &str| Some(Acknowledged { by: by.into(), note: note.into() });
    let told = problems(&[
        Problem { acknowledged: by("alice", "camera\nordered "), ..problem(down("a")) },
        Problem { acknowledged: by("bob\u{202E}", ""), ..problem(down("b")) },
        Problem { muted: Some(Muted::Flapping), ..problem(down("c")) },
        Problem { muted: Some(Muted::Flapping), ..problem(flapping("d", 5, false)) },
        Problem { muted: Some(Muted::Maintenance), acknowledged: by("al", "x"), ..problem(down("e")) },
    ]);
    let since = "since 2026-11-24 00:20Z";
    assert_eq!(
        told,
        alloc::format!(
            " (5):\n\
             a ><   U [missing required a-st-video] {since}, acknowledged by alice: camera ordered\n\
             b ><   U [missing required b-st-video] {since}, acknowledged by bob\\u{{202E}}\n\
             c ><   U [missing required c-st-video] {since}, flapping\n\
             d ok A   {since}, flapping: d-st-video was lost 5 times\n\
             e ><   U [missing required e-st-video] {since}, acknowledged by al: x, in maintenance\n"
        )
    );
}

#[test]
fn what_is_known_of_a_problem_keeps_it_out_of_the_common_line() {
    let mut all: Vec<Problem> = names(6).iter().map(|name| problem(unknown(name, &[Feed::Jump]))).collect();
    all[1].acknowledged = Some(Acknowledged { by: "alice".into(), note: String::new() });
    all[2].muted = Some(Muted::Maintenance);
    all[3].muted = Some(Muted::Maintenance);
    let told = problems(&all);
    let common = "experiments: nothing is known of their jump connections, since jump is silent";
    assert!(
        told.starts_with(&alloc::format!(" (6):\n3 {common}\n2 {common}, in maintenance\npend01 ")),
        "{told}"
    );
}

#[test]
fn windows_that_are_on_are_listed() {
    let window = |names: &str, until, reason: &str| OpenWindow {
        names: names.into(),
        until,
        reason: reason.into(),
        by: "alice".into(),
    };
    let windows = [window("pend0*, @relay", Some(WHEN), "new\nbearings"), window("spin?", None, "")];
    let body = composed(&Digest { windows: &windows, ..digest(&[], &[]) }).body;
    let section = "\nMaintenance (2):\n\
                   pend0*, @relay until 2026-11-24 00:28Z: new bearings (alice)\n\
                   spin? (alice)\n\
                   \nlab.example.org/status\n";
    assert!(body.ends_with(section), "{body}");
}

#[test]
fn times_are_those_of_the_zone() {
    let zone = Zone::new("Europe/Berlin", 3_600, Vec::new());
    let alerts = [standing(SystemAlert::ManifestEmpty, "none", SINCE)];
    let problems = [problem(down("a"))];
    let digest = Digest { alerts: &alerts, ..digest(&[], &problems) };
    let body = digest.compose(&settings(""), &zone, LONGEST).body;
    assert!(body.starts_with("2026-11-24T01:28:13.792+01:00\n"), "{body}");
    assert!(body.contains("\nbook has no manifest since 2026-11-24T01:20:00.000+01:00: none\n"), "{body}");
    assert!(body.ends_with(" since 2026-11-24 01:20+01:00\n"), "{body}");
}

#[test]
fn the_marks_are_not_pushed_to_the_right_by_one_long_name() {
    let long = "x".repeat(250);
    let told = events(&[line(&long, true, true, &[]), line("pend00", true, true, &[])]);
    assert!(told.contains(&alloc::format!("\n{long} ok A\n")), "{told}");
    assert!(told.ends_with(&alloc::format!("\npend00{} ok A", " ".repeat(34))), "{told}");
}

#[test]
fn names_are_shown_with_what_cannot_be_seen() {
    let told = line("a\u{202E}b ", false, true, &[Issue::Missing("a\u{2028}-st-b ".into())]);
    let body = body(&digest(core::slice::from_ref(&told), &[Problem::from(told.clone())]));
    let shown = r"a\u{202E}b\u{20} -- A   [missing a\u{2028}-st-b\u{20}]";
    assert_eq!(body.matches(shown).count(), 2, "{body}");
}

#[test]
fn a_line_says_how_many_issues_it_leaves_out() {
    let mut one = line("pend00", false, false, &[Issue::MissingJump]);
    one.more_issues = 970;
    assert!(events(&[one]).ends_with("\npend00 ><   U [missing jump and 970 more]"));
    // What was wrong in between is at most as much.
    let many = |from: u32| -> Vec<Issue> {
        (from..from + 15).map(|n| Issue::Missing(alloc::format!("a-st-{n:02}").as_str().into())).collect()
    };
    let lines = [line("a", false, true, &many(0)), line("a", false, true, &many(10)), recovered("a", 1_000)];
    let told = events(&lines);
    assert!(told.ends_with("missing a-st-18, missing a-st-19 and 5 more]"), "{told}");
}

#[test]
fn events_that_are_only_counted_are_in_no_heading() {
    let events = [down("a")];
    let digest = Digest { more_events: 7, ..digest(&events, &[]) };
    let Composed { subject, body, .. } = composed(&digest);
    assert!(subject.starts_with("lab 1 new health events: "), "{subject}");
    assert!(body.contains("New health events (1 issues, 0 ok):\na ><"), "{body}");
    assert!(body.contains("\nand 7 earlier events\n\nAll current problems (0):\n"), "{body}");
}

#[test]
fn the_labs_name_stands_above_all_else_and_not_in_the_subject() {
    let events = [down("a")];
    let text = MailConfig { lab: "Remote <Lab>\u{202E}".into(), ..settings("") };
    let Composed { subject, body, html } = digest(&events, &[]).compose(&text, &Zone::utc(), LONGEST);
    assert_eq!(subject, composed(&digest(&events, &[])).subject);
    assert!(body.starts_with("Remote <Lab>\\u{202E}\n2026-"), "{body}");
    assert!(html.unwrap().contains("<b>Remote &lt;Lab&gt;\\u{202E}</b>"));
}
