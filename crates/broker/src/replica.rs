//! One partition that this broker holds: its files, and its part in the partition.

use std::collections::VecDeque;
use std::path::PathBuf;

use cluster::{
    FetchedPartition, Follower, FollowerFetch, Leader, Leadership, LogEnds, Millis, Partition as Committed,
    Progress, Reach, ReplicaCondition, ReplicationOptions, Step,
};
use disk::Disk;
use kafka_protocol::ResponseError;
use log::{AppendError, Appended, LogError, Options, Partition};
use record::{BrokerEpoch, BrokerId, LeaderEpoch, Offset, Timestamp};

use crate::Clock;
use crate::refusal::Refusal;
use crate::replicas::Key;

/// One partition that this broker holds.
pub(crate) struct Replica<D: Disk> {
    pub(crate) dir: PathBuf,
    pub(crate) state: State<D>,
    /// Records count only once they are synced.
    syncs: bool,
    /// Tells this opening of the files from others.
    pub(crate) opened: u64,
    assigned: Assigned,
    /// The part that is assigned, as long as the files can be used.
    role: Role,
    /// What is known to be committed; as [`Leader`] or [`Follower`] say where there is one.
    high_watermark: Offset,
    /// Records may be gone, and the controller doesn't know: until it does this replica doesn't lead. Also noted in
    /// its folder, for the process after this one.
    damaged: bool,
    /// The files have failed since they were opened, and that was noticed.
    failed: bool,
    /// Where the log ended when this broker began to lead it.
    led_from: Offset,
    /// Where appends above the high watermark end, and how many bytes each has.
    uncommitted: VecDeque<(Offset, usize)>,
    /// What the leader gives can't be appended, and that was said.
    stuck: bool,
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
    /// That isn't known yet.
    Nothing,
    /// This broker leads it.
    Leader(LeaderEpoch),
    /// Another one does, if anybody, and this one copies it.
    Follower {
        leader: Option<BrokerId>,
        epoch: LeaderEpoch,
    },
}

impl Assigned {
    /// Whom this broker copies the partition from.
    pub(crate) fn followed(self) -> Option<BrokerId> {
        match self {
            Self::Follower { leader, .. } => leader,
            Self::Nothing | Self::Leader(_) => None,
        }
    }

    /// The leader's epoch.
    pub(crate) fn epoch(self) -> Option<LeaderEpoch> {
        match self {
            Self::Nothing => None,
            Self::Leader(epoch) | Self::Follower { epoch, .. } => Some(epoch),
        }
    }
}

enum Role {
    None,
    Leader(Box<Leader>),
    Follower(Follower),
}

/// Under which conditions a replica takes its part.
#[derive(Debug, Clone)]
pub(crate) struct Mandate<'a> {
    pub(crate) key: Key,
    pub(crate) me: (BrokerId, BrokerEpoch),
    pub(crate) partition: &'a Committed,
    pub(crate) options: ReplicationOptions,
    pub(crate) now: Millis,
}

/// The high watermark moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Advance {
    pub(crate) high_watermark: Offset,
    /// Bytes of what became committed; more than anybody waits for where some of it is from an earlier leader.
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
    pub(crate) fn new(dir: PathBuf, state: State<D>, opened: u64, checkpoint: Offset, syncs: bool) -> Self {
        let high_watermark = match &state {
            State::Online(log) => checkpoint.max(log.start_offset()).min(log.end_offset()),
            State::Offline(_) => checkpoint,
        };
        let damaged = matches!(&state, State::Online(log) if log.is_damaged());
        Self {
            dir,
            state,
            opened,
            assigned: Assigned::Nothing,
            role: Role::None,
            high_watermark,
            syncs,
            damaged,
            failed: false,
            led_from: Offset(-1),
            uncommitted: VecDeque::new(),
            stuck: false,
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
        let leader = self.leader().map_or(self.high_watermark, Leader::high_watermark);
        leader.max(self.high_watermark)
    }

    /// The end of what clients may read, for those who ask for it.
    pub(crate) fn latest(&self) -> Result<Offset, Refusal> {
        match &self.role {
            // It could be lower than what the leader before has told (KIP-207).
            Role::Leader(leader) => leader.latest().ok_or(ResponseError::OffsetNotAvailable.into()),
            Role::Follower(_) | Role::None => Ok(self.high_watermark),
        }
    }

    pub(crate) fn leader(&self) -> Option<&Leader> {
        match &self.role {
            Role::Leader(leader) => Some(leader),
            Role::Follower(_) | Role::None => None,
        }
    }

    pub(crate) fn leader_mut(&mut self) -> Option<&mut Leader> {
        match &mut self.role {
            Role::Leader(leader) => Some(leader),
            Role::Follower(_) | Role::None => None,
        }
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

    /// The same partition was opened again. Where its files had failed, what it has may be less than it had, and
    /// under the same leader epoch nobody could tell what is missing from what would be written in its place.
    pub(crate) fn succeed(&mut self, before: &Self) {
        let had_failed = matches!(before.state, State::Online(_));
        if before.damaged || had_failed {
            self.note_damage();
        }
        self.high_watermark = self.high_watermark.max(before.high_watermark);
        // As long as they can't be used what was committed stays as it was known.
        if let Some(end) = self.log().ok().map(Partition::end_offset) {
            self.high_watermark = self.high_watermark.min(end);
        }
    }

    /// How it is with this replica, for the controller.
    pub(crate) fn condition(&mut self) -> ReplicaCondition {
        let reach = self.log().ok().map(|log| Reach {
            last_epoch: log.last_record_epoch().unwrap_or(LeaderEpoch(-1)),
            end: log.end_offset(),
        });
        if reach.is_none() && !self.failed && matches!(self.state, State::Online(_)) {
            self.failed = true;
            self.note_damage();
        }
        ReplicaCondition {
            damaged: self.damaged,
            reach,
        }
    }

    /// The files can't be used any more.
    fn fail(&mut self, reason: String) {
        self.note_damage();
        self.state = State::Offline(reason);
    }

    /// Records may be gone. The next process is to know as well, if the disk lets it be noted.
    fn note_damage(&mut self) {
        self.damaged = true;
        if let State::Online(log) = &mut self.state
            && let Err(e) = log.note_damage()
        {
            tracing::warn!(partition = %self.dir.display(), "its damage could not be noted: {e}");
        }
    }

    /// The controller knows of the damage of this opening: where it has this replica lead from now on, it does so
    /// in spite of it.
    pub(crate) fn on_damage_known(&mut self, opened: u64) {
        if self.opened != opened {
            return;
        }
        self.damaged = false;
        if let State::Online(log) = &mut self.state
            && let Err(e) = log.forget_damage()
        {
            tracing::warn!(partition = %self.dir.display(), "its damage will be reported once more: {e}");
        }
    }

    /// Takes its part in the partition.
    pub(crate) fn assign(&mut self, assigned: Assigned, mandate: &Mandate<'_>) {
        self.uncommitted.clear();
        self.assigned = assigned;
        self.role = match assigned {
            Assigned::Nothing => Role::None,
            Assigned::Leader(epoch) => self.lead(epoch, mandate),
            Assigned::Follower { leader, epoch } => {
                let follower = Follower::new(leader, epoch, self.high_watermark);
                #[cfg(feature = "deliberate-bugs")]
                let follower = follower.with_bug(mandate.options.bug);
                Role::Follower(follower)
            }
        };
    }

    /// Accepts writes from now on.
    fn lead(&mut self, epoch: LeaderEpoch, mandate: &Mandate<'_>) -> Role {
        let State::Online(log) = &mut self.state else {
            return Role::None;
        };
        if self.damaged {
            return Role::None;
        }
        // What it has copied just now counts as its own from here on.
        let flushed = !self.syncs || log.flushed_offset() >= log.end_offset();
        if !flushed && let Err(e) = log.flush() {
            tracing::error!(partition = %self.dir.display(), "can't lead, it can't be synced: {e}");
            self.fail(e.to_string());
            return Role::None;
        }
        match log.begin_epoch(epoch) {
            Ok(()) => {}
            // Nothing is harmed, and what is there can be read: the first append notes the epoch.
            Err(AppendError::DiskFull(e)) => {
                tracing::warn!(partition = %self.dir.display(), "leader epoch {epoch} is not noted yet: {e}");
            }
            Err(e) => {
                tracing::error!(partition = %self.dir.display(), "can't begin leader epoch {epoch}: {e}");
                self.fail(e.to_string());
                return Role::None;
            }
        }
        #[cfg(feature = "deliberate-bugs")]
        if mandate.options.bug == Some(cluster::Bug::ForgetProducers) {
            log.expire_producers(Timestamp(i64::MAX));
        }
        let place = Leadership {
            topic_id: mandate.key.0,
            partition: mandate.key.1,
            broker: mandate.me.0,
            broker_epoch: mandate.me.1,
            log_end: log.end_offset(),
            high_watermark: self.high_watermark,
        };
        self.led_from = place.log_end;
        // The metadata may know a later epoch, which is about to be told.
        let partition = Committed {
            leader_epoch: epoch,
            ..mandate.partition.clone()
        };
        let leader = Leader::new(place, &partition, mandate.options, mandate.now);
        self.high_watermark = leader.high_watermark();
        Role::Leader(Box::new(leader))
    }

    /// The ISR or the replicas have changed, under the same leader.
    pub(crate) fn on_isr_changed(&mut self, partition: &Committed, now: Millis) -> Progress {
        let leader = self.leader_mut();
        leader.map_or(Progress::default(), |leader| leader.on_metadata(partition, now))
    }

    /// Appends batches that clients may write.
    pub(crate) fn append(&mut self, batches: &mut [u8], now: Timestamp) -> Result<Appended, Refusal> {
        let log = match &mut self.state {
            State::Online(log) => log,
            State::Offline(reason) => return Err(Refusal::storage(reason.clone())),
        };
        let Role::Leader(leader) = &mut self.role else {
            return Err(ResponseError::NotLeaderOrFollower.into());
        };
        let appended = log
            .append_as_leader(batches, leader.leader_epoch(), now)
            .map_err(|e| Refusal::from(&e))?;
        if !appended.duplicate {
            let end = log.end_offset();
            self.uncommitted.push_back((end, batches.len()));
            if !self.syncs {
                // What came of it is told by `advance`.
                let _ = leader.on_append(end);
            }
        }
        Ok(appended)
    }

    /// A follower fetches, with a log that has these ends; gives the end of the log here.
    pub(crate) fn on_fetch(
        &mut self,
        from: (BrokerId, BrokerEpoch),
        follower: LogEnds,
        now: Millis,
    ) -> Result<Offset, Refusal> {
        let log_end = self.log()?.end_offset();
        let counted_end = self.counted_end();
        let leader = self.leader_mut().ok_or(ResponseError::NotLeaderOrFollower)?;
        let fetch = FollowerFetch {
            from: from.0,
            broker_epoch: from.1,
            start: follower.start,
            offset: follower.end,
            log_end: counted_end,
        };
        leader.on_fetch(fetch, now)?;
        Ok(log_end)
    }

    /// The end of what counts as written.
    pub(crate) fn counted_end(&self) -> Offset {
        match &self.state {
            State::Online(log) if self.syncs => log.flushed_offset().min(log.end_offset()),
            State::Online(log) => log.end_offset(),
            State::Offline(_) => Offset(0),
        }
    }

    /// Makes everything durable, and gives the end; none where it couldn't be tried.
    pub(crate) fn sync(&mut self) -> Result<Option<Offset>, Refusal> {
        let State::Online(log) = &mut self.state else {
            return Ok(Some(Offset(0)));
        };
        match log.flush() {
            Ok(()) => {}
            Err(LogError::Unopened { path, source }) => {
                tracing::warn!(file = %path.display(), "not synced yet, trying again: {source}");
                return Ok(None);
            }
            Err(e) => {
                tracing::error!(partition = %self.dir.display(), "offline, it can't be synced: {e}");
                return Err(storage(e));
            }
        }
        let end = self.counted_end();
        if let Some(leader) = self.leader_mut() {
            // What came of it is told by `advance`.
            let _ = leader.on_append(end);
        }
        Ok(Some(end))
    }

    /// Takes over what a leader knows to be committed by now; says what is new.
    pub(crate) fn advance(&mut self) -> Option<Advance> {
        let high_watermark = self.leader()?.high_watermark();
        if high_watermark <= self.high_watermark {
            return None;
        }
        let inherited = self.high_watermark < self.led_from;
        self.high_watermark = high_watermark;
        let mut bytes = if inherited { usize::MAX } else { 0 };
        while let Some((_, more)) = self.uncommitted.pop_front_if(|(end, _)| *end <= high_watermark) {
            bytes = bytes.saturating_add(more);
        }
        Some(Advance {
            high_watermark,
            bytes,
        })
    }

    /// Where a follower goes on fetching; `None` where this broker doesn't follow, can't write, or isn't due.
    pub(crate) fn position(&self, now: Millis) -> Option<Position> {
        let Role::Follower(follower) = &self.role else {
            return None;
        };
        let log = self.log().ok()?;
        // What it tells of itself must be durable.
        let counts = self.counted_end() == log.end_offset();
        (counts && follower.is_due(now)).then(|| Position {
            leader_epoch: follower.leader_epoch(),
            start: log.start_offset(),
            end: log.end_offset(),
            last_epoch: log.last_record_epoch().unwrap_or(LeaderEpoch(-1)),
        })
    }

    /// A follower's Fetch came to nothing.
    pub(crate) fn on_fetch_failed(&mut self, now: Millis) {
        if let Role::Follower(follower) = &mut self.role {
            follower.on_failure(now);
        }
    }

    /// Does to a follower's log what its leader says; whether a segment was sealed.
    pub(crate) fn take(
        &mut self,
        fetched: FetchedPartition,
        records: &[u8],
        now: Clock,
    ) -> Result<bool, Refusal> {
        let Role::Follower(follower) = &mut self.role else {
            return Ok(false);
        };
        let log = match &mut self.state {
            State::Online(log) => log,
            State::Offline(reason) => return Err(Refusal::storage(reason.clone())),
        };
        let ends = LogEnds {
            start: log.start_offset(),
            end: log.end_offset(),
        };
        let own_end_of = |epoch| log.end_offset_for_epoch(epoch);
        let mut rolled = false;
        match follower.on_response(fetched, ends, own_end_of, now.monotonic) {
            Step::Append { start } => {
                if !records.is_empty() {
                    let appended = log.append_as_follower(records, now.wall);
                    let was_stuck = std::mem::replace(&mut self.stuck, appended.is_err());
                    if let (Err(e), false) = (&appended, was_stuck) {
                        tracing::warn!(partition = %self.dir.display(), "records can't be copied: {e}");
                    }
                    rolled = appended.map_err(|e| Refusal::from(&e))?.rolled;
                }
                self.high_watermark = follower.on_log_end(log.end_offset());
                if let Some(start) = start.filter(|start| *start <= log.end_offset()) {
                    log.set_start_offset(start).map_err(storage)?;
                }
            }
            // First it must be noted how much less is committed, or what is cut would be missed at the next start: the
            // next answer says so again.
            Step::Truncate(to) | Step::Reset(to) if to < self.high_watermark => follower.on_truncated(to),
            Step::Truncate(to) => {
                let end = log.truncate_to(to).map_err(storage)?;
                tracing::info!(partition = %self.dir.display(), %end, "cut off what the leader doesn't have");
                follower.on_truncated(end);
            }
            Step::Reset(start) => {
                log.reset_to(start).map_err(storage)?;
                follower.on_truncated(start);
            }
            Step::Nothing => {}
        }
        if follower.high_watermark() < self.high_watermark {
            let (from, to) = (follower.high_watermark(), self.high_watermark);
            tracing::error!(
                partition = %self.dir.display(),
                "records from {from} to {to} were committed and are gone: the leader doesn't have them"
            );
            self.high_watermark = from;
        }
        Ok(rolled)
    }

    /// Serves nothing below this offset any more, durably.
    pub(crate) fn delete_records(&mut self, up_to: Offset) -> Result<(), Refusal> {
        self.log_mut()?.set_start_offset(up_to).map_err(storage)
    }

    /// Below this offset no replica in sync has anything to serve any more.
    pub(crate) fn low_watermark(&self) -> Result<Offset, Refusal> {
        let start = self.log()?.start_offset();
        let leader = self.leader().ok_or(ResponseError::NotLeaderOrFollower)?;
        Ok(leader.low_watermark(start))
    }

    /// The topic's configuration has changed.
    pub(crate) fn set_options(&mut self, options: Options, replication: ReplicationOptions) -> Progress {
        if let State::Online(log) = &mut self.state {
            log.set_options(options);
        }
        let leader = self.leader_mut();
        leader.map_or(Progress::default(), |leader| leader.set_options(replication))
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

#[cfg(test)]
mod tests {
    use disk::SimDisk;

    use super::*;

    #[test]
    fn what_was_committed_stays_known_while_the_files_cannot_be_used() {
        let offline = |high_watermark| {
            let state = State::Offline("it can't be read".to_owned());
            Replica::<SimDisk>::new(PathBuf::from("/t-0"), state, 1, high_watermark, false)
        };
        let mut again = offline(Offset(3));
        again.succeed(&offline(Offset(7)));
        assert_eq!(again.high_watermark(), Offset(7));
    }
}
