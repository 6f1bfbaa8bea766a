//! `<data>/brokers/cluster.json`: which brokers the cluster has, and which of them vote on its metadata.
//!
//! It outlives every process: two brokers with other ideas of who votes could each find a majority. So it is
//! written, durably, before the first broker starts, and lies beside the brokers' folders, whose fate it shares.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use config::Folders;
use serde::{Deserialize, Serialize};

use crate::error::RunError;
use crate::file;

/// The format of the file that this program writes.
const FORMAT: u32 = 1;

/// Voters of a cluster that is founded with as many brokers or more; with fewer the first one votes alone: two
/// voters would stop when either does.
const VOTERS: u32 = 3;

/// The folder that every broker has.
const METADATA_LOG: &str = "__cluster_metadata-0";

/// Which brokers a cluster has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    format: u32,
    /// Kafka's `cluster.id`.
    pub cluster_id: String,
    /// The brokers that the cluster was founded with as voters of the metadata quorum.
    pub voters: BTreeSet<u32>,
    /// The brokers that `up` starts.
    pub brokers: BTreeSet<u32>,
}

impl Membership {
    fn founded(cluster_id: &str, brokers: BTreeSet<u32>) -> Self {
        let voters = match brokers.range(..=VOTERS).count() {
            3.. => (1..=VOTERS).collect(),
            _ => brokers.first().copied().into_iter().collect(),
        };
        Self {
            format: FORMAT,
            cluster_id: cluster_id.to_owned(),
            voters,
            brokers,
        }
    }

    /// The lowest ids that no broker has, so that there are as many brokers as this.
    #[must_use]
    pub fn missing(&self, least: usize) -> Vec<u32> {
        let missing = least.saturating_sub(self.brokers.len());
        let free = (1..).filter(|id| !self.brokers.contains(id));
        free.take(missing).collect()
    }

    /// What a cluster of so few brokers can't do, for the operator.
    #[must_use]
    pub fn limits(&self) -> Option<&'static str> {
        match (self.brokers.len(), self.voters.len()) {
            (1, _) => Some("one broker: no copy elsewhere, and nobody takes over while it is down"),
            // With a third one all three vote.
            (2, 1) => {
                Some("broker 1 alone decides: while it is down no other leader is elected and no topic made")
            }
            _ => None,
        }
    }
}

/// Where the membership of one data folder lies.
#[derive(Debug, Clone)]
pub struct MembershipFile {
    folder: PathBuf,
}

impl MembershipFile {
    /// That of these folders.
    #[must_use]
    pub fn new(folders: &Folders) -> Self {
        Self {
            folder: folders.brokers(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("cluster.json")
    }

    /// The membership, if the cluster was founded.
    ///
    /// # Errors
    /// A file that can't be read, or of a newer format.
    pub fn read(&self) -> Result<Option<Membership>, RunError> {
        let path = self.path();
        let found: Option<Membership> = file::read(&path)?;
        match found {
            Some(found) if found.format > FORMAT => Err(RunError::Newer {
                data: path,
                found: found.format,
                known: FORMAT,
            }),
            Some(found) if found.voters.is_empty() || !found.voters.is_subset(&found.brokers) => {
                Err(RunError::Membership {
                    path,
                    reason: "a voter is missing among the brokers".to_owned(),
                })
            }
            found => Ok(found),
        }
    }

    /// The membership; a cluster that isn't there yet is founded with brokers from 1 to `count`.
    ///
    /// # Errors
    /// As [`read`](Self::read); if it can't be written; brokers' folders of another cluster, or without the
    /// file that says who votes.
    pub fn found(&self, cluster_id: &str, count: usize) -> Result<Membership, RunError> {
        if self.read()?.is_none() {
            let brokers = self.folders_of_brokers()?;
            // Before there was this file all brokers voted, and there were three at most.
            let founded = match brokers.last() {
                None => Membership::founded(cluster_id, (1..).take(count).collect()),
                Some(..=VOTERS) => Membership {
                    voters: brokers.clone(),
                    ..Membership::founded(cluster_id, brokers)
                },
                Some(_) => {
                    return Err(RunError::Membership {
                        path: self.path(),
                        reason: "it is missing, but there are folders of brokers".to_owned(),
                    });
                }
            };
            create_folder(&self.folder)?;
            file::create_once(&self.path(), &text_of(&founded, &self.path())?, 0o644)?;
        }
        let found = self.read()?.ok_or_else(|| RunError::Membership {
            path: self.path(),
            reason: "it was removed a moment ago".to_owned(),
        })?;
        if found.cluster_id != cluster_id {
            return Err(RunError::Membership {
                path: self.path(),
                reason: format!("it is of cluster {}, and this is {cluster_id}", found.cluster_id),
            });
        }
        Ok(found)
    }

    /// Replaces the membership, durably. For whoever holds the supervisor's lock.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn write(&self, membership: &Membership) -> Result<(), RunError> {
        let path = self.path();
        file::replace_durably(&path, &text_of(membership, &path)?)
    }

    /// The ids of the brokers that have stored something.
    fn folders_of_brokers(&self) -> Result<BTreeSet<u32>, RunError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            Err(error) => return Err(RunError::file(&self.folder, error)),
        };
        let id_of = |entry: std::fs::DirEntry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            entry.path().join(METADATA_LOG).exists().then_some(id)
        };
        Ok(entries.flatten().filter_map(id_of).collect())
    }
}

fn create_folder(folder: &Path) -> Result<(), RunError> {
    std::fs::create_dir_all(folder).map_err(|error| RunError::file(folder, error))
}

fn text_of(membership: &Membership, path: &Path) -> Result<Vec<u8>, RunError> {
    serde_json::to_vec_pretty(membership).map_err(|error| RunError::file(path, error.into()))
}

#[cfg(test)]
mod tests;
