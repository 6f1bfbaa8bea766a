//! A derived table while the ETL runs: open windows over the written rows of its source.

use arrow::array::{Array, ArrayRef, AsArray};

use crate::declaration::{DerivedDeclaration, SourceDeclaration, micros};
use crate::event_time::EventTime;
use crate::payload::{DerivedPayload, StateFile};
use crate::shard::KeyHasher;
use crate::windows::{Partials, WindowRow, Windows};

/// A derived table between two epochs, and while one is on.
pub(crate) struct DerivedTable {
    pub declaration: DerivedDeclaration,
    /// Its source, by its place among the source tables.
    pub source: usize,
    /// The group columns, by their places among the source's declared columns.
    pub group_by: Vec<usize>,
    /// Source rows in closed windows, since the first commit.
    pub closed: u64,
    pub windows: Windows,
    /// What this epoch adds.
    pub epoch: Partials,
    /// The state files of the newest commit.
    pub state: Vec<StateFile>,
}

/// What an epoch changes in a derived table.
pub(crate) struct Closing {
    pub closed: Vec<WindowRow>,
    /// Partial aggregates of this epoch whose windows stay open.
    pub added: Vec<WindowRow>,
}

impl DerivedTable {
    /// The table as the newest commit has it, without its open windows. Both declarations were checked.
    pub(crate) fn new(
        declaration: DerivedDeclaration,
        source: usize,
        of: &SourceDeclaration,
        committed: Option<&DerivedPayload>,
    ) -> Self {
        let group_by = declaration
            .group_by
            .iter()
            .filter_map(|name| of.column(name))
            .map(|(index, _)| index);
        Self {
            source,
            group_by: group_by.collect(),
            closed: committed.map_or(0, |c| c.closed),
            windows: Windows::new(micros(declaration.window)),
            epoch: Partials::default(),
            state: committed.map(|c| c.state.clone()).unwrap_or_default(),
            declaration,
        }
    }

    /// Counts the written rows of one part.
    pub(crate) fn partials(&self, columns: &[ArrayRef], event_times: &[i64], written: &[bool]) -> Partials {
        let width = micros(self.declaration.window);
        let groups: Vec<_> = self
            .group_by
            .iter()
            .map(|&column| columns[column].as_string::<i32>())
            .collect();
        let mut partials = Partials::default();
        let mut hasher = KeyHasher::default();
        for (row, &event_time) in event_times.iter().enumerate() {
            if !written[row] {
                continue;
            }
            hasher.clear();
            for column in &groups {
                if column.is_null(row) {
                    hasher.push_null();
                } else {
                    hasher.push(column.value(row).as_bytes());
                }
            }
            partials.count(EventTime(event_time).floor(width), hasher.finish(), || {
                groups
                    .iter()
                    .map(|column| column.is_valid(row).then(|| column.value(row).into()))
                    .collect()
            });
        }
        partials
    }

    /// Merges this epoch's partials and closes the windows that the source's watermark has passed.
    pub(crate) fn close(&mut self, watermark: Option<EventTime>) -> Closing {
        let width = micros(self.declaration.window);
        let stays_open = |row: &WindowRow| watermark.is_none_or(|w| row.start.saturating_add(width) > w.0);
        let mut added = Vec::new();
        for row in std::mem::take(&mut self.epoch).into_rows() {
            if stays_open(&row) {
                added.push(row.clone());
            }
            self.windows.merge(row);
        }
        let closed = watermark.map(|w| self.windows.close(w)).unwrap_or_default();
        self.closed += closed.iter().map(|row| row.group.partial.count).sum::<u64>();
        Closing { closed, added }
    }

    pub(crate) fn payload(&self, state: Vec<StateFile>) -> DerivedPayload {
        DerivedPayload {
            declaration: self.declaration.clone(),
            closed: self.closed,
            open: self.windows.open_count(),
            state,
        }
    }
}
