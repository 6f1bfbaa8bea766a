//! What to generate.

use std::{sync::Arc, time::Duration};

use crate::{Curve, Declaration, Faults, Format, GeneratorError, Margins};

/// What to generate, how fast, with which faults.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Equal seeds generate equal events.
    pub seed: u64,
    /// Where the clock of the events starts; `None` for now. To a topic a later run never goes behind an
    /// earlier one.
    pub start: Option<jiff::Timestamp>,
    /// The clock starts by so much earlier, and catches up as fast as it goes.
    pub backfill: Duration,
    /// Seconds of that clock in a real second; `None` for as many as it can.
    pub speed: Option<f64>,
    /// How the rate of what people do changes with the hour of the week.
    pub curve: Curve,
    /// The streams; those without a rate send nothing.
    pub streams: Vec<StreamSettings>,
    /// Faults to inject.
    pub faults: Faults,
    /// How the reader judges times.
    pub margins: Margins,
    /// Threads that make events.
    pub threads: usize,
    /// Where it ends by itself.
    pub end: End,
}

/// Where a generator ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct End {
    /// After so many records, those of all streams together.
    pub records: Option<u64>,
    /// When the clock of the events shows this time.
    pub until: Option<jiff::Timestamp>,
}

impl Default for Settings {
    /// 200 page views and 150 readings a second, from now on, without faults.
    fn default() -> Self {
        Self {
            seed: 1,
            start: None,
            backfill: Duration::ZERO,
            speed: Some(1.0),
            curve: Curve::default(),
            streams: vec![
                StreamSettings::new(StreamKind::Clickstream, "clickstream", 200.0),
                StreamSettings::new(StreamKind::Iot, "iot", 150.0),
            ],
            faults: Faults::default(),
            margins: Margins::default(),
            threads: 1,
            end: End::default(),
        }
    }
}

impl Settings {
    /// Checks everything; gives the streams that send something.
    pub(crate) fn check(&self) -> Result<Vec<StreamSettings>, GeneratorError> {
        let wrong = |what: String| Err(GeneratorError::Settings { what });
        if let Some(speed) = self.speed
            && !(speed.is_finite() && speed > 0.0)
        {
            return wrong(format!("speed is {speed}, it must be above 0"));
        }
        self.faults.check()?;
        for (index, stream) in self.streams.iter().enumerate() {
            let StreamSettings {
                topic, per_second, ..
            } = stream;
            if !(per_second.is_finite() && *per_second >= 0.0 && *per_second <= MAX_PER_SECOND) {
                return wrong(format!(
                    "`{topic}` shall get {per_second} events a second: 0 to {MAX_PER_SECOND} will do"
                ));
            }
            if self.streams[..index].iter().any(|other| other.topic == *topic) {
                return wrong(format!(
                    "two streams go to the topic `{topic}`: give each its own"
                ));
            }
        }
        let sends = |stream: &&StreamSettings| stream.per_second > 0.0;
        Ok(self.streams.iter().filter(sends).cloned().collect())
    }

    /// Where the clock of the events starts, microseconds since 1970.
    pub(crate) fn start_us(&self, now: jiff::Timestamp) -> i64 {
        let backfill = i64::try_from(self.backfill.as_micros()).unwrap_or(i64::MAX);
        let start = self.start.unwrap_or(now).as_microsecond();
        start.saturating_sub(backfill)
    }
}

/// Beyond it events of one device would share a millisecond.
pub(crate) const MAX_PER_SECOND: f64 = 10_000_000.0;

/// One stream of events.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSettings {
    /// What its events are.
    pub events: Events,
    /// The topic that they go to.
    pub topic: String,
    /// Records a second of the events' clock.
    pub per_second: f64,
    /// How their values are written.
    pub format: Format,
}

impl StreamSettings {
    /// A stream of JSON objects.
    pub fn new(kind: StreamKind, topic: impl Into<String>, per_second: f64) -> Self {
        Self {
            events: Events::BuiltIn(kind),
            topic: topic.into(),
            per_second,
            format: Format::Json,
        }
    }
}

/// What the events of a stream are.
#[derive(Debug, Clone, PartialEq)]
pub enum Events {
    /// What the generator knows.
    BuiltIn(StreamKind),
    /// What the operator declares.
    Declared(Arc<Declaration>),
}

/// A stream that the generator knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamKind {
    /// Page views: `{event_id, user_id, url, referrer, ua, session_id, ts}`, keyed by user.
    Clickstream,
    /// Readings of devices: `{device_id, site, temp_c, humidity, battery, signal_strength, ts}`, keyed by
    /// device. (device_id, ts) is unique but for injected duplicates.
    Iot,
}

impl StreamKind {
    /// Tells the streams of a seed apart.
    pub(crate) fn number(self) -> u64 {
        match self {
            Self::Clickstream => 1,
            Self::Iot => 2,
        }
    }
}
