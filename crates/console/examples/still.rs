//! Serves the pages over made-up numbers, one second after the other: `cargo run -p minicluster-console
//! --example still`. For work on how they look, without a platform.

use std::sync::Arc;
use std::time::Duration;

use minicluster_console::Server;
use tokio::sync::watch;

#[path = "../tests/http/sample.rs"]
mod sample;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let any = ([127, 0, 0, 1], 0).into();
    let server = Server::bind(any, any).await.map_err(|(_, error)| error)?;
    let (console, jobs) = server.addresses()?;
    tell(&format!("http://{console}/ http://{jobs}/"));
    let (show, views) = watch::channel(Arc::new(sample::view(0)));
    tokio::spawn(async move {
        for second in 1.. {
            tokio::time::sleep(Duration::from_secs(1)).await;
            show.send_replace(Arc::new(sample::view(second)));
        }
    });
    server.serve(views, std::future::pending()).await
}

#[expect(clippy::print_stdout, reason = "an example tells where it is")]
fn tell(place: &str) {
    println!("{place}");
}
