//! What the stories' commands ask of the controller.

use std::str::FromStr;

use record::{BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicId};

use crate::{
    AlterConfigs, AlterPartition, AlterTopicConfigs, Assignment, ConfigChange, ConfigOp, ControllerRequest,
    CreatePartitions, CreateTopics, DeleteTopics, ElectLeaders, Election, Metadata, Millis, NewPartitions,
    NewReplicas, NewTopic, Reach, ReassignPartitions, ReplicaCondition, ReportReplicas, ReportedReplica,
    TopicPartition, TopicRef,
};

const TIMEOUT: Millis = Millis(5_000);

/// `NAME [partitions=N] [replication=N] [assign=0:1,2/1:2,3] [config=KEY:VALUE]... [validate-only]`
pub(super) fn create(id: TopicId, words: &[&str]) -> ControllerRequest {
    let configs = values(words, "config").filter_map(|c| c.split_once(':'));
    let topic = NewTopic {
        name: words[0].to_owned(),
        id,
        partitions: number(words, "partitions").unwrap_or(-1),
        replication_factor: number(words, "replication").unwrap_or(-1),
        assignments: assignments(words),
        configs: configs.map(|(k, v)| (k.to_owned(), Some(v.to_owned()))).collect(),
    };
    ControllerRequest::CreateTopics(CreateTopics {
        topics: vec![topic],
        validate_only: words.contains(&"validate-only"),
        timeout: TIMEOUT,
    })
}

/// `NAME`
pub(super) fn delete(name: &str) -> ControllerRequest {
    ControllerRequest::DeleteTopics(DeleteTopics {
        topics: vec![TopicRef::Name(name.to_owned())],
        timeout: TIMEOUT,
    })
}

/// `NAME COUNT [assign=3:1/4:2] [validate-only]`
pub(super) fn create_partitions(words: &[&str]) -> ControllerRequest {
    let topic = NewPartitions {
        topic: words[0].to_owned(),
        count: words[1].parse().expect("a count"),
        assignments: assignments(words),
    };
    ControllerRequest::CreatePartitions(CreatePartitions {
        topics: vec![topic],
        validate_only: words.contains(&"validate-only"),
        timeout: TIMEOUT,
        again: false,
    })
}

/// `NAME [set=KEY:VALUE]... [delete=KEY]... [append=KEY:VALUE]... [subtract=KEY:VALUE]... [validate-only]`,
/// or `NAME replace [set=KEY:VALUE]...`
pub(super) fn alter_configs(words: &[&str]) -> ControllerRequest {
    let pair = |word: &str| {
        let (key, value) = word.split_once(':').expect("KEY:VALUE");
        (key.to_owned(), value.to_owned())
    };
    let op = |word: &&str| match word.split_once('=')? {
        ("set", rest) => Some((pair(rest).0, ConfigOp::Set(pair(rest).1))),
        ("append", rest) => Some((pair(rest).0, ConfigOp::Append(pair(rest).1))),
        ("subtract", rest) => Some((pair(rest).0, ConfigOp::Subtract(pair(rest).1))),
        ("delete", key) => Some((key.to_owned(), ConfigOp::Delete)),
        _ => None,
    };
    let change = match words.contains(&"replace") {
        true => ConfigChange::Replace(
            values(words, "set")
                .map(pair)
                .map(|(k, v)| (k, Some(v)))
                .collect(),
        ),
        false => ConfigChange::Keys(words.iter().filter_map(op).collect()),
    };
    let topic = AlterTopicConfigs {
        topic: words[0].to_owned(),
        change,
    };
    ControllerRequest::AlterConfigs(AlterConfigs {
        topics: vec![topic],
        validate_only: words.contains(&"validate-only"),
        timeout: TIMEOUT,
    })
}

/// `TOPIC PARTITION BROKERS [member-epoch=N] [partition-epoch=N]`: what the leader would ask for, but for what
/// is said otherwise.
pub(super) fn alter_partition(metadata: &Metadata, leader: BrokerId, words: &[&str]) -> ControllerRequest {
    let topic = metadata.topic(words[0]).expect("a topic");
    let index = PartitionIndex(words[1].parse().expect("a partition"));
    let known = metadata.partition(topic.id, index).expect("a partition of it");
    let epoch_of = |id: &BrokerId| metadata.brokers[id].epoch;
    let isr = words[2].split(',').map(|id| {
        let id = BrokerId(id.parse().expect("a broker"));
        let epoch = number(words, "member-epoch").map_or(epoch_of(&id), BrokerEpoch);
        (id, if id == leader { epoch_of(&id) } else { epoch })
    });
    ControllerRequest::AlterPartition(AlterPartition {
        broker: leader,
        broker_epoch: epoch_of(&leader),
        topic_id: topic.id,
        partition: index,
        leader_epoch: known.leader_epoch,
        partition_epoch: number(words, "partition-epoch").unwrap_or(known.partition_epoch),
        isr: isr.collect(),
    })
}

/// `TOPIC PARTITION last=EPOCH end=OFFSET [damaged]`, or `TOPIC PARTITION failed [damaged]`: what the broker would
/// tell, if the controller doesn't know it already.
pub(super) fn report(metadata: &Metadata, broker: BrokerId, words: &[&str]) -> Option<ControllerRequest> {
    let TopicPartition { topic, partition } = topic_partition(words);
    let topic_id = metadata.topic(&topic).expect("a topic").id;
    let known = metadata
        .partition(topic_id, partition)
        .expect("a partition of it");
    let reach = number(words, "end").map(|end| Reach {
        last_epoch: LeaderEpoch(number(words, "last").expect("an epoch")),
        end: Offset(end),
    });
    let condition = ReplicaCondition {
        damaged: words.contains(&"damaged"),
        reach,
    };
    let replica = ReportedReplica {
        topic_id,
        partition,
        partition_epoch: number(words, "partition-epoch").unwrap_or(known.partition_epoch),
        condition,
    };
    condition.is_news(known, broker).then(|| {
        ControllerRequest::ReportReplicas(ReportReplicas {
            broker,
            broker_epoch: metadata.brokers[&broker].epoch,
            replicas: vec![replica],
        })
    })
}

/// `[TOPIC PARTITION] [unclean]`
pub(super) fn elect_leaders(words: &[&str]) -> ControllerRequest {
    let (unclean, words) = match words.split_last() {
        Some((&"unclean", rest)) => (true, rest),
        _ => (false, words),
    };
    let partitions = (!words.is_empty()).then(|| vec![topic_partition(words)]);
    ControllerRequest::ElectLeaders(ElectLeaders {
        election: if unclean {
            Election::Unclean
        } else {
            Election::Preferred
        },
        partitions,
        timeout: TIMEOUT,
    })
}

/// `TOPIC PARTITION to=BROKERS` or `TOPIC PARTITION give-up`
pub(super) fn reassign(words: &[&str]) -> ControllerRequest {
    let to = values(words, "to").next();
    let broker = |id: &str| BrokerId(id.parse().expect("a broker"));
    let new = NewReplicas {
        partition: topic_partition(words),
        replicas: to.map(|to| to.split(',').map(broker).collect()),
    };
    ControllerRequest::ReassignPartitions(ReassignPartitions {
        partitions: vec![new],
        timeout: TIMEOUT,
    })
}

fn topic_partition(words: &[&str]) -> TopicPartition {
    TopicPartition {
        topic: words[0].to_owned(),
        partition: PartitionIndex(words[1].parse().expect("a partition")),
    }
}

fn values<'a>(words: &'a [&str], name: &'a str) -> impl Iterator<Item = &'a str> {
    words
        .iter()
        .filter_map(move |word| word.strip_prefix(name)?.strip_prefix('='))
}

fn number<N: FromStr>(words: &[&str], name: &str) -> Option<N> {
    let value = values(words, name).next()?;
    Some(value.parse().ok().expect("a number"))
}

fn assignments(words: &[&str]) -> Vec<Assignment> {
    let Some(all) = values(words, "assign").next() else {
        return Vec::new();
    };
    let one = |text: &str| {
        let (partition, replicas) = text.split_once(':').expect("PARTITION:BROKERS");
        let replicas = replicas.split(',').filter(|id| !id.is_empty());
        Assignment {
            partition: PartitionIndex(partition.parse().expect("a partition")),
            replicas: replicas
                .map(|id| BrokerId(id.parse().expect("a broker")))
                .collect(),
        }
    };
    all.split('/').map(one).collect()
}
