//! Random operations against a list in memory.

use rand_core::{RngCore, SeedableRng};
use rand_pcg::Pcg32;

use super::*;

/// What the partition should hold.
#[derive(Default)]
struct Model {
    /// Offset of the first batch kept, which may lie below the start.
    batches: Vec<ModelBatch>,
    start: i64,
    end: i64,
    epoch: i32,
}

#[derive(Clone)]
struct ModelBatch {
    base: i64,
    records: Vec<(i64, i32, String)>,
    timestamps: Vec<i64>,
}

impl Model {
    fn content(&self) -> Vec<(i64, i32, String)> {
        let all = self
            .batches
            .iter()
            .flat_map(|batch| batch.records.iter().cloned());
        all.filter(|(offset, ..)| *offset >= self.start).collect()
    }

    fn end_of_epoch(&self, epoch: i32) -> Option<i64> {
        let content = self.content();
        let last = content.last()?.1;
        if epoch == last {
            return Some(self.end);
        }
        content
            .iter()
            .find(|(_, its, _)| *its > epoch)
            .map(|(offset, ..)| *offset)
    }

    fn find(&self, timestamp: i64) -> Option<i64> {
        let all = self
            .batches
            .iter()
            .flat_map(|batch| batch.records.iter().zip(&batch.timestamps));
        all.filter(|((offset, ..), _)| *offset >= self.start)
            .find(|(_, time)| **time >= timestamp)
            .map(|((offset, ..), _)| *offset)
    }
}

struct Story {
    seed: u64,
    random: Pcg32,
    disk: SimDisk,
    partition: Option<Partition<SimDisk>>,
    options: Options,
    model: Model,
    told: Vec<String>,
}

impl Story {
    fn new(seed: u64) -> Self {
        let mut random = Pcg32::seed_from_u64(seed);
        let options = Options {
            segment_bytes: 200 + random.next_u32() % 800,
            index_interval_bytes: random.next_u32() % 300,
            retention_bytes: (random.next_u32().is_multiple_of(2)).then_some(800),
            ..Options::default()
        };
        let (disk, partition) = fresh(options.clone());
        Self {
            seed,
            random,
            disk,
            partition: Some(partition),
            options,
            model: Model::default(),
            told: Vec::new(),
        }
    }

    fn below(&mut self, limit: u32) -> u32 {
        self.random.next_u32() % limit
    }

    fn step(&mut self) {
        match self.below(20) {
            0..9 => self.append(),
            9 => self.truncate(),
            10 => self.retain(),
            11 => self.delete_records(),
            12 => self.restart(),
            13 => self.fill_disk(),
            14 => self.tell("flush", |story| story.partition().flush().unwrap()),
            _ => self.look(),
        }
    }

    fn tell(&mut self, what: impl Into<String>, act: impl FnOnce(&mut Self)) {
        self.told.push(what.into());
        act(self);
    }

    fn partition(&mut self) -> &mut Partition<SimDisk> {
        self.partition.as_mut().unwrap()
    }

    /// Batches of a leader, which may be a new one.
    fn batches(&mut self) -> (Vec<u8>, Vec<ModelBatch>) {
        if self.below(10) == 0 {
            self.model.epoch += 1;
        }
        let mut bytes = Vec::new();
        let mut added = Vec::new();
        let mut next = self.model.end;
        for _ in 0..1 + self.below(2) {
            let name = format!("{next}@{}", self.told.len());
            let timestamps: Vec<i64> = (0..1 + self.below(3))
                .map(|_| i64::from(self.below(1000)))
                .collect();
            bytes.extend(batch(&name, &timestamps));
            let records = (0..timestamps.len())
                .map(|i| (next + i as i64, self.model.epoch, format!("{name}/{i}")))
                .collect();
            added.push(ModelBatch {
                base: next,
                records,
                timestamps: timestamps.clone(),
            });
            next += timestamps.len() as i64;
        }
        (bytes, added)
    }

    fn append(&mut self) {
        let (mut bytes, added) = self.batches();
        let epoch = LeaderEpoch(self.model.epoch);
        if bytes.len() > self.options.segment_bytes as usize {
            return;
        }
        self.tell(format!("append {} batches", added.len()), |story| {
            let done = story
                .partition()
                .append_as_leader(&mut bytes, epoch, NOW)
                .unwrap();
            assert_eq!(done.base_offset.0, story.model.end);
            story.model.end = done.last_offset.0 + 1;
            story.model.batches.extend(added);
        });
    }

    fn truncate(&mut self) {
        let span = (self.model.end - self.model.start) as u32;
        let to = self.model.end - i64::from(self.below(span.min(30) + 1));
        self.tell(format!("truncate to {to}"), |story| {
            let end = story.partition().truncate_to(Offset(to)).unwrap().0;
            let model = &mut story.model;
            while model
                .batches
                .last()
                .is_some_and(|last| last.base + last.records.len() as i64 > to)
            {
                model.end = model.batches.pop().unwrap().base;
            }
            assert_eq!(end, model.end);
            // Truncated inside the batch that holds the start: the start stays, and so does the log.
            model.epoch += 1;
        });
        if self.model.end < self.model.start {
            self.tell("begin anew", |story| {
                let start = Offset(story.model.start);
                story.partition().reset_to(start).unwrap();
                story.model.batches.clear();
                story.model.end = start.0;
            });
        }
    }

    fn retain(&mut self) {
        self.tell("retain", |story| {
            let end = Offset(story.model.end);
            story.partition().apply_retention(NOW, end).unwrap();
            let start = story.partition().start_offset().0;
            assert!(start >= story.model.start && start <= story.model.end);
            story.model.start = start;
        });
    }

    fn delete_records(&mut self) {
        let span = (self.model.end - self.model.start) as u32;
        let to = self.model.start + i64::from(self.below(span.min(20) + 1));
        self.tell(format!("delete records below {to}"), |story| {
            story.partition().set_start_offset(Offset(to)).unwrap();
            story.model.start = to;
        });
    }

    fn restart(&mut self) {
        let trust = match self.below(3) {
            0 => Trust::CleanStop,
            1 => Trust::SameBoot,
            _ => Trust::Nothing,
        };
        self.tell(format!("restart, {trust:?}"), |story| {
            let partition = story.partition.take().unwrap();
            if trust == Trust::CleanStop {
                partition.close().unwrap();
            }
            story.disk = story.disk.after_kill();
            let (partition, recovery) = open(&story.disk, story.options.clone(), trust);
            assert_eq!((recovery.cut, recovery.truncated_bytes), (None, 0));
            story.partition = Some(partition);
        });
    }

    fn fill_disk(&mut self) {
        let room = u64::from(self.below(60));
        let (mut bytes, _) = self.batches();
        let epoch = LeaderEpoch(self.model.epoch);
        self.tell(format!("append with {room} bytes left"), |story| {
            let used: u64 = names(&story.disk, &dir())
                .iter()
                .map(|name| story.disk.metadata(&dir().join(name)).unwrap().len)
                .sum();
            story.disk.set_capacity(Some(used + room));
            let error = story
                .partition()
                .append_as_leader(&mut bytes, epoch, NOW)
                .unwrap_err();
            let refused = matches!(
                error,
                AppendError::DiskFull(_) | AppendError::RecordListTooLarge { .. }
            );
            assert!(refused, "{error}");
            story.disk.set_capacity(None);
        });
    }

    fn look(&mut self) {
        let (start, end) = (self.model.start, self.model.end);
        let from = start + i64::from(self.below((end - start) as u32 + 1));
        let max_bytes = self.below(500) as usize;
        let timestamp = i64::from(self.below(1100));
        let epoch = self.below(self.model.epoch as u32 + 1) as i32;
        self.tell(format!("read from {from}"), |story| {
            let partition = story.partition.as_ref().unwrap();
            let bytes = partition.read(Offset(from), max_bytes, Offset(end)).unwrap();
            let batches: Vec<Batch> = Batch::split(bytes).map(Result::unwrap).collect();
            assert_eq!(batches.is_empty(), from == end);
            if let Some(first) = batches.first() {
                assert!(first.base_offset().0 <= from && first.next_offset().0 > from);
            }
            let found = partition
                .find_timestamp(Timestamp(timestamp))
                .unwrap()
                .map(|found| found.offset.0);
            assert_eq!(found, story.model.find(timestamp), "time {timestamp}");
            if let Some(expected) = story.model.end_of_epoch(epoch) {
                let (_, found) = partition.end_offset_for_epoch(LeaderEpoch(epoch)).unwrap();
                // Of what isn't served any more the partition may know more.
                assert_eq!(found.0.max(start), expected, "epoch {epoch}");
            }
        });
    }

    fn check(&mut self) {
        let partition = self.partition.as_ref().unwrap();
        assert_eq!(partition.start_offset().0, self.model.start);
        assert_eq!(partition.end_offset().0, self.model.end);
        assert_eq!(content(partition), self.model.content());
    }
}

#[expect(clippy::print_stderr, reason = "a failure tells its seed")]
impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let told = std::mem::take(&mut self.told).join("\n  ");
            std::eprintln!("seed {}, {:?}:\n  {told}", self.seed, self.options);
        }
    }
}

#[test]
fn random_operations_agree_with_a_list() {
    for seed in 0..60 {
        let mut story = Story::new(seed);
        for _ in 0..120 {
            story.step();
            story.check();
        }
    }
}
