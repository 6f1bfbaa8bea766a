//! FindCoordinator (10): there are no groups and no transactions yet, and clients are told so.
//!
//! For a group the answer is retriable: consumers with `assign()` and explicit offsets don't need the
//! coordinator and go on, the others wait and say why. For a transactional id it is the one error that
//! ends every client's attempt at once.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

pub(crate) fn answer(request: FindCoordinatorRequest, version: i16) -> FindCoordinatorResponse {
    let (error, message) = match request.key_type {
        GROUP => (
            ResponseError::CoordinatorNotAvailable,
            "consumer groups are not there yet; assign partitions and start offsets explicitly",
        ),
        TRANSACTION => (
            ResponseError::TransactionalIdAuthorizationFailed,
            "transactions are not there yet; use an idempotent producer without transactional.id",
        ),
        _ => (
            ResponseError::InvalidRequest,
            "coordinators of this type are not there",
        ),
    };
    let message = Some(StrBytes::from_static_str(message));
    if version < 4 {
        return FindCoordinatorResponse::default()
            .with_error_code(error.code())
            .with_error_message(message)
            .with_node_id((-1).into())
            .with_port(-1);
    }
    let coordinators = request.coordinator_keys.into_iter().map(|key| {
        Coordinator::default()
            .with_key(key)
            .with_error_code(error.code())
            .with_error_message(message.clone())
            .with_node_id((-1).into())
            .with_port(-1)
    });
    FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
}
