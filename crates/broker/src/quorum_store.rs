//! Where Raft's entries, term and vote are kept, and snapshots of the metadata.
//!
//! Entries are records of the partition `__cluster_metadata-0`: one batch each, whose offset is Raft's
//! index and whose leader epoch is Raft's term. Term and vote stand in `quorum-state`:
//!
//! ```text
//! {"data_version":0,"leaderEpoch":3,"votedId":1,"checksum":"5a0c1f2e"}
//! ```
//!
//! The checksum is the CRC-32C of `3/1`.
//!
//! A snapshot ([`checkpoint`]) is durable before the log lets go of anything for its sake. What a crash has left
//! to do then is done when the log is opened: [`QuorumStore::settle`] does the same both times.

use std::path::PathBuf;

use bytes::Bytes;
use cluster::{Entry, HardState, Index, Restored, Term};
use disk::Disk;
use log::{AppendError, LogError, Options, Partition, Trust};
use record::{Batch, BatchBuilder, BrokerId, Compression, LeaderEpoch, Offset, Timestamp};
use serde::{Deserialize, Serialize};

use crate::BrokerError;
use crate::error::{is_full, is_out_of_files};
use crate::folder::Folder;

mod checkpoint;
#[cfg(test)]
mod tests;

const STATE: &str = "quorum-state";
const STATE_VERSION: u32 = 0;
/// The folder of the metadata partition.
pub(crate) const METADATA_LOG: &str = "__cluster_metadata-0";
const FIRST: Offset = Offset(1);
const READ_BYTES: usize = 4 << 20;

#[derive(Serialize, Deserialize)]
struct State {
    data_version: u32,
    #[serde(rename = "leaderEpoch")]
    leader_epoch: u64,
    #[serde(rename = "votedId")]
    voted_id: i32,
    checksum: String,
}

impl State {
    fn of(state: HardState) -> Self {
        let voted_id = state.vote.map_or(-1, |vote| vote.0);
        let checksum = Self::checksum(state.term.0, voted_id);
        Self {
            data_version: STATE_VERSION,
            leader_epoch: state.term.0,
            voted_id,
            checksum,
        }
    }

    fn checksum(term: u64, voted: i32) -> String {
        format!("{:08x}", crc32c::crc32c(format!("{term}/{voted}").as_bytes()))
    }

    fn hard_state(&self) -> HardState {
        let vote = (self.voted_id >= 0).then_some(BrokerId(self.voted_id));
        HardState {
            term: Term(self.leader_epoch),
            vote,
        }
    }
}

/// Why something was not made durable.
#[derive(Debug)]
pub(crate) enum PersistError {
    /// There was no space, or no file could be opened. Nothing is harmed: the same may be tried again.
    NotNow(String),
    /// What is on disk is not known.
    Failed(BrokerError),
}

/// Raft's memory on disk.
pub(crate) struct QuorumStore<D: Disk> {
    log: Partition<D>,
    path: PathBuf,
}

impl<D: Disk> QuorumStore<D> {
    /// Opens all of it and reads it back. `between_snapshots`: as the node has it.
    pub(crate) fn open(
        folder: &Folder<D>,
        between_snapshots: u64,
        now: Timestamp,
        trust: Trust,
    ) -> Result<(Self, Restored), BrokerError> {
        let hard_state = read_state(folder)?;
        let path = folder.path().join(METADATA_LOG);
        let options = Options {
            first_offset: FIRST,
            max_message_bytes: i32::MAX as usize,
            // Whole segments go: were they longer, the log would be.
            segment_bytes: u32::try_from(between_snapshots).unwrap_or(u32::MAX),
            retention_ms: None,
            ..Options::default()
        };
        let (mut log, recovery) = Partition::open(folder.disk().clone(), path.clone(), options, now, trust)
            .map_err(|e| failed(&path, e))?;
        if log.is_damaged() {
            let why = recovery.cut.as_ref().map_or_else(
                || "an earlier start has found that".to_owned(),
                |cut| format!("{}, segment {}, byte {}", cut.reason, cut.segment, cut.position),
            );
            return Err(BrokerError::MetadataLog {
                path,
                reason: format!(
                    "entries that were durable can't be read ({why}); the other brokers hold copies: stop this \
                     broker, move its folder away and start it again"
                ),
            });
        }
        if let Some(cut) = &recovery.cut {
            tracing::warn!(
                bytes = recovery.truncated_bytes,
                reason = cut.reason,
                "the metadata log ended in an unfinished write; it was cut off"
            );
        }
        // What a killed process wrote may be in the page cache only, and Raft is about to take it for
        // remembered: it would acknowledge it without writing it again.
        log.flush().map_err(|e| failed(&path, e))?;
        let mut store = Self { log, path };
        let snapshot = checkpoint::read_newest(folder.disk(), &store.path)?;
        if let Some(snapshot) = &snapshot {
            let start = store.log.start_offset();
            if start.0 > offset(snapshot.index).0 + 1 {
                let reason = format!(
                    "it begins at {start}, the newest snapshot ends at {}",
                    snapshot.index
                );
                return Err(store.unreadable(reason));
            }
            let settled = store.settle(folder.disk(), snapshot, start, now);
            settled.map_err(|e| match e {
                PersistError::NotNow(_) => BrokerError::DiskFull {
                    path: store.path.clone(),
                },
                PersistError::Failed(e) => e,
            })?;
        }
        let entries = store.read_all()?;
        Ok((
            store,
            Restored {
                hard_state,
                snapshot,
                entries,
            },
        ))
    }

    /// Makes the changes durable. May be repeated after [`PersistError::NotNow`].
    pub(crate) fn persist(
        &mut self,
        folder: &Folder<D>,
        truncate_from: Option<Index>,
        entries: &[Entry],
        hard_state: Option<HardState>,
        now: Timestamp,
    ) -> Result<(), PersistError> {
        // Term and vote go first: an entry must never be of a later term than the one that is remembered.
        if let Some(state) = hard_state {
            let text = serde_json::to_string(&State::of(state)).expect("a plain struct becomes JSON");
            match folder.replace(STATE, text.as_bytes()) {
                Err(e @ (BrokerError::DiskFull { .. } | BrokerError::TooManyFiles { .. })) => {
                    return Err(PersistError::NotNow(e.to_string()));
                }
                replaced => replaced.map_err(PersistError::Failed)?,
            }
        }
        let first = entries.first().map(|entry| entry.index);
        let Some(from) = first.into_iter().chain(truncate_from).min() else {
            return Ok(());
        };
        let from = offset(from);
        if self.log.end_offset() > from {
            self.log.truncate_to(from).map_err(|e| self.persist_error(e))?;
        }
        if entries.is_empty() {
            return Ok(());
        }
        let batches = batches(entries, now).map_err(|reason| self.damaged(reason))?;
        match self.log.append_as_follower(&batches, now) {
            Ok(_) => {}
            Err(AppendError::DiskFull(e)) => return Err(PersistError::NotNow(e.to_string())),
            Err(AppendError::Io(e)) if is_out_of_files(&e) && self.log.offline().is_none() => {
                return Err(PersistError::NotNow(e.to_string()));
            }
            Err(e) => return Err(self.damaged(e.to_string())),
        }
        self.log.flush().map_err(|e| self.persist_error(e))
    }

    /// Makes a snapshot durable, and drops what of the log lies before `log_start`, or all of it where it
    /// doesn't go on where the snapshot ends. May be repeated after [`PersistError::NotNow`].
    pub(crate) fn snapshot(
        &mut self,
        folder: &Folder<D>,
        snapshot: &Entry,
        log_start: Index,
        now: Timestamp,
    ) -> Result<(), PersistError> {
        match checkpoint::write(folder.disk(), &self.path, snapshot, now) {
            Err(e) if is_full(&e) || is_out_of_files(&e) => {
                return Err(PersistError::NotNow(e.to_string()));
            }
            written => written.map_err(|e| PersistError::Failed(BrokerError::disk(&self.path, e)))?,
        }
        self.settle(folder.disk(), snapshot, offset(log_start), now)
    }

    /// Brings the log in line with the newest snapshot, which is durable.
    fn settle(
        &mut self,
        disk: &D,
        snapshot: &Entry,
        log_start: Offset,
        now: Timestamp,
    ) -> Result<(), PersistError> {
        let start = self.log.start_offset();
        let there = self.term_at(snapshot.index).map_err(PersistError::Failed)?;
        let index = |offset: Offset| Index(offset.0.cast_unsigned());
        let changed = if snapshot.is_continued(index(start), there) {
            let changed = self.log.set_start_offset(log_start);
            changed.and_then(|()| self.log.apply_retention(now, log_start).map(|_| ()))
        } else {
            // First the end: what a crash leaves is a shorter log of the same leaders.
            let emptied = self.log.truncate_to(start);
            emptied.and_then(|_| self.log.reset_to(offset(Index(snapshot.index.0 + 1))))
        };
        changed.map_err(|e| self.persist_error(e))?;
        checkpoint::remove_older(disk, &self.path, snapshot.index).map_err(PersistError::Failed)
    }

    /// The term of an entry, if the log has it.
    fn term_at(&self, index: Index) -> Result<Option<Term>, BrokerError> {
        let (at, end) = (offset(index), self.log.end_offset());
        if at < self.log.start_offset() || at >= end {
            return Ok(None);
        }
        let bytes = self
            .log
            .read(at, 1, end)
            .map_err(|e| self.unreadable(e.to_string()))?;
        let batch = Batch::split(bytes).next();
        let batch = batch.ok_or_else(|| self.unreadable(format!("nothing could be read at offset {at}")))?;
        let entry = batch
            .map_err(|e| e.to_string())
            .and_then(|batch| entry(&batch))
            .map_err(|e| self.unreadable(e))?;
        Ok(Some(entry.term))
    }

    /// The end of the log is flushed with every append; this writes what else an orderly end needs.
    pub(crate) fn close(self) -> Result<(), BrokerError> {
        let path = self.path;
        self.log.close().map_err(|e| failed(&path, e))
    }

    fn read_all(&self) -> Result<Vec<Entry>, BrokerError> {
        let mut entries = Vec::new();
        let damaged = |reason: String| self.unreadable(reason);
        let (mut at, end) = (self.log.start_offset(), self.log.end_offset());
        while at < end {
            let bytes = self
                .log
                .read(at, READ_BYTES, end)
                .map_err(|e| damaged(e.to_string()))?;
            let before = at;
            for batch in Batch::split(bytes) {
                let batch = batch.map_err(|e| damaged(e.to_string()))?;
                at = batch.next_offset();
                entries.push(entry(&batch).map_err(damaged)?);
            }
            if at == before {
                return Err(damaged(format!("nothing could be read at offset {at}")));
            }
        }
        Ok(entries)
    }

    fn unreadable(&self, reason: String) -> BrokerError {
        BrokerError::MetadataLog {
            path: self.path.clone(),
            reason,
        }
    }

    fn damaged(&self, reason: String) -> PersistError {
        PersistError::Failed(self.unreadable(reason))
    }

    fn persist_error(&self, e: LogError) -> PersistError {
        match e {
            // Still online: it gave up before it changed anything.
            LogError::Io { path, source }
                if (is_full(&source) || is_out_of_files(&source)) && self.log.offline().is_none() =>
            {
                PersistError::NotNow(format!("{}: {source}", path.display()))
            }
            e => self.damaged(e.to_string()),
        }
    }
}

fn read_state<D: Disk>(folder: &Folder<D>) -> Result<Option<HardState>, BrokerError> {
    let Some(text) = folder.read(STATE)? else {
        return Ok(None);
    };
    let path = folder.path().join(STATE);
    let damaged = |reason: String| BrokerError::Damaged {
        path: path.clone(),
        reason,
    };
    let state: State = serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))?;
    if state.data_version != STATE_VERSION {
        let found = state.data_version.to_string();
        return Err(BrokerError::NewerFormat {
            path,
            found,
            known: STATE_VERSION,
        });
    }
    if state.checksum != State::checksum(state.leader_epoch, state.voted_id) {
        return Err(damaged("its checksum is wrong".to_owned()));
    }
    Ok(Some(state.hard_state()))
}

fn failed(path: &std::path::Path, e: LogError) -> BrokerError {
    match e {
        LogError::Io { path, source } => BrokerError::disk(&path, source),
        e => BrokerError::MetadataLog {
            path: path.to_owned(),
            reason: e.to_string(),
        },
    }
}

fn offset(index: Index) -> Offset {
    Offset(index.0.cast_signed())
}

fn batches(entries: &[Entry], now: Timestamp) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    for entry in entries {
        let term = i32::try_from(entry.term.0).map_err(|_| format!("term {} is too high", entry.term))?;
        let mut batch = BatchBuilder::with_capacity(Compression::None, entry.data.len() + 32);
        batch
            .base_offset(offset(entry.index))
            .leader_epoch(LeaderEpoch(term));
        let value = (!entry.data.is_empty()).then_some(&entry.data[..]);
        batch.push(now, None, value, &[]).map_err(|e| e.to_string())?;
        out.extend_from_slice(&batch.build().map_err(|e| e.to_string())?);
    }
    Ok(out)
}

fn entry(batch: &Batch) -> Result<Entry, String> {
    let records = batch.records().map_err(|e| e.to_string())?;
    let mut values = records
        .iter()
        .map(|record| record.map(|record| record.value.unwrap_or_default()));
    let (value, rest) = (values.next(), values.next());
    let (Some(value), None) = (value, rest) else {
        return Err(format!(
            "the batch at {} holds {} records",
            batch.base_offset(),
            batch.record_count()
        ));
    };
    let value = value.map_err(|e| e.to_string())?;
    let number = |n: i64| u64::try_from(n).map_err(|_| format!("{n} is below zero"));
    Ok(Entry {
        index: Index(number(batch.base_offset().0)?),
        term: Term(number(i64::from(batch.leader_epoch().0))?),
        data: Bytes::copy_from_slice(value),
    })
}
