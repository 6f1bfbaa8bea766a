//! What this broker has asked others.

use std::collections::BTreeMap;

use cluster::{ControllerReply, ControllerRequest, Millis, Token};
use record::BrokerId;

use crate::peer_wire::AskKind;

/// Nobody waits for an answer for longer, whatever timeout a request has.
const LONGEST: Millis = Millis(60_000);

/// A question to another broker that is not answered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ask {
    to: BrokerId,
    token: Token,
    kind: AskKind,
    since: Millis,
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
        let lost = self.asks.extract_if(.., |_, ask| ask.to == peer);
        lost.map(|(_, ask)| (ask.token, ControllerReply::lost()))
            .collect()
    }

    /// Gives what was asked so long ago that the frame, or that of the answer, must have been dropped.
    pub(crate) fn give_up(&mut self, now: Millis) -> Vec<(Token, ControllerReply)> {
        let dropped = self.asks.extract_if(.., |_, ask| now.since(ask.since) > LONGEST);
        dropped
            .map(|(_, ask)| (ask.token, ControllerReply::lost()))
            .collect()
    }

    /// A correlation id that nobody else has.
    pub(crate) fn next_correlation_id(&mut self) -> i32 {
        self.last_correlation_id = self.last_correlation_id.wrapping_add(1);
        self.last_correlation_id
    }

    /// Takes note of a question; gives the correlation id for its frame.
    pub(crate) fn on_ask(
        &mut self,
        to: BrokerId,
        token: Token,
        request: &ControllerRequest,
        since: Millis,
    ) -> i32 {
        let kind = AskKind::of(request);
        let correlation_id = self.next_correlation_id();
        let ask = Ask {
            to,
            token,
            kind,
            since,
        };
        self.asks.insert(correlation_id, ask);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_whose_frames_were_dropped_are_given_up() {
        let (mut peers, to) = (Peers::new(0), BrokerId(2));
        let ask = |peers: &mut Peers, token, at| {
            peers.on_ask(to, Token(token), &ControllerRequest::DescribeQuorum, Millis(at))
        };
        let first = ask(&mut peers, 1, 0);
        let second = ask(&mut peers, 2, 1);
        assert_eq!(peers.give_up(Millis(60_000)), []);
        assert_eq!(
            peers.give_up(Millis(60_001)),
            [(Token(1), ControllerReply::lost())]
        );
        assert_eq!(peers.on_response(to, first), None);
        assert!(peers.on_response(to, second).is_some());
    }
}
