//! Copies of partitions: what followers get from here, and what this broker gets from other leaders.

use std::collections::BTreeMap;

use bytes::Bytes;
use cluster::{ControllerReply, ControllerRequest, FetchedPartition, Millis, Progress};
use disk::Disk;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use record::{BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicId};

use super::Executor;
use crate::fetchers::{Asked, Fetchers};
use crate::handlers::fetch::{Fetch, Reader};
use crate::purgatory::{Waiting, WaitingDeletion, WaitingProduce};
use crate::replica::{Advance, Position, Replica};
use crate::replicas::Key;
use crate::{Clock, Output, peer_wire};

/// The longest that a follower's Fetch waits, whatever it asks for.
const LONGEST_WAIT: Millis = Millis(1_000);

/// How long followers wait for a new high watermark, if no records come with it: a Fetch of its own for each
/// would double their number.
const NEWS: Millis = Millis(50);

/// Both sides of copying.
#[derive(Default)]
pub(super) struct Replication {
    fetchers: Fetchers,
    /// The Fetch of each follower that waits for records.
    parked: BTreeMap<BrokerId, Parked>,
}

/// A follower's Fetch that found nothing new.
struct Parked {
    correlation_id: i32,
    request: FetchRequest,
    partitions: Vec<Key>,
    deadline: Millis,
}

impl Replication {
    pub(super) fn next_deadline(&self) -> Option<Millis> {
        self.parked.values().map(|parked| parked.deadline).min()
    }

    /// What this broker had asked for is lost, and so is what would be answered.
    pub(super) fn on_peer_lost(&mut self, peer: BrokerId) {
        self.fetchers.on_lost(peer);
        self.parked.remove(&peer);
    }
}

impl<D: Disk> Executor<D> {
    /// More of a partition that this broker leads may be committed: whoever waits for it is answered.
    pub(super) fn on_moved(&mut self, key: Key, advance: Option<Advance>, now: Clock, out: &mut Vec<Output>) {
        let Some(Advance {
            high_watermark,
            bytes,
        }) = advance
        else {
            return;
        };
        for produce in self.waits.produces.on_high_watermark(key, high_watermark) {
            finish_produce(produce, out);
        }
        for fetch in self.waits.fetches.on_committed(key, bytes) {
            self.finish_fetch(fetch, out);
        }
        for parked in self.replication.parked.values_mut() {
            if parked.partitions.contains(&key) {
                parked.deadline = parked.deadline.min(now.monotonic.plus(NEWS));
            }
        }
    }

    /// Followers get what was appended, or how the partition stands now, at once.
    pub(super) fn tell_followers(&mut self, key: Key, now: Clock, out: &mut Vec<Output>) {
        let waiting: Vec<BrokerId> = self
            .replication
            .parked
            .iter()
            .filter(|(_, parked)| parked.partitions.contains(&key))
            .map(|(follower, _)| *follower)
            .collect();
        for follower in waiting {
            self.answer_parked(follower, now, out);
        }
    }

    /// The part that this broker has in a partition is another one now, or its state is.
    pub(super) fn on_part_changed(&mut self, key: Key, now: Clock, out: &mut Vec<Output>) {
        for fetch in self.waits.fetches.wake(key, |_| true) {
            self.finish_fetch(fetch, out);
        }
        let replica = self.replicas.get(key);
        match replica.and_then(|replica| replica.assigned().followed()) {
            Some(leader) => self.replication.fetchers.follow(key, leader),
            None => self.replication.fetchers.forget(key),
        }
        if replica.is_none_or(|replica| replica.leader().is_none()) {
            let error = ResponseError::NotLeaderOrFollower.code();
            #[cfg(feature = "deliberate-bugs")]
            if self.makes(cluster::Bug::AnswerWhenDeposed) {
                for produce in self.waits.produces.on_high_watermark(key, Offset(i64::MAX)) {
                    finish_produce(produce, out);
                }
            }
            self.fail_produces(key, error, out);
        }
        self.on_low_watermark(key, out);
        let advance = self.replicas.advance(key);
        self.on_moved(key, advance, now, out);
        self.tell_followers(key, now, out);
        self.ask_for_isr(key, now, out);
        self.fetch_from_leaders(now, out);
    }

    /// Whoever waits for replicas or for the disk to have what was produced to a partition gets this error.
    pub(super) fn fail_produces(&mut self, key: Key, error: i16, out: &mut Vec<Output>) {
        let unsynced = self.waits.unsynced.on_failed(key, error);
        let uncommitted = self.waits.produces.on_failed(key, error);
        for produce in uncommitted.into_iter().chain(unsynced) {
            finish_produce(produce, out);
        }
    }

    /// The controller may have given away what this broker leads: whoever waits had better ask the new leader.
    pub(super) fn on_no_session(&mut self, out: &mut Vec<Output>) {
        let error = ResponseError::NotLeaderOrFollower.code();
        for produce in self.waits.produces.on_all_failed(error) {
            finish_produce(produce, out);
        }
    }

    /// The ISR of a partition that this broker leads was committed anew.
    pub(super) fn on_isr_changed(&mut self, key: Key, now: Clock, out: &mut Vec<Output>) {
        let partition = self.node.metadata().partition(key.0, key.1);
        let (Some(partition), Some(replica)) = (partition, self.replicas.get_mut(key)) else {
            return;
        };
        let progress = replica.on_isr_changed(partition, now.monotonic);
        self.on_progress(key, progress, now, out);
        self.on_low_watermark(key, out);
        self.ask_for_isr(key, now, out);
    }

    /// The configuration of a topic has changed, and with it perhaps what is committed.
    pub(super) fn on_topic_changed(&mut self, topic: TopicId, now: Clock, out: &mut Vec<Output>) {
        for (key, progress) in self.replicas.configure(topic, self.node.metadata()) {
            self.on_progress(key, progress, now, out);
        }
    }

    /// Who waits hears what has come of an event.
    fn on_progress(&mut self, key: Key, progress: Progress, now: Clock, out: &mut Vec<Output>) {
        if progress.short {
            // Nothing more will be committed until others are in sync again.
            let error = ResponseError::NotEnoughReplicasAfterAppend.code();
            for produce in self.waits.produces.on_failed(key, error) {
                finish_produce(produce, out);
            }
        }
        let advance = self.replicas.advance(key);
        self.on_moved(key, advance, now, out);
    }

    /// The low watermark of a partition may be another one: whoever deletes records there is answered.
    pub(super) fn on_low_watermark(&mut self, key: Key, out: &mut Vec<Output>) {
        let at = self.low_watermark(key);
        for deletion in self.waits.deletions.on_low_watermark(key, at) {
            finish_deletion(deletion, out);
        }
    }

    /// The low watermark of a partition that this broker leads, or the error.
    pub(super) fn low_watermark(&self, key: Key) -> Result<Offset, i16> {
        let replica = self.replicas.get(key);
        let at = replica.map_or(
            Err(ResponseError::NotLeaderOrFollower.into()),
            Replica::low_watermark,
        );
        at.map_err(|refusal| refusal.error.code())
    }

    /// Asks the controller for another ISR, if the leader of the partition wants one.
    fn ask_for_isr(&mut self, key: Key, now: Clock, out: &mut Vec<Output>) {
        let metadata = self.node.metadata();
        let own_start = self.replicas.start_of(key);
        let leader = self.replicas.get_mut(key).and_then(Replica::leader_mut);
        if let Some(alter) = leader.and_then(|leader| leader.alteration(metadata, own_start, now.monotonic)) {
            let request = ControllerRequest::AlterPartition(alter);
            self.ask(request, super::asked::Asked::AlterPartition(key), now, out);
        }
    }

    /// With time followers fall behind, and what was refused is asked for again.
    pub(super) fn ask_for_isrs(&mut self, now: Clock, out: &mut Vec<Output>) {
        for key in self.replicas.led() {
            self.ask_for_isr(key, now, out);
        }
    }

    /// The controller has answered, or will not: what holds is read from the metadata.
    pub(super) fn on_isr_answered(&mut self, key: Key, reply: &ControllerReply) {
        let accepted = matches!(reply, ControllerReply::AlterPartition);
        let now = self.schedule.now;
        if let Some(leader) = self.replicas.get_mut(key).and_then(Replica::leader_mut) {
            leader.on_alteration_answered(accepted, now);
        }
    }

    /// A follower asks for records.
    pub(super) fn on_follower_fetch(
        &mut self,
        from: BrokerId,
        correlation_id: i32,
        request: FetchRequest,
        now: Clock,
        out: &mut Vec<Output>,
    ) {
        // The one before was given up, or its answer is on the way.
        self.replication.parked.remove(&from);
        let wait = Millis(u64::try_from(request.max_wait_ms).unwrap_or(0)).min(LONGEST_WAIT);
        let deadline = now.monotonic.plus(wait);
        self.answer_follower(from, correlation_id, request, deadline, now, out);
    }

    /// Fetches of followers that may wait no longer.
    pub(super) fn answer_overdue(&mut self, now: Clock, out: &mut Vec<Output>) {
        let parked = self.replication.parked.iter();
        let due: Vec<BrokerId> = parked
            .filter(|(_, parked)| parked.deadline <= now.monotonic)
            .map(|(follower, _)| *follower)
            .collect();
        for follower in due {
            self.answer_parked(follower, now, out);
        }
    }

    fn answer_parked(&mut self, follower: BrokerId, now: Clock, out: &mut Vec<Output>) {
        if let Some(parked) = self.replication.parked.remove(&follower) {
            let deadline = now.monotonic;
            self.answer_follower(
                follower,
                parked.correlation_id,
                parked.request,
                deadline,
                now,
                out,
            );
        }
    }

    /// Answers a follower, or lets it wait until `deadline` where there is nothing for it.
    fn answer_follower(
        &mut self,
        from: BrokerId,
        correlation_id: i32,
        request: FetchRequest,
        deadline: Millis,
        now: Clock,
        out: &mut Vec<Output>,
    ) {
        let epoch = BrokerEpoch(request.replica_state.replica_epoch);
        let registered = self.node.metadata().brokers.get(&from).map(|broker| broker.epoch);
        if request.replica_state.replica_id.0 != from.0 || registered != Some(epoch) {
            let code = ResponseError::StaleBrokerEpoch.code();
            let response = FetchResponse::default().with_error_code(code);
            let frame = peer_wire::encode_fetched(correlation_id, &response);
            out.push(Output::PeerFrame { to: from, frame });
            return;
        }
        let fetch = Fetch {
            replicas: &mut self.replicas,
            metadata: self.node.metadata(),
            listener: &self.settings.serving.listener,
            max_bytes: usize::try_from(request.max_bytes).unwrap_or(0),
            reader: Reader::Follower((from, epoch), now.monotonic),
            #[cfg(feature = "deliberate-bugs")]
            bug: None,
        };
        let found = fetch.find(&request, peer_wire::FETCH_VERSION);
        let fetched = found.partitions.clone();
        if found.bytes == 0 && !found.urgent && deadline > now.monotonic {
            let parked = Parked {
                correlation_id,
                request,
                partitions: found.partitions,
                deadline,
            };
            self.replication.parked.insert(from, parked);
        } else {
            let frame = peer_wire::encode_fetched(correlation_id, &found.response);
            out.push(Output::PeerFrame { to: from, frame });
        }
        for (key, advance) in found.advanced {
            self.on_moved(key, Some(advance), now, out);
        }
        for key in fetched {
            self.on_low_watermark(key, out);
            self.ask_for_isr(key, now, out);
        }
    }

    /// Sends a Fetch to every leader that has something to be asked for.
    pub(super) fn fetch_from_leaders(&mut self, now: Clock, out: &mut Vec<Output>) {
        let Some(broker_epoch) = self.node.broker_epoch() else {
            return;
        };
        // A Fetch tells how much this broker has: it goes once that is durable.
        if self.replicas.is_dirty() {
            return;
        }
        for leader in self.replication.fetchers.leaders() {
            if !self.node.is_connected(leader) {
                continue;
            }
            let fetchers = &self.replication.fetchers;
            let positions: BTreeMap<Key, Position> = fetchers
                .partitions(leader)
                .filter_map(|key| Some((key, self.replicas.get(key)?.position(now.monotonic)?)))
                .collect();
            if positions.is_empty() || fetchers.covers(leader, positions.keys(), now.monotonic) {
                continue;
            }
            let correlation_id = self.peers.next_correlation_id();
            let me = (self.settings.node.id, broker_epoch);
            let request = fetchers.request(leader, me, &positions);
            let frame = peer_wire::encode_fetch(correlation_id, &request);
            let asked = positions.into_iter().map(|(key, position)| {
                let asked = Asked {
                    leader_epoch: position.leader_epoch,
                    offset: position.end,
                };
                (key, asked)
            });
            let fetchers = &mut self.replication.fetchers;
            fetchers.on_sent(leader, correlation_id, asked.collect(), now.monotonic);
            out.push(Output::PeerFrame { to: leader, frame });
        }
    }

    /// Whether a response answers a Fetch of this broker; if so what came is taken.
    pub(super) fn on_fetched(
        &mut self,
        from: BrokerId,
        correlation_id: i32,
        body: Bytes,
        now: Clock,
        out: &mut Vec<Output>,
    ) -> bool {
        let Some(mut asked) = self.replication.fetchers.on_response(from, correlation_id) else {
            return false;
        };
        let topics = match peer_wire::decode_fetched(body) {
            Ok(response) if response.error_code == 0 => response.responses,
            Ok(_) => Vec::new(),
            Err(e) => {
                tracing::warn!(broker = from.0, "{e}");
                Vec::new()
            }
        };
        for topic in topics {
            for data in topic.partitions {
                let key = (TopicId(topic.topic_id), PartitionIndex(data.partition_index));
                if data.records.as_ref().is_some_and(|records| !records.is_empty()) {
                    self.replication.fetchers.on_served(from, key);
                }
                if let Some(asked) = asked.remove(&key) {
                    self.take(key, asked, data, now, out);
                }
            }
        }
        // Nothing was said of these.
        for key in asked.into_keys() {
            if let Some(replica) = self.replicas.get_mut(key) {
                replica.on_fetch_failed(now.monotonic);
            }
        }
        self.fetch_from_leaders(now, out);
        true
    }

    /// Takes what the leader gave for one partition.
    fn take(&mut self, key: Key, asked: Asked, data: PartitionData, now: Clock, out: &mut Vec<Output>) {
        let is_unnoted = self.replicas.are_unnoted();
        let Some(replica) = self.replicas.get_mut(key) else {
            return;
        };
        // What the checkpoint says of this replica may be too much, or nothing.
        if is_unnoted {
            replica.on_fetch_failed(now.monotonic);
            return;
        }
        // What has changed since it asked makes the answer void.
        if replica.log().map(|log| log.end_offset()) != Ok(asked.offset) {
            return;
        }
        let before = replica.high_watermark();
        let diverging = &data.diverging_epoch;
        let is_diverging = diverging.epoch >= 0 || diverging.end_offset >= 0;
        let records = data.records.as_deref().unwrap_or_default();
        let fetched = FetchedPartition {
            asked_epoch: asked.leader_epoch,
            error: data.error_code,
            diverging: is_diverging.then_some((LeaderEpoch(diverging.epoch), Offset(diverging.end_offset))),
            high_watermark: Offset(data.high_watermark),
            log_start: Offset(data.log_start_offset),
            has_records: !records.is_empty(),
        };
        let taken = replica.take(fetched, records, now);
        if taken.is_err() {
            replica.on_fetch_failed(now.monotonic);
        }
        let after = replica.high_watermark();
        if after < before {
            self.replicas.unnote();
        }
        if !records.is_empty() {
            self.replicas.note_append(key);
        }
        if taken == Ok(true) {
            self.begin_flush(key);
        }
        self.replicas.note_write(taken.as_ref().err());
        if after > before {
            // Clients may read from followers, too.
            for fetch in self.waits.fetches.wake(key, |_| true) {
                self.finish_fetch(fetch, out);
            }
        }
    }
}

pub(super) fn finish_deletion(deletion: Waiting<WaitingDeletion>, out: &mut Vec<Output>) {
    out.push(Output::Respond {
        request: deletion.id,
        body: deletion.what.response.into(),
    });
}

pub(super) fn finish_produce(produce: Waiting<WaitingProduce>, out: &mut Vec<Output>) {
    out.push(Output::Respond {
        request: produce.id,
        body: produce.what.response.into(),
    });
}
