//! What an executor holds, for those who check it.

use disk::Disk;
use record::{LeaderEpoch, Offset, PartitionIndex, TopicId};

use super::Executor;
use crate::replica::Replica;
use crate::replicas::Key;

/// One partition that a broker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaView {
    /// The topic.
    pub topic_id: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// The epoch under which this broker leads it, if it does.
    pub leads: Option<LeaderEpoch>,
    /// Everything below is committed, as far as it knows.
    pub high_watermark: Offset,
    /// Its first offset; 0 while it is offline.
    pub start: Offset,
    /// The offset behind its last record; 0 while it is offline.
    pub end: Offset,
    /// Whether its files can be used.
    pub online: bool,
}

impl ReplicaView {
    fn of<D: Disk>((topic_id, partition): Key, replica: &Replica<D>) -> Self {
        let log = replica.log().ok();
        Self {
            topic_id,
            partition,
            leads: replica.leader().map(cluster::Leader::leader_epoch),
            high_watermark: replica.high_watermark(),
            start: log.map_or(Offset(0), log::Partition::start_offset),
            end: log.map_or(Offset(0), log::Partition::end_offset),
            online: log.is_some(),
        }
    }
}

impl<D: Disk> Executor<D> {
    /// The partitions that this broker holds.
    pub fn replicas(&self) -> impl Iterator<Item = ReplicaView> {
        self.replicas
            .iter()
            .map(|(key, replica)| ReplicaView::of(key, replica))
    }

    /// One of them, if this broker holds it.
    #[must_use]
    pub fn replica(&self, topic: TopicId, partition: PartitionIndex) -> Option<ReplicaView> {
        let key = (topic, partition);
        Some(ReplicaView::of(key, self.replicas.get(key)?))
    }

    /// The batches of a partition from the one with `from`, or from its first, up to the high watermark.
    ///
    /// # Errors
    /// Why they can't be read.
    pub fn committed_bytes(
        &self,
        topic: TopicId,
        partition: PartitionIndex,
        from: Offset,
    ) -> Result<Vec<u8>, String> {
        const AT_ONCE: usize = 1 << 20;
        let replica = self
            .replicas
            .get((topic, partition))
            .ok_or("this broker doesn't hold it")?;
        let log = replica.log().map_err(|refusal| format!("{refusal:?}"))?;
        let (mut at, end) = (from.max(log.start_offset()), replica.high_watermark());
        let mut bytes = Vec::new();
        while at < end {
            let read = log.read(at, AT_ONCE, end).map_err(|e| e.to_string())?;
            let before = at;
            for batch in record::Batch::split(read.clone()) {
                at = batch.map_err(|e| e.to_string())?.next_offset();
            }
            if at == before {
                break;
            }
            bytes.extend_from_slice(&read);
        }
        Ok(bytes)
    }
}
