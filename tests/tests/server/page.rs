//! The page as it is sent, without a browser. What it looks like and how it is used is tested in one:
//! `tests/page`.

use reqwest::Method;

use crate::support::Running;

async fn page(running: &Running, query: &str) -> String {
    let answer = running.request(Method::GET, &format!("/{query}")).await;
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    answer.text().await.unwrap()
}

fn rows(page: &str) -> Vec<&str> {
    page.lines().filter(|line| line.starts_with("<tr class=")).collect()
}

#[tokio::test]
async fn problems_come_first_and_filters_are_in_the_address() {
    let running = Running::well(4, &[]).await;
    running.silence("pend03-st-video");
    running.services.book.override_resource("r-pend01", false, "new <b>bearings</b> are fitted");
    running.booked(&[("r-pend03", false)]).await;
    let wanted = |page: &str| {
        let rows = rows(page);
        rows.len() == 4
            && rows[0].contains("pend03</a><td>✕ unhealthy")
            && rows[0].contains("<td>video silent<td>out, by status")
            && rows[1].contains("pend01</a><td>✓ healthy")
            && rows[1].contains("by a person: new &#60;b&#62;bearings")
            && rows[2].contains("pend00</a>")
    };
    let mut whole = page(&running, "").await;
    while !wanted(&whole) {
        running.pause().await;
        whole = page(&running, "").await;
    }
    assert!(whole.contains("✕ 1 unhealthy") && whole.contains("1 taken out by a person"), "{whole}");
    assert!(!whole.contains("http://") && !whole.contains("https://"), "all addresses are relative");
    assert_eq!(rows(&page(&running, "?q=ND02").await).len(), 1);
    assert_eq!(rows(&page(&running, "?show=problems").await).len(), 2);
    assert_eq!(rows(&page(&running, "?show=unhealthy").await).len(), 1);
    assert_eq!(rows(&page(&running, "?show=unbookable&q=pend01").await).len(), 1);
    assert!(page(&running, "?q=%22%3E%3Cscript%3E").await.contains("No experiment fits"));
    assert!(!page(&running, "?q=%22%3E%3Cscript%3E").await.contains("<script>"));
    let detail = page(&running, "?experiment=pend03").await;
    assert!(
        detail.contains("pend03: <span>✕ unhealthy") && detail.contains("silent for more than 2s"),
        "{detail}"
    );
    let unknown = running.request(Method::GET, "/?experiment=%3Cb%3E").await;
    assert_eq!(unknown.status(), 404);
    assert!(unknown.text().await.unwrap().contains("No experiment is called &#60;b&#62;"));
    running.stop().await;
}

#[tokio::test]
async fn experiments_are_grouped_sorted_and_found_by_what_is_wrong() {
    let settings = [("STATUS_NAME", "Remote <Lab>"), ("STATUS_GROUPS", "Cameras=*3;None=x*")];
    let running = Running::well(4, &settings).await;
    running.silence("pend03-st-video");
    running.services.book.override_resource("r-pend01", false, "new bearings are fitted");
    running.booked(&[("r-pend01", false), ("r-pend03", false)]).await;
    let found = async |query: &str| -> Vec<String> {
        let page = page(&running, query).await;
        let name = |row: &&str| row.split("</a>").next().unwrap().rsplit('>').next().unwrap().to_owned();
        rows(&page).iter().map(name).collect()
    };
    while found("?q=bearings").await != ["pend01"] || found("?show=problems").await.len() != 2 {
        running.pause().await;
    }
    assert_eq!(found("?q=unhealthy+video").await, ["pend03"]);
    assert_eq!(found("?sort=-name&show=healthy").await, ["pend02", "pend01", "pend00"]);
    assert_eq!(found("?sort=since").await[0], "pend03");
    assert_eq!(found("?sort=uptime").await[0], "pend03");
    for nonsense in
        ["?sort=%FF&look=&show=x", "?sort=--name", "?experiment=&q=", "?students=&q=a", "?look=tiles&q=%00"]
    {
        page(&running, nonsense).await;
    }
    let whole = page(&running, "?show=problems").await;
    assert!(
        whole.contains("<strong>Cameras</strong> <span>1: 1 unhealthy, 1 not bookable</span>"),
        "{whole}"
    );
    assert!(whole.contains("<strong>pend</strong> <span>1: 1 not bookable, 1 healthy</span>"), "{whole}");
    assert!(whole.contains(" · Remote &#60;Lab&#62;</title>") && !whole.contains("<Lab>"), "{whole}");
    let detail = page(&running, "?experiment=pend03&show=problems&sort=-name").await;
    assert!(detail.contains("href=\"?show=problems&#38;sort=-name\">← all experiments"), "{detail}");
    assert!(page(&running, "?look=tiles").await.contains("<ul class=grid>"));
    running.stop().await;
}

#[tokio::test]
async fn students_are_told_in_plain_words_and_nothing_internal() {
    let running = Running::well(4, &[]).await;
    running.silence("pend03-st-video");
    running.services.book.override_resource("r-pend01", false, "new <b>bearings</b> are fitted");
    running.lab.set_jump("pend02", false);
    running.booked(&[("r-pend01", false), ("r-pend03", false)]).await;
    running.mail_about("pend03").await;
    let mut students = page(&running, "students").await;
    while !students.contains("can&#39;t be booked: new") || !students.contains("maintainers were told at ") {
        running.pause().await;
        students = page(&running, "students").await;
    }
    assert!(students.contains("2 of 4 work, 2 not bookable"), "{students}");
    assert!(
        students.contains("pend02</a> <span>✓ works</span>"),
        "jump is no concern of students: {students}"
    );
    assert!(students.contains("new &#60;b&#62;bearings"), "{students}");
    assert!(
        !students.contains("-st-video") && !students.contains("jump") && !students.contains("relay"),
        "{students}"
    );
    assert!(
        students.contains("href=\"./?file=page.css\"") && students.contains("href=\"./?students=pend03\"")
    );
    let one = page(&running, "students/pend03").await;
    assert!(
        one.contains("can&#39;t be booked since ") && one.contains("href=\"../?file=page.css\""),
        "{one}"
    );
    assert_eq!(page(&running, "?students").await.matches("<li id=").count(), 4);
    let unknown = running.request(Method::GET, "/students/%3Cb%3E").await;
    assert_eq!(unknown.status(), 404);
    for (path, status, text) in [
        ("/badge/pend01/booking.svg", 200, "pend01: not bookable"),
        ("/badge/pend02/booking.svg", 200, "pend02: bookable"),
        ("/badge/nobody/booking.svg", 404, "nobody: not known"),
        ("/badges/lab.svg", 200, "lab: 2 of 4 work"),
    ] {
        let answer = running.request(Method::GET, path).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (status, &"image/svg+xml".parse().unwrap())
        );
        let picture = answer.text().await.unwrap();
        assert!(picture.contains(&format!("<title>{text}</title>")), "{picture}");
    }
    running.stop().await;
}
