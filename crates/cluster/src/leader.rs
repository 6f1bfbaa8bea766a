//! One partition, as its leader sees it: who is in sync, and what is committed.

use std::collections::{BTreeMap, BTreeSet};

use record::{BrokerEpoch, BrokerId, LeaderEpoch, Offset};
use serde::{Deserialize, Serialize};

use crate::{ErrorCode, Millis, Partition, Refusal, as_number};

/// One partition that this broker leads under one leader epoch.
///
/// The high watermark is the end of what every member of the *maximal* ISR has: the committed one, and
/// whoever was proposed since under its partition epoch (KIP-497). A proposal is withdrawn only by a newer
/// partition epoch, never by an answer of the controller: a delayed copy of the request could still be
/// committed. The high watermark moves only while the committed ISR has `min.insync.replicas` members, or
/// all replicas where there are fewer (KIP-966), and never back.
#[derive(Debug, Clone, PartialEq)]
pub struct Leader {
    me: InSync,
    epoch: LeaderEpoch,
    /// Where this epoch began: who hasn't got there can't be in sync.
    epoch_start: Offset,
    /// As it was committed last.
    committed: Partition,
    limits: Limits,
    end: Offset,
    high_watermark: Offset,
    followers: BTreeMap<BrokerId, Follower>,
    /// Who was proposed under the committed partition epoch.
    proposed: BTreeSet<BrokerId>,
    /// The controller was asked and hasn't answered.
    asked: bool,
    /// Not before this is the controller asked again.
    ask_again: Millis,
}

/// What a leader demands of its followers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `min.insync.replicas`.
    pub min_in_sync: usize,
    /// `replica.lag.time.max.ms`: who hasn't had all records for so long is in sync no longer.
    pub max_lag: Millis,
}

/// A member of an ISR, by the process that the leader knows it as (KIP-903).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InSync {
    /// The broker.
    #[serde(with = "as_number::broker_id")]
    pub broker: BrokerId,
    /// Its epoch when it fetched last; -1 where it hasn't yet.
    #[serde(with = "as_number::broker_epoch")]
    pub epoch: BrokerEpoch,
}

/// What a follower has told by fetching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Follower {
    /// The process that fetches.
    broker_epoch: BrokerEpoch,
    /// It has everything below.
    end: Offset,
    /// It had all that there was at this time.
    caught_up: Millis,
    /// Its last fetch, and the leader's end then.
    fetched: Millis,
    end_then: Offset,
}

/// How long the controller isn't asked again after an answer that changed nothing.
const PAUSE: Millis = Millis(200);

const ACKS_ALL: i16 = -1;

impl Leader {
    /// Begins to lead `partition` with a log that ends at `end`, of which all below `high_watermark`
    /// is known to be committed.
    ///
    /// # Panics
    /// Where `high_watermark` lies beyond `end`.
    #[must_use]
    pub fn new(
        me: InSync,
        partition: &Partition,
        limits: Limits,
        end: Offset,
        high_watermark: Offset,
        now: Millis,
    ) -> Self {
        assert!(
            high_watermark <= end,
            "committed up to {high_watermark}, end {end}"
        );
        let mut leading = Self {
            me,
            epoch: partition.leader_epoch,
            epoch_start: end,
            committed: partition.clone(),
            limits,
            end,
            high_watermark,
            followers: BTreeMap::new(),
            proposed: BTreeSet::new(),
            asked: false,
            ask_again: now,
        };
        leading.meet_followers(now);
        leading.advance();
        leading
    }

    /// The leader epoch.
    #[must_use]
    pub fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    /// Where the log ends.
    #[must_use]
    pub fn end(&self) -> Offset {
        self.end
    }

    /// Everything below is committed: on every replica in sync, and never lost again.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The end of what clients may read, for those who ask. `None` until everything is known to be
    /// committed that was before this epoch: the end could seem to go back (KIP-207).
    #[must_use]
    pub fn latest(&self) -> Option<Offset> {
        (self.high_watermark >= self.epoch_start).then_some(self.high_watermark)
    }

    /// Whether fewer replicas are in sync than `min.insync.replicas` says, but never more than there are
    /// replicas.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.committed.isr.len() < self.limits.min_in_sync.min(self.committed.replicas.len())
    }

    /// Whether records may be written with these `acks` (-1 for all).
    ///
    /// # Errors
    /// Without a session the broker may have been deposed and not know it; with too few replicas in sync
    /// `acks=all` could not be kept.
    pub fn check_produce(&self, acks: i16, has_session: bool) -> Result<(), Refusal> {
        if !has_session {
            let message = "this broker has lost the controller and may no longer lead; try again";
            return Err(Refusal::new(ErrorCode::NotLeaderOrFollower, message));
        }
        if acks == ACKS_ALL && self.is_short() {
            let (isr, least) = (self.committed.isr.len(), self.limits.min_in_sync);
            let message = format!("{isr} replicas are in sync, min.insync.replicas is {least}");
            return Err(Refusal::new(ErrorCode::NotEnoughReplicas, message));
        }
        Ok(())
    }

    /// Whether this broker counts as a replica, and so may fetch as one.
    #[must_use]
    pub fn is_follower(&self, broker: BrokerId) -> bool {
        self.followers.contains_key(&broker)
    }

    /// The log ends here now.
    pub fn on_append(&mut self, end: Offset) {
        self.end = self.end.max(end);
        self.advance();
    }

    /// A follower fetches from here, so it has all before.
    pub fn on_fetch(&mut self, from: InSync, offset: Offset, now: Millis) {
        let end = self.end;
        let Some(follower) = self.followers.get_mut(&from.broker) else {
            return;
        };
        if from.epoch < follower.broker_epoch {
            return;
        }
        if offset >= end {
            follower.caught_up = now;
        } else if offset >= follower.end_then {
            follower.caught_up = follower.caught_up.max(follower.fetched);
        }
        follower.broker_epoch = from.epoch;
        (follower.end, follower.fetched, follower.end_then) = (offset, now, end);
        self.advance();
    }

    /// The partition was committed in a new state, under the same leader epoch.
    pub fn on_committed(&mut self, partition: &Partition, now: Millis) {
        if partition.partition_epoch <= self.committed.partition_epoch {
            return;
        }
        self.committed = partition.clone();
        // What was asked for under an earlier partition epoch can't be granted any more.
        self.proposed.clear();
        self.ask_again = now;
        self.meet_followers(now);
        self.advance();
    }

    /// The topic's configuration was changed.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.advance();
    }

    /// The controller has answered, whatever it was, or its answer was lost. What comes of it is told by
    /// [`Leader::on_committed`].
    pub fn on_alteration_answered(&mut self, now: Millis) {
        self.asked = false;
        if !self.proposed.is_empty() {
            self.ask_again = now.plus(PAUSE);
        }
    }

    /// The ISR to ask the controller for, if another one is due: without those that haven't kept up, with
    /// those that have caught up and are `alive` (not fenced, as the process that fetched). Where something
    /// was proposed and not committed it is asked for again, or what is wanted instead: also the ISR as it
    /// is, because only a newer partition epoch ends the doubt.
    pub fn alteration(&mut self, now: Millis, is_alive: impl Fn(InSync) -> bool) -> Option<Alteration> {
        if self.asked || self.ask_again > now {
            return None;
        }
        let replicas = self.committed.replicas.iter().copied();
        let wanted: Vec<InSync> = replicas
            .map(|broker| self.member(broker))
            .filter(|member| self.belongs(*member, now, &is_alive))
            .collect();
        let committed = &self.committed.isr;
        let same = wanted.len() == committed.len() && wanted.iter().all(|m| committed.contains(&m.broker));
        if same && self.proposed.is_empty() {
            return None;
        }
        self.asked = true;
        self.proposed.extend(wanted.iter().map(|member| member.broker));
        Some(Alteration {
            leader_epoch: self.epoch,
            partition_epoch: self.committed.partition_epoch,
            isr: wanted,
        })
    }

    fn member(&self, broker: BrokerId) -> InSync {
        let follower = self.followers.get(&broker);
        let epoch = if broker == self.me.broker {
            self.me.epoch
        } else {
            follower.map_or(BrokerEpoch(-1), |follower| follower.broker_epoch)
        };
        InSync { broker, epoch }
    }

    fn belongs(&self, member: InSync, now: Millis, is_alive: impl Fn(InSync) -> bool) -> bool {
        if member.broker == self.me.broker {
            return true;
        }
        let Some(follower) = self.followers.get(&member.broker) else {
            return false;
        };
        if self.committed.isr.contains(&member.broker) {
            return now.since(follower.caught_up) <= self.limits.max_lag;
        }
        is_alive(member)
            && now.since(follower.fetched) <= self.limits.max_lag
            && follower.end >= self.high_watermark
            && follower.end >= self.epoch_start
    }

    fn meet_followers(&mut self, now: Millis) {
        let replicas = &self.committed.replicas;
        self.followers.retain(|id, _| replicas.contains(id));
        for id in replicas.iter().filter(|id| **id != self.me.broker) {
            // Until it fetches it has nothing, and some time to begin.
            self.followers.entry(*id).or_insert(Follower {
                broker_epoch: BrokerEpoch(-1),
                end: Offset(-1),
                caught_up: now,
                fetched: now,
                end_then: self.end,
            });
        }
    }

    fn advance(&mut self) {
        if self.is_short() {
            return;
        }
        let maximal = self.committed.isr.iter().chain(&self.proposed);
        let ends = maximal.filter_map(|id| self.followers.get(id).map(|follower| follower.end));
        let least = ends.min().unwrap_or(self.end).min(self.end);
        self.high_watermark = self.high_watermark.max(least);
    }
}

/// The ISR that a leader asks the controller for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alteration {
    /// Under which it leads.
    pub leader_epoch: LeaderEpoch,
    /// The state that it has seen; of another one the controller grants nothing.
    pub partition_epoch: i32,
    /// The wanted members.
    pub isr: Vec<InSync>,
}

#[cfg(test)]
mod tests;
