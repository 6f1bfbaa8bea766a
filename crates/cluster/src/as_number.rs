//! How Kafka's numbers stand in JSON: as plain numbers, topic ids as text.

macro_rules! as_number {
    ($name:ident, $type:ident, $inner:ty) => {
        pub(crate) mod $name {
            use record::$type;
            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            pub(crate) fn serialize<S: Serializer>(value: &$type, s: S) -> Result<S::Ok, S::Error> {
                value.0.serialize(s)
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<$type, D::Error> {
                <$inner>::deserialize(d).map($type)
            }
        }
    };
}

as_number!(broker_id, BrokerId, i32);
as_number!(broker_epoch, BrokerEpoch, i64);
as_number!(leader_epoch, LeaderEpoch, i32);
as_number!(partition_index, PartitionIndex, i32);
as_number!(producer_id, ProducerId, i64);
as_number!(topic_id, TopicId, uuid::Uuid);

/// Lists of brokers.
pub(crate) mod broker_ids {
    use record::BrokerId;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &[BrokerId], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(value.iter().map(|id| id.0))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<BrokerId>, D::Error> {
        Ok(Vec::<i32>::deserialize(d)?.into_iter().map(BrokerId).collect())
    }
}

/// A broker or none.
pub(crate) mod maybe_broker {
    use record::BrokerId;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &Option<BrokerId>, s: S) -> Result<S::Ok, S::Error> {
        value.map(|id| id.0).serialize(s)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<BrokerId>, D::Error> {
        Ok(Option::<i32>::deserialize(d)?.map(BrokerId))
    }
}
