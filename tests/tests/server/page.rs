//! The page as it is sent, without a browser. What it looks like and how it is used is tested in one:
//! `tests/page`.

use reqwest::Method;
use status_adapters::clock::Stopwatch;
use status_sim::mock::Lab;

use crate::support::{Running, services};

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
async fn five_hundred_experiments_are_a_small_page() {
    let running = Running::start(services(&Lab::with_experiments(500, &["data", "video"])).await, &[]).await;
    running.mail(1).await;
    for number in (0..500).step_by(7) {
        running.silence(&format!("pend{number:02}-st-video"));
    }
    running.mail_about("(72 issues, 0 ok)").await;
    let stopwatch = Stopwatch::start();
    let page = page(&running, "").await;
    println!("{} bytes in {:?}", page.len(), stopwatch.read());
    assert_eq!(rows(&page).len(), 500);
    assert!(page.len() < 200_000, "{} bytes", page.len());
    running.stop().await;
}
