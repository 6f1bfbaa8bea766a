use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{Site, refuse};
use crate::View;
use crate::page::Page;
use crate::view::Rendered;

/// One event: what changed since the one before it.
#[derive(Debug, Serialize)]
struct Regions<'a> {
    at: Timestamp,
    title: &'a str,
    /// By id, as HTML.
    regions: HashMap<&'a str, &'a str>,
}

/// A reader that looks on.
struct Reader {
    page: Page,
    views: watch::Receiver<Arc<View>>,
    /// What it was shown last.
    shown: Option<Arc<View>>,
    _permit: OwnedSemaphorePermit,
}

/// The regions of the page as they change; all of them first.
pub(super) async fn events(State(site): State<Site>, headers: HeaderMap) -> Response {
    let Ok(permit) = Arc::clone(&site.readers).try_acquire_owned() else {
        let reason = "Too many pages look on at the same time: close some.";
        return refuse::refuse(&site, &headers, StatusCode::SERVICE_UNAVAILABLE, reason);
    };
    let reader = Reader {
        page: site.page,
        views: site.views,
        shown: None,
        _permit: permit,
    };
    Sse::new(stream(reader))
        .keep_alive(KeepAlive::default())
        .into_response()
}

fn stream(reader: Reader) -> impl Stream<Item = Result<Event, Infallible>> {
    futures::stream::unfold(reader, async |mut reader| {
        if reader.shown.is_some() {
            // The collector has ended, and with it the stream.
            reader.views.changed().await.ok()?;
        }
        let view = Arc::clone(&reader.views.borrow_and_update());
        let page = reader.page;
        let before = reader.shown.as_ref().map(|view| view.rendered(page));
        let text = changes(before, view.rendered(page));
        reader.shown = Some(view);
        Some((Ok(Event::default().event("regions").data(text)), reader))
    })
}

/// The event for a reader that has seen `before`.
fn changes(before: Option<&Rendered>, now: &Rendered) -> String {
    let seen: HashMap<&str, &str> = before
        .map(|before| {
            before
                .regions
                .iter()
                .map(|(id, html)| (*id, html.as_str()))
                .collect()
        })
        .unwrap_or_default();
    let changed = now.regions.iter().map(|(id, html)| (*id, html.as_str()));
    let event = Regions {
        at: now.at,
        title: &now.title,
        regions: changed.filter(|(id, html)| seen.get(id) != Some(html)).collect(),
    };
    // Texts and times can always be written.
    serde_json::to_string(&event).unwrap_or_default()
}
