use super::*;

fn html(digest: &Digest<'_>, link: &str) -> String {
    digest.compose(&settings(link), &Zone::utc(), LONGEST).html.unwrap()
}

/// Every tag is closed in its order, but for those that have no end.
fn assert_well_formed(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    for piece in html.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or_else(|| panic!("a tag is cut: {piece}"));
        assert!(!text.contains('>'), "{piece}");
        let name = tag.split([' ', '>']).next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{html}"),
            None if ["!DOCTYPE", "meta", "br"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?} in {html}");
}

#[test]
fn it_has_what_the_text_has() {
    let alerts = [standing(SystemAlert::BookUnreachable, "no <answer>", SINCE)];
    let windows = [OpenWindow {
        names: "pend0*".into(),
        until: Some(WHEN),
        reason: "new bearings".into(),
        by: "alice".into(),
    }];
    let events = [down("pend00"), recovered("pend02", 720_000)];
    let known = Some(Acknowledged { by: "alice".into(), note: "camera <ordered>".into() });
    let problems = [problem(down("pend00")), Problem { acknowledged: known, ..problem(down("pend01")) }];
    let digest = Digest {
        notice: "This mail is late.\n\n".into(),
        alerts: &alerts,
        windows: &windows,
        more_events: 1,
        ..digest(&events, &problems)
    };
    let html = html(&digest, "lab.example.org/status");
    assert_well_formed(&html);
    let table = html.split_once("<table ").unwrap().1.split_once('\n').unwrap().1;
    let page = "https://lab.example.org/status?experiment=";
    let heading =
        |words: &str| alloc::format!("<tr><th colspan=\"2\" align=\"left\"><br>{words}</th></tr>\n");
    let wide = |words: &str| alloc::format!("<tr><td colspan=\"2\">{words}</td></tr>\n");
    let row = |color: &str, mark: &str, what: &str| {
        alloc::format!(
            "<tr valign=\"top\"><td nowrap style=\"color:{color}\"><b>{mark}</b></td><td>{what}</td></tr>\n"
        )
    };
    let red = |what: &str| row("#d93025", "&gt;&lt;&nbsp;U", what);
    let since = "since 2026-11-24 00:20Z";
    let expected = [
        wide("This mail is late."),
        wide("2026-11-24T00:28:13.792Z"),
        heading("System alerts:"),
        wide(
            "<b>book cannot be asked</b> since 2026-11-24T00:20:00.000Z: no &lt;answer&gt;<br>\
             What to do: see whether book runs, and what the log of this server says of it",
        ),
        heading("New health events (1 issues, 1 ok):"),
        red(&alloc::format!("<b><a href=\"{page}pend00\">pend00</a></b> [missing required pend00-st-video]")),
        row("#188038", "ok&nbsp;A", &alloc::format!("<b><a href=\"{page}pend02\">pend02</a></b> after 12m")),
        wide("and 1 earlier event"),
        heading("All current problems (2):"),
        red(&alloc::format!(
            "<b><a href=\"{page}pend00\">pend00</a></b> [missing required pend00-st-video] {since} \
             <a href=\"{page}pend00#acknowledge\">acknowledge</a>"
        )),
        red(&alloc::format!(
            "<b><a href=\"{page}pend01\">pend01</a></b> [missing required pend01-st-video] {since}, \
             acknowledged by alice: camera &lt;ordered&gt;"
        )),
        heading("Maintenance (1):"),
        wide("pend0* until 2026-11-24 00:28Z: new bearings (alice)"),
        wide("<a href=\"https://lab.example.org/status\">lab.example.org/status</a>"),
        "</table>\n</body>\n</html>\n".into(),
    ];
    assert_eq!(table, expected.concat());
}

#[test]
fn it_loads_nothing_and_runs_nothing() {
    let events = [down("pend00")];
    let html = html(&digest(&events, &[]), "lab.example.org");
    for word in ["<img", "<link", "<script", "url(", "@import", "src=", "<style", " on"] {
        assert!(!html.contains(word), "{word:?} is in {html}");
    }
    assert!(html.contains("<meta name=\"color-scheme\" content=\"light dark\">"), "{html}");
}

#[test]
fn there_is_none_where_it_is_not_wanted() {
    let text = MailConfig { html: false, ..settings("x") };
    assert_eq!(digest(&[], &[]).compose(&text, &Zone::utc(), LONGEST).html, None);
}

#[test]
fn a_link_that_is_no_address_makes_no_links() {
    let events = [down("pend00")];
    let problems = [problem(down("pend00"))];
    for (link, shown) in [
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("see the \"board\"", "see the &quot;board&quot;"),
        ("ftp://lab.example.org", "ftp://lab.example.org"),
        ("https://lab/\"><script>", "https://lab/&quot;&gt;&lt;script&gt;"),
    ] {
        let html = html(&digest(&events, &problems), link);
        assert!(!html.contains("<a ") && html.contains(&alloc::format!(">{shown}</td>")), "{html}");
        assert_well_formed(&html);
    }
    let html = html(&digest(&events, &problems), "");
    assert!(!html.contains("<a ") && !html.contains("<td colspan=\"2\"></td>"), "{html}");
}

#[test]
fn nothing_that_others_name_is_html() {
    let name = "a\"b'<script>alert(1)</script>&amp;\u{202E}\n";
    let issue = Issue::Missing("x\u{2028}-st-<img src=x>".into());
    let events = [MailLine { healthy: false, ..line(name, false, true, &[issue]) }];
    let by = Some(Acknowledged { by: "<b>".into(), note: "</table>\u{202E}".into() });
    let problems = [
        Problem { acknowledged: by, ..Problem::from(events[0].clone()) },
        Problem::from(flapping("<i>", 2, false)),
    ];
    let alerts = [standing(SystemAlert::TooManyNames, "<script>", WHEN)];
    let windows =
        [OpenWindow { names: "<x>".into(), until: None, reason: "'\"<y>".into(), by: "<z>".into() }];
    let digest = Digest {
        notice: "<late>\n".into(),
        alerts: &alerts,
        windows: &windows,
        ..digest(&events, &problems)
    };
    let html = html(&digest, "lab.example.org/?a=1&b=2");
    assert_well_formed(&html);
    for word in ["<script", "<img", "<i>", "<x>", "<y>", "<z>", "<late", "\u{202E}", "\u{2028}", "a\"b"] {
        assert!(!html.contains(word), "{word:?} is in {html}");
    }
    let shown = "a&quot;b&#39;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;\\u{202E}\\u{A}";
    let encoded = "a%22b%27%3Cscript%3Ealert%281%29%3C%2Fscript%3E%26amp%3B%E2%80%AE%0A";
    let link = alloc::format!("<a href=\"https://lab.example.org/?experiment={encoded}\">{shown}</a>");
    assert!(html.contains(&link), "{html}");
    assert!(html.contains("<a href=\"https://lab.example.org/?a=1&amp;b=2\">"), "{html}");
}

#[test]
fn what_is_cut_is_cut_between_rows() {
    let lines: Vec<MailLine> = (0..2_000).map(|n| down(&alloc::format!("ü&{n}"))).collect();
    let problems: Vec<Problem> = lines.iter().cloned().map(problem).collect();
    for longest in [LONGEST, 70_000, 25_000] {
        let composed = digest(&lines, &problems).compose(&settings("lab"), &Zone::utc(), longest);
        let html = composed.html.unwrap();
        assert_well_formed(&html);
        assert!(composed.body.len() + html.len() <= longest);
        assert!(html.ends_with("</html>\n"), "{html}");
    }
}
