//! A server over made-up numbers, and just enough of an HTTP client to send what no library would.

use std::net::SocketAddr;
use std::sync::Arc;

use minicluster_console::{Server, View};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::sample;

/// A running server.
pub(crate) struct Site {
    pub(crate) console: SocketAddr,
    pub(crate) jobs: SocketAddr,
    show: watch::Sender<Arc<View>>,
    serving: JoinHandle<std::io::Result<()>>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Site {
    pub(crate) async fn open() -> Self {
        let any = ([127, 0, 0, 1], 0).into();
        let server = Server::bind(any, any).await.expect("free ports");
        let (console, jobs) = server.addresses().expect("they are bound");
        let (show, views) = watch::channel(Arc::new(sample::view(0)));
        let serving = tokio::spawn(server.serve(views, std::future::pending()));
        Self {
            console,
            jobs,
            show,
            serving,
        }
    }

    /// Another second has passed.
    pub(crate) fn show(&self, view: View) {
        self.show.send_replace(Arc::new(view));
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.console, "GET", path, "Accept: text/html").await
    }

    /// Sends a request with these header lines, and a Host header unless they have one.
    pub(crate) async fn send(&self, to: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
        let mut stream = TcpStream::connect(to).await.expect("it listens");
        let host = match headers.to_ascii_lowercase().contains("host:") {
            true => String::new(),
            false => format!("Host: {to}\r\n"),
        };
        let lines = match headers.is_empty() {
            true => String::new(),
            false => format!("{headers}\r\n"),
        };
        let request = format!("{method} {path} HTTP/1.1\r\n{host}{lines}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        Answer {
            status: head
                .split(' ')
                .nth(1)
                .and_then(|status| status.parse().ok())
                .expect("a status"),
            headers: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    /// Looks on: the lines of `/events` as they come.
    pub(crate) async fn events(&self, to: SocketAddr) -> Events {
        let mut stream = TcpStream::connect(to).await.expect("it listens");
        let request = format!("GET /events HTTP/1.1\r\nHost: {to}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        Events {
            stream: BufReader::new(stream),
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A reader that looks on.
pub(crate) struct Events {
    stream: BufReader<TcpStream>,
}

impl Events {
    /// The data of the next event.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            let mut line = String::new();
            let read = self.stream.read_line(&mut line).await.expect("text");
            assert_ne!(read, 0, "the stream has ended");
            if let Some(data) = line.strip_prefix("data: ") {
                return serde_json::from_str(data).expect("JSON");
            }
        }
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}
