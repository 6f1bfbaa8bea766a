//! What a service tells about itself over HTTP: `/report`, `/metrics`, `/healthz`, on loopback and a port of
//! the system's choice. Its record in the run folder says which.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use console::Metrics;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::failure::{Failure, Outcome};

/// What a service tells.
pub(crate) trait Report: Send + Sync + 'static {
    /// All of it, as JSON of the service's own type.
    fn to_json(&self) -> serde_json::Result<String>;

    /// The numbers of it.
    fn metrics(&self, metrics: &mut Metrics);

    /// What keeps the service from its work, if something does.
    fn problem(&self) -> Option<String>;
}

/// The service's end: what it tells from now on.
#[derive(Debug)]
pub(crate) struct Reporter<R> {
    report: watch::Sender<R>,
}

impl<R: Report> Reporter<R> {
    /// Serves a report in the background, for the life of the process. Gives the address, too.
    pub(crate) async fn serve(first: R) -> Outcome<(Self, SocketAddr)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener =
            listener.map_err(|error| Failure::plain(format!("cannot listen on 127.0.0.1: {error}")))?;
        let address = listener.local_addr()?;
        let (report, reports) = watch::channel(first);
        let routes = Router::new()
            .route("/report", get(whole))
            .route("/metrics", get(metrics))
            .route("/healthz", get(health))
            .with_state(reports);
        tokio::spawn(async move {
            // It ends with the process; a service goes on where nobody can ask it.
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::warn!("the report is not served any more: {error}");
            }
        });
        Ok((Self { report }, address))
    }

    /// Changes what is told.
    pub(crate) fn update(&self, change: impl FnOnce(&mut R)) {
        self.report.send_modify(change);
    }
}

async fn whole<R: Report>(State(report): State<watch::Receiver<R>>) -> Response {
    match report.borrow().to_json() {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn metrics<R: Report>(State(report): State<watch::Receiver<R>>) -> Response {
    let mut metrics = Metrics::default();
    report.borrow().metrics(&mut metrics);
    (
        [(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)],
        metrics.into_text(),
    )
        .into_response()
}

async fn health<R: Report>(State(report): State<watch::Receiver<R>>) -> Response {
    match report.borrow().problem() {
        None => (StatusCode::OK, "ok\n").into_response(),
        Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n")).into_response(),
    }
}
