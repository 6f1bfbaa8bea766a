//! This broker as a member of the cluster: registration and signs of life.

use record::{BrokerEpoch, BrokerId};
use uuid::Uuid;

use crate::RegisterBroker;
use crate::{ControllerReply, ControllerRequest, ErrorCode, Heartbeat, Metadata, Millis, Options};

/// How soon a broker asks again while it isn't in service.
const IMPATIENT: Millis = Millis(100);

/// How long a refused broker waits: another process may be about to be fenced.
const REFUSED: Millis = Millis(200);

/// What this broker owes the controller. Whether it is registered stands in the metadata alone.
#[derive(Debug)]
pub(crate) struct Membership {
    id: BrokerId,
    incarnation: Uuid,
    next_at: Millis,
    /// Until when the last confirmed sign of life counts.
    session_until: Option<Millis>,
    pub(crate) wants_shut_down: bool,
    pub(crate) may_shut_down: bool,
}

impl Membership {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            id: options.id,
            incarnation: options.incarnation,
            next_at: Millis(0),
            session_until: None,
            wants_shut_down: false,
            may_shut_down: false,
        }
    }

    /// The epoch of this process, once its registration is committed.
    pub(crate) fn epoch(&self, metadata: &Metadata) -> Option<BrokerEpoch> {
        let broker = metadata.brokers.get(&self.id)?;
        (broker.incarnation == self.incarnation).then_some(broker.epoch)
    }

    pub(crate) fn is_ready(&self, metadata: &Metadata) -> bool {
        let fenced = metadata.brokers.get(&self.id).is_none_or(|b| b.fenced);
        self.epoch(metadata).is_some() && !fenced
    }

    pub(crate) fn has_session(&self, now: Millis) -> bool {
        self.session_until.is_some_and(|until| now < until)
    }

    /// What to tell the controller now, if it is time.
    pub(crate) fn due(
        &mut self,
        options: &Options,
        metadata: &Metadata,
        now: Millis,
    ) -> Option<ControllerRequest> {
        if now < self.next_at {
            return None;
        }
        let hasty = !self.is_ready(metadata) || self.wants_shut_down;
        self.next_at = now.plus(if hasty {
            IMPATIENT
        } else {
            options.heartbeat_interval
        });
        Some(match self.epoch(metadata) {
            Some(broker_epoch) => ControllerRequest::Heartbeat(Heartbeat {
                broker: self.id,
                broker_epoch,
                metadata_index: metadata.applied.0,
                want_shut_down: self.wants_shut_down,
            }),
            None => ControllerRequest::RegisterBroker(RegisterBroker {
                broker: self.id,
                incarnation: self.incarnation,
                cluster_id: options.cluster_id.clone(),
                listeners: options.listeners.clone(),
                clean: options.clean,
            }),
        })
    }

    /// Something changed that makes waiting pointless.
    pub(crate) fn hurry(&mut self, now: Millis) {
        self.next_at = self.next_at.min(now);
    }

    /// Takes in a reply to what was sent at `sent_at`.
    pub(crate) fn replied(
        &mut self,
        reply: &ControllerReply,
        sent_at: Millis,
        now: Millis,
        options: &Options,
    ) {
        match reply {
            ControllerReply::Heartbeat {
                fenced,
                may_shut_down,
                ..
            } => {
                if !fenced {
                    self.session_until = Some(sent_at.plus(options.session_timeout));
                }
                self.may_shut_down |= may_shut_down;
            }
            ControllerReply::Refused(refusal) if refusal.code == ErrorCode::DuplicateBrokerRegistration => {
                self.next_at = now.plus(REFUSED);
            }
            ControllerReply::Refused(_) => self.next_at = now.plus(IMPATIENT),
            _ => {}
        }
    }
}
