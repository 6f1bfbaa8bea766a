//! What the node decides is done in its order; what can't be written holds up all that follows.

use cluster::{Action, ControllerReply, ControllerRequest, Entry, Event, Index, PeerMessage, Token};
use disk::Disk;

use super::asked::Asked;
use super::{Executor, SPACE_WARNING};
use crate::peer_wire::{self, AskKind};
use crate::quorum_store::PersistError;
use crate::{Clock, Output};

impl<D: Disk> Executor<D> {
    /// Asks the controller on behalf of a client.
    pub(super) fn ask(
        &mut self,
        request: ControllerRequest,
        asked: Asked,
        now: Clock,
        out: &mut Vec<Output>,
    ) {
        self.submit(asked, |token| Event::Request { token, request }, now, out);
    }

    /// Tells the node of a request, unless what comes of it can't be written now.
    pub(super) fn submit(
        &mut self,
        asked: Asked,
        request: impl FnOnce(Token) -> Event,
        now: Clock,
        out: &mut Vec<Output>,
    ) {
        let refused = no_space(&asked).filter(|_| !self.held.is_empty());
        let token = self.waits.token(asked);
        match refused {
            None => self.tell(request(token), now, out),
            Some(reply) => self.on_answer(token, reply, out),
        }
    }

    /// While there is no space for the metadata log nobody who waits for the controller could be told more.
    pub(super) fn refuse_all_asked(&mut self, out: &mut Vec<Output>) {
        let asked = self.waits.asked.iter();
        let replies: Vec<(Token, ControllerReply)> = asked
            .filter_map(|(token, asked)| Some((*token, no_space(asked)?)))
            .collect();
        for (token, reply) in replies {
            self.on_answer(token, reply, out);
        }
        // What comes of it later is told to nobody.
        let asked = &self.waits.asked;
        self.held.retain(|action| match action {
            Action::Answer { token, .. } => asked.contains_key(token),
            _ => true,
        });
    }

    /// Tells the node, and does what it wants.
    pub(super) fn tell(&mut self, event: Event, now: Clock, out: &mut Vec<Output>) {
        // While entries can't be written the quorum may lose messages of this broker, as if it were
        // slow; what others wait for is kept.
        if !self.held.is_empty() && matches!(event, Event::Peer { .. }) {
            return;
        }
        let ready = self.held.is_empty();
        self.held.extend(self.node.on(event, now.monotonic));
        if ready {
            self.execute(now, out);
        }
    }

    pub(super) fn execute(&mut self, now: Clock, out: &mut Vec<Output>) {
        while let Some(action) = self.held.pop_front() {
            match action {
                Action::Persist {
                    truncate_from,
                    entries,
                    hard_state,
                } => {
                    let done =
                        self.quorum
                            .persist(&self.folder, truncate_from, &entries, hard_state, now.wall);
                    let again = Action::Persist {
                        truncate_from,
                        entries,
                        hard_state,
                    };
                    if !self.is_durable(done, again, now, out) {
                        return;
                    }
                }
                Action::Snapshot { snapshot, log_start } => {
                    let done = self.keep_snapshot(&snapshot, log_start, now);
                    if !self.is_durable(done, Action::Snapshot { snapshot, log_start }, now, out) {
                        return;
                    }
                }
                Action::Send { to, message } => {
                    if self.node.is_connected(to) {
                        self.send_raft(to, &message, out);
                    }
                }
                Action::Ask { to, token, request } => self.ask_peer(to, token, &request, now, out),
                Action::Answer { token, reply } => self.on_answer(token, reply, out),
                Action::Changed(change) => self.on_change(&change, now, out),
                Action::Halt(e) => {
                    self.held.clear();
                    out.push(Output::Stop(e.into()));
                    return;
                }
            }
        }
    }

    /// Whether what follows may be done. If not, `again` is tried with the next tick, or the broker stops.
    pub(super) fn is_durable(
        &mut self,
        done: Result<(), PersistError>,
        again: Action,
        now: Clock,
        out: &mut Vec<Output>,
    ) -> bool {
        match done {
            Ok(()) => return true,
            Err(PersistError::NotNow(what)) => {
                if now.monotonic >= self.schedule.space_warning {
                    self.schedule.space_warning = now.monotonic.plus(SPACE_WARNING);
                    tracing::warn!("the metadata log can't be written now ({what}); trying again");
                }
            }
            Err(PersistError::Failed(e)) => out.push(Output::Stop(e)),
        }
        self.held.push_front(again);
        false
    }

    pub(super) fn keep_snapshot(
        &mut self,
        snapshot: &Entry,
        log_start: Index,
        now: Clock,
    ) -> Result<(), PersistError> {
        let is_own = log_start <= snapshot.index;
        let (entry, bytes) = (snapshot.index.0, snapshot.data.len());
        match self.quorum.snapshot(&self.folder, snapshot, log_start, now.wall) {
            Ok(()) if is_own => {
                tracing::info!(
                    entry,
                    bytes,
                    log_start = log_start.0,
                    "made a snapshot of the metadata"
                );
            }
            Ok(()) => tracing::info!(entry, bytes, "took the controller's snapshot of the metadata"),
            // What is left to delete could not be, if the broker waited for space here.
            Err(PersistError::NotNow(what)) if is_own => {
                tracing::warn!(
                    "no snapshot of the metadata was made ({what}); their log grows until the next"
                );
            }
            Err(e) => return Err(e),
        }
        Ok(())
    }

    pub(super) fn send_raft(&self, to: record::BrokerId, message: &PeerMessage, out: &mut Vec<Output>) {
        let frame = peer_wire::encode_raft(message);
        if frame.len() > peer_wire::MAX_FRAME {
            // The peer would close the connection, again and again.
            let bytes = frame.len();
            tracing::error!(
                broker = to.0,
                bytes,
                "the metadata are too large to be sent to a broker that lags behind"
            );
            return;
        }
        out.push(Output::PeerFrame { to, frame });
    }

    pub(super) fn ask_peer(
        &mut self,
        to: record::BrokerId,
        token: Token,
        request: &ControllerRequest,
        now: Clock,
        out: &mut Vec<Output>,
    ) {
        let reply = if self.node.is_connected(to) {
            let correlation_id = self.peers.on_ask(to, token, request, now.monotonic);
            let frame = peer_wire::encode_request(correlation_id, request);
            if frame.len() <= peer_wire::MAX_FRAME {
                out.push(Output::PeerFrame { to, frame });
                return;
            }
            // The peer would close the connection, again and again.
            self.peers.on_response(to, correlation_id);
            peer_wire::too_long()
        } else {
            ControllerReply::lost()
        };
        let event = Event::PeerReply { token, reply };
        self.held.extend(self.node.on(event, now.monotonic));
    }
}

/// What is told while there is no space for the metadata log; what was asked for may still be done later.
/// Brokers that live are heard even so, and what else they ask they ask again, perhaps of another controller.
fn no_space(asked: &Asked) -> Option<ControllerReply> {
    match asked {
        Asked::Peer {
            kind: AskKind::Heartbeat,
            ..
        } => None,
        Asked::Peer { .. } => Some(ControllerReply::lost()),
        _ => Some(ControllerReply::Refused(cluster::Refusal::new(
            cluster::ErrorCode::RequestTimedOut,
            "the broker can't write its metadata log now: make space on its disk and try again",
        ))),
    }
}
