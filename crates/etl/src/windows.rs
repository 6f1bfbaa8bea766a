//! Windows: partial aggregates per window and group, which merge.

use std::collections::{BTreeMap, HashMap};

use crate::event_time::EventTime;
use crate::shard::{AlreadyHashed, KeyHash, SHARDS};

/// The values of the group columns.
pub(crate) type GroupValues = Box<[Option<Box<str>>]>;

/// A partial aggregate. Two partials of the same window and group merge into one, in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Partial {
    pub count: u64,
}

impl Partial {
    pub(crate) fn merge(&mut self, other: Partial) {
        self.count += other.count;
    }
}

/// A group within a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub values: GroupValues,
    pub partial: Partial,
}

/// One window's partial aggregate of one group, as state files and closed windows hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WindowRow {
    pub start: i64,
    pub hash: KeyHash,
    pub group: Group,
}

impl WindowRow {
    /// Bytes of the group's values.
    pub(crate) fn text_bytes(&self) -> usize {
        self.group.values.iter().flatten().map(|text| text.len()).sum()
    }
}

type Groups = HashMap<u128, Group, AlreadyHashed>;

/// Partial aggregates of one part of an epoch.
#[derive(Debug, Default)]
pub(crate) struct Partials {
    windows: BTreeMap<i64, Groups>,
}

impl Partials {
    /// Counts one row; `values` is asked only for a group that is new here.
    pub(crate) fn count(&mut self, start: i64, hash: KeyHash, values: impl FnOnce() -> GroupValues) {
        let groups = self.windows.entry(start).or_default();
        let group = groups.entry(hash.0).or_insert_with(|| Group {
            values: values(),
            partial: Partial::default(),
        });
        group.partial.merge(Partial { count: 1 });
    }

    /// Takes in the partials of another part.
    pub(crate) fn merge(&mut self, other: Partials) {
        for (start, groups) in other.windows {
            merge_groups(self.windows.entry(start).or_default(), groups);
        }
    }

    pub(crate) fn into_rows(self) -> impl Iterator<Item = WindowRow> {
        let rows = |(start, groups): (i64, Groups)| {
            groups.into_iter().map(move |(hash, group)| WindowRow {
                start,
                hash: KeyHash(hash),
                group,
            })
        };
        self.windows.into_iter().flat_map(rows)
    }
}

fn merge_groups(into: &mut Groups, from: Groups) {
    for (hash, group) in from {
        merge_group(into, hash, group);
    }
}

fn merge_group(into: &mut Groups, hash: u128, group: Group) {
    match into.entry(hash) {
        std::collections::hash_map::Entry::Occupied(mut entry) => {
            entry.get_mut().partial.merge(group.partial)
        }
        std::collections::hash_map::Entry::Vacant(entry) => {
            entry.insert(group);
        }
    }
}

/// The open windows of a derived table, in hash shards of their groups.
#[derive(Debug)]
pub(crate) struct Windows {
    /// In microseconds.
    width: i64,
    shards: Vec<BTreeMap<i64, Groups>>,
}

impl Windows {
    pub(crate) fn new(width: i64) -> Self {
        Self {
            width,
            shards: (0..SHARDS).map(|_| BTreeMap::new()).collect(),
        }
    }

    /// Merges a partial aggregate into its window.
    pub(crate) fn merge(&mut self, row: WindowRow) {
        let groups = self.shards[row.hash.shard()].entry(row.start).or_default();
        merge_group(groups, row.hash.0, row.group);
    }

    /// Takes out the windows that end at or below the source table's watermark, in the order of
    /// start and group.
    pub(crate) fn close(&mut self, watermark: EventTime) -> Vec<WindowRow> {
        // The first start whose window stays open.
        let open_from = watermark.0.saturating_sub(self.width).saturating_add(1);
        let mut closed = Vec::new();
        for shard in &mut self.shards {
            let open = shard.split_off(&open_from);
            for (start, groups) in std::mem::replace(shard, open) {
                let row = |(hash, group)| WindowRow {
                    start,
                    hash: KeyHash(hash),
                    group,
                };
                closed.extend(groups.into_iter().map(row));
            }
        }
        closed.sort_by(|a, b| (a.start, &a.group.values).cmp(&(b.start, &b.group.values)));
        closed
    }

    /// Rows counted in open windows.
    pub(crate) fn open_count(&self) -> u64 {
        self.groups().map(|(_, _, group)| group.partial.count).sum()
    }

    /// Groups in open windows.
    pub(crate) fn len(&self) -> usize {
        self.shards
            .iter()
            .flat_map(BTreeMap::values)
            .map(HashMap::len)
            .sum()
    }

    /// All partial aggregates, in the order of shards and windows.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (i64, KeyHash, &Group)> {
        self.shards.iter().flatten().flat_map(|(&start, groups)| {
            groups
                .iter()
                .map(move |(&hash, group)| (start, KeyHash(hash), group))
        })
    }
}

#[cfg(test)]
mod tests;
