//! Who is answered, and with what headers.

use crate::browser::Site;

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let site = Site::open().await;
    for path in [
        "/",
        "/api/overview",
        "/assets/live.js",
        "/nothing",
        "/metrics",
        "/healthz",
    ] {
        let answer = site.get(path).await;
        for wanted in [
            "content-security-policy: default-src 'none'; script-src 'self'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(answer.headers.contains(wanted), "{path}: {}", answer.headers);
        }
        assert!(
            !answer.headers.contains("access-control"),
            "{path}: {}",
            answer.headers
        );
    }
}

#[tokio::test]
async fn only_names_of_loopback_are_answered() {
    let site = Site::open().await;
    let ask = async |headers: &str| {
        site.send(site.console, "GET", "/api/overview", headers)
            .await
            .status
    };
    for host in [
        "127.0.0.1",
        "localhost",
        "localhost:8080",
        "127.0.0.1:9",
        "[::1]:8080",
    ] {
        assert_eq!(ask(&format!("Host: {host}")).await, 200, "{host}");
    }
    for host in [
        "rebound.example",
        "rebound.example:8080",
        "localhost.rebound.example",
        "127.0.0.1.rebound.example",
        "localhost:80:80",
        "localhost:x",
        "[::2]",
    ] {
        assert_eq!(ask(&format!("Host: {host}")).await, 403, "{host}");
    }
    for host in ["Host:", "Host: localhost\r\nHost: localhost"] {
        assert_eq!(ask(host).await, 400, "{host}");
    }
}

#[tokio::test]
async fn pages_of_other_sites_get_nothing() {
    let site = Site::open().await;
    let ask = async |origin: &str| {
        let headers = format!("Host: localhost:8080\r\nOrigin: {origin}");
        site.send(site.console, "GET", "/events", &headers).await.status
    };
    for origin in [
        "null",
        "http://rebound.example",
        "http://localhost:8081",
        "https://localhost:8080",
        "file://",
    ] {
        assert_eq!(ask(origin).await, 403, "{origin}");
    }
    let own = "Host: localhost:8080\r\nOrigin: http://localhost:8080";
    assert_eq!(site.send(site.console, "GET", "/healthz", own).await.status, 200);
}

#[tokio::test]
async fn a_refusal_links_to_no_foreign_name_and_shows_it_as_text() {
    let site = Site::open().await;
    let headers = "Host: <b>rebound.example\r\nAccept: text/html";
    let answer = site.send(site.console, "GET", "/", headers).await;
    assert_eq!(answer.status, 403);
    assert!(!answer.body.contains("<b>rebound"), "{}", answer.body);
    assert!(!answer.body.contains("http://rebound"), "{}", answer.body);
    assert!(
        answer
            .body
            .contains(&format!("http://127.0.0.1:{}/", site.console.port()))
    );
}

#[tokio::test]
async fn nothing_can_be_changed() {
    let site = Site::open().await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = site.send(site.console, method, "/", "Content-Length: 0").await;
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.headers.contains("allow: get,head"), "{}", answer.headers);
    }
    let head = site.send(site.console, "HEAD", "/", "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}
