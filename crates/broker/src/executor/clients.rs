//! Clients' requests.

use std::collections::BTreeMap;

use cluster::{ControllerReply, ControllerRequest, CreateTopics, Millis};
use disk::Disk;
use kafka_protocol::messages::{
    CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest, FetchRequest, InitProducerIdRequest,
    MetadataRequest, ProduceRequest,
};
use record::{BrokerEpoch, BrokerId};

use super::asked::Asked;
use super::replication::finish_deletion;
use super::{Executor, millis};
use crate::handlers::describe_configs::DescribeConfigs;
use crate::handlers::fetch::{Fetch, Found, Reader};
use crate::handlers::init_producer_id::Outcome;
use crate::handlers::produce::{Produce, Produced};
use crate::handlers::{
    alter_configs, alter_partition_reassignments, api_versions, create_partitions, create_topics,
    delete_records, delete_topics, describe_cluster, describe_log_dirs, elect_leaders, find_coordinator,
    incremental_alter_configs, list_offsets, list_partition_reassignments, metadata, offset_for_leader_epoch,
};
use crate::purgatory::{Waiting, WaitingFetch, WaitingProduce};
use crate::replica::Advance;
use crate::replicas::Key;
use crate::{Clock, Output, Request, RequestId, Response};

/// How long a client that asked for a topic's metadata waits for the topic to be created.
const AUTO_CREATE_TIMEOUT: Millis = Millis(5_000);

const ACKS_ALL: i16 = -1;

impl<D: Disk> Executor<D> {
    pub(super) fn on_client(
        &mut self,
        id: RequestId,
        version: i16,
        body: Request,
        now: Clock,
        out: &mut Vec<Output>,
    ) {
        let metadata = self.node.metadata();
        let serving = &self.settings.serving;
        let response: Response = match body {
            Request::UnknownApiVersions => api_versions::answer(metadata, version, true).into(),
            Request::ApiVersions(_) => api_versions::answer(metadata, version, false).into(),
            Request::FindCoordinator(request) => find_coordinator::answer(request, version).into(),
            Request::DescribeCluster(request) => {
                describe_cluster::answer(metadata, &serving.listener, &request, version).into()
            }
            Request::DescribeConfigs(request) => {
                let node = &self.settings.node;
                DescribeConfigs {
                    metadata,
                    serving,
                    node,
                }
                .answer(&request, version)
                .into()
            }
            Request::DescribeLogDirs(request) => {
                describe_log_dirs::answer(&self.replicas, metadata, &request, version).into()
            }
            Request::ListPartitionReassignments(request) => {
                list_partition_reassignments::answer(metadata, &request).into()
            }
            Request::AlterPartitionReassignments(request) => {
                let reassign = alter_partition_reassignments::ask(&request);
                let asked = Asked::ReassignPartitions { id };
                return self.ask(ControllerRequest::ReassignPartitions(reassign), asked, now, out);
            }
            Request::UnregisterBroker(request) => {
                let broker = BrokerId(request.broker_id.0);
                let asked = Asked::UnregisterBroker { id };
                return self.ask(ControllerRequest::UnregisterBroker { broker }, asked, now, out);
            }
            Request::ElectLeaders(request) => match elect_leaders::ask(&request) {
                Ok(elect) => {
                    let asked = Asked::ElectLeaders { id, version, request };
                    return self.ask(ControllerRequest::ElectLeaders(elect), asked, now, out);
                }
                Err(refusal) => elect_leaders::answer(&request, Err(refusal), version).into(),
            },
            Request::DescribeQuorum(request) => {
                let at = now.wall;
                let asked = Asked::DescribeQuorum {
                    id,
                    version,
                    request,
                    at,
                };
                return self.ask(ControllerRequest::DescribeQuorum, asked, now, out);
            }
            Request::DeleteRecords(request) => return self.on_delete_records(id, &request, now, out),
            Request::ListOffsets(request) => {
                list_offsets::answer(&mut self.replicas, metadata, &request, version).into()
            }
            Request::OffsetForLeaderEpoch(request) => {
                offset_for_leader_epoch::answer(&mut self.replicas, metadata, &request).into()
            }
            Request::Produce(request) => return self.on_produce(id, version, request, now, out),
            Request::Fetch(request) => return self.on_fetch(id, version, request, now, out),
            Request::Metadata(request) => return self.on_metadata(id, version, request, now, out),
            Request::CreateTopics(request) => return self.on_create_topics(id, version, request, now, out),
            Request::CreatePartitions(request) => {
                let asked = create_partitions::ask(metadata, &request);
                let create = ControllerRequest::CreatePartitions(asked.clone());
                return self.ask(create, Asked::CreatePartitions { id, asked }, now, out);
            }
            Request::AlterConfigs(request) => {
                let resources = alter_configs::resources(&request);
                match alter_configs::ask(&resources, request.validate_only) {
                    Some(alter) => {
                        let asked = Asked::AlterConfigs { id, resources };
                        return self.ask(ControllerRequest::AlterConfigs(alter), asked, now, out);
                    }
                    None => {
                        alter_configs::answer(resources, ControllerReply::AlterConfigs(Vec::new())).into()
                    }
                }
            }
            Request::IncrementalAlterConfigs(request) => {
                let resources = incremental_alter_configs::resources(&request);
                match alter_configs::ask(&resources, request.validate_only) {
                    Some(alter) => {
                        let asked = Asked::IncrementalAlterConfigs { id, resources };
                        return self.ask(ControllerRequest::AlterConfigs(alter), asked, now, out);
                    }
                    None => {
                        let nothing = ControllerReply::AlterConfigs(Vec::new());
                        incremental_alter_configs::answer(resources, nothing).into()
                    }
                }
            }
            Request::DeleteTopics(request) => return self.on_delete_topics(id, version, &request, now, out),
            Request::InitProducerId(request) => return self.on_init_producer_id(id, &request, now, out),
        };
        out.push(Output::Respond {
            request: id,
            body: response,
        });
    }

    pub(super) fn on_client_gone(&mut self, connection: u64) {
        self.waits.fetches.on_gone(connection);
        self.waits.produces.on_gone(connection);
        self.waits.deletions.on_gone(connection);
        self.waits.unsynced.on_gone(connection);
        self.waits.producer_ids.on_gone(connection);
        self.waits
            .asked
            .retain(|_, asked| asked.connection() != Some(connection));
    }

    /// Answers a Fetch with whatever there is now.
    pub(super) fn finish_fetch(&mut self, fetch: Waiting<WaitingFetch>, out: &mut Vec<Output>) {
        let found = self.find(&fetch.what.request, fetch.what.version);
        out.push(Output::Respond {
            request: fetch.id,
            body: found.response.into(),
        });
    }

    fn on_produce(
        &mut self,
        id: RequestId,
        version: i16,
        request: ProduceRequest,
        now: Clock,
        out: &mut Vec<Output>,
    ) {
        let (acks, timeout) = (request.acks, request.timeout_ms);
        let produce = Produce {
            replicas: &mut self.replicas,
            metadata: self.node.metadata(),
            serving: &self.settings.serving,
            has_session: self.node.has_session(now.monotonic),
            now: now.wall,
        };
        let Produced {
            response,
            appended,
            mut uncommitted,
            rolled,
            refused,
        } = produce.append(request, version);
        for key in &appended {
            self.replicas.note_append(*key);
        }
        let moved: Vec<(Key, Option<Advance>)> = appended
            .into_iter()
            .map(|key| (key, self.replicas.advance(key)))
            .collect();
        uncommitted.retain(|records| {
            let replica = self.replicas.get(records.key);
            replica.is_none_or(|replica| {
                let counts = match acks {
                    ACKS_ALL => replica.high_watermark(),
                    _ => replica.counted_end(),
                };
                counts < records.needs
            })
        });
        #[cfg(feature = "deliberate-bugs")]
        if self.makes(cluster::Bug::AcknowledgeEarly) {
            uncommitted.clear();
        }
        match (acks, refused) {
            (0, false) => out.push(Output::NoResponse { request: id }),
            (0, true) => out.push(Output::Hangup { request: id }),
            _ if uncommitted.is_empty() => out.push(Output::Respond {
                request: id,
                body: response.into(),
            }),
            _ => {
                let waits = match acks {
                    ACKS_ALL => &mut self.waits.produces,
                    _ => &mut self.waits.unsynced,
                };
                waits.add(Waiting {
                    id,
                    deadline: now.monotonic.plus(Millis(u64::try_from(timeout).unwrap_or(0))),
                    partitions: uncommitted.iter().map(|records| records.key).collect(),
                    what: WaitingProduce {
                        response,
                        uncommitted,
                    },
                });
            }
        }
        for key in rolled {
            self.begin_flush(key);
        }
        for (key, advance) in moved {
            self.on_moved(key, advance, now, out);
            self.tell_followers(key, now, out);
        }
    }

    fn on_delete_records(
        &mut self,
        id: RequestId,
        request: &DeleteRecordsRequest,
        now: Clock,
        out: &mut Vec<Output>,
    ) {
        let (metadata, serving) = (self.node.metadata(), &self.settings.serving);
        let mut what = delete_records::delete(&mut self.replicas, metadata, serving, request);
        let partitions: Vec<Key> = what.undeleted.iter().map(|records| records.key).collect();
        for key in &partitions {
            what.settle(*key, self.low_watermark(*key));
        }
        let timeout = Millis(u64::try_from(request.timeout_ms).unwrap_or(0));
        let deletion = Waiting {
            id,
            deadline: now.monotonic.plus(timeout),
            partitions: partitions.clone(),
            what,
        };
        if deletion.what.undeleted.is_empty() {
            finish_deletion(deletion, out);
        } else {
            self.waits.deletions.add(deletion);
        }
        for key in partitions {
            self.tell_followers(key, now, out);
        }
    }

    pub(super) fn begin_flush(&mut self, key: Key) {
        if let Some(job) = self.replicas.begin_flush(key) {
            self.flusher.begin(job);
            self.replicas.finish_flushes(self.flusher.take_done());
        }
    }

    fn on_fetch(
        &mut self,
        id: RequestId,
        version: i16,
        request: FetchRequest,
        now: Clock,
        out: &mut Vec<Output>,
    ) {
        let found = self.find(&request, version);
        // More than a response may hold would be waited for in vain.
        let most = request.max_bytes.min(self.settings.serving.fetch_max_bytes);
        let wanted = usize::try_from(request.min_bytes.min(most)).unwrap_or(0);
        let longest = millis(self.settings.serving.fetch_max_wait);
        let wait = Millis(u64::try_from(request.max_wait_ms).unwrap_or(0)).min(longest);
        if found.urgent || found.bytes >= wanted || wait == Millis(0) || found.partitions.is_empty() {
            out.push(Output::Respond {
                request: id,
                body: found.response.into(),
            });
            return;
        }
        self.waits.fetches.add(Waiting {
            id,
            deadline: now.monotonic.plus(wait),
            partitions: found.partitions,
            what: WaitingFetch {
                version,
                request,
                missing_bytes: wanted - found.bytes,
            },
        });
    }

    fn find(&mut self, request: &FetchRequest, version: i16) -> Found {
        let fetch = Fetch {
            replicas: &mut self.replicas,
            metadata: self.node.metadata(),
            listener: &self.settings.serving.listener,
            max_bytes: usize::try_from(self.settings.serving.fetch_max_bytes)
                .unwrap_or(0)
                .min(self.waits.fetch_room.unwrap_or(usize::MAX)),
            reader: Reader::Client,
            #[cfg(feature = "deliberate-bugs")]
            bug: self.settings.node.bug,
        };
        let found = fetch.find(request, version);
        // Others may be answered by the same input.
        self.waits.fetch_room = self.waits.fetch_room.map(|room| room.saturating_sub(found.bytes));
        found
    }

    fn on_metadata(
        &mut self,
        id: RequestId,
        version: i16,
        request: MetadataRequest,
        now: Clock,
        out: &mut Vec<Output>,
    ) {
        let missing = if self.settings.serving.auto_create_topics {
            metadata::to_create(self.node.metadata(), &request, version, &mut self.random)
        } else {
            Vec::new()
        };
        if missing.is_empty() {
            let listener = &self.settings.serving.listener;
            let body = metadata::answer(&self.node, listener, &request, version, &BTreeMap::new());
            out.push(Output::Respond {
                request: id,
                body: body.into(),
            });
            return;
        }
        let topics = missing.iter().map(|topic| topic.name.clone()).collect();
        let create = CreateTopics {
            topics: missing,
            validate_only: false,
            timeout: AUTO_CREATE_TIMEOUT,
        };
        let asked = Asked::Metadata {
            id,
            version,
            request,
            topics,
        };
        self.ask(ControllerRequest::CreateTopics(create), asked, now, out);
    }

    fn on_create_topics(
        &mut self,
        id: RequestId,
        version: i16,
        request: CreateTopicsRequest,
        now: Clock,
        out: &mut Vec<Output>,
    ) {
        let create = create_topics::ask(&request, &mut self.random);
        let asked = Asked::CreateTopics { id, version, request };
        self.ask(ControllerRequest::CreateTopics(create), asked, now, out);
    }

    fn on_delete_topics(
        &mut self,
        id: RequestId,
        version: i16,
        request: &DeleteTopicsRequest,
        now: Clock,
        out: &mut Vec<Output>,
    ) {
        let asked = delete_topics::ask(request, version);
        let delete = ControllerRequest::DeleteTopics(asked.clone());
        self.ask(delete, Asked::DeleteTopics { id, version, asked }, now, out);
    }

    fn on_init_producer_id(
        &mut self,
        id: RequestId,
        request: &InitProducerIdRequest,
        now: Clock,
        out: &mut Vec<Output>,
    ) {
        match self.waits.producer_ids.on_request(id, request) {
            Outcome::Done(response) => out.push(Output::Respond {
                request: id,
                body: response.into(),
            }),
            Outcome::Waits => {}
            Outcome::AskForBlock => {
                let broker = self.settings.node.id;
                // Not the epoch that an earlier process registered.
                let broker_epoch = self.node.broker_epoch().unwrap_or(BrokerEpoch(-1));
                let request = ControllerRequest::AllocateProducerIds { broker, broker_epoch };
                self.ask(request, Asked::ProducerIds, now, out);
            }
        }
    }
}
