//! InitProducerId (22): ids for idempotent producers, from blocks that the controller hands out.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};
use record::ProducerId;

use crate::RequestId;

/// The ids that this broker may still give away, and who waits for the next block.
#[derive(Debug, Default)]
pub(crate) struct ProducerIds {
    next: i64,
    left: i32,
    asked: bool,
    waiting: Vec<RequestId>,
}

/// What an InitProducerId leads to.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Answer.
    Done(InitProducerIdResponse),
    /// It waits for a block that was asked for.
    Waits,
    /// It waits, and a block must be asked for.
    AskForBlock,
}

impl ProducerIds {
    pub(crate) fn on_request(&mut self, id: RequestId, request: &InitProducerIdRequest) -> Outcome {
        if request.transactional_id.as_ref().is_some_and(|id| !id.is_empty()) {
            return Outcome::Done(refuse(ResponseError::TransactionalIdAuthorizationFailed.code()));
        }
        if request.transactional_id.is_some() {
            return Outcome::Done(refuse(ResponseError::InvalidRequest.code()));
        }
        // Without a transactional id any id and epoch that came along are ignored, as Kafka does.
        if let Some(producer) = self.take() {
            return Outcome::Done(grant(producer));
        }
        self.waiting.push(id);
        if std::mem::replace(&mut self.asked, true) {
            Outcome::Waits
        } else {
            Outcome::AskForBlock
        }
    }

    /// A block has come.
    pub(crate) fn on_block(
        &mut self,
        first: ProducerId,
        count: i32,
    ) -> Vec<(RequestId, InitProducerIdResponse)> {
        self.asked = false;
        (self.next, self.left) = (first.0, count);
        let waiting = std::mem::take(&mut self.waiting);
        let later = ResponseError::CoordinatorLoadInProgress.code();
        waiting
            .into_iter()
            .map(|id| (id, self.take().map_or_else(|| refuse(later), grant)))
            .collect()
    }

    /// No block has come; clients retry.
    pub(crate) fn on_refused(&mut self) -> Vec<(RequestId, InitProducerIdResponse)> {
        self.asked = false;
        let later = ResponseError::CoordinatorLoadInProgress.code();
        std::mem::take(&mut self.waiting)
            .into_iter()
            .map(|id| (id, refuse(later)))
            .collect()
    }

    pub(crate) fn on_gone(&mut self, connection: u64) {
        self.waiting.retain(|id| id.connection != connection);
    }

    fn take(&mut self) -> Option<ProducerId> {
        if self.left == 0 {
            return None;
        }
        let id = self.next;
        self.next += 1;
        self.left -= 1;
        Some(ProducerId(id))
    }
}

fn grant(producer: ProducerId) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_producer_id(producer.0.into())
        .with_producer_epoch(0)
}

fn refuse(code: i16) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_error_code(code)
        .with_producer_id((-1).into())
        .with_producer_epoch(-1)
}
