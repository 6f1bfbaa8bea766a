//! `minicluster generate`: synthetic events into the topics.

use config::Settings;
use generator::{Faults, GeneratorError, Progress, StreamKind, StreamSettings};
use run::Service;

use crate::cli::ServiceOptions;
use crate::failure::{Code, Failure, Outcome};
use crate::service;

/// How often its progress is logged, in calls a second apart.
const LOG_EVERY: u32 = 10;

/// Runs until it is told to stop.
pub(crate) async fn run(settings: &Settings, service: ServiceOptions) -> Outcome {
    service::begin(settings, Service::Generator, service).await?;
    let client = client::Options {
        client_id: "minicluster-generator".to_owned(),
        ..client::Options::new(settings.bootstrap())
    };
    let place = format!("{} events/s", per_second(settings));
    let stop = async {
        if let Err(failure) = service::stop_requested().await {
            tracing::error!("cannot listen to signals, so stopping at once: {failure}");
        }
    };
    let mut calls = 0_u32;
    let tell = move |progress: &Progress| {
        if calls == 0 {
            service::ready(&place);
        }
        if calls.is_multiple_of(LOG_EVERY) {
            log(progress);
        }
        calls = calls.saturating_add(1);
    };
    let summary = generator::run(options(settings), client, stop, tell)
        .await
        .map_err(failure)?;
    log(&summary);
    Ok(())
}

/// Records a real second, over both streams.
fn per_second(settings: &Settings) -> f64 {
    let generator = &settings.generator;
    (generator.clickstream_per_second + generator.iot_per_second) * generator.speed
}

fn options(settings: &Settings) -> generator::Settings {
    let wanted = &settings.generator;
    let stream = |kind, topic: &String, per_second| StreamSettings {
        kind,
        topic: topic.clone(),
        per_second,
    };
    generator::Settings {
        seed: wanted.seed,
        start: wanted.start,
        speed: wanted.speed,
        streams: vec![
            stream(
                StreamKind::Clickstream,
                &settings.topics.clickstream,
                wanted.clickstream_per_second,
            ),
            stream(StreamKind::Iot, &settings.topics.iot, wanted.iot_per_second),
        ],
        faults: Faults {
            duplicates: wanted.duplicates,
            malformed: wanted.malformed,
        },
        threads: wanted.threads,
        folder: settings.folders.generator(),
    }
}

fn log(progress: &Progress) {
    for topic in &progress.topics {
        tracing::info!(
            topic = topic.topic,
            events = topic.counts.events,
            duplicates = topic.counts.duplicates,
            malformed = topic.counts.malformed_records(),
            per_second = topic.per_second.round(),
            late_ms = u64::try_from(topic.lateness.as_millis()).unwrap_or(u64::MAX),
            "sent"
        );
    }
}

fn failure(error: GeneratorError) -> Failure {
    let code = match error {
        GeneratorError::Locked { .. } => Code::Conflict,
        GeneratorError::Settings { .. } => Code::Configuration,
        _ => Code::Failure,
    };
    Failure::new(code, error)
}
