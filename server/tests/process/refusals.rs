//! What the log says when a service refuses: which, where, what it said, and the likely cause.

use status_sim::mock::Services;

use crate::support::{Status, lab_services, mail};

/// Runs it beside services with one setting wrong, until it has logged a line with all of this.
async fn told(services: &Services, wrong: (&str, &str), expected: &[&str]) {
    let mut status = Status::serve(services, &[wrong]);
    let line = status.out.line(&[&["\"level\":\"warn\""], expected].concat()).await;
    assert!(!line.contains(wrong.1) || !wrong.0.contains("SECRET"), "{line}");
    status.stop().await;
}

#[tokio::test]
async fn a_wrong_secret_is_told_with_all_that_helps_to_find_it() {
    const REFUSED: &str = "500 Internal Server Error";
    let services = lab_services(1).await;
    let url = format!("GET http://{}/tenant/book/api/v1/admin/resources: ", services.book.address());
    let audience = format!("to a token for {}; likely cause: STATUS_SECRET_BOOK", services.book.audience());
    let said = "signature is invalid";
    told(
        &services,
        ("STATUS_SECRET_BOOK", "Wrong-Secret"),
        &["book refused", &url, REFUSED, said, &audience],
    )
    .await;
    let url = format!("POST http://{}/tenant/relay/session/stats: ", services.relay.address());
    let audience = format!("to a token for {}; likely cause: ", services.relay.audience());
    let parts = ["relay refused", &url, REFUSED, "token invalid", &audience, "STATUS_SECRET_RELAY", "clocks"];
    told(&services, ("STATUS_SECRET_RELAY", "Wrong-Secret"), &parts).await;
    let url = format!("POST http://{}/tenant/jump/api/v1/connect/stats: ", services.jump.address());
    let audience = format!("to a token for {}; likely cause: STATUS_SECRET_JUMP", services.jump.audience());
    told(
        &services,
        ("STATUS_SECRET_JUMP", "Wrong-Secret"),
        &["jump refused", &url, REFUSED, said, &audience],
    )
    .await;
}

#[tokio::test]
async fn a_wrong_base_path_is_told_with_all_that_helps_to_find_it() {
    let services = lab_services(1).await;
    for (name, address) in [
        ("book", services.book.address()),
        ("relay", services.relay.address()),
        ("jump", services.jump.address()),
    ] {
        let setting = format!("STATUS_BASEPATH_{}", name.to_uppercase());
        let audience =
            format!("to a token for http://{address}/other/{name}; likely cause: {setting} is wrong");
        let refused = format!("{name} refused ");
        let url = format!(" http://{address}/other/{name}/");
        let parts = [refused.as_str(), &url, "404 Not Found", &audience];
        told(&services, (&setting, &format!("/other/{name}/")), &parts).await;
    }
}

#[tokio::test]
async fn a_host_that_is_known_by_another_name_is_told_as_such() {
    let services = lab_services(1).await;
    for (name, address, expects) in [
        ("book", services.book.address(), services.book.audience()),
        ("relay", services.relay.address(), services.relay.audience()),
        ("jump", services.jump.address(), services.jump.audience()),
    ] {
        let setting = format!("STATUS_HOST_{}", name.to_uppercase());
        let host = format!("localhost:{}", address.port());
        let refused = format!("{name} refused ");
        let cause = format!("likely cause: {name} expects tokens for {expects}: make {setting} say so");
        told(&services, (&setting, &host), &[&refused, "does not match this host", &cause]).await;
    }
}

#[tokio::test]
async fn clocks_that_differ_are_told_as_such() {
    let services = lab_services(1).await;
    services.jump.set_clock_skew(-3600);
    let parts =
        ["jump refused", "500 Internal Server Error", "likely cause: the clock of this machine is ahead"];
    told(&services, ("STATUS_LOG_LEVEL", "warn"), &parts).await;
    services.jump.set_clock_skew(2 * 86_400);
    let parts = ["jump refused", "token is expired", "likely cause: the clock of this machine is behind"];
    told(&services, ("STATUS_LOG_LEVEL", "warn"), &parts).await;
}

#[tokio::test]
async fn a_proxy_in_the_environment_is_passed_by() {
    let services = lab_services(1).await;
    // Nothing listens there.
    let proxy = "http://127.0.0.1:1";
    let proxies = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"];
    let mut status = Status::serve(&services, &proxies.map(|name| (name, proxy)));
    let told = mail(&services, 1).await;
    assert!(told.body.contains("New health events (0 issues, 1 ok):"), "{}", told.body);
    status.stop().await;
}
