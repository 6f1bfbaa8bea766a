//! What a topic holds of what was sent to it.

use etl::TableStanding;
use record::PartitionIndex;

/// What a topic held when its brokers were asked, beside what the generator knew before that and what the ETL
/// had read at one commit.
///
/// Whenever that commit was made: what is counted here stays true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InTopic {
    /// Records that had been acknowledged to the generator before the brokers were asked.
    pub acknowledged: u64,
    /// Records that were ever written into it, by whomever.
    pub written: u64,
    /// Of these: those that the ETL has not read.
    pub left: u64,
}

impl InTopic {
    /// Takes the next offset of every partition, asked for after `acknowledged` was known.
    #[must_use]
    pub fn of(
        acknowledged: u64,
        ends: impl IntoIterator<Item = (PartitionIndex, i64)>,
        standing: Option<&TableStanding>,
    ) -> Self {
        let mut seen = Self {
            acknowledged,
            written: 0,
            left: 0,
        };
        for (partition, end) in ends {
            let next = standing.and_then(|standing| standing.next_offsets.get(&partition));
            let next = next.map_or(0, |next| next.0);
            seen.written += u64::try_from(end.max(next)).unwrap_or_default();
            seen.left += u64::try_from(end - next).unwrap_or_default();
        }
        seen
    }

    /// Records that the generator did not know of: others sent them, or they were on their way.
    pub(crate) fn unknown(&self) -> u64 {
        self.written.saturating_sub(self.acknowledged)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use record::{Offset, PartitionIndex};

    use super::*;

    #[test]
    fn what_is_left_is_counted_by_partition() {
        let standing = TableStanding {
            topic: "iot".to_owned(),
            watermark: None,
            // Of the first one more was read than the brokers had when they were asked.
            next_offsets: BTreeMap::from([(PartitionIndex(0), Offset(12)), (PartitionIndex(1), Offset(3))]),
        };
        let ends = [(0, 10), (1, 7), (2, 5)].map(|(index, end)| (PartitionIndex(index), end));
        let wanted = InTopic {
            acknowledged: 20,
            written: 24,
            left: 9,
        };
        assert_eq!(InTopic::of(20, ends, Some(&standing)), wanted);
        assert_eq!(wanted.unknown(), 4);
    }
}
