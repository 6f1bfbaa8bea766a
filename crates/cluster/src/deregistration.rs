//! Brokers that leave the cluster for good.

use record::BrokerId;

use crate::metadata_record::MetadataRecord;
use crate::reign::View;
use crate::{ControllerReply, ErrorCode, Metadata, Refusal};

/// The record that forgets a broker (Kafka's UnregisterBroker), and the reply once it is committed.
///
/// Stricter than Kafka: one that is alive would register again, and one that holds partitions may have the only
/// copy.
pub(crate) fn unregister(broker: BrokerId, view: &View<'_>) -> (Vec<MetadataRecord>, ControllerReply) {
    match check(broker, view.metadata) {
        Ok(()) => (
            vec![MetadataRecord::UnregisterBroker { broker }],
            ControllerReply::Unregistered,
        ),
        Err(refusal) => (Vec::new(), ControllerReply::Refused(refusal)),
    }
}

fn check(id: BrokerId, metadata: &Metadata) -> Result<(), Refusal> {
    let Some(broker) = metadata.brokers.get(&id) else {
        let message = format!("broker {id} isn't registered");
        return Err(Refusal::new(ErrorCode::BrokerIdNotRegistered, message));
    };
    if !broker.fenced {
        let message = format!("broker {id} is alive: stop it first");
        return Err(Refusal::new(ErrorCode::InvalidRequest, message));
    }
    let partitions = metadata.topics.values().flat_map(|topic| &topic.partitions);
    let held = partitions
        .filter(|partition| partition.replicas.contains(&id))
        .count();
    if held > 0 {
        let message = format!("broker {id} holds {held} partitions: move them to others first");
        return Err(Refusal::new(ErrorCode::InvalidRequest, message));
    }
    Ok(())
}
