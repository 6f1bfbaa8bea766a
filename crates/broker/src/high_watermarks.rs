//! `replication-offset-checkpoint`: the high watermarks as they were noted last, in Kafka's format.
//!
//! ```text
//! 0
//! 2
//! clickstream 0 1200
//! clickstream 1 1187
//! ```
//!
//! They may be old, and are never too high: a replica that starts from them learns more from its leader.

use std::collections::BTreeMap;

use disk::Disk;
use record::{Offset, PartitionIndex};

use crate::BrokerError;
use crate::folder::Folder;

const FILE: &str = "replication-offset-checkpoint";
const VERSION: &str = "0";

/// High watermarks by topic and partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HighWatermarks {
    offsets: BTreeMap<(String, PartitionIndex), Offset>,
}

impl HighWatermarks {
    /// Reads them; none where the file is absent or damaged, which costs nothing but time.
    pub(crate) fn read<D: Disk>(folder: &Folder<D>) -> Result<Self, BrokerError> {
        let found = match folder.read(FILE) {
            Ok(None) => return Ok(Self::default()),
            Ok(Some(text)) => Self::decode(&text),
            Err(BrokerError::Damaged { .. }) => None,
            Err(e) => return Err(e),
        };
        Ok(found.unwrap_or_else(|| {
            tracing::warn!("{FILE} is damaged; replicas learn from their leaders what is committed");
            Self::default()
        }))
    }

    /// Replaces the file, if anything has changed since `before`. It isn't worth a wait for the disk.
    pub(crate) fn write<D: Disk>(&self, folder: &Folder<D>, before: &Self) -> Result<(), BrokerError> {
        if self == before {
            return Ok(());
        }
        folder.replace_unsynced(FILE, self.encode().as_bytes())
    }

    pub(crate) fn of(&self, topic: &str, partition: PartitionIndex) -> Offset {
        let found = self.offsets.get(&(topic.to_owned(), partition));
        found.copied().unwrap_or_default()
    }

    pub(crate) fn set(&mut self, topic: &str, partition: PartitionIndex, offset: Offset) {
        self.offsets.insert((topic.to_owned(), partition), offset);
    }

    fn encode(&self) -> String {
        let mut text = format!("{VERSION}\n{}\n", self.offsets.len());
        for ((topic, partition), offset) in &self.offsets {
            text.push_str(&format!("{topic} {partition} {offset}\n"));
        }
        text
    }

    fn decode(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        if lines.next()? != VERSION {
            return None;
        }
        let count: usize = lines.next()?.parse().ok()?;
        let offsets = lines
            .map(|line| {
                let mut words = line.split(' ');
                let topic = words.next()?.to_owned();
                let partition = PartitionIndex(words.next()?.parse().ok()?);
                let offset = Offset(words.next()?.parse().ok().filter(|offset| *offset >= 0)?);
                words.next().is_none().then_some(((topic, partition), offset))
            })
            .collect::<Option<BTreeMap<_, _>>>()?;
        (offsets.len() == count).then_some(Self { offsets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkpoint_is_kafkas() {
        let mut marks = HighWatermarks::default();
        marks.set("b", PartitionIndex(1), Offset(7));
        marks.set("a", PartitionIndex(0), Offset(12));
        assert_eq!(marks.encode(), "0\n2\na 0 12\nb 1 7\n");
        assert_eq!(HighWatermarks::decode(&marks.encode()), Some(marks.clone()));
        assert_eq!(marks.of("b", PartitionIndex(1)), Offset(7));
        assert_eq!(marks.of("b", PartitionIndex(2)), Offset(0), "nothing is known");
        for damaged in [
            "",
            "0\n",
            "0\n1\n",
            "1\n0\n",
            "0\n1\na 0\n",
            "0\n1\na 0 1 2\n",
            "0\n1\na 0 -1\n",
        ] {
            assert_eq!(HighWatermarks::decode(damaged), None, "{damaged:?}");
        }
    }
}
