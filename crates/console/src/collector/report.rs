//! A look at what a service tells about itself over HTTP.

use std::net::SocketAddr;

use run::{RunFolder, Service};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest report that is read.
const LONGEST: u64 = 8 << 20;

/// The report of a service that runs.
pub(super) async fn of<T: DeserializeOwned>(folder: &RunFolder, service: Service) -> Result<T, String> {
    let folder = folder.clone();
    let running = tokio::task::spawn_blocking(move || folder.running(service)).await;
    let running = running.map_err(|error| error.to_string())?;
    let Some(record) = running.map_err(|error| error.to_string())? else {
        return Err(format!("{service} is down"));
    };
    let Some(address) = record.api else {
        return Err(format!("{service} serves no report"));
    };
    get(address)
        .await
        .map_err(|reason| format!("{service} gives no report: {reason}"))
}

/// One request on one connection, to a server that is ours: nothing of HTTP is needed but this.
async fn get<T: DeserializeOwned>(address: SocketAddr) -> Result<T, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(address).await.map_err(failed)?;
    let request = format!("GET /report HTTP/1.0\r\nHost: {address}\r\nAccept: application/json\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut answer = Vec::new();
    stream
        .take(LONGEST)
        .read_to_end(&mut answer)
        .await
        .map_err(failed)?;
    body(&answer)
}

fn body<T: DeserializeOwned>(answer: &[u8]) -> Result<T, String> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let Some((head, body)) = end.map(|end| (&answer[..end], &answer[end + 4..])) else {
        return Err("the answer is no HTTP".to_owned());
    };
    let status = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    if status != b"200" {
        return Err(format!("status {}", String::from_utf8_lossy(status)));
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}
