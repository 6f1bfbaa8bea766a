//! What waits for something else to happen.

use std::collections::BTreeMap;

use cluster::Token;

use super::asked::Asked;
use crate::handlers::init_producer_id::ProducerIds;
use crate::purgatory::{Purgatory, WaitingDeletion, WaitingFetch, WaitingProduce};

/// All requests that can't be answered yet.
#[derive(Default)]
pub(super) struct Waits {
    pub(super) fetches: Purgatory<WaitingFetch>,
    /// Bytes that Fetch responses may still hold together; `None` for any number.
    pub(super) fetch_room: Option<usize>,
    pub(super) produces: Purgatory<WaitingProduce>,
    pub(super) deletions: Purgatory<WaitingDeletion>,
    /// Those with `acks=1` whose records aren't synced yet.
    pub(super) unsynced: Purgatory<WaitingProduce>,
    /// Requests that wait for the controller.
    pub(super) asked: BTreeMap<Token, Asked>,
    last_token: u64,
    pub(super) producer_ids: ProducerIds,
}

impl Waits {
    /// Names a request to the controller.
    pub(super) fn token(&mut self, asked: Asked) -> Token {
        self.last_token += 1;
        let token = Token(self.last_token);
        self.asked.insert(token, asked);
        token
    }

    /// When the first of them may wait no longer.
    pub(super) fn next_deadline(&self) -> Option<cluster::Millis> {
        let deadlines = [
            self.fetches.next_deadline(),
            self.produces.next_deadline(),
            self.deletions.next_deadline(),
            self.unsynced.next_deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }
}
