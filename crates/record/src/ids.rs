//! The numbers of Kafka, each a type of its own, so that none can be taken for another.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    };
}

number! {
    /// Position of a record in its partition.
    Offset(i64)
}
number! {
    /// Counts the leaders of one partition; -1 where unknown.
    LeaderEpoch(i32)
}
number! {
    /// A broker of the cluster (`node.id`); -1 stands for none.
    BrokerId(i32)
}
number! {
    /// Counts the registrations of one broker; -1 where unknown.
    BrokerEpoch(i64)
}
number! {
    /// An idempotent or transactional producer; -1 for a producer that is neither.
    ProducerId(i64)
}
number! {
    /// Fences older incarnations of the same producer; -1 where there is none.
    ProducerEpoch(i16)
}
number! {
    /// Counts the records of one producer in one partition; wraps from `i32::MAX` to 0.
    Sequence(i32)
}
number! {
    /// A partition of a topic, counted from 0.
    PartitionIndex(i32)
}
number! {
    /// Milliseconds since 1970-01-01T00:00:00Z; -1 where unknown.
    Timestamp(i64)
}

/// Identity of a topic (KIP-516). A topic that is deleted and created again gets another.
///
/// Shown as Kafka does: 22 characters of URL-safe base64 without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TopicId(pub uuid::Uuid);

impl Offset {
    /// The offset `count` records further.
    #[must_use]
    pub fn plus(self, count: i64) -> Self {
        Self(self.0 + count)
    }
}

impl Sequence {
    /// The sequence `count` records further, wrapping as Kafka's does.
    #[must_use]
    pub fn plus(self, count: i32) -> Self {
        let sum = i64::from(self.0) + i64::from(count);
        Self((sum % (i64::from(i32::MAX) + 1)) as i32)
    }
}
