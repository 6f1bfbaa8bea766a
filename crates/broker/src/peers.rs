//! What this broker has asked others.

use std::collections::BTreeMap;

use cluster::{ControllerReply, ControllerRequest, Token};
use record::BrokerId;

use crate::peer_wire::AskKind;

/// A question to another broker that is not answered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ask {
    to: BrokerId,
    token: Token,
    kind: AskKind,
}

/// What was asked over the connections to other brokers.
#[derive(Debug)]
pub(crate) struct Peers {
    asks: BTreeMap<i32, Ask>,
    last_correlation_id: i32,
}

impl Peers {
    pub(crate) fn new(last_correlation_id: i32) -> Self {
        Self {
            asks: BTreeMap::new(),
            last_correlation_id,
        }
    }

    /// Gives what will never be answered.
    pub(crate) fn on_lost(&mut self, peer: BrokerId) -> Vec<(Token, ControllerReply)> {
        let lost: Vec<i32> = self
            .asks
            .iter()
            .filter(|(_, ask)| ask.to == peer)
            .map(|(id, _)| *id)
            .collect();
        let lost = lost.into_iter().filter_map(|id| self.asks.remove(&id));
        lost.map(|ask| (ask.token, ControllerReply::lost())).collect()
    }

    /// A correlation id that nobody else has.
    pub(crate) fn next_correlation_id(&mut self) -> i32 {
        self.last_correlation_id = self.last_correlation_id.wrapping_add(1);
        self.last_correlation_id
    }

    /// Takes note of a question; gives the correlation id for its frame.
    pub(crate) fn on_ask(&mut self, to: BrokerId, token: Token, request: &ControllerRequest) -> i32 {
        let kind = AskKind::of(request);
        let correlation_id = self.next_correlation_id();
        self.asks.insert(correlation_id, Ask { to, token, kind });
        correlation_id
    }

    /// What a response of `from` answers; `None` for one that nobody waits for.
    pub(crate) fn on_response(&mut self, from: BrokerId, correlation_id: i32) -> Option<(Token, AskKind)> {
        let ask = self
            .asks
            .get(&correlation_id)
            .filter(|ask| ask.to == from)
            .copied()?;
        self.asks.remove(&correlation_id);
        Some((ask.token, ask.kind))
    }
}
