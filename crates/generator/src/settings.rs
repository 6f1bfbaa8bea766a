//! What to generate.

use std::path::PathBuf;

use crate::GeneratorError;

/// What to generate, how fast, with which faults.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Equal seeds generate equal events.
    pub seed: u64,
    /// Where the clock of the events starts; `None` for now. A later run never goes behind an earlier one.
    pub start: Option<jiff::Timestamp>,
    /// Seconds of that clock in a real second.
    pub speed: f64,
    /// The streams; those without a rate send nothing.
    pub streams: Vec<StreamSettings>,
    /// Faults to inject.
    pub faults: Faults,
    /// Threads that make events.
    pub threads: usize,
    /// The folder of the truth log.
    pub folder: PathBuf,
}

impl Settings {
    /// The default: 200 page views and 150 readings a second, from now on, without faults.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let stream = |kind, topic: &str, per_second| StreamSettings {
            kind,
            topic: topic.into(),
            per_second,
        };
        Self {
            seed: 1,
            start: None,
            speed: 1.0,
            streams: vec![
                stream(StreamKind::Clickstream, "clickstream", 200.0),
                stream(StreamKind::Iot, "iot", 150.0),
            ],
            faults: Faults::default(),
            threads: 1,
            folder: folder.into(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), GeneratorError> {
        let wrong = |what: String| Err(GeneratorError::Settings { what });
        if !(self.speed.is_finite() && self.speed > 0.0) {
            return wrong(format!("speed is {}, it must be above 0", self.speed));
        }
        let Faults {
            duplicates,
            malformed,
        } = self.faults;
        if !(duplicates >= 0.0 && malformed >= 0.0 && duplicates + malformed <= 1.0) {
            return wrong(format!(
                "faults are {duplicates} duplicates and {malformed} malformed: shares from 0 that sum up to 1 at most"
            ));
        }
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
        Ok(())
    }
}

/// Beyond it events of one device would share a millisecond.
pub(crate) const MAX_PER_SECOND: f64 = 10_000_000.0;

/// One stream of events.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSettings {
    /// What its events are.
    pub kind: StreamKind,
    /// The topic that they go to.
    pub topic: String,
    /// Records a second of the events' clock.
    pub per_second: f64,
}

/// What the events of a stream are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamKind {
    /// Page views: `{event_id, user_id, url, referrer, ua, session_id, ts}`, keyed by user.
    Clickstream,
    /// Readings of devices: `{device_id, site, temp_c, humidity, battery, signal_strength, ts}`, keyed by
    /// device. (device_id, ts) is unique but for injected duplicates.
    Iot,
}

/// The share of records that are faulty on purpose. None by default.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    /// Sent twice.
    pub duplicates: f64,
    /// Broken.
    pub malformed: f64,
}
