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
as_number!(offset, Offset, i64);
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

/// Lists of brokers, or none.
pub(crate) mod maybe_broker_ids {
    use record::BrokerId;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &Option<Vec<BrokerId>>, s: S) -> Result<S::Ok, S::Error> {
        let ids = value
            .as_ref()
            .map(|ids| ids.iter().map(|id| id.0).collect::<Vec<_>>());
        ids.serialize(s)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<BrokerId>>, D::Error> {
        let ids = Option::<Vec<i32>>::deserialize(d)?;
        Ok(ids.map(|ids| ids.into_iter().map(BrokerId).collect()))
    }
}

/// Brokers with their epochs.
pub(crate) mod brokers_and_epochs {
    use record::{BrokerEpoch, BrokerId};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        value: &[(BrokerId, BrokerEpoch)],
        s: S,
    ) -> Result<S::Ok, S::Error> {
        s.collect_seq(value.iter().map(|(id, epoch)| (id.0, epoch.0)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Vec<(BrokerId, BrokerEpoch)>, D::Error> {
        let pairs = Vec::<(i32, i64)>::deserialize(d)?;
        Ok(pairs
            .into_iter()
            .map(|(id, epoch)| (BrokerId(id), BrokerEpoch(epoch)))
            .collect())
    }
}

/// A broker epoch or none.
pub(crate) mod maybe_broker_epoch {
    use record::BrokerEpoch;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &Option<BrokerEpoch>, s: S) -> Result<S::Ok, S::Error> {
        value.map(|epoch| epoch.0).serialize(s)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<BrokerEpoch>, D::Error> {
        Ok(Option::<i64>::deserialize(d)?.map(BrokerEpoch))
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
