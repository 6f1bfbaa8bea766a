//! Fills a file or a topic as fast as it goes, for benchmarks: no other part of the platform is linked in.
//!
//!     cargo run --release -p minicluster-generator --example fill -- --count 1000000 --out events.jsonl
//!     cargo run --release -p minicluster-generator --example fill -- --count 1000000 --bootstrap 127.0.0.1:19092
//!
//! `--stream clickstream|iot|both` (default clickstream), `--threads N` (default 2), `--topic NAME`,
//! `--rate N` to keep to a rate. It prints one line of JSON.

#![expect(clippy::print_stdout, reason = "it is a command that reports to a terminal")]

// By the name that the workspace uses.
extern crate minicluster_generator as generator;

use std::{error::Error, future, path::PathBuf, sync::atomic::AtomicBool};

use generator::{Curve, End, Kafka, Output, Settings, StreamKind, StreamSettings};

fn main() -> Result<(), Box<dyn Error>> {
    let (mut settings, mut out, mut bootstrap, mut stream) =
        (Settings::default(), None, None, "clickstream".to_owned());
    let (mut topic, mut rate) = (None, None);
    settings.threads = 2;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--count" => settings.end.records = Some(value.parse()?),
            "--threads" => settings.threads = value.parse()?,
            "--out" => out = Some(PathBuf::from(value)),
            "--bootstrap" => bootstrap = Some(value),
            "--stream" => stream = value,
            "--topic" => topic = Some(value),
            "--rate" => rate = Some(value.parse::<f64>()?),
            _ => return Err(format!("unknown option {word}").into()),
        }
    }
    // Without a rate, event time runs as it would at 10,000 a second: how many sessions are under way counts.
    let per_second = rate.unwrap_or(10_000.0);
    settings.speed = rate.map(|_| 1.0);
    settings.curve = Curve::Flat;
    settings.start = Some("2026-01-05T00:00:00Z".parse()?);
    let named = |name: &str| topic.clone().unwrap_or_else(|| name.to_owned());
    let page_views = StreamSettings::new(StreamKind::Clickstream, named("clickstream"), per_second);
    let readings = StreamSettings::new(StreamKind::Iot, named("iot"), per_second);
    settings.streams = match stream.as_str() {
        "clickstream" => vec![page_views],
        "iot" => vec![readings],
        _ => vec![page_views, readings],
    };
    let End { records, .. } = settings.end;
    let summary = match (out, bootstrap) {
        (Some(path), None) => {
            generator::write(&settings, &Output::File(path), &AtomicBool::new(false), |_| {})?
        }
        (None, Some(servers)) => {
            let folder = std::env::temp_dir().join(format!("fill-{}", std::process::id()));
            let kafka = Kafka {
                options: client::Options::new(servers.split(',')),
                folder: folder.clone(),
            };
            let runtime = tokio::runtime::Runtime::new()?;
            let summary = runtime.block_on(generator::run(settings, kafka, future::pending(), |_| {}))?;
            std::fs::remove_dir_all(folder)?;
            summary
        }
        _ => return Err("say where to: --out or --bootstrap".into()),
    };
    let wanted = records.map_or_else(|| "all".to_owned(), |records| records.to_string());
    println!(
        r#"{{"records":"{wanted}","seconds":{:.3},"summary":{}}}"#,
        summary.elapsed_seconds,
        serde_json::to_string(&summary)?
    );
    Ok(())
}
