//! The connections with other brokers, as far as they tell who lives.

use std::collections::BTreeMap;

use record::BrokerId;

use crate::Millis;

/// Who is connected, and since when others are not.
#[derive(Debug, Default)]
pub(crate) struct Links {
    links: BTreeMap<BrokerId, Link>,
}

#[derive(Debug, Default)]
struct Link {
    connected: bool,
    /// When it was lost last.
    lost_at: Option<Millis>,
}

impl Links {
    pub(crate) fn connected(&mut self, peer: BrokerId) {
        self.links.entry(peer).or_default().connected = true;
    }

    /// Repeated refusals don't move the time of the loss.
    pub(crate) fn lost(&mut self, peer: BrokerId, now: Millis) {
        let link = self.links.entry(peer).or_default();
        if link.connected || link.lost_at.is_none() {
            link.lost_at = Some(now);
        }
        link.connected = false;
    }

    pub(crate) fn is_connected(&self, peer: BrokerId) -> bool {
        self.links.get(&peer).is_some_and(|link| link.connected)
    }

    /// For how long the peer has been out of reach, counted from `since` at the earliest; `None`
    /// while it is connected.
    pub(crate) fn gone_for(&self, peer: BrokerId, since: Millis, now: Millis) -> Option<Millis> {
        match self.links.get(&peer) {
            Some(link) if link.connected => None,
            Some(Link {
                lost_at: Some(lost_at),
                ..
            }) => Some(now.since(since.max(*lost_at))),
            _ => Some(now.since(since)),
        }
    }

    /// Whether the connection broke at or after `moment`, also if there is another one now.
    pub(crate) fn was_lost_since(&self, peer: BrokerId, moment: Millis) -> bool {
        self.links
            .get(&peer)
            .is_none_or(|link| link.lost_at.is_some_and(|lost_at| lost_at >= moment))
    }
}
