//! Control records: what transactions and the quorum write between the users' records.

/// What a control record says (`ControlRecordType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlType {
    /// The producer's transaction ends here, aborted.
    Abort,
    /// The producer's transaction ends here, committed.
    Commit,
    /// Any other number; Kafka's quorum uses 2 to 6.
    Other(i16),
}

/// Key and value of a control record that ends a transaction (`EndTransactionMarker`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlRecord {
    /// What it says.
    pub kind: ControlType,
    /// Epoch of the transaction coordinator that wrote it; 0 where there is none.
    pub coordinator_epoch: i32,
}

impl ControlRecord {
    /// Reads key and value of a control record; `None` where they are malformed.
    #[must_use]
    pub fn parse(key: &[u8], value: &[u8]) -> Option<Self> {
        let (_version, rest) = key.split_first_chunk::<2>()?;
        let kind = match i16::from_be_bytes(*rest.first_chunk()?) {
            0 => ControlType::Abort,
            1 => ControlType::Commit,
            other => ControlType::Other(other),
        };
        let coordinator_epoch = match kind {
            ControlType::Other(_) => 0,
            ControlType::Abort | ControlType::Commit => i32::from_be_bytes(*value.get(2..)?.first_chunk()?),
        };
        Some(Self {
            kind,
            coordinator_epoch,
        })
    }

    /// The key as it is stored.
    #[must_use]
    pub fn key(&self) -> [u8; 4] {
        let kind = match self.kind {
            ControlType::Abort => 0,
            ControlType::Commit => 1,
            ControlType::Other(other) => other,
        };
        let [high, low] = kind.to_be_bytes();
        [0, 0, high, low]
    }

    /// The value as it is stored.
    #[must_use]
    pub fn value(&self) -> [u8; 6] {
        let [a, b, c, d] = self.coordinator_epoch.to_be_bytes();
        [0, 0, a, b, c, d]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_round_trip_and_garbage_is_refused() {
        for kind in [ControlType::Abort, ControlType::Commit] {
            let marker = ControlRecord {
                kind,
                coordinator_epoch: 7,
            };
            assert_eq!(ControlRecord::parse(&marker.key(), &marker.value()), Some(marker));
        }
        assert_eq!(
            ControlRecord::parse(&[0, 0, 0, 3], b""),
            Some(ControlRecord {
                kind: ControlType::Other(3),
                coordinator_epoch: 0
            })
        );
        assert_eq!(ControlRecord::parse(&[0, 0, 0], b""), None);
        assert_eq!(ControlRecord::parse(&[0, 0, 0, 1], &[0, 0, 0]), None);
    }
}
