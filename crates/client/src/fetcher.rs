//! Whole batches of partitions, from their leaders.

mod aborted;
mod error;
mod request;
mod tracks;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use record::{Batch, BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicId};
use tokio::{task::JoinSet, time::sleep};

use self::{
    aborted::Aborted,
    request::{Answer, Fetched, PartitionFetch},
    tracks::{Track, Tracks},
};
use crate::{Client, ClientError, ErrorCode, Isolation, OffsetSpec, ServerError, caught::caught};

pub use self::error::FetchError;

/// Before leaders that didn't answer are asked again.
const BACKOFF: Duration = Duration::from_millis(100);
/// How long a topic may be missing in the metadata before that is an error.
const MISSING_LIMIT: u32 = 100;

/// How much a fetcher fetches at once. The memory that it holds is bounded by `max_bytes` for each leader,
/// or by one batch, where a batch is larger.
#[derive(Debug, Clone)]
pub struct FetcherOptions {
    /// Whether records of aborted transactions are left out (`isolation.level`).
    pub isolation: Isolation,
    /// How long a leader may wait for `min_bytes` (`fetch.max.wait.ms`).
    pub max_wait: Duration,
    /// Fewer bytes than that make a leader wait (`fetch.min.bytes`).
    pub min_bytes: usize,
    /// Of one answer (`fetch.max.bytes`); one batch may be larger.
    pub max_bytes: usize,
    /// Of one partition in an answer (`max.partition.fetch.bytes`).
    pub partition_max_bytes: usize,
}

impl Default for FetcherOptions {
    fn default() -> Self {
        Self {
            isolation: Isolation::ReadUncommitted,
            max_wait: Duration::from_millis(500),
            min_bytes: 1,
            max_bytes: 8 << 20,
            partition_max_bytes: 1 << 20,
        }
    }
}

/// Where to read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The offset of the next record.
    pub offset: Offset,
    /// The leader epoch of the record before it, where it is known: with it, a log that was truncated
    /// and written anew is noticed.
    pub leader_epoch: Option<LeaderEpoch>,
}

impl From<Offset> for Position {
    fn from(offset: Offset) -> Self {
        Self {
            offset,
            leader_epoch: None,
        }
    }
}

/// One whole batch. It may begin before the position: skip the records before it.
#[derive(Debug, Clone)]
pub struct FetchedBatch {
    /// The topic.
    pub topic: Arc<str>,
    /// Its id; all zero where the broker doesn't know topic ids.
    pub topic_id: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// The batch.
    pub batch: Batch,
    /// Offset behind the last record that consumers may see.
    pub high_watermark: Offset,
}

/// Fetches assigned partitions from all their leaders at the same time, each leader with one long poll.
///
/// While the caller works on what [`Fetcher::next`] gave, the next answers come in. Partitions take turns
/// within an answer, so that none starves.
///
/// Transaction markers (control batches) and, with [`Isolation::ReadCommitted`], batches of aborted
/// transactions are left out; [`Fetcher::position`] moves over them.
#[derive(Debug)]
pub struct Fetcher {
    client: Client,
    options: FetcherOptions,
    tracks: Tracks,
    /// Fetches, and looks at the metadata.
    tasks: JoinSet<Done>,
    /// Errors that wait to be handed out, behind the batches of the same answer.
    errors: VecDeque<FetchError>,
}

#[derive(Debug)]
enum Done {
    Fetched {
        broker: BrokerId,
        asked: Vec<PartitionFetch>,
        result: Result<Fetched, ClientError>,
    },
    /// Metadata was asked for, after a pause.
    Looked(Result<(), ClientError>),
    /// An offset is out of range; with the range.
    OutOfRange(FetchError),
}

impl Fetcher {
    /// A fetcher without partitions. It has connections of its own.
    #[must_use]
    pub fn new(client: &Client, options: FetcherOptions) -> Self {
        let client = client.with_own_connections();
        Self {
            client,
            options,
            tracks: Tracks::default(),
            tasks: JoinSet::new(),
            errors: VecDeque::new(),
        }
    }

    /// Starts reading a partition at this position, or moves it there.
    pub fn assign(&mut self, topic: &str, partition: PartitionIndex, position: impl Into<Position>) {
        self.tracks.assign(topic, partition, position.into());
    }

    /// Stops reading a partition.
    pub fn unassign(&mut self, topic: &str, partition: PartitionIndex) {
        self.tracks.unassign(topic, partition);
    }

    /// Where a partition is read next; `None` where it isn't assigned.
    #[must_use]
    pub fn position(&self, topic: &str, partition: PartitionIndex) -> Option<Position> {
        self.tracks.get(topic, partition).map(|track| track.position)
    }

    /// The high watermark as last heard; `None` before the first answer.
    #[must_use]
    pub fn high_watermark(&self, topic: &str, partition: PartitionIndex) -> Option<Offset> {
        self.tracks
            .get(topic, partition)
            .and_then(|track| track.high_watermark)
    }

    /// The next batches, in offset order within a partition. Waits until there are some; comes back
    /// without any where only positions moved, over markers or aborted batches. Without assigned
    /// partitions it waits for ever.
    ///
    /// Cancel safe: dropping the future loses nothing.
    ///
    /// # Errors
    /// Where a partition can't be read on without a decision of the caller: it stands still until it is
    /// assigned again or unassigned. Brokers that are away or hand over are waited for.
    pub async fn next(&mut self) -> Result<Vec<FetchedBatch>, FetchError> {
        loop {
            self.fetch();
            if let Some(error) = self.errors.pop_front() {
                return Err(error);
            }
            let Some(done) = self.tasks.join_next().await else {
                std::future::pending::<()>().await;
                continue;
            };
            match done {
                Ok(Done::Fetched {
                    broker,
                    asked,
                    result,
                }) => {
                    self.tracks.set_busy(broker, false);
                    let before = self.tracks.positions();
                    let batches = self.take(&asked, result);
                    if !batches.is_empty() || before != self.tracks.positions() {
                        // The next answers come in while the caller works on these.
                        self.fetch();
                        return Ok(batches);
                    }
                }
                Ok(Done::Looked(result)) => self.after_look(result),
                Ok(Done::OutOfRange(error)) => return Err(error),
                Err(error) => tracing::error!(%error, "a task of the fetcher failed"),
            }
        }
    }

    /// Asks every leader that isn't asked already, and for leaders that aren't known.
    fn fetch(&mut self) {
        let mut by_leader: BTreeMap<BrokerId, Vec<PartitionFetch>> = BTreeMap::new();
        let mut lost = Vec::new();
        self.errors.extend(
            self.tracks
                .stop_recreated(|topic| self.client.known_topic_id(topic)),
        );
        for track in self.tracks.readable() {
            let leader = self.client.known_leader(&track.topic, track.partition);
            match leader.filter(|_| !track.stale) {
                Some((leader, leader_epoch)) if !self.tracks.is_busy(leader) => {
                    let topic_id = self.client.known_topic_id(&track.topic).unwrap_or_default();
                    by_leader.entry(leader).or_default().push(PartitionFetch {
                        topic: Arc::clone(&track.topic),
                        topic_id,
                        partition: track.partition,
                        generation: track.generation,
                        position: track.position,
                        leader_epoch,
                    });
                }
                Some(_) => {}
                None => lost.push(Arc::clone(&track.topic)),
            }
        }
        for (broker, asked) in by_leader {
            self.tracks.set_busy(broker, true);
            let (client, options) = (self.client.clone(), self.options.clone());
            self.tasks.spawn(async move {
                let result = caught("a fetch", request::fetch(&client, broker, &asked, &options)).await;
                Done::Fetched {
                    broker,
                    asked,
                    result,
                }
            });
        }
        if !lost.is_empty() && !self.tracks.is_looking() {
            self.look(lost);
        }
    }

    fn look(&mut self, mut topics: Vec<Arc<str>>) {
        topics.sort();
        topics.dedup();
        let pause = self.tracks.start_looking();
        let client = self.client.clone();
        self.tasks.spawn(async move {
            if pause {
                sleep(BACKOFF).await;
            }
            let names: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
            let looked = caught("a look at the metadata", client.metadata(Some(&names))).await;
            Done::Looked(looked.map(drop))
        });
    }

    fn after_look(&mut self, result: Result<(), ClientError>) {
        let client = &self.client;
        let known = |topic: &str| client.known_topic_id(topic).is_some();
        let led = |topic: &str, partition| client.known_leader(topic, partition).is_some();
        let missing = self.tracks.end_looking(result.is_ok(), known, led, MISSING_LIMIT);
        self.errors.extend(missing.into_iter().map(FetchError::from));
        match result {
            Err(error) if !error.is_retriable() => self.errors.push_back(error.into()),
            _ => {}
        }
    }

    fn take(&mut self, asked: &[PartitionFetch], result: Result<Fetched, ClientError>) -> Vec<FetchedBatch> {
        let failed = match result {
            Ok(Fetched { error: None, answers }) => {
                let mut batches = Vec::new();
                for answer in &answers {
                    let taken = self.take_partition(answer, &mut batches);
                    self.errors.extend(taken.err());
                }
                self.tracks.end_turn(&batches);
                return batches;
            }
            Ok(Fetched {
                error: Some(error), ..
            }) => error.to_string(),
            Err(error) if error.is_retriable() => error.to_string(),
            Err(error) => {
                for asked in asked {
                    self.tracks
                        .current(asked)
                        .map(|track| track.stopped = true)
                        .unwrap_or_default();
                }
                self.errors.push_back(error.into());
                return Vec::new();
            }
        };
        tracing::debug!(failed, "a fetch failed; the leaders are looked up again");
        for asked in asked {
            self.tracks
                .current(asked)
                .map(|track| track.stale = true)
                .unwrap_or_default();
        }
        Vec::new()
    }

    fn take_partition(&mut self, answer: &Answer, batches: &mut Vec<FetchedBatch>) -> Result<(), FetchError> {
        let Some(track) = self.tracks.current(&answer.asked) else {
            return Ok(());
        };
        track.topic_id.get_or_insert(answer.asked.topic_id);
        let Some(code) = ErrorCode::try_from_code(answer.error_code) else {
            if let Some((epoch, end)) = answer.diverging {
                track.stopped = true;
                return Err(FetchError::Truncated {
                    topic: track.topic.to_string(),
                    partition: track.partition,
                    position: track.position,
                    leader_epoch: epoch,
                    end_offset: end,
                });
            }
            return read_batches(track, answer, self.options.isolation, batches);
        };
        match code {
            ErrorCode::OffsetOutOfRange => {
                track.stopped = true;
                let (topic, partition) = (Arc::clone(&track.topic), track.partition);
                let offset = track.position.offset;
                let (client, isolation) = (self.client.clone(), self.options.isolation);
                self.tasks.spawn(async move {
                    let range = out_of_range(&client, &topic, partition, offset, isolation);
                    let error = caught("a look at the offsets", range.map(Ok)).await;
                    Done::OutOfRange(error.unwrap_or_else(FetchError::from))
                });
                Ok(())
            }
            code if is_passing(code) => {
                track.stale = true;
                Ok(())
            }
            code => {
                track.stopped = true;
                Err(FetchError::Client(ClientError::Refused {
                    what: format!("fetch of {}-{}", track.topic, track.partition),
                    error: ServerError { code, message: None },
                }))
            }
        }
    }
}

/// Errors that pass with fresh metadata, or with time.
fn is_passing(code: ErrorCode) -> bool {
    code.is_retriable()
        || matches!(
            code,
            ErrorCode::UnknownServerError | ErrorCode::OffsetNotAvailable | ErrorCode::BrokerNotAvailable
        )
}

async fn out_of_range(
    client: &Client,
    topic: &str,
    partition: PartitionIndex,
    offset: Offset,
    isolation: Isolation,
) -> FetchError {
    let asked = [
        (topic, partition, OffsetSpec::Earliest),
        (topic, partition, OffsetSpec::Latest),
    ];
    let mut range = client.list_offsets(&asked, isolation).await.into_iter();
    let mut next = || match range.next() {
        Some(Ok(listed)) => listed.offset,
        _ => Offset(-1),
    };
    let (start, end) = (next(), next());
    FetchError::OffsetOutOfRange {
        topic: topic.to_owned(),
        partition,
        offset,
        start,
        end,
    }
}

/// Hands out an answer's batches and moves the position behind them.
fn read_batches(
    track: &mut Track,
    answer: &Answer,
    isolation: Isolation,
    batches: &mut Vec<FetchedBatch>,
) -> Result<(), FetchError> {
    let mut aborted = match isolation {
        Isolation::ReadCommitted => Aborted::new(&answer.aborted),
        Isolation::ReadUncommitted => Aborted::default(),
    };
    track.high_watermark = Some(answer.high_watermark);
    for batch in Batch::split(answer.records.clone()) {
        let batch = batch.map_err(|error| {
            track.stopped = true;
            FetchError::Corrupt {
                topic: track.topic.to_string(),
                partition: track.partition,
                offset: track.position.offset,
                error,
            }
        })?;
        if batch.next_offset() <= track.position.offset {
            // A broker hands out from the batch that holds the offset; older ones are of no use.
            continue;
        }
        let shown = aborted.shows(&batch);
        let (offset, leader_epoch) = (batch.next_offset(), Some(batch.leader_epoch()));
        track.position = Position {
            offset,
            leader_epoch: leader_epoch.filter(|epoch| epoch.0 >= 0),
        };
        if shown {
            batches.push(FetchedBatch {
                topic: Arc::clone(&track.topic),
                topic_id: answer.asked.topic_id,
                partition: track.partition,
                batch,
                high_watermark: answer.high_watermark,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
