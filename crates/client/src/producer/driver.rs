//! Executes the producer's decisions: one task that decides, one lane a broker that sends.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use kafka_protocol::{
    messages::{
        ProduceRequest, ProduceResponse,
        produce_request::{PartitionProduceData, TopicProduceData},
    },
    protocol::VersionRange,
};
use record::{BrokerId, Offset, PartitionIndex};
use tokio::{sync::mpsc, task::JoinSet, time::sleep_until};

use super::{
    Shelf,
    batch::TopicPartition,
    event::{Action, Answer, Event, Millis, Outgoing, RequestId, Sent},
    options::ProducerOptions,
    stats::Totals,
};
use crate::{
    Client, ClientError, ServerError, admin::millis, caught::caught, client::topic_name, connection::Call,
};

/// Events that wait to be decided on; senders of events wait beyond it.
const EVENTS: usize = 64;
/// Requests that wait for a broker's lane; the decisions allow five unanswered ones, and those that were
/// given up because the leader changed.
const LANE: usize = 16;
/// Newer versions name topics by id.
const PRODUCE_VERSIONS: VersionRange = VersionRange { min: 3, max: 12 };

/// A request for a lane.
struct Parcel {
    request: RequestId,
    batches: Vec<Outgoing>,
}

/// The task that decides. Dropping it ends everything that it started.
pub(super) struct Driver {
    client: Client,
    /// With connections of their own: a broker that is stuck with a Produce request serves nothing behind
    /// it, and who gives a connection up loses all that is in flight on it.
    questions: Client,
    options: ProducerOptions,
    shelf: Arc<Shelf>,
    lanes: HashMap<BrokerId, mpsc::Sender<Parcel>>,
    tasks: JoinSet<()>,
    events: mpsc::Sender<Event>,
    inbox: mpsc::Receiver<Event>,
}

impl Driver {
    pub(super) fn new(client: Client, options: ProducerOptions, shelf: Arc<Shelf>) -> Self {
        let (events, inbox) = mpsc::channel(EVENTS);
        Self {
            questions: client.with_own_connections(),
            client,
            options,
            shelf,
            lanes: HashMap::new(),
            tasks: JoinSet::new(),
            events,
            inbox,
        }
    }

    pub(super) async fn run(mut self) {
        let mut event = Event::Tick;
        loop {
            let (actions, deadline) = {
                let now = self.shelf.now();
                let mut desk = self.shelf.desk();
                let actions = desk.core.on(event, now);
                (actions, desk.core.next_deadline(now))
            };
            for action in actions {
                self.execute(action);
            }
            let shelf = Arc::clone(&self.shelf);
            let until = async {
                match deadline {
                    Some(Millis(ms)) => sleep_until(shelf.started + Duration::from_millis(ms)).await,
                    None => std::future::pending().await,
                }
            };
            event = tokio::select! {
                event = self.inbox.recv() => event.unwrap_or(Event::Tick),
                () = shelf.wake.notified() => Event::Tick,
                () = until => Event::Tick,
                Some(ended) = self.tasks.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a task of the producer failed");
                    }
                    Event::Tick
                }
            };
        }
    }

    fn execute(&mut self, action: Action) {
        match action {
            Action::InitProducerId => {
                let (client, events) = (self.questions.clone(), self.events.clone());
                self.tasks.spawn(async move {
                    let event = match caught("a producer id", client.new_producer_id()).await {
                        Ok(identity) => Event::ProducerId(Ok(identity)),
                        Err(error) if error.is_retriable() => Event::ProducerId(Err(error.to_string())),
                        Err(error) => Event::Refused(error.to_string()),
                    };
                    drop(events.send(event).await);
                });
            }
            Action::RefreshMetadata { topics } => {
                let (client, events) = (self.questions.clone(), self.events.clone());
                self.tasks
                    .spawn(async move { drop(events.send(leaders(&client, &topics).await).await) });
            }
            Action::Send {
                request,
                broker,
                batches,
            } => self.send(request, broker, batches),
            Action::Complete { batch, result } => {
                let promise = self.shelf.desk().promises.remove(&batch);
                if let Some(promise) = promise {
                    self.shelf.space.add_permits(promise.bytes);
                    // Nobody may wait for it.
                    drop(promise.fulfil.send(result));
                }
            }
        }
    }

    fn send(&mut self, request: RequestId, broker: BrokerId, batches: Vec<Outgoing>) {
        let (client, options, events) = (&self.client, &self.options, &self.events);
        let tasks = &mut self.tasks;
        let lane = self.lanes.entry(broker).or_insert_with(|| {
            let (lane, parcels) = mpsc::channel(LANE);
            let lane_of = Lane {
                broker,
                client: client.clone(),
                events: events.clone(),
                acks: options.acks.wire(),
                patience: client.options().request_timeout,
                totals: Arc::clone(&self.shelf.totals),
            };
            tasks.spawn(lane_of.run(parcels));
            lane
        });
        if lane.try_send(Parcel { request, batches }).is_err() {
            // The lane is stuck with a broker that doesn't take anything; the decisions try again later.
            let events = self.events.clone();
            let reason = format!("too many requests wait for broker {broker}");
            self.tasks.spawn(async move {
                drop(
                    events
                        .send(Event::Failed {
                            request,
                            reason,
                            sent: Sent::No,
                        })
                        .await,
                );
            });
        }
    }
}

/// Sends one broker's requests, in their order.
struct Lane {
    broker: BrokerId,
    client: Client,
    events: mpsc::Sender<Event>,
    acks: i16,
    patience: Duration,
    totals: Arc<Totals>,
}

impl Lane {
    async fn run(self, mut parcels: mpsc::Receiver<Parcel>) {
        let mut waiting = JoinSet::new();
        while let Some(Parcel { request, batches }) = parcels.recv().await {
            while waiting.try_join_next().is_some() {}
            match caught("a produce request", self.submit(&batches)).await {
                Ok(call) => {
                    let (events, patience) = (self.events.clone(), self.patience);
                    waiting.spawn(async move {
                        let event =
                            match caught("the answer to a produce request", call.answer(patience)).await {
                                Ok(response) => Event::Answered {
                                    request,
                                    answers: answers(response),
                                },
                                Err(error) => {
                                    let reason = error.to_string();
                                    Event::Failed {
                                        request,
                                        reason,
                                        sent: Sent::Perhaps,
                                    }
                                }
                            };
                        drop(events.send(event).await);
                    });
                }
                Err(error) => {
                    let defect = matches!(error, ClientError::Defect { .. });
                    let sent = if defect { Sent::Perhaps } else { Sent::No };
                    let reason = error.to_string();
                    drop(
                        self.events
                            .send(Event::Failed {
                                request,
                                reason,
                                sent,
                            })
                            .await,
                    );
                }
            }
        }
    }

    /// An error here means that nothing was written to the broker; a panic doesn't.
    async fn submit(&self, batches: &[Outgoing]) -> Result<Call<ProduceRequest>, ClientError> {
        let connection = self.client.connection_to(self.broker).await?;
        let version = connection.version::<ProduceRequest>(PRODUCE_VERSIONS)?;
        let request = produce_request(batches, self.acks, self.patience)?;
        self.count(batches, &request);
        connection.submit(&request, version).await
    }

    fn count(&self, batches: &[Outgoing], request: &ProduceRequest) {
        let sizes = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
        let sent: usize = sizes
            .filter_map(|data| data.records.as_ref())
            .map(Bytes::len)
            .sum();
        let bytes = batches.iter().map(|outgoing| outgoing.batch.size()).sum();
        self.totals.add(batches.len(), bytes, sent);
    }
}

fn produce_request(
    batches: &[Outgoing],
    acks: i16,
    patience: Duration,
) -> Result<ProduceRequest, ClientError> {
    let mut topics: Vec<TopicProduceData> = Vec::new();
    for Outgoing {
        partition,
        batch,
        stamp,
    } in batches
    {
        let bytes = batch.encode(*stamp).map_err(|error| ClientError::Encode {
            api: "Produce".to_owned(),
            reason: error.to_string(),
        })?;
        let data = PartitionProduceData::default()
            .with_index(partition.partition.0)
            .with_records(Some(bytes));
        match topics
            .iter_mut()
            .find(|topic| topic.name.as_str() == &*partition.topic)
        {
            Some(topic) => topic.partition_data.push(data),
            None => topics.push(
                TopicProduceData::default()
                    .with_name(topic_name(&partition.topic))
                    .with_partition_data(vec![data]),
            ),
        }
    }
    Ok(ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(millis(patience))
        .with_topic_data(topics))
}

fn answers(response: ProduceResponse) -> Vec<(TopicPartition, Answer)> {
    let mut answers = Vec::new();
    for topic in response.responses {
        let name: Arc<str> = Arc::from(topic.name.as_str());
        for partition in topic.partition_responses {
            let at = TopicPartition {
                topic: Arc::clone(&name),
                partition: PartitionIndex(partition.index),
            };
            let error = ServerError::from_code(partition.error_code, partition.error_message.as_deref());
            answers.push((
                at,
                Answer {
                    error,
                    base_offset: Offset(partition.base_offset),
                },
            ));
        }
    }
    answers
}

async fn leaders(client: &Client, topics: &[Arc<str>]) -> Event {
    let names: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
    let Ok(metadata) = caught("a look at the metadata", client.metadata(Some(&names))).await else {
        return Event::NoMetadata;
    };
    let mut leaders = Vec::new();
    for topic in metadata.topics {
        for partition in topic.partitions {
            let at = TopicPartition {
                topic: Arc::clone(&topic.name),
                partition: partition.index,
            };
            leaders.push((
                at,
                partition.leader.map(|leader| (leader, partition.leader_epoch)),
            ));
        }
    }
    Event::Leaders(leaders)
}
