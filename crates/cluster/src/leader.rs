//! The leader of one partition: who is in sync, and what is committed.

use std::collections::{BTreeMap, BTreeSet};

use record::{BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicId};

use crate::{AlterPartition, ErrorCode, Metadata, Millis, Partition, Refusal};

#[cfg(test)]
mod tests;

/// How soon the controller is asked again after it refused, or didn't answer.
const ASK_AGAIN: Millis = Millis(200);

/// Which partition is led, by whom, and from where on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leadership {
    /// The topic.
    pub topic_id: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// This broker.
    pub broker: BrokerId,
    /// Its broker epoch.
    pub broker_epoch: BrokerEpoch,
    /// The end of its log, where its leader epoch begins.
    pub log_end: Offset,
    /// Up to where it knows records to be committed.
    pub high_watermark: Offset,
}

/// What a partition asks of its replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplicationOptions {
    /// Replicas that must be in sync for a write with acks=all (`min.insync.replicas`); never more than
    /// the partition has.
    pub min_in_sync: usize,
    /// A member of the ISR that hasn't been at the leader's log end for this long leaves it
    /// (`replica.lag.time.max.ms`).
    pub max_lag: Millis,
    /// A mistake to make, for the simulator.
    #[cfg(feature = "deliberate-bugs")]
    pub bug: Option<crate::Bug>,
}

impl ReplicationOptions {
    /// Without mistakes.
    #[must_use]
    pub fn new(min_in_sync: usize, max_lag: Millis) -> Self {
        Self {
            min_in_sync,
            max_lag,
            #[cfg(feature = "deliberate-bugs")]
            bug: None,
        }
    }
}

/// A follower's Fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowerFetch {
    /// Who fetches.
    pub from: BrokerId,
    /// Its broker epoch, as it says (KIP-903).
    pub broker_epoch: BrokerEpoch,
    /// The first offset of its log.
    pub start: Offset,
    /// The end of its log. It doesn't diverge from the leader's below: see [`crate::diverges`].
    pub offset: Offset,
    /// The end of the leader's log now, as far as it counts: the follower may have more where the leader's isn't
    /// synced yet.
    pub log_end: Offset,
}

/// What came of an event for those who wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Where the high watermark has moved to.
    pub high_watermark: Option<Offset>,
    /// The ISR has fallen below the minimum: writes that wait can't be acknowledged any more.
    pub short: bool,
}

/// The leader of one partition, under one leader epoch.
///
/// The high watermark is the lowest log end in the *maximal* ISR: the committed one, and everybody who was
/// proposed for it since, because a proposal may be committed without the leader knowing yet (KIP-497). It
/// moves only while the committed ISR has enough members (KIP-966), and never back.
///
/// A proposal is withdrawn only by a newer partition epoch: as long as this one holds, a delayed copy of the
/// request may still be committed. So no reply of the controller changes anything here but that another
/// question may be asked.
#[derive(Debug)]
pub struct Leader {
    place: Leadership,
    leader_epoch: LeaderEpoch,
    options: ReplicationOptions,
    replicas: Vec<BrokerId>,
    isr: Isr,
    followers: BTreeMap<BrokerId, Progressing>,
    end: Offset,
    high_watermark: Offset,
    question: Question,
}

/// Who is in sync.
#[derive(Debug)]
struct Isr {
    partition_epoch: i32,
    committed: BTreeSet<BrokerId>,
    /// Replicas that may have lost records, or can't be used.
    suspect: BTreeSet<BrokerId>,
    /// Everybody who was proposed under this partition epoch.
    proposed: BTreeSet<BrokerId>,
}

/// The question to the controller.
#[derive(Debug, Default)]
struct Question {
    under_way: bool,
    not_before: Millis,
}

/// How far a follower is.
#[derive(Debug, Clone, Copy)]
struct Progressing {
    broker_epoch: Option<BrokerEpoch>,
    /// The first offset of its log, once it has fetched.
    start: Option<Offset>,
    /// The end of its log, once it has fetched.
    end: Option<Offset>,
    fetched_at: Millis,
    /// The end of the leader's log at that time.
    end_then: Offset,
    /// When it was last known to have everything.
    caught_up_at: Millis,
}

impl Leader {
    /// A leader whose epoch begins.
    #[must_use]
    pub fn new(place: Leadership, partition: &Partition, options: ReplicationOptions, now: Millis) -> Self {
        let end = place.log_end;
        let mut leader = Self {
            place,
            leader_epoch: partition.leader_epoch,
            options,
            replicas: Vec::new(),
            isr: Isr {
                partition_epoch: i32::MIN,
                committed: BTreeSet::new(),
                suspect: BTreeSet::new(),
                proposed: BTreeSet::new(),
            },
            followers: BTreeMap::new(),
            end,
            high_watermark: place.high_watermark.min(end),
            question: Question::default(),
        };
        leader.take_in(partition, now);
        #[cfg(feature = "deliberate-bugs")]
        if leader.makes(crate::Bug::TrustOwnLog) {
            leader.high_watermark = end;
        }
        leader.advance();
        leader
    }

    /// The epoch that it leads under.
    #[must_use]
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// Records below it are committed: consumers may read them.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The latest offset for consumers. `None` until the high watermark has reached the start of this epoch:
    /// an earlier leader may have told a higher one (KIP-207).
    #[must_use]
    pub fn latest(&self) -> Option<Offset> {
        (self.high_watermark >= self.place.log_end).then_some(self.high_watermark)
    }

    /// Whoever leads next serves no records below it: the lowest first offset in the maximal ISR, of which this
    /// broker's is `own_start`. -1 while it isn't known.
    #[must_use]
    pub fn low_watermark(&self, own_start: Offset) -> Offset {
        let others = self
            .maximal_isr()
            .into_iter()
            .filter(|id| *id != self.place.broker);
        let start = |id| self.followers.get(&id).and_then(|follower| follower.start);
        let starts = others.map(|id| start(id).unwrap_or(Offset(-1)));
        starts.fold(own_start, Offset::min)
    }

    /// The topic's configuration has changed.
    pub fn set_options(&mut self, options: ReplicationOptions) -> Progress {
        let was_short = self.is_short();
        self.options = options;
        self.progress(was_short)
    }

    /// Whether records may be appended for a producer that wants `acks` (0, 1, -1 for all). Without a session
    /// the controller may have given the partition to somebody else.
    ///
    /// # Errors
    /// Retriable ones.
    pub fn check_produce(&self, acks: i16, has_session: bool) -> Result<(), Refusal> {
        if !has_session {
            return Err(Refusal::new(
                ErrorCode::NotLeaderOrFollower,
                "this broker has lost the controller and may no longer lead; try again",
            ));
        }
        if acks == -1 && self.is_short() {
            let (has, needs) = (self.isr.committed.len(), self.needed());
            return Err(Refusal::new(
                ErrorCode::NotEnoughReplicas,
                format!(
                    "{has} of {} replicas are in sync, min.insync.replicas asks for {needs}; start the others",
                    self.replicas.len()
                ),
            ));
        }
        Ok(())
    }

    /// The log ends here now.
    pub fn on_append(&mut self, log_end: Offset) -> Progress {
        self.end = self.end.max(log_end);
        let was_short = self.is_short();
        self.progress(was_short)
    }

    /// A follower fetches from here.
    ///
    /// # Errors
    /// From a broker that isn't a replica, or from an earlier process of one.
    pub fn on_fetch(&mut self, fetch: FollowerFetch, now: Millis) -> Result<Progress, Refusal> {
        self.end = self.end.max(fetch.log_end);
        let Some(follower) = self.followers.get_mut(&fetch.from) else {
            let message = format!("broker {} is no replica of the partition", fetch.from);
            return Err(Refusal::new(ErrorCode::NotLeaderOrFollower, message));
        };
        if follower
            .broker_epoch
            .is_some_and(|known| known > fetch.broker_epoch)
        {
            let message = format!("another process has fetched as broker {} since", fetch.from);
            return Err(Refusal::new(ErrorCode::NotLeaderOrFollower, message));
        }
        let caught_up_at = if fetch.offset >= self.end {
            now
        } else if follower.end.is_some() && fetch.offset >= follower.end_then {
            follower.fetched_at.max(follower.caught_up_at)
        } else {
            follower.caught_up_at
        };
        *follower = Progressing {
            broker_epoch: Some(fetch.broker_epoch),
            start: Some(fetch.start),
            end: Some(fetch.offset),
            fetched_at: now,
            end_then: self.end,
            caught_up_at,
        };
        let was_short = self.is_short();
        Ok(self.progress(was_short))
    }

    /// The partition's ISR or replicas were committed anew, under the same leader epoch.
    pub fn on_metadata(&mut self, partition: &Partition, now: Millis) -> Progress {
        let was_short = self.is_short();
        if partition.leader_epoch == self.leader_epoch {
            self.take_in(partition, now);
        }
        self.progress(was_short)
    }

    /// Whether a replica is in sync, or was proposed to be: whoever leads next may be this one.
    #[must_use]
    pub fn may_be_in_sync(&self, id: BrokerId) -> bool {
        self.maximal_isr().contains(&id)
    }

    /// What to ask of the controller now: another ISR. Ask after every event, and with every tick. This broker's log
    /// begins at `own_start`: nobody is added who would bring back what was deleted before.
    pub fn alteration(
        &mut self,
        metadata: &Metadata,
        own_start: Offset,
        now: Millis,
    ) -> Option<AlterPartition> {
        if self.question.under_way || now < self.question.not_before {
            return None;
        }
        let wanted: BTreeSet<BrokerId> = self
            .replicas
            .iter()
            .copied()
            .filter(|id| self.belongs(*id, metadata, own_start, now))
            .collect();
        let withdraws = self.isr.proposed.difference(&wanted).next().is_some();
        if wanted == self.isr.committed && !withdraws {
            return None;
        }
        self.question.under_way = true;
        self.isr.proposed.extend(&wanted);
        let isr = wanted.into_iter().map(|id| (id, self.epoch_of(id))).collect();
        Some(AlterPartition {
            broker: self.place.broker,
            broker_epoch: self.place.broker_epoch,
            topic_id: self.place.topic_id,
            partition: self.place.partition,
            leader_epoch: self.leader_epoch,
            partition_epoch: self.isr.partition_epoch,
            isr,
        })
    }

    /// The question has an answer, or none will come. What was committed is read from the metadata.
    pub fn on_alteration_answered(&mut self, accepted: bool, now: Millis) {
        self.question.under_way = false;
        // The metadata that an accepted question has changed may still be on its way.
        let pause = if accepted { Millis(0) } else { ASK_AGAIN };
        self.question.not_before = now.plus(pause);
    }

    fn take_in(&mut self, partition: &Partition, now: Millis) {
        if partition.partition_epoch <= self.isr.partition_epoch {
            return;
        }
        self.replicas.clone_from(&partition.replicas);
        self.isr = Isr {
            partition_epoch: partition.partition_epoch,
            committed: partition.isr.iter().copied().collect(),
            suspect: partition
                .unclean
                .iter()
                .chain(&partition.offline)
                .copied()
                .collect(),
            proposed: BTreeSet::new(),
        };
        let me = self.place.broker;
        let known = std::mem::take(&mut self.followers);
        for id in self.replicas.iter().copied().filter(|id| *id != me) {
            let newcomer = Progressing {
                broker_epoch: None,
                start: None,
                end: None,
                fetched_at: Millis(0),
                end_then: Offset(0),
                caught_up_at: now,
            };
            self.followers
                .insert(id, known.get(&id).copied().unwrap_or(newcomer));
        }
    }

    /// Whether a replica shall be in the ISR.
    fn belongs(&self, id: BrokerId, metadata: &Metadata, own_start: Offset, now: Millis) -> bool {
        if id == self.place.broker {
            return true;
        }
        let Some(follower) = self.followers.get(&id) else {
            return false;
        };
        let registered = metadata.brokers.get(&id);
        if self.isr.suspect.contains(&id) || registered.is_some_and(|b| b.fenced) {
            return false;
        }
        if self.isr.committed.contains(&id) {
            return follower.end.is_some_and(|end| end >= self.end)
                || now.since(follower.caught_up_at) <= self.options.max_lag;
        }
        let Some(end) = follower.end else { return false };
        let eligible = registered.is_some_and(|b| !b.fenced && Some(b.epoch) == follower.broker_epoch);
        let fetches = now.since(follower.fetched_at) <= self.options.max_lag;
        let caught_up = end >= self.high_watermark && end >= self.place.log_end;
        let forgets = follower.start.is_some_and(|start| start >= own_start);
        #[cfg(feature = "deliberate-bugs")]
        let caught_up = caught_up || self.makes(crate::Bug::JoinEarly);
        eligible && fetches && caught_up && forgets
    }

    /// The broker epoch of a member, as it fetches; -1 for one that hasn't yet.
    fn epoch_of(&self, id: BrokerId) -> BrokerEpoch {
        if id == self.place.broker {
            return self.place.broker_epoch;
        }
        let follower = self.followers.get(&id);
        follower.and_then(|f| f.broker_epoch).unwrap_or(BrokerEpoch(-1))
    }

    fn needed(&self) -> usize {
        self.options.min_in_sync.min(self.replicas.len())
    }

    fn is_short(&self) -> bool {
        self.isr.committed.len() < self.needed()
    }

    fn progress(&mut self, was_short: bool) -> Progress {
        Progress {
            high_watermark: self.advance(),
            short: !was_short && self.is_short(),
        }
    }

    fn advance(&mut self) -> Option<Offset> {
        let moves = !self.is_short();
        #[cfg(feature = "deliberate-bugs")]
        let moves = moves || self.makes(crate::Bug::CommitBelowMinimum);
        if !moves {
            return None;
        }
        let mut lowest = self.end;
        for id in self.maximal_isr() {
            if id != self.place.broker {
                lowest = lowest.min(self.followers.get(&id)?.end?);
            }
        }
        #[cfg(feature = "deliberate-bugs")]
        if self.makes(crate::Bug::CommitAlone) {
            lowest = self.end;
        }
        if lowest <= self.high_watermark {
            return None;
        }
        self.high_watermark = lowest;
        Some(lowest)
    }

    fn maximal_isr(&self) -> BTreeSet<BrokerId> {
        let proposed = &self.isr.proposed;
        #[cfg(feature = "deliberate-bugs")]
        let nobody = BTreeSet::new();
        #[cfg(feature = "deliberate-bugs")]
        let proposed = match self.makes(crate::Bug::IgnoreProposed) {
            true => &nobody,
            false => proposed,
        };
        self.isr.committed.union(proposed).copied().collect()
    }

    #[cfg(feature = "deliberate-bugs")]
    fn makes(&self, bug: crate::Bug) -> bool {
        self.options.bug == Some(bug)
    }
}
