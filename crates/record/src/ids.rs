//! The numbers of Kafka, each a type of its own, so that none can be taken for another.

use std::fmt;
use std::str::FromStr;

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

const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0.as_u128();
        let mut text = [0; 22];
        for (i, letter) in text.iter_mut().enumerate() {
            // 21 letters of six bits, and the last two bits in front of four zeros.
            let six = if i < 21 { bits >> (122 - 6 * i) } else { bits << 4 };
            *letter = BASE64_URL[(six & 0x3f) as usize];
        }
        f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Text that is not a topic id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a topic id: Kafka writes one as 22 characters of URL-safe base64")]
pub struct ParseTopicIdError(String);

impl FromStr for TopicId {
    type Err = ParseTopicIdError;

    fn from_str(text: &str) -> Result<Self, ParseTopicIdError> {
        let wrong = || ParseTopicIdError(text.to_owned());
        let letters: &[u8; 22] = text.as_bytes().try_into().map_err(|_| wrong())?;
        let mut bits = 0_u128;
        for (i, letter) in letters.iter().enumerate() {
            let six = BASE64_URL
                .iter()
                .position(|known| known == letter)
                .ok_or_else(wrong)? as u128;
            if i < 21 {
                bits = bits << 6 | six;
            } else if six & 0x0f == 0 {
                bits = bits << 2 | six >> 4;
            } else {
                return Err(wrong());
            }
        }
        Ok(Self(uuid::Uuid::from_u128(bits)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_ids_read_as_kafka_writes_them() {
        // `Uuid.METADATA_TOPIC_ID` is the number 1 and prints so.
        let metadata = TopicId(uuid::Uuid::from_u128(1));
        assert_eq!(metadata.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        let some = TopicId(uuid::Uuid::from_u128(0xfedc_ba98_7654_3210_0123_4567_89ab_cdef));
        assert_eq!(some.to_string(), "_ty6mHZUMhABI0VniavN7w");
        for id in [
            metadata,
            some,
            TopicId::default(),
            TopicId(uuid::Uuid::from_u128(u128::MAX)),
        ] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn other_texts_are_no_topic_ids() {
        for text in [
            "",
            "AAAAAAAAAAAAAAAAAAAAAR",
            "AAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAA+Q",
            "ü",
        ] {
            assert!(text.parse::<TopicId>().is_err(), "{text}");
        }
    }

    #[test]
    fn sequences_wrap() {
        assert_eq!(Sequence(i32::MAX).plus(1), Sequence(0));
        assert_eq!(Sequence(i32::MAX - 1).plus(3), Sequence(1));
        assert_eq!(Sequence(5).plus(0), Sequence(5));
    }
}
