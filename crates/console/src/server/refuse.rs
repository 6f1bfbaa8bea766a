use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

use super::{Site, theme};
use crate::page::{self, Frame};

/// There is no such page.
pub(super) async fn not_found(State(site): State<Site>, headers: HeaderMap, uri: Uri) -> Response {
    let reason = format!("There is nothing at {}.", uri.path());
    refuse(&site, &headers, StatusCode::NOT_FOUND, &reason)
}

/// There is no such asset.
pub(super) fn plain_not_found() -> Response {
    (StatusCode::NOT_FOUND, "there is no such asset").into_response()
}

/// The page is there, and can only be read.
pub(super) async fn method_not_allowed(
    State(site): State<Site>,
    headers: HeaderMap,
    method: Method,
    uri: Uri,
) -> Response {
    let reason = format!(
        "{} can be read (GET, HEAD); {method} does nothing here.",
        uri.path()
    );
    refuse(&site, &headers, StatusCode::METHOD_NOT_ALLOWED, &reason)
}

/// Says why: as a page to who reads pages, else as JSON.
pub(super) fn refuse(site: &Site, headers: &HeaderMap, status: StatusCode, reason: &str) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if !accepts.is_some_and(|accepts| accepts.contains("text/html")) {
        let body = json!({ "error": reason }).to_string();
        return (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    }
    let links = site.links(headers);
    let view = site.view();
    let title = status.canonical_reason().unwrap_or("Refused");
    let frame = Frame {
        title: &format!("{title} · Minicluster"),
        tab: None,
        links: &links,
        theme: theme(headers),
        at: None,
        version: &view.overview.version,
    };
    let main = page::refusal(title, reason, &links.console);
    (status, Html(page::frame(&frame, &main).into_string())).into_response()
}
