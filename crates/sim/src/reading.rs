//! What must be there in the end.

use std::collections::BTreeMap;

use broker::{Input, Output, Request, RequestId, Response};
use bytes::Bytes;
use record::{BrokerId, PartitionIndex, TopicId};

use crate::consumers::{self, fetch_request};
use crate::world::{REST, World};

impl World {
    pub(crate) fn judge(&mut self) -> Result<(), String> {
        for (id, broker) in &self.brokers {
            let Some(executor) = &broker.executor else {
                return Err(format!("broker {id} doesn't run"));
            };
            if !executor.is_ready() || !executor.node().has_session(self.schedule.now()) {
                return Err(format!(
                    "broker {id} is not in service {REST} ms after everything was healed"
                ));
            }
            self.oracle.holds_promises(*id, executor.metadata())?;
            self.oracle.deleted_once(executor.metadata())?;
        }
        if let Some(producer) = self.producers.iter().find(|p| p.is_busy()) {
            return Err(format!(
                "the producer of {} has a batch under way in the end",
                producer.name
            ));
        }
        for index in 0..self.producers.len() {
            let (topic, name) = (self.producers[index].topic, self.producers[index].name.clone());
            let found = self.read(topic, &name)?;
            self.compare(topic, &name, &found)?;
            for (offset, seen) in &self.producers[index].consumer.seen {
                if found.get(offset) != Some(seen) {
                    let there = found.get(offset);
                    return Err(format!(
                        "{name}: {seen:?} was read at {offset}, in the end there is {there:?}"
                    ));
                }
            }
        }
        self.replicas_agree()?;
        Ok(())
    }

    /// Everything that was acknowledged is there, once, in order. After a power loss this holds for
    /// what was acknowledged since.
    fn compare(&self, topic: TopicId, name: &str, found: &BTreeMap<i64, String>) -> Result<(), String> {
        let empty = Vec::new();
        let acknowledged = self
            .acknowledged
            .get(&(topic, PartitionIndex(0)))
            .unwrap_or(&empty);
        for kept in acknowledged {
            if found.get(&kept.offset) != Some(&kept.value) {
                let there = found.get(&kept.offset);
                let (offset, value) = (kept.offset, &kept.value);
                return Err(format!(
                    "{name}: {value:?} was acknowledged at {offset}, there is {there:?}"
                ));
            }
        }
        if self.power_losses == 0 && found.len() != acknowledged.len() {
            let (there, told) = (found.len(), acknowledged.len());
            return Err(format!("{name} holds {there} records, {told} were acknowledged"));
        }
        Ok(())
    }

    /// All records of partition 0 by offset, fetched from its leader.
    fn read(&mut self, topic: TopicId, name: &str) -> Result<BTreeMap<i64, String>, String> {
        let leader = self
            .leader_of(topic)
            .ok_or_else(|| format!("{name} has no leader in the end"))?;
        let mut records = BTreeMap::new();
        let mut next = 0;
        loop {
            let bytes = self.fetch(leader, name, next)?;
            let before = next;
            let (found, end) = consumers::records(bytes, name)?;
            records.extend(found);
            next = end.unwrap_or(next);
            if next == before {
                return Ok(records);
            }
        }
    }

    fn fetch(&mut self, at: BrokerId, name: &str, offset: i64) -> Result<Bytes, String> {
        let body = fetch_request(name, offset, 0);
        let request = RequestId {
            connection: u64::MAX,
            serial: offset as u64,
        };
        let clock = self.clock();
        let executor = self
            .broker(at)
            .executor
            .as_mut()
            .ok_or("the leader doesn't run")?;
        let outputs = executor.on(
            Input::Client {
                request,
                version: 12,
                body: Request::Fetch(body),
            },
            clock,
        );
        let response = outputs.into_iter().find_map(|output| match output {
            Output::Respond {
                body: Response::Fetch(response),
                ..
            } => Some(response),
            _ => None,
        });
        let response = response.ok_or_else(|| format!("a Fetch of {name} got no answer"))?;
        let partition = response.responses.into_iter().flat_map(|t| t.partitions).next();
        let partition = partition.ok_or_else(|| format!("a Fetch of {name} was answered by nothing"))?;
        match partition.error_code {
            0 => Ok(partition.records.unwrap_or_default()),
            error => Err(format!(
                "a Fetch of {name} at {offset} was answered by error {error}"
            )),
        }
    }
}
