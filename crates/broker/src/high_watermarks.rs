//! `replication-offset-checkpoint`: the replicas that were made here, each with the high watermark that was noted
//! last.
//!
//! ```text
//! 1
//! 2
//! 5f0c1b0e-8d1e-4a53-9b0a-4f6d0a1c8a11 0 1200
//! 5f0c1b0e-8d1e-4a53-9b0a-4f6d0a1c8a11 1 1187
//! ```
//!
//! Kafka's format 0 has the topic's name in place of its id; but a name can be given to another topic, of which none of
//! this holds.
//!
//! The offsets may be old, and are never too high: a replica that starts from them learns more from its leader, and one
//! that ends below has lost records. A replica is noted as soon as its folder is there and before it copies anything, so
//! that one that is noted and has no folder has lost it.

use std::collections::BTreeMap;

use disk::Disk;
use record::{Offset, PartitionIndex, TopicId};
use uuid::Uuid;

use crate::BrokerError;
use crate::folder::Folder;
use crate::replicas::Key;

const FILE: &str = "replication-offset-checkpoint";
const VERSION: &str = "1";

/// The high watermarks of the replicas that were made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HighWatermarks {
    offsets: BTreeMap<Key, Offset>,
}

impl HighWatermarks {
    /// Reads them; none where the file is absent or damaged: then nobody knows whether a folder is missing.
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

    /// Replaces the file. What only says more than `before` isn't worth a wait for the disk.
    pub(crate) fn write<D: Disk>(&self, folder: &Folder<D>, before: &Self) -> Result<(), BrokerError> {
        let is_less = |(replica, offset): (&Key, &Offset)| self.of(*replica).is_some_and(|now| now < *offset);
        match before.offsets.iter().any(is_less) {
            true => folder.replace(FILE, self.encode().as_bytes()),
            false => folder.replace_unsynced(FILE, self.encode().as_bytes()),
        }
    }

    /// What was noted of a replica, if it was ever made.
    pub(crate) fn of(&self, replica: Key) -> Option<Offset> {
        self.offsets.get(&replica).copied()
    }

    pub(crate) fn set(&mut self, replica: Key, offset: Offset) {
        self.offsets.insert(replica, offset);
    }

    pub(crate) fn remove(&mut self, replica: Key) {
        self.offsets.remove(&replica);
    }

    /// Forgets all but these; whether there were others.
    pub(crate) fn retain(&mut self, kept: impl Fn(Key) -> bool) -> bool {
        let before = self.offsets.len();
        self.offsets.retain(|replica, _| kept(*replica));
        self.offsets.len() < before
    }

    fn encode(&self) -> String {
        let mut text = format!("{VERSION}\n{}\n", self.offsets.len());
        for ((topic, partition), offset) in &self.offsets {
            text.push_str(&format!("{} {partition} {offset}\n", topic.0));
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
                let topic = TopicId(Uuid::parse_str(words.next()?).ok()?);
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

    const A: TopicId = TopicId(Uuid::from_u128(0xa));
    const B: TopicId = TopicId(Uuid::from_u128(0xb));

    #[test]
    fn what_is_noted_is_read_again() {
        let mut marks = HighWatermarks::default();
        marks.set((B, PartitionIndex(1)), Offset(7));
        marks.set((A, PartitionIndex(0)), Offset(12));
        let text = "1\n2\n\
                    00000000-0000-0000-0000-00000000000a 0 12\n\
                    00000000-0000-0000-0000-00000000000b 1 7\n";
        assert_eq!(marks.encode(), text);
        assert_eq!(HighWatermarks::decode(text), Some(marks.clone()));
        assert_eq!(marks.of((B, PartitionIndex(1))), Some(Offset(7)));
        assert_eq!(marks.of((B, PartitionIndex(2))), None);
    }

    #[test]
    fn a_damaged_checkpoint_is_none() {
        let good = HighWatermarks {
            offsets: BTreeMap::from([((A, PartitionIndex(0)), Offset(1))]),
        };
        let good = good.encode();
        let line = good.lines().last().unwrap_or_default();
        for damaged in [
            String::new(),
            "1\n".to_owned(),
            format!("1\n2\n{line}\n"),
            format!("2\n1\n{line}\n"),
            "0\n1\na 0 1\n".to_owned(),
            good.replace(" 1\n", "\n"),
            good.replace(" 1\n", " 1 2\n"),
            good.replace(" 1\n", " -1\n"),
        ] {
            assert_eq!(HighWatermarks::decode(&damaged), None, "{damaged:?}");
        }
    }
}
