//! How the files of partitions are opened, a few for each input, and again where they have failed.

use std::path::{Path, PathBuf};

use cluster::{Metadata, Topic};
use disk::Disk;
use log::{LogError, Options, Partition, Trust};
use record::{Offset, Timestamp};

use super::{Key, OPENED_AT_ONCE, Replicas};
use crate::replica::{Replica, State};
use crate::{Clock, topic_settings};

impl<D: Disk> Replicas<D> {
    /// Opens some of the partitions that wait for it, as a new input begins. Whether these were the last.
    pub(crate) fn open_more(&mut self, metadata: &Metadata, now: Clock) -> bool {
        self.may_open = OPENED_AT_ONCE;
        let waited = self.has_unopened();
        while self.may_open > 0
            && let Some(key) = self.to_open.pop_first()
        {
            self.may_open -= 1;
            self.open_again(key, metadata, now, self.left.trust());
        }
        waited && !self.has_unopened()
    }

    /// Whether partitions wait for being opened.
    pub(crate) fn has_unopened(&self) -> bool {
        !self.to_open.is_empty()
    }

    /// Opens the files of a replica that has none open, and goes on with its part.
    fn open_again(&mut self, key: Key, metadata: &Metadata, now: Clock, trust: Trust) {
        let Some(topic) = metadata.topics.get(&key.0) else {
            return;
        };
        let Some(before) = self.replicas.remove(&key) else {
            return;
        };
        let assigned = before.assigned();
        let mut replica = self.open(key, before.dir.clone(), topic, metadata, now.wall, trust);
        replica.succeed(&before);
        self.replicas.insert(key, replica);
        self.assign(key, assigned, metadata, now);
    }

    /// The partitions whose files can't be used.
    fn failed(&self) -> impl Iterator<Item = Key> {
        let failed = self
            .replicas
            .iter()
            .filter(|(key, replica)| replica.is_offline() && !self.to_open.contains(key));
        failed.map(|(key, _)| *key)
    }

    /// Whether the files of some can't be used.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed().next().is_some()
    }

    /// Opens again those whose files can't be used.
    pub(crate) fn reopen(&mut self, metadata: &Metadata, now: Clock) {
        for key in self.failed().collect::<Vec<_>>() {
            self.reopened = true;
            // This process has written since the folder was opened, whatever it was like then.
            let trust = if self.left.trust() == Trust::Nothing {
                Trust::Nothing
            } else {
                Trust::SameBoot
            };
            self.open_again(key, metadata, now, trust);
        }
    }

    pub(super) fn open(
        &mut self,
        key: Key,
        dir: PathBuf,
        topic: &Topic,
        metadata: &Metadata,
        now: Timestamp,
        trust: Trust,
    ) -> Replica<D> {
        let options = topic_settings::log_options(topic, &self.serving);
        let noted = self.high_watermarks.of(key);
        let open = || self.open_files(noted, &dir, &options, now, trust);
        let opened = match open() {
            // The topic before it was deleted while these files couldn't be used.
            Err(LogError::OtherTopic { found, .. }) if !metadata.topics.contains_key(&found) => {
                tracing::info!(partition = %dir.display(), "removing what a deleted topic has left");
                self.remove(dir.clone());
                open()
            }
            opened => opened,
        };
        let state = match opened {
            Ok(log) => {
                if log.is_damaged() {
                    tracing::warn!(partition = %dir.display(), "records may be gone; it leads only when nobody else can");
                }
                self.unnoted |= noted.is_none_or(|noted| log.end_offset() < noted);
                State::Online(Box::new(log))
            }
            Err(e) => {
                tracing::error!(partition = %dir.display(), "offline: {e}");
                State::Offline(e.to_string())
            }
        };
        self.last_opened += 1;
        let noted = noted.unwrap_or_default();
        Replica::new(dir, state, self.last_opened, noted, self.syncs())
    }

    /// Opens the files of a partition, damaged where less is there than was `noted`.
    fn open_files(
        &self,
        noted: Option<Offset>,
        dir: &Path,
        options: &Options,
        now: Timestamp,
        trust: Trust,
    ) -> Result<Partition<D>, LogError> {
        if noted.is_some() && !Partition::is_there(&self.disk, dir)? {
            Partition::note_loss(&self.disk, dir)?;
        }
        let disk = self.disk.clone();
        let (mut log, recovery) = Partition::open(disk, dir.to_owned(), options.clone(), now, trust)?;
        if let Some(cut) = &recovery.cut {
            let (bytes, end) = (recovery.truncated_bytes, recovery.end_offset.0);
            tracing::warn!(partition = %dir.display(), bytes, end, reason = cut.reason, "cut off at recovery");
        }
        // After a loss of power it is no surprise, and the controller knows.
        if self.left.is_clean() && noted.is_some_and(|noted| recovery.end_offset < noted) {
            log.note_damage()?;
        }
        // What an earlier process has left doesn't count either before it is synced.
        if self.syncs() {
            log.flush()?;
        }
        Ok(log)
    }
}
