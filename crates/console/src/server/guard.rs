//! What every request must pass and every answer carries.
//!
//! The console listens on loopback. That alone doesn't keep out a page of another site that the reader
//! has open: it could send requests here, or, by a name that it makes point to 127.0.0.1 (DNS
//! rebinding), even read the answers. So only names of loopback are answered, and no other origin.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::{Site, refuse};

/// The names under which loopback is reached.
const NAMES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Refuses who came under a foreign name or from a foreign page.
pub(super) async fn guard(State(site): State<Site>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let mut response = match check(headers) {
        Ok(()) => next.run(request).await,
        Err((status, reason)) => refuse::refuse(&site, headers, status, &reason),
    };
    response.headers_mut().extend(HEADERS);
    response
}

fn check(headers: &HeaderMap) -> Result<(), (StatusCode, String)> {
    let Some(name) = host_name(headers) else {
        let reason = "The request has no usable Host header.".to_owned();
        return Err((StatusCode::BAD_REQUEST, reason));
    };
    if !NAMES.contains(&name) {
        let reason = format!("The console answers to {}, not to “{name}”.", NAMES.join(", "));
        return Err((StatusCode::FORBIDDEN, reason));
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let own = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.strip_prefix("http://"))
        .is_some_and(|authority| Some(authority) == host(headers));
    match own {
        true => Ok(()),
        false => Err((
            StatusCode::FORBIDDEN,
            "Pages of other sites may not ask the console.".to_owned(),
        )),
    }
}

fn host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then_some(host)
}

/// The name of loopback that the reader used.
pub(super) fn own_name(headers: &HeaderMap) -> Option<&str> {
    host_name(headers).filter(|name| NAMES.contains(name))
}

/// The name in the Host header, without the port.
fn host_name(headers: &HeaderMap) -> Option<&str> {
    let host = host(headers)?;
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    (!name.is_empty()).then_some(name)
}
