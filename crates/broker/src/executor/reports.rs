//! What the controller is told of the replicas here: which failed, which lost records, which could lead.

use std::collections::BTreeMap;

use cluster::{
    Controller, ControllerReply, ControllerRequest, Millis, ReplicaCondition, ReportReplicas, ReportedReplica,
};
use disk::Disk;

use super::Executor;
use super::asked::Asked;
use crate::replicas::Key;
use crate::{Clock, Output};

/// How often it is looked for something to tell.
const INTERVAL: Millis = Millis(200);

/// Most replicas in one report.
const MOST: usize = 1_000;

/// What was told, so that it isn't told again and again.
#[derive(Default)]
pub(super) struct Reports {
    told: BTreeMap<Key, Told>,
    /// One report at a time.
    under_way: bool,
    next: Millis,
}

/// To whom, under which state of the partition, and what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    controller: Controller,
    partition_epoch: i32,
    condition: ReplicaCondition,
}

/// A replica in a report, and which opening of its files it is about.
pub(super) struct Reported {
    key: Key,
    opened: u64,
    condition: ReplicaCondition,
}

impl<D: Disk> Executor<D> {
    /// Tells the controller what it doesn't know yet of the replicas here, and what it looks for.
    pub(super) fn report_replicas(&mut self, now: Clock, out: &mut Vec<Output>) {
        if self.reports.under_way || now.monotonic < self.reports.next {
            return;
        }
        self.reports.next = now.monotonic.plus(INTERVAL);
        let metadata = self.node.metadata();
        let (Some(controller), Some(broker_epoch)) = (metadata.controller, self.node.broker_epoch()) else {
            return;
        };
        let broker = self.settings.node.id;
        let mut news = BTreeMap::new();
        for (key, opened, condition) in self.replicas.conditions() {
            if let Some(partition) = metadata.partition(key.0, key.1)
                && condition.is_news(partition, broker)
            {
                let told = Told {
                    controller,
                    partition_epoch: partition.partition_epoch,
                    condition,
                };
                news.insert(key, (opened, told));
            }
        }
        let told = &mut self.reports.told;
        told.retain(|key, _| news.contains_key(key));
        news.retain(|key, (_, news)| told.get(key) != Some(news));
        if news.is_empty() {
            return;
        }
        let mut replicas = Vec::new();
        let mut sent = Vec::new();
        for (key, (opened, news)) in news.into_iter().take(MOST) {
            told.insert(key, news);
            let Told {
                condition,
                partition_epoch,
                ..
            } = news;
            replicas.push(ReportedReplica {
                topic_id: key.0,
                partition: key.1,
                partition_epoch,
                condition,
            });
            sent.push(Reported {
                key,
                opened,
                condition,
            });
        }
        self.reports.under_way = true;
        let report = ReportReplicas {
            broker,
            broker_epoch,
            replicas,
        };
        let request = ControllerRequest::ReportReplicas(report);
        self.ask(request, Asked::ReportReplicas(sent), now, out);
    }

    /// The controller has answered: what it didn't take is told again.
    pub(super) fn on_reported(&mut self, sent: Vec<Reported>, reply: &ControllerReply) {
        self.reports.under_way = false;
        let nothing = Vec::new();
        let taken = match reply {
            ControllerReply::ReportReplicas(taken) => taken,
            _ => &nothing,
        };
        for (place, reported) in sent.into_iter().enumerate() {
            if taken.get(place) != Some(&true) {
                self.reports.told.remove(&reported.key);
            } else if reported.condition.damaged
                && let Some(replica) = self.replicas.get_mut(reported.key)
            {
                replica.on_damage_known(reported.opened);
            }
        }
    }
}
