//! The controller: what the leader of the metadata quorum decides.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use record::{BrokerEpoch, BrokerId, ProducerId};

use crate::links::Links;
use crate::metadata_record::MetadataRecord;
use crate::recovery::Reports;
use crate::{ControllerReply, ControllerRequest};
use crate::{ErrorCode, Heartbeat, Index, Metadata, Millis, Options, Refusal, RegisterBroker, Term, Token};
use crate::{
    alter_configs, alter_partition, deregistration, elections, leaders, partitions, reassignment, topics,
};

/// Producer ids in a block; Kafka's number.
const PRODUCER_IDS: i32 = 1_000;

/// Most changes of partitions in one entry, where there may be many.
const MOST_TOGETHER: usize = 1_000;

/// The level of `metadata.version` that a new cluster starts with: Kafka 4.0's.
const METADATA_VERSION: i16 = 25;

/// Who waits for a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requester {
    /// Another broker; the token is the caller's.
    Peer(Token),
    /// An errand of this broker.
    Errand(Token),
    /// This broker's own registration or heartbeat.
    Membership,
}

/// What the controller looks at.
pub(crate) struct View<'a> {
    pub(crate) options: &'a Options,
    pub(crate) metadata: &'a Metadata,
    pub(crate) links: &'a Links,
    pub(crate) now: Millis,
    /// Who shall vote from now on, where that is due.
    pub(crate) next_voters: Option<Vec<BrokerId>>,
}

/// One controller's time in office: from the moment it has applied everything of its predecessors
/// until its term ends.
///
/// It decides on committed metadata alone, so there is one proposal at a time; the next request is
/// looked at when that is committed.
#[derive(Debug)]
pub(crate) struct Reign {
    pub(crate) term: Term,
    since: Millis,
    heard: BTreeMap<BrokerId, Heard>,
    to_unfence: BTreeSet<BrokerId>,
    /// When preferred leaders are looked for next.
    balance_at: Millis,
    /// What brokers have told of replicas that could lead.
    reports: Reports,
    waiting: VecDeque<(Requester, ControllerRequest)>,
    proposed: Option<Proposed>,
    #[cfg(feature = "deliberate-bugs")]
    allocated: i64,
}

/// The last sign of life of a broker.
#[derive(Debug)]
struct Heard {
    at: Millis,
    wants_shut_down: bool,
}

#[derive(Debug)]
struct Proposed {
    index: Index,
    replies: Vec<(Requester, ControllerReply)>,
}

/// What to propose, and what to reply once it is committed.
pub(crate) struct Decision {
    pub(crate) records: Vec<MetadataRecord>,
    pub(crate) replies: Vec<(Requester, ControllerReply)>,
}

impl Reign {
    pub(crate) fn new(term: Term, since: Millis, options: &Options) -> Self {
        Self {
            term,
            since,
            heard: BTreeMap::new(),
            to_unfence: BTreeSet::new(),
            balance_at: since.plus(options.preferred_leaders),
            reports: Reports::default(),
            waiting: VecDeque::new(),
            proposed: None,
            #[cfg(feature = "deliberate-bugs")]
            allocated: 0,
        }
    }

    /// Takes a request; what can be replied at once comes back.
    pub(crate) fn take(
        &mut self,
        requester: Requester,
        request: ControllerRequest,
        view: &View<'_>,
    ) -> Option<ControllerReply> {
        if let ControllerRequest::Heartbeat(heartbeat) = &request {
            return Some(self.hear(heartbeat, view));
        }
        if self.waiting.len() >= view.options.max_waiting {
            let message = "the controller has too many requests waiting; try again later";
            return Some(refused(ErrorCode::ThrottlingQuotaExceeded, message));
        }
        self.waiting.push_back((requester, request));
        None
    }

    /// The next proposal, unless one is under way. Replies that need none go to `replies`.
    pub(crate) fn decide(
        &mut self,
        view: &View<'_>,
        replies: &mut Vec<(Requester, ControllerReply)>,
    ) -> Option<Decision> {
        if self.proposed.is_some() {
            return None;
        }
        let records = self.housekeeping(view);
        if !records.is_empty() {
            return Some(Decision {
                records,
                replies: Vec::new(),
            });
        }
        let together = self.alterations(view, replies);
        if !together.records.is_empty() {
            return Some(together);
        }
        while let Some((requester, request)) = self.waiting.pop_front() {
            let (records, reply) = self.serve(request, view);
            if records.is_empty() {
                replies.push((requester, reply));
            } else {
                return Some(Decision {
                    records,
                    replies: vec![(requester, reply)],
                });
            }
        }
        None
    }

    /// The changes of ISRs that stand first in the queue, decided together: a broker that comes back is a change
    /// of every partition that it holds. One change a partition, for the next would have to see it.
    fn alterations(&mut self, view: &View<'_>, replies: &mut Vec<(Requester, ControllerReply)>) -> Decision {
        let mut decision = Decision {
            records: Vec::new(),
            replies: Vec::new(),
        };
        let mut seen = BTreeSet::new();
        while decision.records.len() < MOST_TOGETHER {
            let Some((requester, ControllerRequest::AlterPartition(alter))) = self.waiting.front() else {
                break;
            };
            if !seen.insert((alter.topic_id, alter.partition)) {
                break;
            }
            match alter_partition::alter(alter, view) {
                Ok(record) => {
                    decision.records.push(record);
                    decision
                        .replies
                        .push((*requester, ControllerReply::AlterPartition));
                }
                Err(refusal) => replies.push((*requester, ControllerReply::Refused(refusal))),
            }
            self.waiting.pop_front();
        }
        decision
    }

    /// Remembers what was proposed, where the log has it now.
    pub(crate) fn proposed(&mut self, index: Index, mut replies: Vec<(Requester, ControllerReply)>) {
        for (_, reply) in &mut replies {
            if let ControllerReply::Registered { broker_epoch } = reply {
                *broker_epoch = BrokerEpoch(i64::try_from(index.0).unwrap_or(i64::MAX));
            }
        }
        self.proposed = Some(Proposed { index, replies });
    }

    /// An entry of this term was applied: its replies are due.
    pub(crate) fn committed(&mut self, index: Index) -> Vec<(Requester, ControllerReply)> {
        match self.proposed.take_if(|proposed| proposed.index <= index) {
            Some(proposed) => proposed.replies,
            None => Vec::new(),
        }
    }

    /// The reign is over: everybody who waits must ask the next controller. What was proposed may
    /// still be committed; requests are made so that they can be repeated.
    pub(crate) fn end(self) -> Vec<(Requester, ControllerReply)> {
        let proposed = self.proposed.map(|p| p.replies).unwrap_or_default();
        let waiting = self.waiting.into_iter().map(|(requester, _)| requester);
        let all = proposed
            .into_iter()
            .map(|(requester, _)| requester)
            .chain(waiting);
        all.map(|requester| (requester, not_controller())).collect()
    }

    /// What the controller does without being asked: it founds the cluster, fences and unfences brokers, and
    /// elects leaders.
    fn housekeeping(&mut self, view: &View<'_>) -> Vec<MetadataRecord> {
        let metadata = view.metadata;
        if metadata.cluster_id.is_none() {
            return found(&view.options.cluster_id);
        }
        if let Some(broker) = self.overdue(view) {
            self.heard.remove(&broker);
            self.to_unfence.remove(&broker);
            let mut records = leaders::fence(metadata, broker, true);
            misdecide(view, &mut records);
            return records;
        }
        while let Some(broker) = self.to_unfence.pop_first() {
            let reachable = broker == view.options.id || view.links.is_connected(broker);
            if reachable && metadata.brokers.get(&broker).is_some_and(|b| b.fenced) {
                let mut records = leaders::fence(metadata, broker, false);
                misdecide(view, &mut records);
                return records;
            }
        }
        let recovered = self.reports.elect(metadata, MOST_TOGETHER);
        if !recovered.is_empty() {
            return recovered;
        }
        if let Some(voters) = &view.next_voters {
            let voters = voters.clone();
            return vec![MetadataRecord::Voters { voters }];
        }
        if view.now >= self.balance_at {
            self.balance_at = view.now.plus(view.options.preferred_leaders);
            return elections::preferred(metadata);
        }
        Vec::new()
    }

    /// A broker that counts as alive and isn't, or wants to stop.
    fn overdue(&self, view: &View<'_>) -> Option<BrokerId> {
        let options = view.options;
        let dead = |broker: BrokerId| {
            let heard = self.heard.get(&broker);
            let heard_at = heard.map_or(self.since, |h| h.at);
            let gone = view.links.gone_for(broker, self.since, view.now);
            heard.is_some_and(|h| h.wants_shut_down)
                || view.now.since(heard_at) >= options.session_timeout
                || (broker != options.id && gone.is_some_and(|gone| gone >= options.lost_connection))
        };
        view.metadata.unfenced().map(|(id, _)| id).find(|id| dead(*id))
    }

    fn hear(&mut self, heartbeat: &Heartbeat, view: &View<'_>) -> ControllerReply {
        let Some(broker) = view.metadata.brokers.get(&heartbeat.broker) else {
            return refused(ErrorCode::BrokerIdNotRegistered, "the broker isn't registered");
        };
        if broker.epoch != heartbeat.broker_epoch {
            let message = "another process has registered as this broker since";
            return refused(ErrorCode::StaleBrokerEpoch, message);
        }
        let wants_shut_down = heartbeat.want_shut_down;
        self.heard.insert(
            heartbeat.broker,
            Heard {
                at: view.now,
                wants_shut_down,
            },
        );
        let caught_up = i64::try_from(heartbeat.metadata_index).is_ok_and(|index| index >= broker.epoch.0);
        if broker.fenced && caught_up && !wants_shut_down {
            self.to_unfence.insert(heartbeat.broker);
        }
        ControllerReply::Heartbeat {
            fenced: broker.fenced,
            caught_up,
            may_shut_down: wants_shut_down && broker.fenced,
        }
    }

    fn serve(
        &mut self,
        request: ControllerRequest,
        view: &View<'_>,
    ) -> (Vec<MetadataRecord>, ControllerReply) {
        match request {
            ControllerRequest::RegisterBroker(register) => self.register(register, view),
            ControllerRequest::Heartbeat(heartbeat) => (Vec::new(), self.hear(&heartbeat, view)),
            ControllerRequest::AllocateProducerIds { broker, broker_epoch } => {
                self.allocate(broker, broker_epoch, view)
            }
            ControllerRequest::CreateTopics(create) => topics::create_all(&create, view),
            ControllerRequest::DeleteTopics(delete) => topics::delete_all(&delete, view),
            ControllerRequest::CreatePartitions(create) => partitions::create_all(&create, view),
            ControllerRequest::AlterConfigs(alter) => alter_configs::alter_all(&alter, view),
            // The node answers it, whose quorum it is about.
            ControllerRequest::DescribeQuorum => (Vec::new(), not_controller()),
            ControllerRequest::ElectLeaders(elect) => elections::elect(&elect, &self.reports, view),
            ControllerRequest::ReportReplicas(report) => self.reports.take(&report, view.metadata),
            ControllerRequest::ReassignPartitions(reassign) => reassignment::reassign_all(&reassign, view),
            ControllerRequest::UnregisterBroker { broker } => deregistration::unregister(broker, view),
            ControllerRequest::AlterPartition(alter) => match alter_partition::alter(&alter, view) {
                Ok(record) => (vec![record], ControllerReply::AlterPartition),
                Err(refusal) => (Vec::new(), ControllerReply::Refused(refusal)),
            },
        }
    }

    fn register(
        &mut self,
        register: RegisterBroker,
        view: &View<'_>,
    ) -> (Vec<MetadataRecord>, ControllerReply) {
        let RegisterBroker {
            broker,
            incarnation,
            cluster_id,
            listeners,
            clean,
        } = register;
        let ours = &view.options.cluster_id;
        if cluster_id != *ours {
            let message = format!("the broker belongs to cluster {cluster_id}, this is {ours}");
            return (Vec::new(), refused(ErrorCode::InconsistentClusterId, message));
        }
        let known = view.metadata.brokers.get(&broker);
        if let Some(known) = known {
            if known.incarnation == incarnation {
                return (
                    Vec::new(),
                    ControllerReply::Registered {
                        broker_epoch: known.epoch,
                    },
                );
            }
            if !known.fenced && self.is_alive(broker, view) {
                let message = format!("another process is running as broker {broker}");
                return (
                    Vec::new(),
                    refused(ErrorCode::DuplicateBrokerRegistration, message),
                );
            }
        }
        self.heard.remove(&broker);
        self.to_unfence.remove(&broker);
        #[cfg(feature = "deliberate-bugs")]
        let clean = clean || view.options.bug == Some(crate::Bug::TrustUnclean);
        let mut records = leaders::replace(view.metadata, broker, clean);
        records.push(MetadataRecord::RegisterBroker {
            broker,
            broker_epoch: None,
            incarnation,
            listeners,
            clean,
        });
        misdecide(view, &mut records);
        // The epoch is the entry's index, filled in once it is known.
        (
            records,
            ControllerReply::Registered {
                broker_epoch: BrokerEpoch(-1),
            },
        )
    }

    /// Whether the process that is registered has shown a sign of life in this reign, on a
    /// connection that still stands.
    fn is_alive(&self, broker: BrokerId, view: &View<'_>) -> bool {
        let heard = self.heard.get(&broker);
        heard.is_some_and(|h| !view.links.was_lost_since(broker, h.at))
    }

    fn allocate(
        &mut self,
        broker: BrokerId,
        epoch: BrokerEpoch,
        view: &View<'_>,
    ) -> (Vec<MetadataRecord>, ControllerReply) {
        if view
            .metadata
            .brokers
            .get(&broker)
            .is_none_or(|b| b.epoch != epoch)
        {
            let message = "producer ids are given only to a registered broker; it must register again";
            return (Vec::new(), refused(ErrorCode::StaleBrokerEpoch, message));
        }
        let first = view.metadata.next_producer_id;
        #[cfg(feature = "deliberate-bugs")]
        let first = match view.options.bug {
            Some(crate::Bug::ReuseProducerIds) => ProducerId(self.allocated),
            _ => first,
        };
        let next = ProducerId(first.0 + i64::from(PRODUCER_IDS));
        #[cfg(feature = "deliberate-bugs")]
        {
            self.allocated += i64::from(PRODUCER_IDS);
        }
        let records = vec![MetadataRecord::ProducerIds { next }];
        (
            records,
            ControllerReply::ProducerIds {
                first,
                count: PRODUCER_IDS,
            },
        )
    }
}

/// The first records of a new cluster.
fn found(cluster_id: &str) -> Vec<MetadataRecord> {
    vec![
        MetadataRecord::Cluster {
            cluster_id: cluster_id.to_owned(),
        },
        MetadataRecord::Feature {
            name: "metadata.version".to_owned(),
            level: METADATA_VERSION,
        },
    ]
}

#[cfg(not(feature = "deliberate-bugs"))]
fn misdecide(_: &View<'_>, _: &mut [MetadataRecord]) {}

#[cfg(feature = "deliberate-bugs")]
fn misdecide(view: &View<'_>, records: &mut [MetadataRecord]) {
    let fenced = records.iter().find_map(|record| match record {
        MetadataRecord::FenceBroker { broker, fenced: true } => Some(*broker),
        MetadataRecord::RegisterBroker { broker, .. } => Some(*broker),
        _ => None,
    });
    for record in records {
        let MetadataRecord::PartitionChange {
            topic_id,
            partition,
            leader,
            leader_epoch,
            isr,
            replicas,
            ..
        } = record
        else {
            continue;
        };
        match view.options.bug {
            Some(crate::Bug::KeepLeaderEpoch) if fenced.is_none() => leader_epoch.0 -= 2,
            Some(crate::Bug::ElectAnyone) if fenced.is_some() => {
                let led = view.metadata.partition(*topic_id, *partition);
                if led.is_none_or(|partition| partition.leader != fenced) {
                    continue;
                }
                let alive =
                    |id: &BrokerId| Some(*id) != fenced && view.metadata.unfenced().any(|(b, _)| b == *id);
                // One that makes a difference, if there is one.
                let lags = |id: &BrokerId| alive(id) && !isr.contains(id);
                let found = replicas.iter().copied().find(lags);
                if let Some(anyone) = found.or_else(|| replicas.iter().copied().find(alive)) {
                    *leader = Some(anyone);
                    *isr = vec![anyone];
                }
            }
            _ => {}
        }
    }
}

fn refused(code: ErrorCode, message: impl Into<String>) -> ControllerReply {
    ControllerReply::Refused(Refusal::new(code, message))
}

pub(crate) fn not_controller() -> ControllerReply {
    refused(
        ErrorCode::NotController,
        "this broker is not the controller (any more); try again",
    )
}
