//! How the stories tell messages, changes and replies.

use std::fmt::Write;

use record::BrokerId;

use crate::{ControllerReply, Millis, PartitionResult, PeerMessage, QuorumMember, TopicPartition};

pub(super) fn list(ids: &[BrokerId]) -> String {
    ids.iter().map(|id| id.to_string()).collect::<Vec<_>>().join(",")
}

pub(super) fn describe_message(m: &PeerMessage) -> String {
    let mut text = format!("{:?} term {}", m.kind, m.term);
    if m.index.0 > 0 || m.log_term.0 > 0 {
        write!(text, " at {}/{}", m.index, m.log_term).expect("text grows");
    }
    if let (Some(a), Some(b)) = (m.entries.first(), m.entries.last()) {
        write!(text, " entries {}-{}", a.index, b.index).expect("text grows");
    }
    if m.commit.0 > 0 {
        write!(text, " commit {}", m.commit).expect("text grows");
    }
    if m.reject {
        text.push_str(" no");
    }
    text
}

pub(super) fn describe_reply(reply: &ControllerReply) -> String {
    match reply {
        ControllerReply::CreateTopics(topics) => match &topics[0].result {
            Ok(info) => format!("created {} with {} partitions", topics[0].name, info.partitions),
            Err(refusal) => format!("{:?}: {refusal}", refusal.code),
        },
        ControllerReply::DeleteTopics(topics) => match &topics[0].result {
            Ok(info) => format!("deleted {}", info.name),
            Err(refusal) => format!("{:?}: {refusal}", refusal.code),
        },
        ControllerReply::CreatePartitions(topics) => match &topics[0].result {
            Ok(()) => format!("enlarged {}", topics[0].topic),
            Err(refusal) => format!("{:?}: {refusal}", refusal.code),
        },
        ControllerReply::AlterConfigs(topics) => match &topics[0].result {
            Ok(()) => format!("configured {}", topics[0].topic),
            Err(refusal) => format!("{:?}: {refusal}", refusal.code),
        },
        ControllerReply::Unregistered => "unregistered".to_owned(),
        ControllerReply::ProducerIds { first, count } => format!("producer ids {first}, {count} of them"),
        ControllerReply::Refused(refusal) => format!("{:?}: {refusal}", refusal.code),
        ControllerReply::ElectLeaders(results) | ControllerReply::ReassignPartitions(results) => {
            let result = |one: &PartitionResult| {
                let TopicPartition { topic, partition } = &one.partition;
                match &one.result {
                    Ok(()) => format!("{topic}-{partition} done"),
                    Err(refusal) => format!("{topic}-{partition} {:?}: {refusal}", refusal.code),
                }
            };
            results.iter().map(result).collect::<Vec<_>>().join("; ")
        }
        ControllerReply::DescribeQuorum(view) => {
            let member = |m: &QuorumMember| {
                let ago = |time: Option<Millis>| time.map_or("never".to_owned(), |t| format!("{t} ago"));
                format!(
                    "{} has {}, heard {}, had all {}",
                    m.id,
                    m.last,
                    ago(m.heard),
                    ago(m.caught_up)
                )
            };
            let members = |all: &[QuorumMember]| all.iter().map(member).collect::<Vec<_>>().join("; ");
            let (voters, observers) = (members(&view.voters), members(&view.observers));
            let (leader, term, committed) = (view.leader, view.term, view.committed);
            format!(
                "{leader} leads in term {term}, {committed} committed; voters: {voters}; observers: {observers}"
            )
        }
        ControllerReply::ReportReplicas(taken) if taken == &[true] => "noted".to_owned(),
        ControllerReply::ReportReplicas(_) => "void".to_owned(),
        ControllerReply::AlterPartition => "the ISR is changed".to_owned(),
        other => format!("{other:?}"),
    }
}
