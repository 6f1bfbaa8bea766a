//! What must be there in the end.

use std::collections::{BTreeMap, BTreeSet};

use broker::{Input, Output, Request, RequestId, Response};
use bytes::Bytes;
use record::{Batch, BrokerId, LeaderEpoch};

use crate::consumers::fetch_request;
use crate::producers::{Kind, Producer};
use crate::promises::Key;
use crate::world::{REST, World};

/// Longest decompressed batch of these producers.
const LIMIT: usize = 1 << 20;

/// The records of a partition by offset.
type Records = BTreeMap<i64, String>;

/// What is to be known of a partition to judge its producers.
struct Partition<'a> {
    records: &'a Records,
    /// Records below may be gone.
    deleted_up_to: i64,
    /// Everything was void at some time.
    lost: bool,
    /// Whether another broker has led since an epoch of one.
    another_led: &'a dyn Fn(LeaderEpoch, BrokerId) -> bool,
}

impl World {
    /// Whether all promises were kept, when everything has come to rest.
    pub(crate) fn judge(&mut self) -> Result<(), String> {
        for id in self.ids() {
            let executor = self
                .executor(id)
                .ok_or_else(|| format!("broker {id} doesn't run"))?;
            if !executor.is_ready() || !executor.node().has_session(self.schedule.now()) {
                return Err(format!(
                    "broker {id} is not in service {REST} ms after everything was healed"
                ));
            }
            self.oracle.holds_promises(id, executor.metadata())?;
            self.oracle.deleted_once(executor.metadata())?;
        }
        self.replicas_agree()?;
        if let Some(producer) = self.clients.producers.iter().find(|p| p.is_busy()) {
            return Err(format!("{} has a batch under way in the end", producer.name));
        }
        for index in 0..self.clients.consumers.len() {
            let consumer = &self.clients.consumers[index];
            let (key, topic, name) = (consumer.key(), consumer.topic().to_owned(), consumer.name.clone());
            let records = self.read(key, &topic).map_err(|e| format!("{name}: {e}"))?;
            self.compare(key, &records)?;
        }
        Ok(())
    }

    /// What producers were told holds.
    fn compare(&mut self, key: Key, records: &Records) -> Result<(), String> {
        let oracle = &self.oracle;
        let promised = self.promises.of(key);
        let partition = Partition {
            records,
            deleted_up_to: promised.deleted_up_to,
            lost: promised.losses > 0,
            another_led: &|since, than| oracle.another_led(key, since, than),
        };
        let theirs = |producer: &&Producer| producer.key == key;
        for producer in self.clients.producers.iter().filter(theirs) {
            producer
                .is_served(&partition)
                .map_err(|e| format!("{}: {e}", producer.name))?;
        }
        Ok(())
    }

    /// All records of a partition by offset, fetched from its leader.
    fn read(&mut self, key: Key, topic: &str) -> Result<Records, String> {
        let leader = self.leader_of(key).ok_or("it has no leader in the end")?;
        let view = self.executor(leader).and_then(|e| e.replica(key.0, key.1));
        let mut records = BTreeMap::new();
        let mut next = view.map_or(0, |view| view.start.0);
        loop {
            let bytes = self.fetch(leader, topic, key, next)?;
            let before = next;
            for batch in Batch::split(bytes) {
                let batch = batch.map_err(|e| e.to_string())?;
                next = batch.next_offset().0;
                let payload = batch.records_within(LIMIT).map_err(|e| e.to_string())?;
                for record in payload.iter() {
                    let record = record.map_err(|e| e.to_string())?;
                    let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
                    records.insert(record.offset.0, value);
                }
            }
            if next == before {
                return Ok(records);
            }
        }
    }

    fn fetch(&mut self, at: BrokerId, topic: &str, key: Key, offset: i64) -> Result<Bytes, String> {
        let request = RequestId {
            connection: u64::MAX,
            serial: offset as u64,
        };
        let clock = self.clock();
        let body = Request::Fetch(fetch_request(topic, key, offset, 0));
        let executor = self.broker(at).executor.as_mut();
        let outputs = executor.ok_or("the leader doesn't run")?.on(
            Input::Client {
                request,
                version: 12,
                body,
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
        let response = response.ok_or("a Fetch got no answer")?;
        let partition = response.responses.into_iter().flat_map(|t| t.partitions).next();
        let partition = partition.ok_or("a Fetch was answered by nothing")?;
        match partition.error_code {
            0 => Ok(partition.records.unwrap_or_default()),
            error => Err(format!("a Fetch at {offset} was answered by error {error}")),
        }
    }
}

impl Producer {
    /// What it wrote is there as it was promised to it.
    fn is_served(&self, partition: &Partition<'_>) -> Result<(), String> {
        let found = self.found(partition.records)?;
        self.is_in_order(&found, partition.deleted_up_to)?;
        match self.kind {
            Kind::Idempotent | Kind::AcksAll => self.is_kept(&found, partition),
            Kind::AcksOne | Kind::AcksNone => self.lost_with_leaders_only(&found, partition),
        }
    }

    /// Its batches in the order of the log: offset and number. Each is whole, or its beginning was deleted.
    fn found(&self, records: &Records) -> Result<Vec<(i64, usize)>, String> {
        let mut found: Vec<(i64, usize)> = Vec::new();
        let prefix = format!("{}#", self.name);
        let theirs = records
            .iter()
            .filter_map(|(offset, value)| Some((*offset, value.strip_prefix(&prefix)?)));
        for (offset, number) in theirs {
            let parsed = number
                .split_once('.')
                .and_then(|(batch, place)| Some((batch.parse().ok()?, place.parse().ok()?)));
            let (batch, place): (usize, i64) = parsed.ok_or_else(|| format!("nobody wrote {number}"))?;
            let (base, last) = (offset - place, found.last().copied());
            if last != Some((base, batch)) {
                found.push((base, batch));
            }
            let sent = self.batches.get(batch).map_or(0, |batch| batch.records as i64);
            if place >= sent {
                return Err(format!(
                    "batch {batch} had {sent} records, {place} is at {offset}"
                ));
            }
            let mut rest = offset..base + sent;
            if !rest.all(|offset| records.contains_key(&offset)) {
                return Err(format!("batch {batch} at {base} isn't whole"));
            }
        }
        Ok(found)
    }

    /// Batches are in the order in which they were sent, each at most as often as it was sent, and those of
    /// idempotent producers once.
    fn is_in_order(&self, found: &[(i64, usize)], deleted_up_to: i64) -> Result<(), String> {
        // What came late once more, after its first copy was deleted, is told apart by nobody.
        let is_again = |(at, batch): &(i64, usize)| {
            let told = self.batches.get(*batch).and_then(|batch| batch.told);
            told.is_some_and(|told| told.base != *at && told.base < deleted_up_to)
        };
        let told_apart: Vec<_> = found
            .iter()
            .filter(|found| found.1 >= self.of_earlier && !is_again(found))
            .collect();
        for pair in told_apart.windows(2) {
            let ((_, before), (at, batch)) = (pair[0], pair[1]);
            let again = batch == before && self.kind != Kind::Idempotent;
            if batch <= before && !again {
                return Err(format!("batch {batch} is at {at}, behind batch {before}"));
            }
        }
        for (number, batch) in self.batches.iter().enumerate() {
            let times = found.iter().filter(|(_, found)| *found == number).count();
            if times > batch.times {
                let sent = batch.times;
                return Err(format!(
                    "batch {number} is there {times} times, it was sent {sent} times"
                ));
            }
        }
        Ok(())
    }

    /// What was acknowledged is where it was said to be; and of idempotent producers nothing else is there.
    fn is_kept(&self, found: &[(i64, usize)], partition: &Partition<'_>) -> Result<(), String> {
        let there: BTreeSet<(i64, usize)> = found.iter().copied().collect();
        for (number, batch) in self.batches.iter().enumerate() {
            let Some(told) = batch.told else { continue };
            let is_deleted = told.base + batch.records as i64 <= partition.deleted_up_to;
            if !is_deleted && !there.contains(&(told.base, number)) {
                return Err(format!(
                    "batch {number} was acknowledged at {}, and is gone",
                    told.base
                ));
            }
        }
        let untold = |(_, number): &&(i64, usize)| self.batches[*number].told.is_none();
        match found.iter().find(untold) {
            Some((base, number)) if !partition.lost && self.kind == Kind::Idempotent => {
                Err(format!("batch {number} at {base} was never acknowledged"))
            }
            _ => Ok(()),
        }
    }

    /// What only a leader had is gone only where another leader followed, and then with all that came after.
    fn lost_with_leaders_only(
        &self,
        found: &[(i64, usize)],
        partition: &Partition<'_>,
    ) -> Result<(), String> {
        let there: BTreeSet<(i64, usize)> = found.iter().copied().collect();
        let mut lost: BTreeMap<LeaderEpoch, usize> = BTreeMap::new();
        for (number, batch) in self.batches.iter().enumerate() {
            let Some(told) = batch.told else { continue };
            let Some(epoch) = told.epoch else { continue };
            if told.base + batch.records as i64 <= partition.deleted_up_to {
                continue;
            }
            let is_there = there.contains(&(told.base, number));
            if !is_there && !(partition.another_led)(epoch, told.by) {
                return Err(format!(
                    "batch {number} was taken at {} by {} in epoch {epoch}, nobody else has led since, and it is gone",
                    told.base, told.by
                ));
            }
            match lost.get(&epoch) {
                Some(first) if is_there => {
                    return Err(format!(
                        "batch {number} is there, and {first} of the same epoch {epoch} is gone"
                    ));
                }
                _ if !is_there => {
                    lost.entry(epoch).or_insert(number);
                }
                _ => {}
            }
        }
        Ok(())
    }
}
