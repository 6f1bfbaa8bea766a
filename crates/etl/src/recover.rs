//! What a starting ETL does, decided from what lies on disk and what the brokers say: resume or stop.
//!
//! The other two answers are the lake's: opening its writer rolled the newest commit forward, if it was
//! not published, and an epoch that was never committed back.

use std::collections::{BTreeMap, BTreeSet};

use record::{LeaderEpoch, Offset, PartitionIndex};

use crate::declaration::TableDeclaration;
use crate::payload::{Payload, Position};

/// What lies on disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found<'a> {
    /// The newest commit's payload; none in a lake that no ETL has written to.
    pub payload: Option<&'a Payload>,
    /// The state files that are there and whole.
    pub state_files: BTreeSet<String>,
}

/// What the brokers say, with the topics by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cluster {
    pub id: String,
    pub topics: BTreeMap<String, TopicNow>,
}

/// A topic as it is now.
#[derive(Debug, Clone, Default)]
pub(crate) struct TopicNow {
    pub id: String,
    pub partitions: BTreeMap<PartitionIndex, PartitionNow>,
}

/// A partition as it is now.
#[derive(Debug, Clone)]
pub(crate) struct PartitionNow {
    pub earliest: Offset,
    /// The ends of the committed positions' leader epochs, by OffsetForLeaderEpoch: by the epoch that
    /// was asked for, the largest that is not above it and where that ends. Tables that read the same
    /// partition may have come to different epochs.
    pub epoch_ends: BTreeMap<LeaderEpoch, (LeaderEpoch, Offset)>,
}

/// Source table and partition.
pub(crate) type PartitionKey = (String, PartitionIndex);

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Carry on from these positions.
    Resume(BTreeMap<PartitionKey, Position>),
    /// Nothing can be done without losing or doubling rows: the operator decides.
    Stop(Refusal),
}

/// Why the ETL does not go on, and what settles it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The lake was filled from another cluster.
    #[error(
        "the lake was filled from the Kafka cluster {lake}, this is {now}: connect to {lake}, or start a new lake with \
         `minicluster clean --lake --checkpoints`"
    )]
    OtherCluster {
        /// Cluster id in the lake.
        lake: String,
        /// Cluster id of the brokers.
        now: String,
    },
    /// The lake was filled by another job.
    #[error(
        "the newest commit is of the job `{lake}`, this is `{now}`: give the job its old name, or another lake folder"
    )]
    OtherJob {
        /// Job in the lake.
        lake: String,
        /// Job that starts.
        now: String,
    },
    /// The topic was deleted and created again.
    #[error(
        "topic {topic} was deleted and created again (its id was {lake}, now it is {now}): what table {table} read of the \
         old topic cannot be continued. To fill the lake from the new topic: `minicluster clean --lake --checkpoints`"
    )]
    TopicRecreated {
        /// The table.
        table: String,
        /// The topic.
        topic: String,
        /// Topic id in the lake.
        lake: String,
        /// Topic id now.
        now: String,
    },
    /// A partition of the lake's ledger is not in the topic.
    #[error(
        "partition {partition} of topic {topic} is gone: bring it back, or `minicluster clean --lake --checkpoints`"
    )]
    PartitionGone {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionIndex,
    },
    /// Records were deleted before they were read.
    #[error(
        "{topic}-{partition}: offsets {next} to {} are gone (the log starts at {earliest}): the broker's retention deleted \
         them before they were read. They cannot be had again; to fill the lake from what is left: \
         `minicluster clean --lake --checkpoints`",
        earliest.0 - 1
    )]
    OffsetsGone {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionIndex,
        /// The next offset to read.
        next: Offset,
        /// Where the log starts now.
        earliest: Offset,
    },
    /// The log lost records that the lake holds.
    #[error(
        "{topic}-{partition}: the lake holds the records before offset {next} of leader epoch {epoch}, but that epoch now \
         ends at {end}: the topic lost its tail (a power loss, or an unclean election) and other records may have taken \
         those offsets. To fill the lake from what the topic holds now: `minicluster clean --lake --checkpoints`"
    )]
    TailLost {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionIndex,
        /// The next offset to read.
        next: Offset,
        /// Leader epoch of the last record read.
        epoch: LeaderEpoch,
        /// Where that epoch ends now.
        end: Offset,
    },
    /// State that the newest commit rests on is missing or damaged.
    #[error(
        "state file {name} of table {table} is missing or damaged; without it rows would be lost or doubled. Restore it from \
         a backup of the checkpoint folder, or start a new lake with `minicluster clean --lake --checkpoints`"
    )]
    StateGone {
        /// The table.
        table: String,
        /// The file.
        name: String,
    },
    /// A table's declaration changed in a way that its rows and state cannot follow.
    #[error(
        "table {table}: {what} changed since the lake's newest commit, and its rows and state cannot follow. Declare it as \
         before, declare the new one under another name, or start a new lake with `minicluster clean --lake --checkpoints`"
    )]
    DeclarationChanged {
        /// The table.
        table: String,
        /// What changed.
        what: &'static str,
    },
    /// A table was added that would miss what its source has written, or lacks a topic.
    #[error(
        "table {table} is new, but its source {source_table} has written rows before: it would miss them. Leave it out, or \
         start a new lake with `minicluster clean --lake --checkpoints`"
    )]
    DerivedTooLate {
        /// The table.
        table: String,
        /// Its source.
        source_table: String,
    },
    /// The newest commit has a table that is not declared.
    #[error(
        "table {table} of the lake is no longer declared: declare it again, or `minicluster clean --lake --checkpoints`"
    )]
    TableDropped {
        /// The table.
        table: String,
    },
}

/// Decides how to start. Pure: the same findings give the same decision.
///
/// A declared topic that is missing from `cluster` is the caller's to wait for.
pub(crate) fn recover(
    job: &str,
    tables: &[TableDeclaration],
    found: &Found<'_>,
    cluster: &Cluster,
) -> Decision {
    let checked = match found.payload {
        None => Ok(()),
        Some(payload) => check_identity(job, payload, cluster)
            .and_then(|()| check_declarations(tables, payload))
            .and_then(|()| check_state(payload, &found.state_files)),
    };
    match checked.and_then(|()| positions(tables, found.payload, cluster)) {
        Ok(positions) => Decision::Resume(positions),
        Err(refusal) => Decision::Stop(refusal),
    }
}

fn check_identity(job: &str, payload: &Payload, cluster: &Cluster) -> Result<(), Refusal> {
    if payload.job != job {
        return Err(Refusal::OtherJob {
            lake: payload.job.clone(),
            now: job.into(),
        });
    }
    if payload.cluster_id != cluster.id {
        return Err(Refusal::OtherCluster {
            lake: payload.cluster_id.clone(),
            now: cluster.id.clone(),
        });
    }
    Ok(())
}

fn check_declarations(tables: &[TableDeclaration], payload: &Payload) -> Result<(), Refusal> {
    let changed = |table: &str, what| Refusal::DeclarationChanged {
        table: table.into(),
        what,
    };
    for declaration in tables {
        match declaration {
            TableDeclaration::Source(source) => {
                if payload.derived.contains_key(&source.table) {
                    return Err(changed(&source.table, "what it reads"));
                }
                if let Some(older) = payload.sources.get(&source.table) {
                    source
                        .continues(&older.declaration)
                        .map_err(|what| changed(&source.table, what))?;
                }
            }
            TableDeclaration::Derived(derived) => match payload.derived.get(&derived.table) {
                Some(older) if older.declaration == *derived => {}
                Some(_) => return Err(changed(&derived.table, "its window, groups or aggregates")),
                None if payload.sources.contains_key(&derived.table) => {
                    return Err(changed(&derived.table, "what it reads"));
                }
                None if payload.ledger().table(&derived.source).written > 0 => {
                    return Err(Refusal::DerivedTooLate {
                        table: derived.table.clone(),
                        source_table: derived.source.clone(),
                    });
                }
                None => {}
            },
        }
    }
    let declared: BTreeSet<&str> = tables.iter().map(TableDeclaration::table).collect();
    match payload
        .sources
        .keys()
        .chain(payload.derived.keys())
        .find(|t| !declared.contains(t.as_str()))
    {
        Some(table) => Err(Refusal::TableDropped { table: table.clone() }),
        None => Ok(()),
    }
}

fn check_state(payload: &Payload, there: &BTreeSet<String>) -> Result<(), Refusal> {
    let sources = payload.sources.iter().map(|(table, s)| (table, &s.state));
    let derived = payload.derived.iter().map(|(table, d)| (table, &d.state));
    for (table, files) in sources.chain(derived) {
        if let Some(file) = files.iter().find(|f| !there.contains(&f.name)) {
            return Err(Refusal::StateGone {
                table: table.clone(),
                name: file.name.clone(),
            });
        }
    }
    Ok(())
}

fn positions(
    tables: &[TableDeclaration],
    payload: Option<&Payload>,
    cluster: &Cluster,
) -> Result<BTreeMap<PartitionKey, Position>, Refusal> {
    let mut positions = BTreeMap::new();
    for declaration in tables {
        let TableDeclaration::Source(source) = declaration else {
            continue;
        };
        let Some(topic) = cluster.topics.get(&source.topic) else {
            continue;
        };
        let older = payload.and_then(|p| p.sources.get(&source.table));
        if let Some(older) = older
            && older.topic_id != topic.id
        {
            return Err(Refusal::TopicRecreated {
                table: source.table.clone(),
                topic: source.topic.clone(),
                lake: older.topic_id.clone(),
                now: topic.id.clone(),
            });
        }
        let committed = older.map(|o| &o.partitions);
        for &index in committed.into_iter().flat_map(BTreeMap::keys) {
            let partition = PartitionIndex(index);
            if !topic.partitions.contains_key(&partition) {
                return Err(Refusal::PartitionGone {
                    topic: source.topic.clone(),
                    partition,
                });
            }
        }
        for (&partition, now) in &topic.partitions {
            let position = match committed.and_then(|c| c.get(&partition.0)) {
                None => Position {
                    offset: now.earliest,
                    leader_epoch: LeaderEpoch(-1),
                },
                Some(committed) => {
                    let position = committed.position();
                    check_position(&source.topic, partition, position, now)?;
                    position
                }
            };
            positions.insert((source.table.clone(), partition), position);
        }
    }
    Ok(positions)
}

/// (Leader epoch, offset) of the last record read must still lie on the partition's history.
pub(crate) fn check_position(
    topic: &str,
    partition: PartitionIndex,
    position: Position,
    now: &PartitionNow,
) -> Result<(), Refusal> {
    let next = position.offset;
    if next < now.earliest {
        return Err(Refusal::OffsetsGone {
            topic: topic.into(),
            partition,
            next,
            earliest: now.earliest,
        });
    }
    match now.epoch_ends.get(&position.leader_epoch) {
        // The end of the largest epoch that is not beyond ours: if it is lower than ours, ours is gone.
        Some(&(epoch, end)) if epoch < position.leader_epoch || end < next => Err(Refusal::TailLost {
            topic: topic.into(),
            partition,
            next,
            epoch: position.leader_epoch,
            end,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
