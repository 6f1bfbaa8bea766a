//! The partitions that this broker holds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cluster::{Metadata, MetadataChange, Progress, ReplicaCondition, ReplicationOptions, Topic};
use disk::Disk;
use kafka_protocol::ResponseError;
use log::{LogError, Partition};
use record::{BrokerEpoch, BrokerId, Offset, PartitionIndex, Timestamp, TopicId};

use crate::folder::{Folder, Left};
use crate::high_watermarks::HighWatermarks;
use crate::refusal::Refusal;
use crate::replica::{Advance, Assigned, Mandate, Replica, State};
use crate::{BrokerError, Clock, Serving, topic_settings};

mod left_over;
mod opening;
mod syncing;

/// Partitions that are opened for one input. Each is some fsyncs, or a scan of its newest segment; a
/// broker that does this for hundreds in one go is silent for so long that others think it dead.
const OPENED_AT_ONCE: usize = 8;

/// One partition of one topic.
pub(crate) type Key = (TopicId, PartitionIndex);

/// All partitions that this broker holds.
pub(crate) struct Replicas<D: Disk> {
    /// This process, by its id and its broker epoch.
    me: (BrokerId, BrokerEpoch),
    #[cfg(feature = "deliberate-bugs")]
    bug: Option<cluster::Bug>,
    disk: D,
    folder: PathBuf,
    left: Left,
    serving: Serving,
    /// As they stand in the checkpoint, without those that aren't held any more.
    high_watermarks: HighWatermarks,
    /// The checkpoint lacks a replica, or says too much of one, or knows one that isn't here any more.
    unnoted: bool,
    replicas: BTreeMap<Key, Replica<D>>,
    last_opened: u64,
    /// Partitions that were appended to, where that doesn't count before it is synced.
    dirty: BTreeSet<Key>,
    /// Partitions that are to be opened by later inputs, and how many more this one may open.
    to_open: BTreeSet<Key>,
    may_open: usize,
    /// The last write failed for the disk's sake, and that was said.
    failing: bool,
    /// Some partition was opened again after its files had failed: what a failed sync left out is
    /// unknown, whatever later ones say.
    reopened: bool,
}

impl<D: Disk> Replicas<D> {
    /// None yet; the committed metadata says which.
    ///
    /// # Errors
    /// If the disk fails.
    pub(crate) fn new(
        node: &cluster::Options,
        folder: &Folder<D>,
        left: Left,
        serving: Serving,
    ) -> Result<Self, BrokerError> {
        let (disk, path) = (folder.disk().clone(), folder.path().to_owned());
        if let Err(e) = Partition::remove_deleted(&disk, &path) {
            tracing::warn!("what deleted topics have left could not be removed: {e}");
        }
        Ok(Self {
            me: (node.id, BrokerEpoch(-1)),
            #[cfg(feature = "deliberate-bugs")]
            bug: node.bug,
            disk,
            folder: path,
            left,
            serving,
            high_watermarks: HighWatermarks::read(folder)?,
            unnoted: false,
            replicas: BTreeMap::new(),
            last_opened: 0,
            dirty: BTreeSet::new(),
            to_open: BTreeSet::new(),
            may_open: OPENED_AT_ONCE,
            failing: false,
            reopened: false,
        })
    }

    /// Does what committed metadata asks for.
    pub(crate) fn on_change(&mut self, change: &MetadataChange, metadata: &Metadata, now: Clock) {
        match change {
            MetadataChange::Registered { broker_epoch } => {
                self.me.1 = *broker_epoch;
                self.forget_others(metadata);
                self.remove_left_over(metadata);
            }
            MetadataChange::Fenced(_) => {}
            MetadataChange::CreateReplica(replica) => {
                let key = (replica.topic_id, replica.partition);
                if let Some(topic) = metadata.topics.get(&replica.topic_id)
                    && !self.replicas.contains_key(&key)
                {
                    self.create(key, topic, metadata, now);
                }
            }
            MetadataChange::DeleteReplica(replica) => {
                let key = (replica.topic_id, replica.partition);
                let unopened = self.to_open.remove(&key);
                self.high_watermarks.remove(key);
                self.unnoted = true;
                match self.replicas.remove(&key) {
                    Some(replica) if unopened || replica.is_offline() => self.remove(replica.dir),
                    Some(replica) => replica.delete(),
                    None => {}
                }
            }
            MetadataChange::BecomeLeader {
                replica,
                leader_epoch,
            } => {
                let key = (replica.topic_id, replica.partition);
                self.assign(key, Assigned::Leader(*leader_epoch), metadata, now);
            }
            MetadataChange::BecomeFollower {
                replica,
                leader,
                leader_epoch,
            } => {
                let key = (replica.topic_id, replica.partition);
                let assigned = Assigned::Follower {
                    leader: *leader,
                    epoch: *leader_epoch,
                };
                self.assign(key, assigned, metadata, now);
            }
            // The executor asks for them.
            MetadataChange::IsrChanged(_) | MetadataChange::ConfigChanged { .. } => {}
        }
    }

    fn create(&mut self, key: Key, topic: &Topic, metadata: &Metadata, now: Clock) {
        let dir = self.folder.join(format!("{}-{}", topic.name, key.1));
        let replica = if self.may_open > 0 && self.to_open.is_empty() {
            self.may_open -= 1;
            self.open(key, dir, topic, metadata, now.wall, self.left.trust())
        } else {
            self.to_open.insert(key);
            let state = State::Offline("it is not opened yet".to_owned());
            let noted = self.high_watermarks.of(key).unwrap_or_default();
            Replica::new(dir, state, 0, noted, self.syncs())
        };
        self.replicas.insert(key, replica);
    }

    /// What a topic asks of its replicas.
    fn replication(&self, topic: &Topic) -> ReplicationOptions {
        let options = topic_settings::replication(topic, &self.serving);
        #[cfg(feature = "deliberate-bugs")]
        let options = {
            let mut options = options;
            options.bug = self.bug;
            options
        };
        options
    }

    fn assign(&mut self, key: Key, assigned: Assigned, metadata: &Metadata, now: Clock) {
        let topic = metadata.topics.get(&key.0);
        let options = topic.map(|topic| self.replication(topic));
        let Some(replica) = self.replicas.get_mut(&key) else {
            return;
        };
        if let (Some(options), Some(partition)) = (options, metadata.partition(key.0, key.1)) {
            replica.assign(
                assigned,
                &Mandate {
                    key,
                    me: self.me,
                    partition,
                    options,
                    now: now.monotonic,
                },
            );
        }
    }

    /// How it is with the partitions that were opened, or that it was tried with; and which opening it was.
    pub(crate) fn conditions(&mut self) -> impl Iterator<Item = (Key, u64, ReplicaCondition)> {
        let tried = self
            .replicas
            .iter_mut()
            .filter(|(key, _)| !self.to_open.contains(key));
        tried.map(|(key, replica)| (*key, replica.opened, replica.condition()))
    }

    /// Says it where a leader was elected that may lack acknowledged records.
    pub(crate) fn warn_of_recovery(&self, replica: &cluster::Replica, metadata: &Metadata) {
        let Some(partition) = metadata.partition(replica.topic_id, replica.partition) else {
            return;
        };
        let Some(recovery) = partition
            .unclean_recovery
            .filter(|r| r.leader_epoch == partition.leader_epoch)
        else {
            return;
        };
        let (topic, index) = (&replica.topic, replica.partition);
        let why = match recovery.forced {
            true => "as was asked for",
            false => "for all in sync had lost power or were damaged",
        };
        tracing::warn!(
            broker = recovery.leader.0,
            end = recovery.end.0,
            "unclean recovery of {topic}-{index}: the broker leads from its copy, {why}; records behind its end are lost"
        );
    }

    /// The partition.
    pub(crate) fn get(&self, key: Key) -> Option<&Replica<D>> {
        self.replicas.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Replica<D>> {
        self.replicas.get_mut(&key)
    }

    /// Takes over what the leader of a partition knows to be committed by now; says what is new.
    pub(crate) fn advance(&mut self, key: Key) -> Option<Advance> {
        self.replicas.get_mut(&key)?.advance()
    }

    /// All partitions.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &Replica<D>)> {
        self.replicas.iter().map(|(key, replica)| (*key, replica))
    }

    /// The partitions that this broker leads.
    pub(crate) fn led(&self) -> Vec<Key> {
        let led = self
            .replicas
            .iter()
            .filter(|(_, replica)| replica.leader().is_some());
        led.map(|(key, _)| *key).collect()
    }

    /// Where the log of a partition begins; -1 where that isn't known.
    pub(crate) fn start_of(&self, key: Key) -> Offset {
        let log = self.replicas.get(&key).and_then(|replica| replica.log().ok());
        log.map_or(Offset(-1), Partition::start_offset)
    }

    /// The partition, if this broker leads it and the client's knowledge of its epoch (-1 for none) is
    /// the same.
    pub(crate) fn leader(&mut self, key: Key, client_epoch: i32) -> Result<&mut Replica<D>, Refusal> {
        let replica = self.readable(key, client_epoch)?;
        // One that was told to lead, and must not, isn't to be copied from either.
        match replica.leader() {
            Some(_) => Ok(replica),
            None => Err(ResponseError::NotLeaderOrFollower.into()),
        }
    }

    /// The partition, if this broker leads or follows it under the epoch that the client knows.
    pub(crate) fn readable(&mut self, key: Key, client_epoch: i32) -> Result<&mut Replica<D>, Refusal> {
        if self.to_open.contains(&key) {
            return Err(ResponseError::NotLeaderOrFollower.into());
        }
        let replica = self
            .replicas
            .get_mut(&key)
            .ok_or(ResponseError::NotLeaderOrFollower)?;
        // Whoever leads by now: clients shall look for another one.
        replica.log()?;
        let epoch = replica
            .assigned()
            .epoch()
            .ok_or(ResponseError::NotLeaderOrFollower)?;
        if client_epoch >= 0 && client_epoch < epoch.0 {
            return Err(ResponseError::FencedLeaderEpoch.into());
        }
        if client_epoch > epoch.0 {
            return Err(ResponseError::UnknownLeaderEpoch.into());
        }
        Ok(replica)
    }

    /// Whether the checkpoint must be written before anything else is told: a replica was made or deleted, or has
    /// lost what it held for committed.
    pub(crate) fn are_unnoted(&self) -> bool {
        self.unnoted
    }

    /// A replica has lost what it held for committed.
    pub(crate) fn unnote(&mut self) {
        self.unnoted = true;
    }

    /// Notes in the checkpoint which replicas are here, and what is committed of them.
    ///
    /// # Errors
    /// If the disk fails; the checkpoint is as before then.
    pub(crate) fn note_high_watermarks(&mut self, folder: &Folder<D>) -> Result<(), BrokerError> {
        // Nothing is known of its replicas yet.
        if !self.is_registered() {
            return Ok(());
        }
        let mut marks = HighWatermarks::default();
        for (key, replica) in &self.replicas {
            if self.high_watermarks.of(*key).is_some() || matches!(replica.state, State::Online(_)) {
                marks.set(*key, replica.high_watermark());
            }
        }
        if marks != self.high_watermarks || self.unnoted {
            marks.write(folder, &self.high_watermarks)?;
            self.high_watermarks = marks;
            self.unnoted = false;
        }
        Ok(())
    }

    /// Bytes of records of every partition whose files can be used.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = (Key, u64)> {
        self.replicas
            .iter()
            .filter_map(|(key, replica)| match &replica.state {
                State::Online(log) => Some((*key, log.size_bytes())),
                State::Offline(_) => None,
            })
    }

    /// The folder that holds all of them.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes that can still be written there.
    pub(crate) fn available_space(&self) -> std::io::Result<u64> {
        self.disk.available_space(&self.folder)
    }

    /// Removes old segments and forgets idle producers.
    pub(crate) fn maintain(&mut self, now: Timestamp) {
        for replica in self.replicas.values_mut() {
            let up_to = replica.high_watermark();
            let State::Online(log) = &mut replica.state else {
                continue;
            };
            log.expire_producers(now);
            match log.apply_retention(now, up_to) {
                Ok(0) => {}
                Ok(bytes) => {
                    tracing::info!(partition = %replica.dir.display(), bytes, "removed old segments")
                }
                Err(e) => tracing::warn!(partition = %replica.dir.display(), "retention failed: {e}"),
            }
        }
    }

    /// Whether the files of all partitions can be used.
    pub(crate) fn are_online(&self) -> bool {
        !self.replicas.values().any(Replica::is_offline)
    }

    /// Whether all partitions are known, and their files could be used ever since this process opened them.
    pub(crate) fn are_sound(&self) -> bool {
        self.is_registered() && self.are_online() && !self.reopened
    }

    /// Whether it is known which partitions are held here.
    pub(crate) fn is_registered(&self) -> bool {
        self.me.1 != BrokerEpoch(-1)
    }

    /// Says it once when writes begin to fail for the disk's sake, and when they work again.
    pub(crate) fn note_write(&mut self, refusal: Option<&Refusal>) {
        let reason = match refusal {
            None => None,
            Some(refusal) if refusal.error == ResponseError::KafkaStorageError => Some(refusal),
            Some(_) => return,
        };
        if reason.is_some() == self.failing {
            return;
        }
        self.failing = reason.is_some();
        let folder = self.folder.display();
        match reason {
            Some(refusal) => {
                let reason = refusal.message.as_deref().unwrap_or("the disk failed");
                tracing::error!(%folder, "records are refused, reading goes on: {reason}");
            }
            None => tracing::info!(%folder, "records are taken again"),
        }
    }

    /// Flushes all that can be.
    pub(crate) fn close(self) -> Result<(), LogError> {
        for replica in self.replicas.into_values() {
            if let State::Online(log) = replica.state
                && log.offline().is_none()
            {
                log.close()?;
            }
        }
        Ok(())
    }

    /// Takes over a topic's configuration; says what came of it where this broker leads.
    pub(crate) fn configure(&mut self, topic: TopicId, metadata: &Metadata) -> Vec<(Key, Progress)> {
        let Some(topic) = metadata.topics.get(&topic) else {
            return Vec::new();
        };
        let options = topic_settings::log_options(topic, &self.serving);
        let replication = self.replication(topic);
        self.replicas
            .range_mut((topic.id, PartitionIndex(0))..)
            .take_while(|(key, _)| key.0 == topic.id)
            .map(|(key, replica)| (*key, replica.set_options(options.clone(), replication)))
            .collect()
    }
}
