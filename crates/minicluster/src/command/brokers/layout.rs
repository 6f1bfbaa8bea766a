//! Which brokers hold which partitions, and what has to move so that they lie elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use client::{Client, ClientError, ClusterMetadata, NewReplicas, Reassignment};
use record::{BrokerId, PartitionIndex};

/// Where everything lies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// Brokers that are alive.
    pub(super) alive: BTreeSet<BrokerId>,
    pub(super) partitions: Vec<Partition>,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) topic: String,
    pub(super) index: PartitionIndex,
    pub(super) leader: Option<BrokerId>,
    /// Who holds it now, the preferred leader first.
    pub(super) replicas: Vec<BrokerId>,
    pub(super) in_sync: Vec<BrokerId>,
    /// Who shall hold it, where it moves.
    pub(super) target: Option<Vec<BrokerId>>,
}

impl Partition {
    /// Who holds it once everything has moved that moves now.
    fn settled(&self) -> &[BrokerId] {
        self.target.as_deref().unwrap_or(&self.replicas)
    }

    /// The same with one broker in the place of another.
    fn with(&self, new: BrokerId, old: BrokerId) -> NewReplicas {
        let replicas = self.settled().iter();
        NewReplicas {
            topic: self.topic.clone(),
            partition: self.index,
            replicas: replicas.map(|id| if *id == old { new } else { *id }).collect(),
        }
    }
}

/// What a broker would hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Load {
    replicas: usize,
    /// Those of them that it would lead, were all alive.
    preferred: usize,
}

impl Layout {
    /// As the controller sees it. What moves is asked for before and after: replicas of a partition that has begun or
    /// ended to move in between would be taken for the wanted ones.
    pub(super) async fn read(client: &Client) -> Result<Self, ClientError> {
        let mut before = client.reassignments().await?;
        loop {
            let metadata = client.controller_metadata().await?;
            let after = client.reassignments().await?;
            if before == after {
                return Ok(Self::of(&metadata, &after));
            }
            before = after;
        }
    }

    pub(super) fn of(metadata: &ClusterMetadata, moves: &[Reassignment]) -> Self {
        let mut layout = Self {
            alive: metadata.brokers.keys().copied().collect(),
            partitions: Vec::new(),
        };
        for topic in &metadata.topics {
            for partition in &topic.partitions {
                let moving = moves
                    .iter()
                    .find(|moving| moving.topic == *topic.name && moving.partition == partition.index);
                let stays = |moving: &Reassignment| {
                    let replicas = partition.replicas.iter().copied();
                    replicas.filter(|id| !moving.removing.contains(id)).collect()
                };
                layout.partitions.push(Partition {
                    topic: topic.name.to_string(),
                    index: partition.index,
                    leader: partition.leader,
                    replicas: partition.replicas.clone(),
                    in_sync: partition.isr.clone(),
                    target: moving.map(stays),
                });
            }
        }
        layout
    }

    /// Partitions of which this is true.
    pub(super) fn count(&self, is: impl Fn(&Partition) -> bool) -> usize {
        self.partitions.iter().filter(|partition| is(partition)).count()
    }

    /// Partitions that are on their way.
    pub(super) fn moving(&self) -> impl Iterator<Item = &Partition> {
        self.partitions
            .iter()
            .filter(|partition| partition.target.is_some())
    }

    /// The largest number of replicas of a partition, and a topic that has it.
    pub(super) fn highest_factor(&self) -> Option<(usize, &str)> {
        let factors = self
            .partitions
            .iter()
            .map(|p| (p.settled().len(), p.topic.as_str()));
        factors.max_by_key(|(factor, _)| *factor)
    }

    /// What has to move so that nothing lies on a broker any more.
    pub(super) fn without(&self, leaving: BrokerId) -> Vec<NewReplicas> {
        let mut loads = self.loads();
        loads.remove(&leaving);
        let mut moves = Vec::new();
        let held = self.partitions.iter().filter(|p| p.settled().contains(&leaving));
        for partition in held {
            let others = loads.keys().filter(|id| !partition.settled().contains(id));
            let leads = partition.settled().first() == Some(&leaving);
            let weight = |id: &BrokerId| match leads {
                true => (loads[id].preferred, loads[id].replicas),
                false => (loads[id].replicas, loads[id].preferred),
            };
            let Some(new) = others.min_by_key(|id| (weight(id), id.0)).copied() else {
                continue;
            };
            moves.push(partition.with(new, leaving));
            if let Some(load) = loads.get_mut(&new) {
                load.replicas += 1;
                load.preferred += usize::from(leads);
            }
        }
        moves
    }

    /// What has to move so that all that are alive hold equally many replicas and lead equally many partitions, give
    /// or take one.
    pub(super) fn spread(&self) -> Vec<NewReplicas> {
        let mut settled = self.clone();
        let mut changed = BTreeMap::new();
        while let Some((place, new)) = settled.next_move().or_else(|| settled.next_leader()) {
            settled.partitions[place].target = Some(new.replicas.clone());
            changed.insert(place, new);
        }
        changed.into_values().collect()
    }

    /// A partition for the broker that holds the fewest, from the one that holds the most.
    fn next_move(&self) -> Option<(usize, NewReplicas)> {
        let loads = self.loads();
        let (new, least) = loads.iter().min_by_key(|(id, load)| (load.replicas, id.0))?;
        let (old, most) = loads.iter().max_by_key(|(id, load)| (load.replicas, id.0))?;
        if most.replicas < least.replicas + 2 {
            return None;
        }
        let wants_leaders = most.preferred > least.preferred + 1;
        let fits = |partition: &Partition| {
            let replicas = partition.settled();
            replicas.contains(old) && !replicas.contains(new) && partition.leader.is_some()
        };
        let all = self.partitions.iter().enumerate();
        // Leaders first where these are uneven.
        let (place, partition) = all
            .filter(|(_, partition)| fits(partition))
            .max_by_key(|(place, p)| ((p.settled().first() == Some(old)) == wants_leaders, *place))?;
        Some((place, partition.with(*new, *old)))
    }

    /// A partition that another of its brokers shall lead: one that leads few instead of one that leads many.
    fn next_leader(&self) -> Option<(usize, NewReplicas)> {
        let loads = self.loads();
        let preferred = |id: &BrokerId| loads.get(id).map(|load| load.preferred);
        let all = self.partitions.iter().enumerate();
        let gain = |(place, partition): (usize, &Partition)| {
            let replicas = partition.settled();
            let many = preferred(replicas.first()?)?;
            let others = replicas.iter().filter_map(|id| Some((preferred(id)?, id.0)));
            let (few, new) = others.min()?;
            (many >= few + 2).then_some((many - few, std::cmp::Reverse(place), BrokerId(new)))
        };
        let (_, std::cmp::Reverse(place), new) = all.filter_map(gain).max()?;
        let partition = &self.partitions[place];
        let others = partition.settled().iter().filter(|id| **id != new);
        let led_by_new = NewReplicas {
            topic: partition.topic.clone(),
            partition: partition.index,
            replicas: std::iter::once(&new).chain(others).copied().collect(),
        };
        Some((place, led_by_new))
    }

    fn loads(&self) -> BTreeMap<BrokerId, Load> {
        let mut loads: BTreeMap<_, _> = self.alive.iter().map(|id| (*id, Load::default())).collect();
        for partition in &self.partitions {
            for (place, id) in partition.settled().iter().enumerate() {
                if let Some(load) = loads.get_mut(id) {
                    load.replicas += 1;
                    load.preferred += usize::from(place == 0);
                }
            }
        }
        loads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[i32]) -> Vec<BrokerId> {
        ids.iter().copied().map(BrokerId).collect()
    }

    fn layout(alive: &[i32], partitions: &[&[i32]]) -> Layout {
        let partition = |(index, replicas): (usize, &&[i32])| Partition {
            topic: "t".to_owned(),
            index: PartitionIndex(i32::try_from(index).expect("few")),
            leader: ids(replicas).first().copied(),
            replicas: ids(replicas),
            in_sync: ids(replicas),
            target: None,
        };
        Layout {
            alive: ids(alive).into_iter().collect(),
            partitions: partitions.iter().enumerate().map(partition).collect(),
        }
    }

    fn told(moves: &[NewReplicas]) -> Vec<(i32, Vec<i32>)> {
        let told = |new: &NewReplicas| (new.partition.0, new.replicas.iter().map(|id| id.0).collect());
        moves.iter().map(told).collect()
    }

    #[test]
    fn what_a_broker_holds_goes_to_those_with_the_least_in_its_place() {
        let layout = layout(&[1, 2, 3, 4], &[&[4, 1, 2], &[1, 2, 4], &[2, 3, 1]]);
        // It led the first, so the one takes it that leads nothing; nobody else is left for the second.
        assert_eq!(
            told(&layout.without(BrokerId(4))),
            [(0, vec![3, 1, 2]), (1, vec![1, 2, 3])]
        );
    }

    #[test]
    fn what_has_no_other_place_stays() {
        let layout = layout(&[1, 2, 4], &[&[4, 1, 2]]);
        assert_eq!(layout.without(BrokerId(4)), []);
    }

    #[test]
    fn what_moves_already_counts_as_moved() {
        let mut layout = layout(&[1, 2, 3, 4], &[&[4, 1]]);
        layout.partitions[0].replicas = ids(&[4, 1, 2]);
        layout.partitions[0].target = Some(ids(&[1, 2]));
        assert_eq!(layout.without(BrokerId(4)), []);
        assert_eq!(layout.moving().count(), 1);
    }

    #[test]
    fn a_broker_that_only_follows_gets_its_share_of_leaders() {
        let mut layout = layout(
            &[1, 2, 3],
            &[&[1, 2, 3], &[1, 2, 3], &[2, 1, 3], &[2, 1, 3], &[1, 3, 2]],
        );
        let moves = layout.spread();
        assert_eq!(told(&moves), [(0, vec![3, 1, 2])]);
        layout.partitions[0].target = Some(ids(&[3, 1, 2]));
        assert_eq!(layout.spread(), []);
    }

    #[test]
    fn a_new_broker_gets_its_share_of_replicas_and_leaders() {
        let replicas: Vec<Vec<i32>> = (0..12)
            .map(|n| (0..3).map(|place| (n + place) % 3 + 1).collect())
            .collect();
        let replicas: Vec<&[i32]> = replicas.iter().map(Vec::as_slice).collect();
        let mut layout = layout(&[1, 2, 3, 4], &replicas);
        let moves = layout.spread();
        assert!(
            (9..=10).contains(&moves.len()),
            "a quarter of 36 replicas: {moves:?}"
        );
        for new in &moves {
            let place = usize::try_from(new.partition.0).expect("an index");
            layout.partitions[place].replicas.clone_from(&new.replicas);
        }
        let loads: Vec<(usize, usize)> = layout
            .loads()
            .values()
            .map(|l| (l.replicas, l.preferred))
            .collect();
        assert!(loads.iter().all(|(replicas, _)| *replicas == 9), "{loads:?}");
        assert!(loads.iter().all(|(_, leads)| *leads == 3), "{loads:?}");
        assert_eq!(layout.spread(), []);
    }
}
