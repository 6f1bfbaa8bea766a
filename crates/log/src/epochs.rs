//! Where each leader epoch began (KIP-101).

use disk::Disk;
use record::{LeaderEpoch, Offset};

use crate::LogError;
use crate::folder::{EPOCHS, Folder};

/// The offset at which each leader epoch began. Both grow strictly.
///
/// Kept in `leader-epoch-checkpoint`: version `0`, number of entries, then epoch and offset a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Epochs {
    entries: Vec<(LeaderEpoch, Offset)>,
}

impl Epochs {
    /// The newest epoch.
    pub(crate) fn last(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|(epoch, _)| *epoch)
    }

    /// The newest epoch that has records, in a log that ends at `end`.
    pub(crate) fn of_last_record(&self, end: Offset) -> Option<LeaderEpoch> {
        let with_records = self.entries.partition_point(|(_, start)| *start < end);
        with_records.checked_sub(1).map(|last| self.entries[last].0)
    }

    /// Whether it is known in which epoch the record at `offset` was written.
    pub(crate) fn reach_back_to(&self, offset: Offset) -> bool {
        self.entries.first().is_some_and(|(_, start)| *start <= offset)
    }

    /// Notes that `epoch` begins at `start`, unless it or a newer one is known.
    pub(crate) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) {
        if epoch.0 < 0 || self.last().is_some_and(|last| last >= epoch) {
            return;
        }
        // Epochs in which nothing was written leave no trace.
        self.truncate_to(start);
        self.entries.push((epoch, start));
    }

    /// The largest epoch not above `epoch` and its end, as `LeaderEpochFileCache.endOffsetFor`.
    pub(crate) fn end_of(&self, epoch: LeaderEpoch, log_end: Offset) -> Option<(LeaderEpoch, Offset)> {
        let above = self.entries.partition_point(|(known, _)| *known <= epoch);
        match (above.checked_sub(1), self.entries.get(above)) {
            (Some(floor), Some((_, end))) => Some((self.entries[floor].0, *end)),
            (None, Some((_, end))) => Some((epoch, *end)),
            (Some(floor), None) if self.entries[floor].0 == epoch => Some((epoch, log_end)),
            _ => None,
        }
    }

    /// Forgets epochs that begin at `end` or behind it.
    pub(crate) fn truncate_to(&mut self, end: Offset) {
        self.entries.retain(|(_, start)| *start < end);
    }

    /// Forgets epochs that ended before `start`; the one that holds `start` begins there.
    pub(crate) fn begin_at(&mut self, start: Offset) {
        let first = self.entries.partition_point(|(_, begin)| *begin <= start);
        if let Some(holding) = first.checked_sub(1) {
            self.entries.drain(..holding);
            self.entries[0].1 = start;
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Reads the checkpoint; `None` where it is absent or was left damaged by a power loss.
    pub(crate) fn read<D: Disk>(folder: &Folder<D>) -> Result<Option<Self>, LogError> {
        let content = folder.read(&folder.path.join(EPOCHS))?;
        Ok(content.and_then(|content| Self::decode(std::str::from_utf8(&content).ok()?)))
    }

    /// Writes the checkpoint.
    pub(crate) fn write<D: Disk>(&self, folder: &Folder<D>, durable: bool) -> Result<(), LogError> {
        folder.replace(EPOCHS, self.encode().as_bytes(), durable)
    }

    fn encode(&self) -> String {
        let mut text = format!("0\n{}\n", self.entries.len());
        for (epoch, start) in &self.entries {
            text.push_str(&format!("{epoch} {start}\n"));
        }
        text
    }

    fn decode(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        if lines.next()? != "0" {
            return None;
        }
        let count: usize = lines.next()?.parse().ok()?;
        let entries = lines
            .map(|line| {
                let (epoch, start) = line.split_once(' ')?;
                Some((LeaderEpoch(epoch.parse().ok()?), Offset(start.parse().ok()?)))
            })
            .collect::<Option<Vec<_>>>()?;
        let grows = entries.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1);
        (grows && entries.len() == count).then_some(Self { entries })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> Epochs {
        Epochs {
            entries: entries
                .iter()
                .map(|(epoch, start)| (LeaderEpoch(*epoch), Offset(*start)))
                .collect(),
        }
    }

    #[test]
    fn ends_are_those_of_kafka() {
        let known = epochs(&[(2, 10), (4, 20), (5, 30)]);
        let end_of = |epoch| {
            known
                .end_of(LeaderEpoch(epoch), Offset(50))
                .map(|(e, o)| (e.0, o.0))
        };
        assert_eq!(end_of(1), Some((1, 10)), "older than all");
        assert_eq!(end_of(2), Some((2, 20)));
        assert_eq!(end_of(3), Some((2, 20)), "the next lower one");
        assert_eq!(end_of(4), Some((4, 30)));
        assert_eq!(end_of(5), Some((5, 50)), "the newest ends with the log");
        assert_eq!(end_of(6), None, "newer than all");
        assert_eq!(Epochs::default().end_of(LeaderEpoch(0), Offset(5)), None);
    }

    #[test]
    fn epochs_without_records_leave_no_trace() {
        let mut known = Epochs::default();
        known.assign(LeaderEpoch(3), Offset(0));
        known.assign(LeaderEpoch(4), Offset(7));
        known.assign(LeaderEpoch(6), Offset(7));
        known.assign(LeaderEpoch(6), Offset(9));
        known.assign(LeaderEpoch(5), Offset(9));
        assert_eq!(known, epochs(&[(3, 0), (6, 7)]));
    }

    #[test]
    fn both_ends_can_be_cut() {
        let mut known = epochs(&[(1, 0), (2, 10), (3, 20)]);
        known.begin_at(Offset(15));
        assert_eq!(known, epochs(&[(2, 15), (3, 20)]));
        known.truncate_to(Offset(20));
        assert_eq!(known, epochs(&[(2, 15)]));
        known.begin_at(Offset(3));
        assert_eq!(known, epochs(&[(2, 15)]));
    }

    #[test]
    fn the_checkpoint_is_kafkas() {
        let known = epochs(&[(1, 0), (3, 20)]);
        assert_eq!(known.encode(), "0\n2\n1 0\n3 20\n");
        assert_eq!(Epochs::decode("0\n2\n1 0\n3 20\n"), Some(known));
        assert_eq!(Epochs::decode("0\n0\n"), Some(Epochs::default()));
        for damaged in [
            "",
            "0\n",
            "0\n2\n1 0\n",
            "0\n1\n1 0",
            "0\n2\n3 0\n1 5\n",
            "1\n0\n",
            "0\n1\nx 0\n",
            "\0\0\0",
        ] {
            assert_eq!(Epochs::decode(damaged), None, "{damaged:?}");
        }
    }
}
