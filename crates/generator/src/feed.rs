//! Where the records come from: streams that are made, or a file that is sent again.

use std::{path::PathBuf, sync::mpsc::Receiver, thread};

use tokio::sync::mpsc;

use crate::{
    GeneratorError, Settings, StreamSettings,
    engine::{self, Window},
    faults::Batch,
    kind::Kind,
    replay,
    stream::{self, Beginning},
};

/// A file whose lines are sent again.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The file; a line is a record's value.
    pub file: PathBuf,
    /// The topic that they go to.
    pub topic: String,
    /// The member that holds the time of an event, ISO 8601.
    pub time: String,
    /// The member that becomes the key; without one there are no keys.
    pub key: Option<String>,
}

/// Where the records come from.
#[derive(Debug, Clone)]
pub(crate) enum Feed {
    Streams(Vec<StreamSettings>),
    File(Replay),
}

impl Feed {
    pub(crate) fn topics(&self) -> Vec<String> {
        match self {
            Self::Streams(streams) => streams.iter().map(|stream| stream.topic.clone()).collect(),
            Self::File(replay) => vec![replay.topic.clone()],
        }
    }

    /// Records a second of the virtual clock, in the mean.
    pub(crate) fn per_second(&self) -> Option<f64> {
        match self {
            Self::Streams(streams) => Some(streams.iter().map(|stream| stream.per_second).sum()),
            Self::File(_) => None,
        }
    }

    /// Where its windows end; of a file that isn't known.
    pub(crate) fn until_us(&self, settings: &Settings) -> Option<i64> {
        match self {
            Self::Streams(_) => Some(stream::until_us(settings)),
            Self::File(_) => None,
        }
    }

    /// Events that fence; of a file there are none to be had, so they are empty objects.
    pub(crate) fn fences(
        &self,
        index: usize,
        beginning: Beginning,
        count: usize,
        of_stream: impl Fn(&StreamSettings, usize) -> Batch,
    ) -> Batch {
        match self {
            Self::Streams(streams) => streams
                .get(index)
                .map(|stream| of_stream(stream, count))
                .unwrap_or_default(),
            Self::File(_) => {
                let mut batch = Batch::default();
                for _ in 0..count {
                    batch.push(beginning.start_us, Kind::Empty, b"", Some(b""));
                }
                batch
            }
        }
    }

    /// Starts what makes them. Of a file the first `skip` lines are left out.
    pub(crate) fn windows(
        &self,
        settings: &Settings,
        beginning: Beginning,
        skip: u64,
    ) -> Result<mpsc::Receiver<Window>, GeneratorError> {
        Ok(into_async(self.blocking_windows(settings, beginning, skip)?))
    }

    pub(crate) fn blocking_windows(
        &self,
        settings: &Settings,
        beginning: Beginning,
        skip: u64,
    ) -> Result<Receiver<Window>, GeneratorError> {
        match self {
            Self::Streams(streams) => {
                let sources = stream::sources(settings, streams, beginning);
                let course = stream::course(settings, streams, beginning.start_us);
                Ok(engine::start(sources, course, settings.threads))
            }
            Self::File(file) => replay::start(file, beginning.start_us, skip),
        }
    }
}

fn into_async(windows: Receiver<Window>) -> mpsc::Receiver<Window> {
    let (handed, taken) = mpsc::channel(1);
    thread::spawn(move || {
        for window in windows {
            if handed.blocking_send(window).is_err() {
                return;
            }
        }
    });
    taken
}
