use std::collections::BTreeMap;

use record::{Offset, PartitionIndex};

use crate::payload::Payload;
use crate::{EtlError, EventTime};

/// Where each source table stands at one commit, for views.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The source tables, by name.
    pub tables: BTreeMap<String, TableStanding>,
}

/// Where one source table stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStanding {
    /// The topic that it reads.
    pub topic: String,
    /// Its watermark; none until each partition had an event or is idle.
    pub watermark: Option<EventTime>,
    /// The next offset to read, by partition.
    pub next_offsets: BTreeMap<PartitionIndex, Offset>,
}

impl Standing {
    /// Reads it from the application payload of a lake commit.
    ///
    /// # Errors
    /// [`EtlError::Payload`] if it isn't the payload of an ETL that this binary understands.
    pub fn from_payload(payload: &str) -> Result<Self, EtlError> {
        let tables = Payload::parse(payload)?
            .sources
            .into_iter()
            .map(|(table, source)| {
                let next = source
                    .partitions
                    .iter()
                    .map(|(&index, p)| (PartitionIndex(index), Offset(p.next_offset)));
                let next_offsets = next.collect();
                let watermark = source.watermark_us.map(EventTime);
                (
                    table,
                    TableStanding {
                        topic: source.declaration.topic,
                        watermark,
                        next_offsets,
                    },
                )
            });
        Ok(Self {
            tables: tables.collect(),
        })
    }
}
