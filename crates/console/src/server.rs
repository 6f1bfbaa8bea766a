//! The HTTP server: two ports, the same routes; only what `/` shows differs.
//!
//! | route | what |
//! |---|---|
//! | `/` | the page of everything, or of the jobs |
//! | `/events` | server-sent events: the regions of that page that changed, each second |
//! | `/api/overview`, `/api/jobs` | the same as JSON |
//! | `/healthz` | 200 while all is well, else 503; the reasons as JSON |
//! | `/metrics` | Prometheus text |
//! | `/assets/…` | style sheet, scripts, icon: all of it is in the binary |

mod assets;
mod guard;
mod live;
mod metrics;
mod refuse;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::View;
use crate::page::{self, Frame, Links, Page, Tab, Theme};
use crate::prometheus::Metrics;

/// Readers that can be kept up to date at the same time.
const READERS: usize = 64;

/// The console's two ports, listened on.
#[derive(Debug)]
pub struct Server {
    console: TcpListener,
    jobs: TcpListener,
}

/// What a request is answered from.
#[derive(Clone)]
struct Site {
    page: Page,
    ports: Ports,
    views: watch::Receiver<Arc<View>>,
    readers: Arc<Semaphore>,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    console: u16,
    jobs: u16,
}

impl Server {
    /// Listens on both addresses; a port of 0 is chosen by the system.
    ///
    /// # Errors
    /// With the address that can't be listened on, and why.
    pub async fn bind(console: SocketAddr, jobs: SocketAddr) -> Result<Self, (SocketAddr, std::io::Error)> {
        let listen = async |address| TcpListener::bind(address).await.map_err(|error| (address, error));
        Ok(Self {
            console: listen(console).await?,
            jobs: listen(jobs).await?,
        })
    }

    /// Where both listen: the console, the jobs.
    ///
    /// # Errors
    /// Where the system can't say.
    pub fn addresses(&self) -> std::io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.console.local_addr()?, self.jobs.local_addr()?))
    }

    /// Serves until `stop`; readers that are being kept up to date are let go then.
    ///
    /// # Errors
    /// Where a listener fails for good.
    pub async fn serve(
        self,
        views: watch::Receiver<Arc<View>>,
        stop: impl Future<Output = ()>,
    ) -> std::io::Result<()> {
        let (console, jobs) = self.addresses()?;
        let ports = Ports {
            console: console.port(),
            jobs: jobs.port(),
        };
        let site = |page| Site {
            page,
            ports,
            views: views.clone(),
            readers: Arc::new(Semaphore::new(READERS)),
        };
        // Cut, not drained: a page that looks on has no end, and nothing here is half done.
        tokio::select! {
            served = axum::serve(self.console, router(site(Page::Overview))) => served,
            served = axum::serve(self.jobs, router(site(Page::Jobs))) => served,
            () = stop => Ok(()),
        }
    }
}

fn router(site: Site) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/events", get(live::events))
        .route("/api/overview", get(overview))
        .route("/api/jobs", get(jobs))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .route("/assets/{name}", get(assets::asset))
        .fallback(refuse::not_found)
        .method_not_allowed_fallback(refuse::method_not_allowed)
        .layer(middleware::from_fn_with_state(site.clone(), guard::guard))
        .with_state(site)
}

impl Site {
    fn view(&self) -> Arc<View> {
        Arc::clone(&self.views.borrow())
    }

    /// Where the pages are for who reached us under this name; never under a foreign one.
    fn links(&self, headers: &HeaderMap) -> Links {
        let host = guard::own_name(headers).unwrap_or("127.0.0.1");
        Links {
            console: format!("http://{host}:{}/", self.ports.console),
            jobs: format!("http://{host}:{}/", self.ports.jobs),
        }
    }
}

fn theme(headers: &HeaderMap) -> Theme {
    let cookies = headers.get(header::COOKIE).and_then(|value| value.to_str().ok());
    Theme::from_cookies(cookies.unwrap_or_default())
}

async fn show(State(site): State<Site>, headers: HeaderMap) -> Html<String> {
    let view = site.view();
    let tab = match site.page {
        Page::Overview => Tab::Overview,
        Page::Jobs => Tab::Jobs,
    };
    let frame = Frame {
        title: &site.page.title(&view),
        tab: Some(tab),
        links: &site.links(&headers),
        theme: theme(&headers),
        at: Some(view.overview.at),
        version: &view.overview.version,
    };
    let main = page::regions(&site.page.regions(&view));
    Html(page::frame(&frame, &main).into_string())
}

async fn overview(State(site): State<Site>) -> Response {
    json(StatusCode::OK, &site.view().overview)
}

async fn jobs(State(site): State<Site>) -> Response {
    json(StatusCode::OK, &site.view().jobs)
}

async fn health(State(site): State<Site>) -> Response {
    let view = site.view();
    let health = &view.overview.health;
    let status = match health.is_ok() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    json(status, health)
}

async fn metrics(State(site): State<Site>) -> impl IntoResponse {
    let text = metrics::metrics(&site.view().overview);
    ([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], text)
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
