//! What this broker copies from others: one Fetch under way for each leader, for all that follows it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use cluster::Millis;
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ReplicaState};
use record::{BrokerEpoch, BrokerId, LeaderEpoch, Offset};

use crate::replica::Position;
use crate::replicas::Key;

/// Kafka's `replica.fetch.*`: how long a leader may wait for records, and how much it gives.
const MAX_WAIT_MS: i32 = 500;
const MIN_BYTES: i32 = 1;
const MAX_BYTES: i32 = 10 << 20;
const PARTITION_MAX_BYTES: i32 = 1 << 20;
/// Without an answer for so long a Fetch is given up: frames may be dropped.
const GIVEN_UP: Millis = Millis(2_000);

/// All that this broker copies, by leader.
#[derive(Debug, Default)]
pub(crate) struct Fetchers {
    of: BTreeMap<BrokerId, Fetcher>,
}

#[derive(Debug, Default)]
struct Fetcher {
    partitions: BTreeSet<Key>,
    under_way: Option<UnderWay>,
    /// The last partition that got records: the next Fetch begins behind it, so that those which come first
    /// can't take all that a response holds again and again.
    served: Option<Key>,
}

#[derive(Debug)]
struct UnderWay {
    correlation_id: i32,
    sent: Millis,
    asked: BTreeMap<Key, Asked>,
}

/// What was asked for; where it has changed since, the answer is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) offset: Offset,
}

impl Fetchers {
    /// Copies a partition from this leader from now on, and from no other.
    pub(crate) fn follow(&mut self, key: Key, leader: BrokerId) {
        self.forget(key);
        self.of.entry(leader).or_default().partitions.insert(key);
    }

    /// Copies it no longer.
    pub(crate) fn forget(&mut self, key: Key) {
        for fetcher in self.of.values_mut() {
            fetcher.partitions.remove(&key);
            if let Some(under_way) = &mut fetcher.under_way {
                under_way.asked.remove(&key);
            }
        }
    }

    /// What was under way with this broker is lost.
    pub(crate) fn on_lost(&mut self, leader: BrokerId) {
        if let Some(fetcher) = self.of.get_mut(&leader) {
            fetcher.under_way = None;
        }
    }

    /// The leaders from which something is copied.
    pub(crate) fn leaders(&self) -> Vec<BrokerId> {
        self.of.keys().copied().collect()
    }

    /// The partitions that are copied from this leader.
    pub(crate) fn partitions(&self, leader: BrokerId) -> impl Iterator<Item = Key> {
        let fetcher = self.of.get(&leader);
        fetcher
            .into_iter()
            .flat_map(|fetcher| fetcher.partitions.iter().copied())
    }

    /// Whether a Fetch under way asks for all of these already.
    pub(crate) fn covers<'a>(
        &self,
        leader: BrokerId,
        mut due: impl Iterator<Item = &'a Key>,
        now: Millis,
    ) -> bool {
        let under_way = self
            .of
            .get(&leader)
            .and_then(|fetcher| fetcher.under_way.as_ref());
        under_way.is_some_and(|under_way| {
            now.since(under_way.sent) < GIVEN_UP && due.all(|key| under_way.asked.contains_key(key))
        })
    }

    /// A Fetch for these was sent; the one before it, if there is one, is void.
    pub(crate) fn on_sent(
        &mut self,
        leader: BrokerId,
        correlation_id: i32,
        asked: BTreeMap<Key, Asked>,
        now: Millis,
    ) {
        let fetcher = self.of.entry(leader).or_default();
        fetcher.under_way = Some(UnderWay {
            correlation_id,
            sent: now,
            asked,
        });
    }

    /// The last partition of a response that got records.
    pub(crate) fn on_served(&mut self, leader: BrokerId, last: Key) {
        if let Some(fetcher) = self.of.get_mut(&leader) {
            fetcher.served = Some(last);
        }
    }

    /// The Fetch of a follower for these partitions of a leader.
    pub(crate) fn request(
        &self,
        leader: BrokerId,
        (me, broker_epoch): (BrokerId, BrokerEpoch),
        positions: &BTreeMap<Key, Position>,
    ) -> FetchRequest {
        let served = self.of.get(&leader).and_then(|fetcher| fetcher.served);
        let first = served.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = positions.range((first, Bound::Unbounded));
        let before = positions
            .iter()
            .take_while(|(key, _)| served.is_some_and(|served| **key <= served));
        let mut topics: Vec<FetchTopic> = Vec::new();
        for ((topic, index), position) in behind.chain(before) {
            let partition = FetchPartition::default()
                .with_partition(index.0)
                .with_current_leader_epoch(position.leader_epoch.0)
                .with_fetch_offset(position.end.0)
                .with_last_fetched_epoch(position.last_epoch.0)
                .with_log_start_offset(position.start.0)
                .with_partition_max_bytes(PARTITION_MAX_BYTES);
            match topics.last_mut().filter(|last| last.topic_id == topic.0) {
                Some(last) => last.partitions.push(partition),
                None => topics.push(
                    FetchTopic::default()
                        .with_topic_id(topic.0)
                        .with_partitions(vec![partition]),
                ),
            }
        }
        let state = ReplicaState::default()
            .with_replica_id(me.0.into())
            .with_replica_epoch(broker_epoch.0);
        FetchRequest::default()
            .with_replica_state(state)
            .with_max_wait_ms(MAX_WAIT_MS)
            .with_min_bytes(MIN_BYTES)
            .with_max_bytes(MAX_BYTES)
            .with_topics(topics)
    }

    /// What a response answers; `None` for one that nobody waits for.
    pub(crate) fn on_response(
        &mut self,
        leader: BrokerId,
        correlation_id: i32,
    ) -> Option<BTreeMap<Key, Asked>> {
        let fetcher = self.of.get_mut(&leader)?;
        let under_way = fetcher
            .under_way
            .take_if(|under_way| under_way.correlation_id == correlation_id)?;
        Some(under_way.asked)
    }
}

#[cfg(test)]
mod tests {
    use record::{PartitionIndex, TopicId};
    use uuid::Uuid;

    use super::*;

    const LEADER: BrokerId = BrokerId(2);

    fn key(topic: u128, partition: i32) -> Key {
        (TopicId(Uuid::from_u128(topic)), PartitionIndex(partition))
    }

    #[test]
    fn each_fetch_begins_behind_the_last_that_got_records() {
        let mut fetchers = Fetchers::default();
        let position = Position {
            leader_epoch: LeaderEpoch(1),
            start: Offset(0),
            end: Offset(5),
            last_epoch: LeaderEpoch(1),
        };
        let keys = [key(1, 0), key(1, 1), key(1, 2), key(2, 0)];
        keys.iter().for_each(|key| fetchers.follow(*key, LEADER));
        let positions = keys.iter().map(|key| (*key, position)).collect();
        let asked = |fetchers: &Fetchers| -> Vec<Key> {
            let request = fetchers.request(LEADER, (BrokerId(1), BrokerEpoch(9)), &positions);
            let topics = request.topics.iter();
            let of = |topic: &FetchTopic| {
                let id = topic.topic_id.as_u128();
                let indexes = topic.partitions.iter().map(|partition| partition.partition);
                indexes.map(|index| key(id, index)).collect::<Vec<_>>()
            };
            topics.flat_map(of).collect()
        };
        assert_eq!(asked(&fetchers), keys);
        fetchers.on_served(LEADER, key(1, 1));
        assert_eq!(asked(&fetchers), [key(1, 2), key(2, 0), key(1, 0), key(1, 1)]);
        fetchers.on_served(LEADER, key(2, 0));
        assert_eq!(asked(&fetchers), keys);
        // It need not be followed any more.
        fetchers.on_served(LEADER, key(1, 9));
        assert_eq!(asked(&fetchers), [key(2, 0), key(1, 0), key(1, 1), key(1, 2)]);
    }
}
