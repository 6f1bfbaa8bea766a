//! UnregisterBroker (64): a broker that has stopped and holds nothing is forgotten.

use cluster::ControllerReply;
use kafka_protocol::messages::UnregisterBrokerResponse;
use kafka_protocol::protocol::StrBytes;

use crate::handlers::delete_topics::unexpected;

pub(crate) fn answer(reply: ControllerReply) -> UnregisterBrokerResponse {
    let refusal = match reply {
        ControllerReply::Unregistered => {
            return UnregisterBrokerResponse::default().with_error_message(None);
        }
        ControllerReply::Refused(refusal) => refusal,
        other => unexpected(&other),
    };
    UnregisterBrokerResponse::default()
        .with_error_code(refusal.code.code())
        .with_error_message(Some(StrBytes::from_string(refusal.message)))
}
