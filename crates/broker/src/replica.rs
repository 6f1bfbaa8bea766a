//! One partition that this broker holds: its files, and its part in the partition.

use std::collections::VecDeque;
use std::path::PathBuf;

use cluster::{InSync, Leader, Limits, Millis, Partition as Committed};
use disk::Disk;
use kafka_protocol::ResponseError;
use log::{AppendError, Appended, LogError, Options, Partition};
use record::{BrokerId, LeaderEpoch, Offset, Timestamp};

use crate::refusal::Refusal;

/// One partition that this broker holds.
pub(crate) struct Replica<D: Disk> {
    pub(crate) dir: PathBuf,
    pub(crate) state: State<D>,
    /// Tells this opening of the files from others.
    pub(crate) opened: u64,
    assigned: Assigned,
    /// As long as this broker leads, and the files can be used.
    leader: Option<Box<Leader>>,
    /// What is known to be committed; follows [`Leader`] on a leader, and the leader's word elsewhere.
    high_watermark: Offset,
    /// Where appends above the high watermark end, and how many bytes each has.
    uncommitted: VecDeque<(Offset, usize)>,
}

/// The files of a partition.
pub(crate) enum State<D: Disk> {
    Online(Box<Partition<D>>),
    /// They can't be used; why.
    Offline(String),
}

/// What this broker is to a partition, by committed metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Assigned {
    /// Nobody leads it.
    Nobody,
    /// This broker leads it.
    Leader(LeaderEpoch),
    /// Another one does, and this one copies it.
    Follower { leader: BrokerId, epoch: LeaderEpoch },
}

impl Assigned {
    /// Whom this broker copies the partition from.
    pub(crate) fn followed(self) -> Option<BrokerId> {
        match self {
            Self::Follower { leader, .. } => Some(leader),
            Self::Nobody | Self::Leader(_) => None,
        }
    }

    /// The leader's epoch.
    pub(crate) fn epoch(self) -> Option<LeaderEpoch> {
        match self {
            Self::Nobody => None,
            Self::Leader(epoch) | Self::Follower { epoch, .. } => Some(epoch),
        }
    }
}

/// Under which conditions a leader leads.
#[derive(Debug, Clone)]
pub(crate) struct Mandate<'a> {
    pub(crate) me: InSync,
    pub(crate) partition: &'a Committed,
    pub(crate) limits: Limits,
    pub(crate) now: Millis,
}

/// The high watermark moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Advance {
    pub(crate) high_watermark: Offset,
    /// Bytes of what became committed, as far as this broker appended it as the leader.
    pub(crate) bytes: usize,
}

/// What a follower knows of itself when it fetches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) start: Offset,
    pub(crate) end: Offset,
    pub(crate) last_epoch: LeaderEpoch,
}

impl<D: Disk> Replica<D> {
    /// A replica with its files, or without; `checkpoint` is the high watermark that was noted last.
    pub(crate) fn new(dir: PathBuf, state: State<D>, opened: u64, checkpoint: Offset) -> Self {
        let high_watermark = match &state {
            State::Online(log) => checkpoint.max(log.start_offset()).min(log.end_offset()),
            State::Offline(_) => checkpoint,
        };
        Self {
            dir,
            state,
            opened,
            assigned: Assigned::Nobody,
            leader: None,
            high_watermark,
            uncommitted: VecDeque::new(),
        }
    }

    pub(crate) fn assigned(&self) -> Assigned {
        self.assigned
    }

    pub(crate) fn leader_epoch(&self) -> LeaderEpoch {
        self.assigned.epoch().unwrap_or(LeaderEpoch(-1))
    }

    /// Everything below is committed.
    pub(crate) fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The same with what a leader has learnt since [`Replica::advance`].
    pub(crate) fn committed(&self) -> Offset {
        let leader = self.leader.as_ref().map(|leader| leader.high_watermark());
        leader.unwrap_or(self.high_watermark).max(self.high_watermark)
    }

    /// The end of what clients may read, for those who ask for it.
    pub(crate) fn latest(&self) -> Result<Offset, Refusal> {
        // It could be lower than what the leader before has told (KIP-207).
        match &self.leader {
            Some(leader) => leader.latest().ok_or(ResponseError::OffsetNotAvailable.into()),
            None => Ok(self.high_watermark),
        }
    }

    pub(crate) fn leader(&self) -> Option<&Leader> {
        self.leader.as_deref()
    }

    pub(crate) fn leader_mut(&mut self) -> Option<&mut Leader> {
        self.leader.as_deref_mut()
    }

    /// The files, for reading.
    pub(crate) fn log(&self) -> Result<&Partition<D>, Refusal> {
        let reason = match &self.state {
            State::Online(log) => match log.offline() {
                None => return Ok(log),
                Some(reason) => reason,
            },
            State::Offline(reason) => reason,
        };
        Err(Refusal::storage(reason))
    }

    fn log_mut(&mut self) -> Result<&mut Partition<D>, Refusal> {
        match &mut self.state {
            State::Online(log) => Ok(log),
            State::Offline(reason) => Err(Refusal::storage(reason.clone())),
        }
    }

    pub(crate) fn is_offline(&self) -> bool {
        self.log().is_err()
    }

    /// Whether a partition that was opened again may go on with the part that it had before: not a
    /// leader that has lost records. What it lost may be on followers already, and under the same epoch
    /// nobody could tell it from what would be written in its place.
    pub(crate) fn resumes(&mut self, before: &Self) -> bool {
        self.high_watermark = self.high_watermark.max(before.high_watermark);
        let end = self.log().map_or(Offset(-1), Partition::end_offset);
        self.high_watermark = self.high_watermark.min(end.max(Offset(0)));
        let led_up_to = before.leader().map_or(Offset(-1), Leader::end);
        if end < led_up_to {
            tracing::error!(
                partition = %self.dir.display(),
                "offsets {end} to {led_up_to} are gone; it stays offline until another broker has led it"
            );
        }
        end >= led_up_to
    }

    /// Takes its part in the partition.
    pub(crate) fn assign(&mut self, assigned: Assigned, mandate: &Mandate<'_>) {
        self.uncommitted.clear();
        self.leader = None;
        self.assigned = assigned;
        if matches!(assigned, Assigned::Leader(_)) {
            self.lead(mandate);
        }
    }

    /// Accepts writes from now on.
    fn lead(&mut self, mandate: &Mandate<'_>) {
        let epoch = mandate.partition.leader_epoch;
        let State::Online(log) = &mut self.state else {
            return;
        };
        match log.begin_epoch(epoch) {
            Ok(()) => {}
            // Nothing is harmed, and what is there can be read: the first append notes the epoch.
            Err(AppendError::DiskFull(e)) => {
                tracing::warn!(partition = %self.dir.display(), "leader epoch {epoch} is not noted yet: {e}");
            }
            Err(e) => {
                tracing::error!(partition = %self.dir.display(), "can't begin leader epoch {epoch}: {e}");
                self.state = State::Offline(e.to_string());
                return;
            }
        }
        let Mandate {
            me,
            partition,
            limits,
            now,
        } = *mandate;
        let end = log.end_offset();
        let leader = Leader::new(me, partition, limits, end, self.high_watermark, now);
        self.high_watermark = leader.high_watermark();
        self.leader = Some(Box::new(leader));
    }

    /// Appends batches that clients may write.
    pub(crate) fn append(&mut self, batches: &mut [u8], now: Timestamp) -> Result<Appended, Refusal> {
        let log = match &mut self.state {
            State::Online(log) => log,
            State::Offline(reason) => return Err(Refusal::storage(reason.clone())),
        };
        let leader = self.leader.as_mut().ok_or(ResponseError::NotLeaderOrFollower)?;
        let appended = log
            .append_as_leader(batches, leader.epoch(), now)
            .map_err(|e| Refusal::from(&e))?;
        if !appended.duplicate {
            self.uncommitted.push_back((log.end_offset(), batches.len()));
            leader.on_append(log.end_offset());
        }
        Ok(appended)
    }

    /// Takes over what a leader knows to be committed by now; says what is new.
    pub(crate) fn advance(&mut self) -> Option<Advance> {
        let high_watermark = self.leader.as_ref()?.high_watermark();
        if high_watermark <= self.high_watermark {
            return None;
        }
        self.high_watermark = high_watermark;
        let mut bytes = 0;
        while let Some((_, more)) = self.uncommitted.pop_front_if(|(end, _)| *end <= high_watermark) {
            bytes += more;
        }
        Some(Advance {
            high_watermark,
            bytes,
        })
    }

    /// Where a follower goes on fetching; `None` where this broker doesn't follow, or can't write.
    pub(crate) fn position(&self) -> Option<Position> {
        let Assigned::Follower { epoch, .. } = self.assigned else {
            return None;
        };
        let log = self.log().ok()?;
        Some(Position {
            leader_epoch: epoch,
            start: log.start_offset(),
            end: log.end_offset(),
            last_epoch: log.last_record_epoch().unwrap_or(LeaderEpoch(-1)),
        })
    }

    /// Takes what a leader has given a follower.
    pub(crate) fn copy(&mut self, batches: &[u8], now: Timestamp) -> Result<bool, Refusal> {
        let appended = self.log_mut()?.append_as_follower(batches, now);
        appended
            .map(|appended| appended.rolled)
            .map_err(|e| Refusal::from(&e))
    }

    /// Takes over the leader's start offset and high watermark, as far as this log reaches.
    pub(crate) fn keep_up(&mut self, start: Offset, high_watermark: Offset) -> Result<(), Refusal> {
        let log = self.log_mut()?;
        let end = log.end_offset();
        if start > log.start_offset() && start <= end {
            log.set_start_offset(start).map_err(storage)?;
        }
        self.high_watermark = self
            .high_watermark
            .max(high_watermark.min(end))
            .max(start.min(end));
        Ok(())
    }

    /// Cuts a follower's log where its leader's parts from it.
    pub(crate) fn truncate(&mut self, told: (LeaderEpoch, Offset)) -> Result<Offset, Refusal> {
        let log = self.log_mut()?;
        let own = log.end_offset_for_epoch(told.0);
        let to = cluster::truncate_to(told, own, log.end_offset()).max(log.start_offset());
        let end = log.truncate_to(to).map_err(storage)?;
        if end < self.high_watermark {
            let before = self.high_watermark;
            tracing::error!(
                partition = %self.dir.display(),
                "records from {end} to {before} were committed and are gone: the leader doesn't have them"
            );
            self.high_watermark = end;
        }
        Ok(end)
    }

    /// Begins anew where the leader's log begins, which this one no longer overlaps.
    pub(crate) fn reset(&mut self, start: Offset) -> Result<(), Refusal> {
        self.log_mut()?.reset_to(start).map_err(storage)?;
        self.high_watermark = start;
        Ok(())
    }

    /// Serves nothing below this offset any more, and gives the start offset, which is durable.
    pub(crate) fn delete_records(&mut self, up_to: Offset) -> Result<Offset, Refusal> {
        let log = self.log_mut()?;
        log.set_start_offset(up_to).map_err(storage)?;
        Ok(log.start_offset())
    }

    pub(crate) fn set_options(&mut self, options: Options) {
        if let State::Online(log) = &mut self.state {
            log.set_options(options);
        }
    }

    pub(crate) fn delete(self) {
        if let State::Online(log) = self.state
            && let Err(e) = log.delete()
        {
            tracing::warn!(partition = %self.dir.display(), "not deleted wholly, the next start tries again: {e}");
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn storage(e: LogError) -> Refusal {
    Refusal::storage(e.to_string())
}
