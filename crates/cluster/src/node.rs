//! One broker's part in the cluster.

use record::{BrokerEpoch, BrokerId};

use crate::duties::Duties;
use crate::errands::{Asker, Errands, Questions, wants_another_controller};
use crate::links::Links;
use crate::membership::Membership;
use crate::metadata_record::{self, MetadataRecord};
use crate::quorum::{Committed, Quorum};
use crate::reign::{Reign, Requester, View, not_controller};
use crate::{Action, ClusterError, ControllerReply, ControllerRequest, Entry, ErrorCode, Event};
use crate::{Metadata, Millis, Options, Refusal, Restored, Term, Token};

#[cfg(test)]
mod tests;

/// One broker's part in the cluster: voter of the metadata quorum, controller while it leads it,
/// and a member that registers and shows signs of life.
#[derive(Debug)]
pub struct Node {
    options: Options,
    now: Millis,
    quorum: Quorum,
    /// Term of the last applied entry.
    applied_term: Term,
    metadata: Metadata,
    duties: Duties,
    links: Links,
    membership: Membership,
    errands: Errands,
    questions: Questions,
    reign: Option<Reign>,
    halted: bool,
}

impl Node {
    /// A node that starts with what was read back from disk.
    ///
    /// # Errors
    /// Options that can't be, a damaged log, or a snapshot of another version or cluster.
    pub fn new(options: Options, restored: Restored) -> Result<Self, ClusterError> {
        let (metadata, applied_term) = match &restored.snapshot {
            Some(snapshot) => (from_snapshot(snapshot)?, snapshot.term),
            None => (Metadata::default(), Term(0)),
        };
        check_cluster(&options, &metadata)?;
        Ok(Self {
            now: Millis(0),
            quorum: Quorum::new(&options, restored)?,
            applied_term,
            metadata,
            duties: Duties::new(options.id, options.incarnation),
            links: Links::default(),
            membership: Membership::new(&options),
            errands: Errands::default(),
            questions: Questions::default(),
            reign: None,
            halted: false,
            options,
        })
    }

    /// Takes note of an event and says what is to be done. `now` never goes back.
    pub fn on(&mut self, event: Event, now: Millis) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.halted {
            return actions;
        }
        self.now = self.now.max(now);
        match event {
            Event::Tick => self.quorum.tick(),
            Event::Peer { from, message } => self.quorum.step(from, message, self.now),
            Event::PeerConnected(peer) => {
                self.links.connected(peer);
                self.errands.hurry(self.now);
                self.membership.hurry(self.now);
            }
            Event::PeerLost(peer) => {
                self.links.lost(peer, self.now);
                self.quorum.unreachable(peer);
            }
            Event::Request { token, request } => self.accept(token, request, &mut actions),
            Event::PeerRequest { from, token, request } => {
                if let Some(reply) = self.serve_peer(from, token, request) {
                    actions.push(Action::Answer { token, reply });
                }
            }
            Event::PeerReply { token, reply } => {
                if let Some(question) = self.questions.replied(token) {
                    let requester = match question.asker {
                        Asker::Errand(token) => Requester::Errand(token),
                        Asker::Membership => Requester::Membership,
                    };
                    self.reply(requester, reply, question.at, &mut actions);
                }
            }
        }
        self.settle(&mut actions);
        actions
    }

    /// The committed metadata.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Whether this broker is the controller, and has applied everything of its predecessors.
    #[must_use]
    pub fn is_controller(&self) -> bool {
        self.reign.is_some()
    }

    /// The newest term that this broker knows of.
    #[must_use]
    pub fn term(&self) -> Term {
        self.quorum.term()
    }

    /// The broker epoch of this process, once its registration is committed.
    #[must_use]
    pub fn broker_epoch(&self) -> Option<BrokerEpoch> {
        self.membership.epoch(&self.metadata)
    }

    /// Whether this process is registered and not fenced: clients may be told it is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.membership.is_ready(&self.metadata)
    }

    /// Whether the controller has confirmed a sign of life within the session timeout. Without it
    /// a leader must refuse writes: the controller may have given its partitions away.
    #[must_use]
    pub fn has_session(&self, now: Millis) -> bool {
        self.membership.has_session(now)
    }

    /// Whether there is a connection with this broker, as it was told.
    #[must_use]
    pub fn is_connected(&self, peer: BrokerId) -> bool {
        self.links.is_connected(peer)
    }

    /// Whether clients had better not be sent to this broker: the controller has fenced it, or there is no
    /// controller that could and it has been out of reach for as long as would fence it.
    #[must_use]
    pub fn counts_as_dead(&self, broker: BrokerId) -> bool {
        let fenced = self.metadata.brokers.get(&broker).is_none_or(|b| b.fenced);
        let gone = || self.links.gone_for(broker, Millis(0), self.now);
        let abandoned = broker != self.options.id && self.metadata.controller.is_none();
        fenced || (abandoned && gone().is_some_and(|gone| gone >= self.options.lost_connection))
    }

    /// Tells the controller with the next heartbeats that this broker wants to stop; once it may,
    /// [`Node::may_shut_down`] says so.
    pub fn want_shut_down(&mut self) {
        self.membership.wants_shut_down = true;
        self.membership.hurry(self.now);
    }

    /// Whether the controller has taken away all leaderships of this broker, as it wanted.
    #[must_use]
    pub fn may_shut_down(&self) -> bool {
        self.membership.may_shut_down
    }

    fn accept(&mut self, token: Token, request: ControllerRequest, actions: &mut Vec<Action>) {
        let room = match self.errands.len() < self.options.max_waiting {
            true => Ok(()),
            false => {
                let message = "this broker has too many requests waiting for the controller; try again later";
                Err(Refusal::new(ErrorCode::ThrottlingQuotaExceeded, message))
            }
        };
        match room.and_then(|()| request.check_size()) {
            Ok(()) => self.errands.add(token, request, &self.metadata, self.now),
            Err(refusal) => actions.push(Action::Answer {
                token,
                reply: ControllerReply::Refused(refusal),
            }),
        }
    }

    fn serve_peer(
        &mut self,
        from: BrokerId,
        token: Token,
        request: ControllerRequest,
    ) -> Option<ControllerReply> {
        let on_behalf_of = match &request {
            ControllerRequest::RegisterBroker(register) => register.broker,
            ControllerRequest::Heartbeat(heartbeat) => heartbeat.broker,
            ControllerRequest::AllocateProducerIds { broker, .. } => *broker,
            ControllerRequest::AlterPartition(alter) => alter.broker,
            ControllerRequest::ReportReplicas(report) => report.broker,
            ControllerRequest::CreateTopics(_)
            | ControllerRequest::DeleteTopics(_)
            | ControllerRequest::CreatePartitions(_)
            | ControllerRequest::AlterConfigs(_)
            | ControllerRequest::ElectLeaders(_)
            | ControllerRequest::ReassignPartitions(_)
            | ControllerRequest::UnregisterBroker { .. }
            | ControllerRequest::DescribeQuorum => from,
        };
        if on_behalf_of != from {
            let message = format!("broker {from} may not speak for broker {on_behalf_of}");
            let refusal = Refusal::new(ErrorCode::InvalidRequest, message);
            return Some(ControllerReply::Refused(refusal));
        }
        if let Err(refusal) = request.check_size() {
            return Some(ControllerReply::Refused(refusal));
        }
        self.serve(Requester::Peer(token), request)
    }

    /// Gives a request to this broker's own controller.
    fn serve(&mut self, requester: Requester, request: ControllerRequest) -> Option<ControllerReply> {
        let view = View {
            options: &self.options,
            metadata: &self.metadata,
            links: &self.links,
            now: self.now,
            next_voters: None,
        };
        match &mut self.reign {
            Some(_) if request == ControllerRequest::DescribeQuorum => {
                let view = self.quorum.view(self.options.id, self.now);
                Some(ControllerReply::DescribeQuorum(view))
            }
            Some(reign) => reign.take(requester, request, &view),
            None => Some(not_controller()),
        }
    }

    /// Does everything that has become possible.
    fn settle(&mut self, actions: &mut Vec<Action>) {
        loop {
            let mut committed = Vec::new();
            self.quorum.advance(actions, &mut committed);
            for one in committed {
                if let Err(error) = self.apply(one, actions) {
                    self.halted = true;
                    actions.push(Action::Halt(error));
                    return;
                }
            }
            if self.quorum.wants_snapshot() {
                let snapshot = self.snapshot();
                self.quorum.snapshot(snapshot, actions);
            }
            self.follow_the_quorum(actions);
            self.tell_the_controller(actions);
            self.run_errands(actions);
            if !self.govern(actions) {
                return;
            }
        }
    }

    /// Applies what is committed.
    fn apply(&mut self, committed: Committed, actions: &mut Vec<Action>) -> Result<(), ClusterError> {
        let (index, term, touched) = match committed {
            Committed::Entry(entry) => {
                let records = decode(&entry)?;
                (entry.index, entry.term, self.metadata.apply(entry.index, records))
            }
            Committed::Snapshot(snapshot) => {
                let mut metadata = from_snapshot(&snapshot)?;
                metadata.controller = self.metadata.controller;
                let touched = metadata.touched_since(&self.metadata);
                self.metadata = metadata;
                (snapshot.index, snapshot.term, touched)
            }
        };
        self.applied_term = term;
        check_cluster(&self.options, &self.metadata)?;
        let was_ready = self.membership.is_ready(&self.metadata);
        let changes = self.duties.update(&self.metadata, touched);
        if !was_ready && !changes.is_empty() {
            self.membership.hurry(self.now);
        }
        actions.extend(changes.into_iter().map(Action::Changed));
        let replies = match &mut self.reign {
            Some(reign) if reign.term == term => reign.committed(index),
            _ => Vec::new(),
        };
        for (requester, reply) in replies {
            self.reply(requester, reply, self.now, actions);
        }
        Ok(())
    }

    /// The metadata as they are now.
    fn snapshot(&self) -> Entry {
        let records = self.metadata.to_records();
        #[cfg(feature = "deliberate-bugs")]
        let records = match self.options.bug {
            Some(crate::Bug::ForgetInSnapshot) => {
                let kept = |record: &MetadataRecord| !matches!(record, MetadataRecord::ProducerIds { .. });
                records.into_iter().filter(kept).collect()
            }
            _ => records,
        };
        Entry {
            index: self.metadata.applied,
            term: self.applied_term,
            data: metadata_record::encode(&records).into(),
        }
    }

    /// Takes office, leaves it, and notices another controller.
    fn follow_the_quorum(&mut self, actions: &mut Vec<Action>) {
        let leader = self.quorum.leader();
        if leader != self.metadata.controller {
            self.metadata.controller = leader;
            self.errands.hurry(self.now);
            self.membership.hurry(self.now);
        }
        let term = self.quorum.term();
        let governs = self.quorum.leads() && self.applied_term == term;
        if let Some(reign) = self.reign.take_if(|reign| !governs || reign.term != term) {
            for (requester, reply) in reign.end() {
                self.reply(requester, reply, self.now, actions);
            }
        }
        if governs && self.reign.is_none() {
            self.reign = Some(Reign::new(term, self.now, &self.options));
            self.errands.hurry(self.now);
            self.membership.hurry(self.now);
        }
        let controller = leader.map(|l| l.id);
        while let Some(question) = self
            .questions
            .give_up(controller, self.options.ask_timeout, self.now)
        {
            if let Asker::Errand(token) = question.asker {
                self.errands.come_back(token, self.now);
            }
        }
    }

    /// Registration and signs of life.
    fn tell_the_controller(&mut self, actions: &mut Vec<Action>) {
        let Some(controller) = self.reachable_controller() else {
            return;
        };
        if self.questions.membership_asks() {
            return;
        }
        let Some(request) = self.membership.due(&self.options, &self.metadata, self.now) else {
            return;
        };
        if controller != self.options.id {
            let token = self.questions.ask(Asker::Membership, controller, self.now);
            actions.push(Action::Ask {
                to: controller,
                token,
                request,
            });
        } else if let Some(reply) = self.serve(Requester::Membership, request) {
            self.reply(Requester::Membership, reply, self.now, actions);
        }
    }

    /// Carries requests to the controller, and gives up those whose time is over.
    fn run_errands(&mut self, actions: &mut Vec<Action>) {
        while let Some(token) = self.errands.expire(self.now) {
            let message = "no controller has answered in time; \
                           check that a majority of the brokers runs, then try again";
            let refusal = Refusal::new(ErrorCode::RequestTimedOut, message);
            actions.push(Action::Answer {
                token,
                reply: ControllerReply::Refused(refusal),
            });
        }
        let Some(controller) = self.reachable_controller() else {
            return;
        };
        while let Some((token, request)) = self.errands.depart(self.now) {
            if controller != self.options.id {
                let question = self.questions.ask(Asker::Errand(token), controller, self.now);
                actions.push(Action::Ask {
                    to: controller,
                    token: question,
                    request,
                });
            } else if let Some(reply) = self.serve(Requester::Errand(token), request) {
                self.reply(Requester::Errand(token), reply, self.now, actions);
            }
        }
    }

    /// The controller, if a request could reach it now.
    fn reachable_controller(&self) -> Option<BrokerId> {
        let controller = self.metadata.controller?.id;
        let reachable = match controller == self.options.id {
            true => self.reign.is_some(),
            false => self.links.is_connected(controller),
        };
        reachable.then_some(controller)
    }

    /// Lets the controller decide. Whether anything has come of it.
    fn govern(&mut self, actions: &mut Vec<Action>) -> bool {
        let view = View {
            options: &self.options,
            metadata: &self.metadata,
            links: &self.links,
            now: self.now,
            next_voters: self.quorum.next_voters(&self.metadata, self.now),
        };
        let Some(reign) = &mut self.reign else {
            return false;
        };
        let mut replies = Vec::new();
        let decision = reign.decide(&view, &mut replies);
        let mut proposed = false;
        if let Some(decision) = decision {
            #[cfg(feature = "deliberate-bugs")]
            let mut decision = decision;
            #[cfg(feature = "deliberate-bugs")]
            if self.options.bug == Some(crate::Bug::AnswerBeforeCommit) {
                replies.append(&mut decision.replies);
            }
            match self.quorum.propose(metadata_record::encode(&decision.records)) {
                Some((index, _)) => {
                    reign.proposed(index, decision.replies);
                    proposed = true;
                }
                None => {
                    let refused = decision.replies.into_iter().map(|(to, _)| (to, not_controller()));
                    replies.extend(refused);
                }
            }
        }
        let replied = !replies.is_empty();
        for (requester, reply) in replies {
            self.reply(requester, reply, self.now, actions);
        }
        proposed || replied
    }

    /// Brings a reply to whoever waits for it.
    fn reply(
        &mut self,
        requester: Requester,
        reply: ControllerReply,
        asked_at: Millis,
        actions: &mut Vec<Action>,
    ) {
        match requester {
            Requester::Peer(token) => actions.push(Action::Answer { token, reply }),
            Requester::Membership => {
                self.membership.replied(&reply, asked_at, self.now, &self.options);
            }
            Requester::Errand(token) if wants_another_controller(&reply) => {
                self.errands.come_back(token, self.now);
            }
            Requester::Errand(token) => {
                if let Some(reply) = self.errands.replied(token, reply, self.now) {
                    actions.push(Action::Answer { token, reply });
                }
            }
        }
    }
}

fn decode(entry: &Entry) -> Result<Vec<MetadataRecord>, ClusterError> {
    metadata_record::decode(&entry.data).map_err(|reason| ClusterError::OtherVersion {
        index: entry.index.0,
        reason,
    })
}

fn from_snapshot(snapshot: &Entry) -> Result<Metadata, ClusterError> {
    Ok(Metadata::from_records(snapshot.index, decode(snapshot)?))
}

fn check_cluster(options: &Options, metadata: &Metadata) -> Result<(), ClusterError> {
    match &metadata.cluster_id {
        Some(theirs) if *theirs != options.cluster_id => Err(ClusterError::OtherCluster {
            ours: options.cluster_id.clone(),
            theirs: theirs.clone(),
        }),
        _ => Ok(()),
    }
}
