//! From looks at a cluster to what happened there: who was lost and how long its leaders took to move, who is back
//! and when it was in sync again, who is controller.
//!
//! Pure: looks and the ends of processes come in with their time, lines for the operator go out. The times are as
//! exact as the looks are dense; [`ClusterWatch::is_waiting`] says when they should be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use client::ClusterMetadata;

/// A topic's name and the index of a partition.
type Place = (String, i32);

/// How long leaders may take to move, or a broker to be in sync, before it is told how far it is.
/// Longer than a session (6 s), after which one that was paused counts as dead.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one look shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterSight {
    controller: Option<i32>,
    alive: BTreeSet<i32>,
    partitions: BTreeMap<Place, PartitionSight>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct PartitionSight {
    leader: Option<i32>,
    replicas: Vec<i32>,
    in_sync: Vec<i32>,
}

/// A broker that went.
#[derive(Debug)]
struct Gone {
    at: Duration,
    /// Somebody stopped it as it should be.
    stopped: bool,
    /// What it led.
    led: BTreeSet<Place>,
    /// Nothing more is to be told of its going.
    told: bool,
    /// Since when it counts as alive again.
    back: Option<Duration>,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub struct ClusterWatch {
    last: ClusterSight,
    gone: BTreeMap<i32, Gone>,
}

impl ClusterSight {
    /// What a broker says of its cluster.
    #[must_use]
    pub fn of(metadata: &ClusterMetadata) -> Self {
        let ids = |ids: &[record::BrokerId]| ids.iter().map(|id| id.0).collect();
        let partitions = metadata.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(move |partition| {
                let sight = PartitionSight {
                    leader: partition.leader.map(|leader| leader.0),
                    replicas: ids(&partition.replicas),
                    in_sync: ids(&partition.isr),
                };
                ((topic.name.to_string(), partition.index.0), sight)
            })
        });
        Self {
            controller: metadata.controller.map(|id| id.0),
            alive: metadata.brokers.keys().map(|id| id.0).collect(),
            partitions: partitions.collect(),
        }
    }

    fn leader(&self, place: &Place) -> Option<i32> {
        self.partitions.get(place)?.leader
    }

    fn led_by(&self, broker: i32) -> BTreeSet<Place> {
        let led = self.partitions.iter().filter(|(_, p)| p.leader == Some(broker));
        led.map(|(place, _)| place.clone()).collect()
    }
}

impl ClusterWatch {
    /// A broker's process has ended, or was paused: this moment counts, not that of the next look.
    pub fn gone(&mut self, broker: i32, stopped: bool, now: Duration) {
        let gone = Gone {
            at: now,
            stopped,
            led: self.last.led_by(broker),
            told: false,
            back: None,
        };
        let earlier = self.gone.insert(broker, gone);
        // Killed again before anything moved: it led what it led.
        if let (Some(earlier), Some(gone)) = (earlier, self.gone.get_mut(&broker))
            && !earlier.told
        {
            gone.led.extend(earlier.led);
        }
    }

    /// A process that was paused goes on: if nobody has noticed so far, nothing has happened.
    pub fn resumed(&mut self, broker: i32) {
        self.gone.retain(|id, gone| *id != broker || gone.told);
    }

    /// Whether something is under way whose end should be seen when it comes.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.gone.values().any(|gone| !gone.told || gone.back.is_some())
    }

    /// What has happened since the look before, a line each.
    pub fn see(&mut self, sight: ClusterSight, now: Duration) -> Vec<String> {
        let mut lines = Vec::new();
        let lost: Vec<i32> = self.last.alive.difference(&sight.alive).copied().collect();
        for broker in lost {
            if self.gone.get(&broker).is_none_or(|gone| gone.back.is_some()) {
                self.gone(broker, false, now);
            }
        }
        for (broker, gone) in &mut self.gone {
            if !gone.told {
                lines.extend(gone.tell_of_leaders(*broker, &sight, now));
            }
            if gone.told && gone.back.is_none() && sight.alive.contains(broker) {
                gone.back = Some(now);
            }
        }
        self.gone.retain(|broker, gone| match gone.back {
            Some(since) => {
                let line = is_back(*broker, since, &sight, now);
                let waits = line.is_none();
                lines.extend(line);
                waits
            }
            None => true,
        });
        if let (Some(before), Some(controller)) = (self.last.controller, sight.controller)
            && before != controller
        {
            lines.push(format!("controller is broker {controller} now"));
        }
        let controller = sight.controller.or(self.last.controller);
        self.last = ClusterSight { controller, ..sight };
        lines
    }
}

impl Gone {
    /// What became of its leaders, once they have moved or it is clear that they don't.
    fn tell_of_leaders(&mut self, broker: i32, sight: &ClusterSight, now: Duration) -> Option<String> {
        let since = now.saturating_sub(self.at);
        let leader = |place: &&Place| sight.leader(place);
        let still = self
            .led
            .iter()
            .filter(|place| leader(place) == Some(broker))
            .count();
        let leaderless = self.led.iter().filter(|place| leader(place).is_none()).count();
        let noticed = still == 0 && (!self.led.is_empty() || !sight.alive.contains(&broker));
        if (!noticed || leaderless > 0) && since < PATIENCE {
            return None;
        }
        self.told = true;
        let what = if self.stopped { "stopped" } else { "lost" };
        if self.led.is_empty() {
            return (!self.stopped).then(|| format!("broker {broker} {what}, it led nothing"));
        }
        let moved = self.led.len() - still - leaderless;
        let seconds = since.as_secs_f64();
        let mut line = match (moved, still) {
            (0, 0) => format!("broker {broker} {what}"),
            (0, _) => return Some(format!("broker {broker} {what}, and it leads again")),
            (1, _) => format!("broker {broker} {what}, 1 leader moved in {seconds:.1} s"),
            _ => format!("broker {broker} {what}, {moved} leaders moved in {seconds:.1} s"),
        };
        match leaderless {
            0 => {}
            1 => line.push_str(", 1 partition has no leader"),
            _ => line.push_str(&format!(", {leaderless} partitions have no leader")),
        }
        Some(line)
    }
}

/// Told once it is in sync with all that it holds.
fn is_back(broker: i32, since: Duration, sight: &ClusterSight, now: Duration) -> Option<String> {
    let held = || sight.partitions.values().filter(|p| p.replicas.contains(&broker));
    let behind = held()
        .filter(|partition| !partition.in_sync.contains(&broker))
        .count();
    if behind > 0 || !sight.alive.contains(&broker) {
        return None;
    }
    let seconds = now.saturating_sub(since).as_secs_f64();
    Some(match held().count() {
        0 => format!("broker {broker} is back"),
        all => format!("broker {broker} is back, in sync with all {all} partitions after {seconds:.1} s"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// `[(leader, in sync)]` of partitions with replicas 1, 2, 3.
    fn sight(controller: i32, alive: &[i32], partitions: &[(Option<i32>, &[i32])]) -> ClusterSight {
        let partition = |(index, (leader, in_sync)): (i32, &(Option<i32>, &[i32]))| {
            let sight = PartitionSight {
                leader: *leader,
                replicas: vec![1, 2, 3],
                in_sync: in_sync.to_vec(),
            };
            (("t".to_owned(), index), sight)
        };
        ClusterSight {
            controller: Some(controller),
            alive: alive.iter().copied().collect(),
            partitions: (0..).zip(partitions).map(partition).collect(),
        }
    }

    const ALL: &[i32] = &[1, 2, 3];

    #[test]
    fn a_death_is_told_with_the_time_until_the_last_leader_moved() {
        let mut watch = ClusterWatch::default();
        let whole = sight(1, ALL, &[(Some(2), ALL), (Some(2), ALL), (Some(1), ALL)]);
        assert!(watch.see(whole.clone(), ms(0)).is_empty());
        watch.gone(2, false, ms(1_000));
        assert!(watch.is_waiting());
        assert!(watch.see(whole, ms(1_100)).is_empty());
        let half = sight(
            1,
            &[1, 3],
            &[(Some(3), &[1, 3]), (None, &[1, 3]), (Some(1), &[1, 3])],
        );
        assert!(watch.see(half, ms(1_500)).is_empty());
        let moved = sight(
            1,
            &[1, 3],
            &[(Some(3), &[1, 3]), (Some(1), &[1, 3]), (Some(1), &[1, 3])],
        );
        assert_eq!(
            watch.see(moved.clone(), ms(1_700)),
            ["broker 2 lost, 2 leaders moved in 0.7 s"]
        );
        assert!(!watch.is_waiting());
        assert!(watch.see(moved, ms(2_000)).is_empty());
        let behind = sight(1, ALL, &[(Some(3), ALL), (Some(1), &[1, 3]), (Some(1), ALL)]);
        assert!(watch.see(behind, ms(3_000)).is_empty());
        let whole = sight(1, ALL, &[(Some(3), ALL), (Some(1), ALL), (Some(1), ALL)]);
        assert_eq!(
            watch.see(whole, ms(6_100)),
            ["broker 2 is back, in sync with all 3 partitions after 3.1 s"]
        );
        assert!(!watch.is_waiting());
    }

    #[test]
    fn a_controller_that_dies_is_followed_by_another() {
        let mut watch = ClusterWatch::default();
        assert!(watch.see(sight(1, ALL, &[(Some(2), ALL)]), ms(0)).is_empty());
        watch.gone(1, false, ms(500));
        let mut electing = sight(1, ALL, &[(Some(2), ALL)]);
        electing.controller = None;
        assert!(watch.see(electing, ms(700)).is_empty());
        assert_eq!(
            watch.see(sight(3, &[2, 3], &[(Some(2), &[2, 3])]), ms(1_200)),
            ["broker 1 lost, it led nothing", "controller is broker 3 now"]
        );
    }

    #[test]
    fn a_loss_that_nobody_told_of_is_seen_and_what_stays_without_leader_is_named() {
        let mut watch = ClusterWatch::default();
        watch.see(sight(1, &[1, 2], &[(Some(2), &[2]), (Some(2), &[1, 2])]), ms(0));
        let lost = sight(1, &[1], &[(None, &[2]), (Some(1), &[1])]);
        assert!(watch.see(lost.clone(), ms(1_000)).is_empty());
        assert_eq!(
            watch.see(lost, ms(11_000)),
            ["broker 2 lost, 1 leader moved in 10.0 s, 1 partition has no leader"]
        );
    }

    #[test]
    fn a_short_pause_is_nothing_to_tell() {
        let mut watch = ClusterWatch::default();
        let whole = sight(1, ALL, &[(Some(3), ALL)]);
        watch.see(whole.clone(), ms(0));
        watch.gone(3, false, ms(100));
        watch.resumed(3);
        assert!(watch.see(whole, ms(20_000)).is_empty());
        assert!(!watch.is_waiting());
    }

    #[test]
    fn one_that_stops_as_asked_is_not_lost() {
        let mut watch = ClusterWatch::default();
        watch.see(sight(1, ALL, &[(Some(3), ALL)]), ms(0));
        watch.gone(3, true, ms(100));
        assert_eq!(
            watch.see(sight(1, &[1, 2], &[(Some(1), &[1, 2])]), ms(150)),
            ["broker 3 stopped, 1 leader moved in 0.1 s"]
        );
    }
}
