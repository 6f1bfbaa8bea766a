//! Each line of the golden file changes one thing of a sound start and shows the decision.

use super::*;
use crate::declaration::{DedupKey, default_tables};
use crate::payload::tests::example;

/// A sound start: what lies on disk, and brokers that agree with it.
struct Start {
    tables: Vec<TableDeclaration>,
    payload: Option<Payload>,
    state_files: BTreeSet<String>,
    cluster: Cluster,
}

impl Start {
    fn sound() -> Self {
        let payload = example();
        let state_files = payload.state_files().map(|file| file.name.clone()).collect();
        let mut cluster = Cluster {
            id: payload.cluster_id.clone(),
            topics: BTreeMap::new(),
        };
        for source in payload.sources.values() {
            let partitions = source.partitions.iter().map(|(&index, partition)| {
                let epoch = LeaderEpoch(partition.leader_epoch);
                let end = (epoch, Offset(partition.next_offset + 5));
                let epoch_ends = (epoch.0 >= 0).then_some((epoch, end)).into_iter().collect();
                (
                    PartitionIndex(index),
                    PartitionNow {
                        earliest: Offset(0),
                        epoch_ends,
                    },
                )
            });
            let now = TopicNow {
                id: source.topic_id.clone(),
                partitions: partitions.collect(),
            };
            cluster.topics.insert(source.declaration.topic.clone(), now);
        }
        Self {
            tables: default_tables(),
            payload: Some(payload),
            state_files,
            cluster,
        }
    }

    fn topic(&mut self) -> &mut TopicNow {
        self.cluster.topics.get_mut("clickstream").unwrap()
    }

    fn partition(&mut self) -> &mut PartitionNow {
        self.topic().partitions.get_mut(&PartitionIndex(0)).unwrap()
    }

    fn epoch_3_ends(&mut self, epoch: i32, end: i64) {
        let end = (LeaderEpoch(epoch), Offset(end));
        self.partition().epoch_ends.insert(LeaderEpoch(3), end);
    }

    /// A second table of the topic, which came to another offset and epoch of partition 0.
    fn second_table(&mut self, next_offset: i64, leader_epoch: i32) {
        let mut second = self.source().clone();
        second.table = "second".into();
        let payload = self.payload.as_mut().unwrap();
        let mut of = payload.sources["clickstream"].clone();
        of.declaration = second.clone();
        let partition = of.partitions.get_mut(&0).unwrap();
        (partition.next_offset, partition.leader_epoch) = (next_offset, leader_epoch);
        payload.sources.insert("second".into(), of);
        self.tables.push(TableDeclaration::Source(second));
        let end = (LeaderEpoch(2), Offset(95));
        self.partition().epoch_ends.insert(LeaderEpoch(2), end);
    }

    fn source(&mut self) -> &mut crate::SourceDeclaration {
        match &mut self.tables[0] {
            TableDeclaration::Source(source) => source,
            TableDeclaration::Derived(_) => panic!("the first table reads a topic"),
        }
    }

    fn change(&mut self, what: &str) {
        let number = |prefix: &str| what.strip_prefix(prefix).and_then(|n| n.parse::<i64>().ok());
        match what {
            "nothing" => {}
            "no commit yet" => self.payload = None,
            "a state file is gone" => drop(self.state_files.pop_first()),
            "another cluster" => self.cluster.id = "elsewhere".into(),
            "another job" => self.payload.as_mut().unwrap().job = "other".into(),
            "the topic was created again" => self.topic().id = "another".into(),
            "a partition is gone" => drop(self.topic().partitions.remove(&PartitionIndex(0))),
            "a partition is new" => {
                let now = PartitionNow {
                    earliest: Offset(7),
                    epoch_ends: BTreeMap::new(),
                };
                self.topic().partitions.insert(PartitionIndex(9), now);
            }
            "the last record's epoch is not in the log" => {
                self.epoch_3_ends(2, 90);
            }
            "the brokers know no epoch" => self.epoch_3_ends(-1, -1),
            "another table read less of the topic" => self.second_table(40, 2),
            "another table read the epoch that is gone" => {
                self.second_table(100, 2);
                self.partition()
                    .epoch_ends
                    .insert(LeaderEpoch(2), (LeaderEpoch(2), Offset(90)));
            }
            "another deduplication key" => self.source().dedup_keys = vec![DedupKey::EventTime],
            "another watermark delay" => self.source().watermark_delay *= 2,
            "a table is no longer declared" => drop(self.tables.remove(1)),
            "a derived table is new" => self.payload.as_mut().unwrap().derived.clear(),
            "another window" => {
                if let Some(TableDeclaration::Derived(derived)) = self.tables.last_mut() {
                    derived.window *= 2;
                }
            }
            _ => {
                if let Some(earliest) = number("the log starts at ") {
                    self.partition().earliest = Offset(earliest);
                } else if let Some(end) = number("the epoch ends at ") {
                    self.epoch_3_ends(3, end);
                } else {
                    panic!("unknown change: {what}");
                }
            }
        }
    }

    fn decision(&self) -> String {
        let found = Found {
            payload: self.payload.as_ref(),
            state_files: self.state_files.clone(),
        };
        match recover("etl", &self.tables, &found, &self.cluster) {
            Decision::Stop(refusal) => format!("stop: {refusal}"),
            Decision::Resume(positions) => {
                let shown = positions.iter().map(|((table, partition), position)| {
                    format!(
                        "{table}-{partition} at {} epoch {}",
                        position.offset, position.leader_epoch
                    )
                });
                format!("resume: {}", shown.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

#[test]
fn golden() {
    let golden = include_str!("../../testdata/recover.txt");
    let mut told = String::new();
    for line in golden.lines().filter(|line| !line.starts_with("= ")) {
        told += &format!("{line}\n");
        if let Some(change) = line.strip_prefix("> ") {
            let mut start = Start::sound();
            start.change(change);
            told += &format!("= {}\n", start.decision());
        }
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(
            concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/recover.txt"),
            &told,
        )
        .unwrap();
    }
    assert_eq!(told, golden, "run with UPDATE_GOLDEN=1 and read the difference");
}
