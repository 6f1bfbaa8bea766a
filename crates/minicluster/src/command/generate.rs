//! `minicluster generate`: synthetic events, as a service of the platform or for anything else that takes them.

mod alone;
mod live;
mod report;

use std::sync::Arc;
use std::time::Duration;

use config::Settings;
use generator::{
    Declaration, DeclaredField, DeclaredKind, Events, Faults, Format, GeneratorError, Kafka, Margins,
    Progress, StreamKind, StreamSettings,
};
use jiff::Timestamp;
use run::Service;

use crate::cli::ServiceOptions;
use crate::failure::{Code, Failure, Outcome};
use crate::service::{self, Reporter};
use report::Told;

/// How often the service logs its progress, in calls a second apart.
const LOG_EVERY: u32 = 10;

const EXAMPLES: &str = "\
Without options it is the generator of the platform, as `up` runs it, until it is told to stop.

Examples:
  minicluster generate --out events.jsonl --stream clickstream --count 1000000
  minicluster generate --out - --stream iot --count 5 --start 2026-01-01T00:00:00Z
  minicluster generate --out '{topic}.csv' --format clickstream=csv --format iot=csv --backfill 7d
  minicluster generate --bootstrap localhost:9092 --rate 50000 --threads 2
  minicluster generate --replay events.jsonl --topic clickstream --speed 60x
  minicluster --set data_generator.faults.late=0.01 generate --out - --count 100";

/// What to generate, and where to.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) service: ServiceOptions,
    #[command(flatten)]
    pub(crate) alone: alone::Options,
}

/// Runs until it is told to stop, or has made what was asked for.
pub(crate) async fn run(settings: &Settings, options: Options) -> Outcome {
    match options.alone.is_asked_for() {
        true => alone::run(settings, &options.alone).await,
        false => serve(settings, options.service).await,
    }
}

/// The generator of the platform.
async fn serve(settings: &Settings, service: ServiceOptions) -> Outcome {
    let (reporter, api) = Reporter::serve(Told::default()).await?;
    service::begin(settings, Service::Generator, service, Some(api)).await?;
    let kafka = Kafka {
        options: client_options(settings.bootstrap()),
        folder: settings.folders.generator(),
    };
    let place = format!("{} events/s", per_second(settings));
    let stop = async {
        if let Err(failure) = service::stop_requested().await {
            tracing::error!("cannot listen to signals, so stopping at once: {failure}");
        }
    };
    let mut calls = 0_u32;
    let tell = move |progress: &Progress| {
        reporter.update(|told| told.0 = Some(progress.clone()));
        if calls == 0 {
            service::ready(&place);
        }
        if calls.is_multiple_of(LOG_EVERY) {
            log(progress);
        }
        calls = calls.saturating_add(1);
    };
    let summary = generator::run(generator_settings(settings)?, kafka, stop, tell)
        .await
        .map_err(failure)?;
    log(&summary);
    Ok(())
}

fn client_options(bootstrap: Vec<String>) -> client::Options {
    client::Options {
        client_id: "minicluster-generator".to_owned(),
        ..client::Options::new(bootstrap)
    }
}

/// Records a real second, over all streams.
fn per_second(settings: &Settings) -> f64 {
    let generator = &settings.generator;
    let declared: f64 = generator.streams.iter().map(|stream| stream.per_second).sum();
    (generator.clickstream_per_second + generator.iot_per_second + declared) * generator.speed
}

/// What the settings ask for, of all streams.
fn generator_settings(settings: &Settings) -> Outcome<generator::Settings> {
    let wanted = &settings.generator;
    let mut streams = vec![
        StreamSettings::new(
            StreamKind::Clickstream,
            &settings.topics.clickstream,
            wanted.clickstream_per_second,
        ),
        StreamSettings::new(StreamKind::Iot, &settings.topics.iot, wanted.iot_per_second),
    ];
    for stream in &wanted.streams {
        streams.push(StreamSettings {
            events: Events::Declared(Arc::new(declaration(stream, settings)?)),
            topic: stream.topic.clone(),
            per_second: stream.per_second,
            format: Format::from_name(stream.format.name()).unwrap_or_default(),
        });
    }
    Ok(generator::Settings {
        seed: wanted.seed,
        start: wanted.start,
        backfill: wanted.backfill,
        speed: Some(wanted.speed),
        curve: match wanted.curve {
            config::Curve::Weekly => generator::Curve::Weekly,
            config::Curve::Flat => generator::Curve::Flat,
        },
        streams,
        faults: faults(&wanted.faults),
        margins: margins(settings),
        threads: wanted.threads,
        end: generator::End::default(),
    })
}

fn faults(wanted: &config::Faults) -> Faults {
    Faults {
        duplicates: wanted.duplicates,
        far_duplicates: wanted.far_duplicates,
        late: wanted.late,
        out_of_order: wanted.out_of_order,
        malformed: wanted.malformed,
        nulls: wanted.nulls,
        future: wanted.future,
        hot_keys: wanted.hot_keys,
        added_fields: wanted.added_fields,
        missing_fields: wanted.missing_fields,
        clock_skew: wanted.clock_skew,
        bursts: wanted.bursts,
        stalls: wanted.stalls,
    }
}

/// How the ETL judges times.
fn margins(settings: &Settings) -> Margins {
    let tables = crate::command::etl::tables(settings);
    let sources = tables.iter().filter_map(|table| match table {
        etl::TableDeclaration::Source(source) => Some(source),
        etl::TableDeclaration::Derived(_) => None,
    });
    let limits = sources.map(|source| source.future_limit);
    Margins {
        watermark_delay: settings.etl.watermark,
        future_limit: limits.max().unwrap_or(Margins::default().future_limit),
    }
}

fn declaration(stream: &config::Stream, settings: &Settings) -> Outcome<Declaration> {
    let field = |field: &config::Field| DeclaredField {
        name: field.name.clone(),
        kind: declared_kind(&field.kind, settings),
    };
    let fields = stream.fields.iter().map(field).collect();
    Declaration::new(fields, stream.key.as_deref()).map_err(failure)
}

fn declared_kind(kind: &config::FieldKind, settings: &Settings) -> DeclaredKind {
    use config::FieldKind;
    let generator = &settings.generator;
    match kind {
        FieldKind::Id { count: None, .. } => DeclaredKind::Id,
        FieldKind::Id {
            count: Some(count),
            prefix,
        } => DeclaredKind::Entity {
            prefix: prefix.clone(),
            count: *count,
        },
        FieldKind::Choice(words) => DeclaredKind::Choice(words.clone()),
        FieldKind::Number {
            min,
            max,
            digits,
            drift,
        } => DeclaredKind::Number {
            min: *min,
            max: *max,
            digits: *digits,
            drift_seconds: drift.as_ref().map(Duration::as_secs_f64),
        },
        FieldKind::Text { pattern } => DeclaredKind::Text(pattern.clone()),
        FieldKind::Timestamp => DeclaredKind::Time,
        FieldKind::Reference { stream, field } => {
            let built_in = |stream, per_second| DeclaredKind::Reference {
                stream,
                per_second,
                field: field.clone(),
            };
            match stream.as_str() {
                "clickstream" => built_in(StreamKind::Clickstream, generator.clickstream_per_second.max(1.0)),
                "iot" => built_in(StreamKind::Iot, generator.iot_per_second.max(1.0)),
                // The settings are checked: it is a field of another stream that has values to choose from.
                other => {
                    let stream = generator.streams.iter().find(|stream| stream.name == other);
                    let fields = stream.into_iter().flat_map(|stream| &stream.fields);
                    let found = fields.into_iter().find(|known| known.name == *field);
                    found.map_or(DeclaredKind::Id, |found| declared_kind(&found.kind, settings))
                }
            }
        }
    }
}

fn log(progress: &Progress) {
    for topic in &progress.topics {
        tracing::info!(
            topic = topic.topic,
            records = topic.counts.records(),
            faulty = topic.counts.faulty(),
            per_second = topic.per_second.round(),
            late_p99_ms = progress.recent_lateness.p99_ms,
            acknowledged_p99_ms = progress.acknowledgement.p99_ms,
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

/// What the clock of the events shows.
fn clock(progress: &Progress) -> Option<Timestamp> {
    Timestamp::from_millisecond(progress.clock_ms?).ok()
}
