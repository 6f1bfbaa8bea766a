//! Drains the topics of the default tables into a lake and prints the progress of each micro-batch
//! as a line of JSON: `drain BOOTSTRAP FOLDER [THREADS]`. Stops when all is read.
//!
//! For trying the ETL against any Kafka, and for profiles.

use std::io::{Error, Write};
use std::sync::Arc;

use tokio::sync::Notify;

fn main() -> Result<(), Error> {
    let mut args = std::env::args().skip(1);
    let (Some(bootstrap), Some(folder)) = (args.next(), args.next()) else {
        return Err(Error::other("usage: drain BOOTSTRAP FOLDER [THREADS]"));
    };
    let folder = std::path::PathBuf::from(folder);
    std::fs::create_dir_all(&folder)?;
    let mut settings = minicluster_etl::Settings::new(folder.join("lake"), folder.join("checkpoints"));
    if let Some(threads) = args.next() {
        settings.threads = threads.parse().map_err(Error::other)?;
    }
    let drained = Arc::new(Notify::new());
    let done = Arc::clone(&drained);
    let tell = move |event| {
        let line = match event {
            minicluster_etl::Event::Progress(progress) => {
                if progress.backlog == 0 {
                    done.notify_one();
                }
                serde_json::to_string(&progress).unwrap_or_default()
            }
            other => format!("{other:?}"),
        };
        // Who closed the pipe has read enough.
        let _ = writeln!(std::io::stdout(), "{line}");
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let client = client::Options::new([bootstrap]);
    let run = minicluster_etl::run_telling(settings, client, async move { drained.notified().await }, tell);
    runtime.block_on(run).map_err(Error::other)
}
