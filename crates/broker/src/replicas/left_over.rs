//! What lies in a broker's folder and isn't its own any more: of deleted topics, of partitions that others have now, and
//! of topics that nobody knows.

use std::path::{Path, PathBuf};

use cluster::{Metadata, Topic};
use disk::{Disk, Kind};
use log::{Options, Partition, Trust};
use record::Timestamp;

use super::{Key, Replicas};
use crate::quorum_store::METADATA_LOG;

impl<D: Disk> Replicas<D> {
    /// What is noted of replicas that others have now means nothing, should they come back.
    pub(super) fn forget_others(&mut self, metadata: &Metadata) {
        let me = self.me.0;
        let is_mine = |key: Key| {
            let partition = metadata.partition(key.0, key.1);
            partition.is_some_and(|partition| partition.replicas.contains(&me))
        };
        self.unnoted |= self.high_watermarks.retain(is_mine);
    }

    pub(super) fn remove(&self, dir: PathBuf) {
        let opened = Partition::open(
            self.disk.clone(),
            dir.clone(),
            Options::default(),
            Timestamp(0),
            Trust::CleanStop,
        );
        if let Err(e) = opened.and_then(|(log, _)| log.delete()) {
            tracing::warn!(partition = %dir.display(), "not removed, the next start tries again: {e}");
        }
    }

    /// Deletes folders of topics that were deleted while this broker was away, and of partitions that were given
    /// to others, and sets aside those of topics that the cluster has never heard of: whoever lost the metadata
    /// must not lose the records as well.
    pub(super) fn remove_left_over(&self, metadata: &Metadata) {
        let entries = match self.disk.read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(e) => {
                tracing::warn!(folder = %self.folder.display(), "can't be listed: {e}");
                return;
            }
        };
        for entry in entries
            .iter()
            .filter(|entry| entry.kind == Kind::Dir && entry.name != METADATA_LOG)
        {
            let dir = self.folder.join(&entry.name);
            match Partition::read_topic_id(&self.disk, &dir) {
                Ok(Some(id)) if metadata.removed_topics.contains(&id) => {
                    tracing::info!(partition = %dir.display(), "removing what a deleted topic has left");
                    self.remove(dir);
                }
                Ok(Some(id)) => match metadata.topics.get(&id) {
                    None => self.set_aside(&dir),
                    Some(topic) if !self.holds(topic, &entry.name) => {
                        tracing::info!(partition = %dir.display(), "removing what other brokers have now");
                        self.remove(dir);
                    }
                    Some(_) => {}
                },
                Ok(None) => {}
                Err(e) => tracing::warn!(partition = %dir.display(), "left alone: {e}"),
            }
        }
    }

    /// Whether a folder's name is that of a partition of the topic that this broker has, or of none at all.
    fn holds(&self, topic: &Topic, folder: &str) -> bool {
        let index = folder
            .strip_prefix(&topic.name)
            .and_then(|rest| rest.strip_prefix('-'));
        let index = index.and_then(|index| index.parse().ok()).unwrap_or(usize::MAX);
        let partition = topic.partitions.get(index);
        partition.is_none_or(|partition| partition.replicas.contains(&self.me.0))
    }

    fn set_aside(&self, dir: &Path) {
        match Partition::set_aside(&self.disk, dir) {
            Ok(aside) if aside != dir => {
                tracing::warn!(partition = %aside.display(), "set aside: the cluster doesn't know its topic");
            }
            Ok(_) => {}
            Err(e) => tracing::warn!(partition = %dir.display(), "left alone: {e}"),
        }
    }
}
