use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::refuse;

/// Name, type, content.
const ASSETS: [(&str, &str, &str); 5] = [
    (
        "console.css",
        "text/css; charset=utf-8",
        include_str!("../../assets/console.css"),
    ),
    ("icon.svg", "image/svg+xml", include_str!("../../assets/icon.svg")),
    (
        "live.js",
        "text/javascript; charset=utf-8",
        include_str!("../../assets/live.js"),
    ),
    (
        "morph.js",
        "text/javascript; charset=utf-8",
        include_str!("../../assets/morph.js"),
    ),
    (
        "theme.js",
        "text/javascript; charset=utf-8",
        include_str!("../../assets/theme.js"),
    ),
];

/// A file of the pages.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let Some((_, kind, content)) = ASSETS.iter().find(|(known, ..)| *known == name) else {
        return refuse::plain_not_found();
    };
    ([(header::CONTENT_TYPE, *kind)], *content).into_response()
}
