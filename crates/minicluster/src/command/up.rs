//! `minicluster up`: everything, in the foreground.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use config::{Loaded, Settings};
use run::RunFolder;

use crate::cli::Shared;
use crate::command::config as configuration;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::ports::{self, Wanted};
use crate::supervisor::{Supervisor, stop_stage};

/// What a service that an earlier supervisor left behind gets to end by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a taken port may take to become free.
const PORT_PATIENCE: Duration = Duration::from_secs(2);

/// Starts everything and runs until it is told to stop.
pub(crate) async fn run(loaded: Loaded, shared: &Shared) -> Outcome {
    configuration::tell_notes(&loaded);
    loaded.create_folders().map_err(configuration::failure)?;
    let settings = loaded.settings;
    let run = RunFolder::new(&settings.folders);
    run.create()?;
    let _lock = run.lock().map_err(Failure::of_run)?;
    let wanted = settings.kafka.cluster_id.as_deref();
    let identity = run.create_identity(wanted)?;
    if let Some(wanted) = wanted.filter(|wanted| *wanted != identity.cluster_id) {
        output::progress(&format!(
            "note: `kafka.kraft_cluster_id` is {wanted}, but {} was made as {} and stays that cluster",
            settings.folders.data().display(),
            identity.cluster_id
        ));
    }
    run.create_secret()?;
    take_over(&settings, &run).await?;
    let program = std::env::current_exe()
        .map_err(|error| Failure::plain(format!("cannot find this program again: {error}")))?;
    output::progress(&format!("starting in {}", settings.folders.data().display()));
    let summary = summary(&settings, &this_command(shared));
    Supervisor::new(settings, run, program, shared.arguments(), summary)?
        .run()
        .await
}

/// Ends what an earlier `up` left, and checks that the ports are free then.
///
/// A process that was killed a moment ago may still hold its port, and one that was started a moment
/// ago may not have recorded itself yet: both pass.
async fn take_over(settings: &Settings, run: &RunFolder) -> Outcome {
    let wanted = wanted_ports(settings);
    let deadline = Instant::now() + PORT_PATIENCE;
    loop {
        end_orphans(run).await?;
        match ports::check(settings.kafka.host, &wanted) {
            Err(_) if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(100)).await,
            checked => return checked,
        }
    }
}

/// Ends services whose supervisor is gone, in the order in which they have to stop.
pub(crate) async fn end_orphans(run: &RunFolder) -> Outcome<usize> {
    let orphans = run.running_services()?;
    for stage in 0..=2 {
        let of_stage = orphans
            .iter()
            .filter(|(service, _)| stop_stage(*service) == stage);
        let ends = of_stage.map(|(service, record)| async move {
            output::progress(&format!(
                "stopping {service}, pid {}, left by an earlier `up`",
                record.process.pid
            ));
            if !record.process.stop(PATIENCE).await {
                output::progress(&format!("{service} had to be killed"));
            }
        });
        futures::future::join_all(ends).await;
    }
    Ok(orphans.len())
}

fn wanted_ports(settings: &Settings) -> Vec<Wanted> {
    let both = settings.kafka.brokers.iter().flat_map(|broker| {
        [
            ("external_ports", broker.client_port),
            ("peer_ports", broker.peer_port),
        ]
        .map(|(section, port)| Wanted {
            port,
            key: format!("kafka.{section}.broker_{}", broker.id),
        })
    });
    both.collect()
}

/// How this program was called, so that what is printed can be copied.
fn this_command(shared: &Shared) -> String {
    let mut words = vec![
        std::env::args()
            .next()
            .unwrap_or_else(|| "minicluster".to_owned()),
    ];
    words.extend(
        shared
            .place()
            .into_iter()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    let plain = |word: &str| {
        word.chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._-=:,".contains(c))
    };
    let quoted = |word: String| {
        if plain(&word) {
            word
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// What is printed once everything is ready.
fn summary(settings: &Settings, command: &str) -> String {
    let mut text = String::from("\nMinicluster is running. Ctrl-C stops it in order.\n\n");
    let mut line = |name: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<13}{value}");
    };
    line("Kafka", settings.bootstrap().join(","));
    let topics = format!("{}, {}", settings.topics.clickstream, settings.topics.iot);
    line(
        "topics",
        format!(
            "{topics} ({} partitions each, {})",
            settings.kafka.partitions,
            match settings.kafka.replication_factor {
                1 => "one copy".to_owned(),
                copies => format!("{copies} copies"),
            }
        ),
    );
    line(
        "tables",
        format!(
            "{}/<table>/dt=YYYY-MM-DD/",
            absolute(&settings.folders.lake().join("tables"))
        ),
    );
    line("data", absolute(settings.folders.data()));
    line("logs", absolute(&settings.folders.logs()));
    line(
        "persists",
        "topics, tables, the ETL's state and all counts; the next `up` carries on".to_owned(),
    );
    let topic = &settings.topics.clickstream;
    text.push_str("\nNext, in another terminal:\n\n");
    for arguments in [
        "sql \"select count(*) from clickstream\"",
        "status",
        &format!("consume {topic} --max 3"),
    ] {
        let _ = writeln!(text, "  {command} {arguments}");
    }
    text
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path)
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}
