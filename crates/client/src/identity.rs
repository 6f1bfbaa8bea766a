//! Producer ids: what a broker knows an idempotent producer by.

use kafka_protocol::messages::InitProducerIdRequest;
use record::{ProducerEpoch, ProducerId};

use crate::{Client, ClientError, ErrorCode, ServerError};

const NO_TRANSACTION_TIMEOUT_MS: i32 = i32::MAX;

impl Client {
    /// A new producer id, with its first epoch.
    ///
    /// A [`Producer`](crate::Producer) asks for one by itself. Who keeps it over a crash can fence what its
    /// dead predecessor may still have on the way: a producer with the same id and a higher epoch
    /// (`ProducerOptions::identity`) makes each partition that it writes to refuse the lower one.
    ///
    /// # Errors
    /// Where no broker answers or the cluster refuses; [`ClientError::is_retriable`] tells whether it may
    /// do so later.
    pub async fn new_producer_id(&self) -> Result<(ProducerId, ProducerEpoch), ClientError> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(NO_TRANSACTION_TIMEOUT_MS)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        let response = self.ask_any(&request, self.options().request_timeout).await?;
        let refused = ServerError::from_code(response.error_code, None);
        match refused.map(retriable_while_starting) {
            None => Ok((
                ProducerId(response.producer_id.0),
                ProducerEpoch(response.producer_epoch),
            )),
            Some(error) => Err(ClientError::Refused {
                what: "a producer id".to_owned(),
                error,
            }),
        }
    }
}

/// A cluster that is starting or changing its controller may answer with these.
fn retriable_while_starting(error: ServerError) -> ServerError {
    match error.code {
        ErrorCode::BrokerNotAvailable | ErrorCode::UnknownServerError => ServerError {
            code: ErrorCode::CoordinatorNotAvailable,
            message: Some(error.to_string()),
        },
        _ => error,
    }
}
