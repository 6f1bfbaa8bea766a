//! The generator on its own: into files, into the platform's topics, into another cluster.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use client::{Client, ErrorCode, NewTopic};
use config::Settings;
use generator::{Curve, Format, Kafka, Output, Replay, StreamSettings, Summary};
use jiff::Timestamp;
use tracing_subscriber::EnvFilter;

use super::live::Live;
use crate::failure::{Code, Failure, Outcome};
use crate::output;

/// How long brokers may take to make a topic.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to generate beside what the settings say, and where to.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    /// Only this stream: clickstream, iot, or one that `generator.streams` declares; can be repeated
    #[arg(long, value_name = "NAME")]
    stream: Vec<String>,
    /// Into this file instead of topics, `-` for stdout; `{topic}` in its name stands for the topic
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bootstrap", "replay"])]
    out: Option<PathBuf>,
    /// Into another cluster, Apache Kafka too
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    bootstrap: Vec<String>,
    /// Where the clock of the events starts
    #[arg(long, value_name = "TIME")]
    start: Option<Timestamp>,
    /// Start so much earlier, as fast as it goes, and end now: 7d, 12h
    #[arg(long, value_name = "SPAN", value_parser = span)]
    backfill: Option<Duration>,
    /// Seconds of that clock in a real second: 60x, or `max`; with --count and without --rate it is max
    #[arg(long, value_name = "FACTOR", value_parser = speed)]
    speed: Option<Speed>,
    /// End after so many records
    #[arg(long, value_name = "RECORDS")]
    count: Option<u64>,
    /// So many events a real second, steadily, those of all streams together; faulty ones may come on top
    #[arg(long, value_name = "EVENTS", value_parser = rate)]
    rate: Option<f64>,
    /// Equal seeds make equal events
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Threads that make events; they change no byte
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: Option<u16>,
    /// How the values of a topic are written: json, csv or logfmt; can be repeated
    #[arg(long, value_name = "TOPIC=FORMAT", value_parser = format)]
    format: Vec<(String, Format)>,
    /// Send the lines of this file, by the times that stand in them
    #[arg(long, value_name = "FILE", requires = "topic")]
    replay: Option<PathBuf>,
    /// The topic of a replay
    #[arg(long, value_name = "NAME", requires = "replay")]
    topic: Option<String>,
    /// The member of a replayed line that is its key [default: as the topic's stream has it]
    #[arg(long, value_name = "MEMBER", requires = "replay")]
    key_field: Option<String>,
    /// The member of a replayed line that is its time
    #[arg(long, value_name = "MEMBER", requires = "replay", default_value = "ts")]
    time_field: String,
    /// How to print the summary
    #[arg(short, long, value_enum, default_value_t)]
    output: output::Format,
}

/// How fast the clock of the events goes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Speed {
    Times(f64),
    Max,
}

impl Options {
    /// Whether this isn't just the platform's own generator.
    pub(super) fn is_asked_for(&self) -> bool {
        let Self {
            stream,
            bootstrap,
            format,
            ..
        } = self;
        let lists = stream.is_empty() && bootstrap.is_empty() && format.is_empty();
        let none = self.out.is_none()
            && self.start.is_none()
            && self.backfill.is_none()
            && self.speed.is_none()
            && self.count.is_none()
            && self.rate.is_none()
            && self.seed.is_none()
            && self.threads.is_none()
            && self.replay.is_none();
        !(lists && none)
    }

    /// The settings with what the options change of them.
    fn applied(&self, settings: &Settings, now: Timestamp) -> Outcome<generator::Settings> {
        let mut wanted = super::generator_settings(settings)?;
        let names = Names::of(settings);
        if !self.stream.is_empty() {
            let topics = names.topics(&self.stream)?;
            wanted
                .streams
                .retain(|stream| topics.contains(&stream.topic.as_str()));
        }
        for (name, format) in &self.format {
            let topics = names.topics(std::slice::from_ref(name))?;
            for stream in wanted
                .streams
                .iter_mut()
                .filter(|stream| topics.contains(&stream.topic.as_str()))
            {
                stream.format = *format;
            }
        }
        wanted.seed = self.seed.unwrap_or(wanted.seed);
        wanted.threads = self.threads.map_or(wanted.threads, usize::from);
        wanted.start = self.start.or(wanted.start);
        if let Some(backfill) = self.backfill {
            wanted.backfill = backfill;
            wanted.end.until = Some(wanted.start.unwrap_or(now));
        }
        wanted.end.records = self.count;
        wanted.speed = match (self.speed, self.rate, self.count) {
            (Some(Speed::Times(times)), ..) => Some(times),
            (Some(Speed::Max), ..) | (None, None, Some(_)) => None,
            (None, Some(_), _) => Some(1.0),
            (None, None, None) => wanted.speed,
        };
        if let Some(rate) = self.rate {
            wanted.curve = Curve::Flat;
            share_out(&mut wanted.streams, rate / wanted.speed.unwrap_or(1.0));
        }
        if wanted.streams.iter().all(|stream| stream.per_second <= 0.0) {
            let message = "no stream has a rate: set `data_generator.events_per_second`, or give --rate";
            return Err(Failure::new(Code::Configuration, message));
        }
        Ok(wanted)
    }
}

/// Gives all streams together this rate, in the proportions that they have.
fn share_out(streams: &mut [StreamSettings], per_second: f64) {
    let all: f64 = streams.iter().map(|stream| stream.per_second).sum();
    let count = streams.len() as f64;
    for stream in streams {
        stream.per_second = match all > 0.0 {
            true => per_second * stream.per_second / all,
            false => per_second / count,
        };
    }
}

/// The streams by their names and by their topics.
struct Names<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Names<'a> {
    fn of(settings: &'a Settings) -> Self {
        let topics = &settings.topics;
        let mut names = vec![
            ("clickstream", topics.clickstream.as_str()),
            ("iot", topics.iot.as_str()),
        ];
        let declared = settings.generator.streams.iter();
        names.extend(declared.map(|stream| (stream.name.as_str(), stream.topic.as_str())));
        Self(names)
    }

    fn topics(&self, wanted: &[String]) -> Outcome<Vec<&'a str>> {
        let topic = |name: &String| {
            let found = self
                .0
                .iter()
                .find(|(stream, topic)| stream == name || topic == name);
            let listed = || {
                self.0
                    .iter()
                    .map(|(stream, _)| *stream)
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            found.map(|(_, topic)| *topic).ok_or_else(|| {
                Failure::new(
                    Code::Usage,
                    format!("there is no stream `{name}`: there are {}", listed()),
                )
            })
        };
        wanted.iter().map(topic).collect()
    }
}

/// Runs until it is told to stop, or all that was asked for is there.
pub(super) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let filter = EnvFilter::try_new("warn").map_err(Failure::plain)?;
    // Only a second subscriber could fail, and it would say the same.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
    let wanted = options.applied(settings, Timestamp::now())?;
    let mut live = Live::new(&wanted);
    let summary = match &options.out {
        Some(out) => to_file(wanted, out.clone(), live.clone()).await,
        None => to_brokers(settings, options, wanted, live.clone()).await,
    };
    live.clear();
    let summary = summary?;
    match options.output {
        output::Format::Table => live.summary(&summary),
        output::Format::Json => {
            let value = serde_json::to_value(&summary).map_err(Failure::plain)?;
            match options.out.as_deref() == Some(Path::new("-")) {
                // Data of another kind is there already.
                true => output::progress(&value.to_string()),
                false => output::json(&value),
            }
        }
    }
    Ok(())
}

async fn to_file(wanted: generator::Settings, out: PathBuf, mut live: Live) -> Outcome<Summary> {
    let output = match out == Path::new("-") {
        true => Output::Stdout,
        false => Output::File(out),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let listening = tokio::spawn(async move {
        stop_requested().await;
        told.store(true, Ordering::Relaxed);
    });
    let writing = tokio::task::spawn_blocking(move || {
        generator::write(&wanted, &output, &stop, |progress| live.show(progress))
    });
    let summary = writing.await.map_err(Failure::plain)?;
    listening.abort();
    summary.map_err(super::failure)
}

async fn to_brokers(
    settings: &Settings,
    options: &Options,
    mut wanted: generator::Settings,
    mut live: Live,
) -> Outcome<Summary> {
    let (client, folder) = match options.bootstrap.as_slice() {
        [] => (
            crate::topics::connect(settings).await?,
            settings.folders.generator(),
        ),
        others => {
            let client = Client::connect(super::client_options(others.to_vec())).await?;
            let cluster = client.metadata(Some(&[])).await?.cluster_id;
            (
                client,
                settings.folders.generator().join("clusters").join(cluster),
            )
        }
    };
    let topics: Vec<&str> = match &options.topic {
        Some(topic) => vec![topic],
        None => wanted
            .streams
            .iter()
            .map(|stream| stream.topic.as_str())
            .collect(),
    };
    create_topics(&client, settings, &topics).await?;
    let kafka = Kafka {
        options: client.options().clone(),
        folder,
    };
    drop(client);
    let show = |progress: &generator::Progress| live.show(progress);
    match (&options.replay, &options.topic) {
        (Some(file), Some(topic)) => {
            if options.count.is_none() && options.speed.is_none() {
                // By the file's own timing, whatever the platform's clock does.
                wanted.speed = Some(1.0);
            }
            // What it sends and when is the file's matter.
            wanted.faults = generator::Faults::default();
            (wanted.start, wanted.backfill) = (None, Duration::ZERO);
            let replay = Replay {
                file: file.clone(),
                topic: topic.clone(),
                time: options.time_field.clone(),
                key: options.key_field.clone().or_else(|| key_of(settings, topic)),
            };
            generator::replay(wanted, replay, kafka, stop_requested(), show).await
        }
        _ => generator::run(wanted, kafka, stop_requested(), show).await,
    }
    .map_err(super::failure)
}

/// The key of the events of a topic.
fn key_of(settings: &Settings, topic: &str) -> Option<String> {
    if topic == settings.topics.clickstream {
        return Some("user_id".to_owned());
    }
    if topic == settings.topics.iot {
        return Some("device_id".to_owned());
    }
    let stream = settings
        .generator
        .streams
        .iter()
        .find(|stream| stream.topic == topic)?;
    stream.key.clone()
}

/// Creates the topics that are missing.
async fn create_topics(client: &Client, settings: &Settings, topics: &[&str]) -> Outcome {
    let known = client.metadata(Some(topics)).await?;
    let is_missing = |topic: &&&str| known.topic(topic).is_none_or(|topic| topic.error.is_some());
    let partitions = i32::try_from(settings.kafka.partitions)?;
    // Another cluster may have fewer brokers than this platform.
    let copies = known
        .brokers
        .len()
        .min(usize::try_from(settings.kafka.replication_factor)?);
    let replication_factor = i16::try_from(copies)?;
    let missing: Vec<NewTopic> = topics
        .iter()
        .filter(is_missing)
        .map(|name| NewTopic {
            replication_factor,
            ..NewTopic::new(*name, partitions)
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    for topic in client.create_topics(&missing, PATIENCE).await? {
        match topic.result {
            Err(error) if error.code != ErrorCode::TopicAlreadyExists => {
                return Err(Failure::plain(format!("{}: {error}", topic.name)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Done when somebody wants it to stop; where that can't be heard, at once.
async fn stop_requested() {
    if let Err(failure) = crate::service::stop_requested().await {
        tracing::error!("cannot listen to signals, so stopping at once: {failure}");
    }
}

fn span(text: &str) -> Result<Duration, String> {
    config::span(text).ok_or_else(|| "a length of time with its unit, such as 90s, 15m, 12h or 7d".to_owned())
}

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    let times = text.strip_suffix('x').unwrap_or(text).parse().ok();
    let times = times.filter(|times: &f64| *times > 0.0 && times.is_finite());
    times
        .map(Speed::Times)
        .ok_or_else(|| "a factor above 0 such as 60x, or `max`".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .ok()
        .filter(|rate: &f64| *rate > 0.0 && rate.is_finite());
    rate.ok_or_else(|| "a number above 0".to_owned())
}

fn format(text: &str) -> Result<(String, Format), String> {
    let parsed = text.split_once('=').and_then(|(topic, format)| {
        let format = Format::from_name(format)?;
        Some((topic.to_owned(), format))
    });
    parsed.ok_or_else(|| "a topic and json, csv or logfmt, such as iot=csv".to_owned())
}

#[cfg(test)]
mod tests;
