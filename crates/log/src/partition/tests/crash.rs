//! A kill and a power loss at every step, and in the middle of every write.

use std::collections::BTreeSet;

use super::*;

/// So many outcomes of a power loss are tried at each step.
const OUTCOMES: usize = 24;

/// What a caller was told before an instant.
#[derive(Debug, Clone, Default)]
struct Promises {
    /// Steps of the disk when it was told.
    step: u64,
    /// All records that were acknowledged and not removed since.
    acknowledged: Vec<String>,
    /// How many of them were flushed.
    flushed: usize,
    /// First offset of `acknowledged`.
    start: i64,
    /// Whether a removal is under way: then records may be gone already.
    removing: bool,
}

/// Runs a partition and notes what its caller knows.
struct Run {
    disk: SimDisk,
    partition: Partition<SimDisk>,
    now: Promises,
    history: Vec<Promises>,
}

impl Run {
    fn new(options: Options) -> Self {
        let disk = SimDisk::new();
        disk.keep_images();
        let (partition, _) = open(&disk, options, Trust::Nothing);
        Self {
            disk,
            partition,
            now: Promises::default(),
            history: vec![Promises::default()],
        }
    }

    fn told(&mut self) {
        self.now.step = self.disk.steps();
        self.history.push(self.now.clone());
    }

    fn append(&mut self, count: usize, epoch: i32) {
        for _ in 0..count {
            let value = format!("{}-{}", self.partition.end_offset(), epoch);
            append(&mut self.partition, &value, epoch).unwrap();
            self.now.acknowledged.push(format!("{value}/0"));
            self.told();
        }
    }

    fn flush(&mut self) {
        self.partition.flush().unwrap();
        self.now.flushed = self.now.acknowledged.len();
        self.told();
    }

    fn truncate(&mut self, to: i64) {
        self.now.removing = true;
        self.told();
        assert_eq!(self.partition.truncate_to(Offset(to)).unwrap(), Offset(to));
        self.now.acknowledged.truncate((to - self.now.start) as usize);
        self.now.flushed = self.now.flushed.min(self.now.acknowledged.len());
        self.now.removing = false;
        self.told();
    }

    fn retain(&mut self) {
        self.now.removing = true;
        self.told();
        self.partition
            .apply_retention(NOW, self.partition.end_offset())
            .unwrap();
        let start = self.partition.start_offset().0;
        let gone = (start - self.now.start) as usize;
        self.now.acknowledged.drain(..gone);
        self.now.flushed = self.now.flushed.saturating_sub(gone);
        self.now.start = start;
        self.now.removing = false;
        self.told();
    }

    /// Everything that can happen at an instant: images with what was promised then.
    fn instants(self) -> Vec<(disk::Image, Promises)> {
        let images = self.disk.take_images();
        assert!(images.len() > 10);
        let promised = |image: &disk::Image| {
            // In the middle of a write that write is counted already.
            let whole = image.steps() - u64::from(image.before().starts_with("the second half"));
            self.history
                .iter()
                .rev()
                .find(|told| told.step <= whole)
                .unwrap()
                .clone()
        };
        images
            .into_iter()
            .map(|image| {
                let told = promised(&image);
                (image, told)
            })
            .collect()
    }
}

/// What must hold of any log: offsets without gaps, epochs never going down, each record at the
/// offset that it was given.
fn assert_sound(partition: &Partition<SimDisk>, story: &dyn Fn() -> String) -> Vec<String> {
    let content = content(partition);
    let mut epoch = 0;
    for (expected, (offset, its_epoch, value)) in (partition.start_offset().0..).zip(&content) {
        assert_eq!(*offset, expected, "{}", story());
        assert!(*its_epoch >= epoch, "{}", story());
        assert_eq!(*value, format!("{offset}-{its_epoch}/0"), "{}", story());
        let found = partition.end_offset_for_epoch(LeaderEpoch(*its_epoch));
        assert!(
            found.is_some_and(|(found, end)| found.0 == *its_epoch && end.0 > *offset),
            "{}",
            story()
        );
        epoch = *its_epoch;
    }
    assert_eq!(
        content.len() as i64,
        partition.end_offset().0 - partition.start_offset().0,
        "{}",
        story()
    );
    content.into_iter().map(|(_, _, value)| value).collect()
}

/// The partition goes on after whatever happened: appends, stops, opens again.
fn assert_usable(
    disk: &SimDisk,
    mut partition: Partition<SimDisk>,
    options: &Options,
    story: &dyn Fn() -> String,
) {
    let mut before = content(&partition);
    let end = partition.end_offset();
    let offset =
        append(&mut partition, &format!("{end}-99"), 99).unwrap_or_else(|e| panic!("{e}: {}", story()));
    assert_eq!(offset, end, "{}", story());
    before.push((end.0, 99, format!("{end}-99/0")));
    partition.close().unwrap_or_else(|e| panic!("{e}: {}", story()));
    let (partition, recovery) = open(disk, options.clone(), Trust::CleanStop);
    assert_eq!(content(&partition), before, "{}", story());
    assert_eq!((recovery.scanned_bytes, recovery.cut), (0, None), "{}", story());
}

fn kill_at_every_step(run: Run, options: &Options) {
    for (image, told) in run.instants() {
        let disk = image.after_kill();
        let (partition, recovery) = open(&disk, options.clone(), Trust::SameBoot);
        let story = || format!("killed: {image:?}\ntold: {told:?}\n{recovery:?}");
        assert!(recovery.last_unfinished_only, "{}", story());
        let found = assert_sound(&partition, &story);
        if !told.removing {
            let skipped = (told.start - partition.start_offset().0).max(0) as usize;
            assert!(
                found[skipped..].starts_with(&told.acknowledged),
                "{found:?}: {}",
                story()
            );
            assert!(
                found.len() <= skipped + told.acknowledged.len() + 1,
                "{found:?}: {}",
                story()
            );
        }
        assert_usable(&disk, partition, options, &story);
    }
}

fn lose_power_at_every_step(run: Run, options: &Options) {
    let mut seen = BTreeSet::new();
    for (image, told) in run.instants() {
        if !seen.insert((image.fingerprint(), told.flushed, told.removing)) {
            continue;
        }
        for disk in image.power_losses(OUTCOMES, image.steps()).disks {
            let (partition, recovery) = open(&disk, options.clone(), Trust::Nothing);
            let story = || format!("power lost: {image:?}\ntold: {told:?}\n{recovery:?}");
            let found = assert_sound(&partition, &story);
            if !told.removing {
                let skipped = (told.start - partition.start_offset().0).max(0) as usize;
                let flushed = &told.acknowledged[..told.flushed];
                assert!(found[skipped..].starts_with(flushed), "{found:?}: {}", story());
            }
            assert_usable(&disk, partition, options, &story);
        }
    }
}

fn tiny() -> Options {
    Options {
        segment_bytes: 250,
        index_interval_bytes: 60,
        ..Options::default()
    }
}

/// Appends over several segments under several leaders, with flushes between.
fn appends() -> Run {
    let mut run = Run::new(tiny());
    run.append(2, 0);
    run.flush();
    run.append(5, 1);
    run.flush();
    run.append(3, 4);
    run
}

#[test]
fn appending_survives_a_kill_at_every_step() {
    kill_at_every_step(appends(), &tiny());
}

#[test]
fn appending_survives_a_power_loss_at_every_step() {
    lose_power_at_every_step(appends(), &tiny());
}

/// Followers cut their ends, within a segment and over several, and go on under another leader.
fn truncations() -> Run {
    let mut run = Run::new(tiny());
    run.append(3, 0);
    run.append(5, 1);
    run.flush();
    run.truncate(7);
    run.append(3, 2);
    run.truncate(2);
    run.append(4, 3);
    run.flush();
    run.append(1, 3);
    run.truncate(0);
    run.append(1, 5);
    run
}

#[test]
fn truncating_survives_a_kill_at_every_step() {
    kill_at_every_step(truncations(), &tiny());
}

#[test]
fn truncating_survives_a_power_loss_at_every_step() {
    lose_power_at_every_step(truncations(), &tiny());
}

/// Old segments go, between appends and flushes.
fn retentions() -> (Run, Options) {
    let options = Options {
        retention_bytes: Some(300),
        ..tiny()
    };
    let mut run = Run::new(options.clone());
    run.append(7, 0);
    run.flush();
    run.append(2, 1);
    run.retain();
    run.append(4, 2);
    run.retain();
    run.flush();
    run.append(1, 2);
    (run, options)
}

#[test]
fn retention_survives_a_kill_at_every_step() {
    let (run, options) = retentions();
    kill_at_every_step(run, &options);
}

#[test]
fn retention_survives_a_power_loss_at_every_step() {
    let (run, options) = retentions();
    lose_power_at_every_step(run, &options);
}

/// Stops and starts, cleanly, with appends between.
fn restarts() -> Run {
    let mut run = Run::new(tiny());
    for epoch in 0..3 {
        run.append(3, epoch);
        let (disk, now) = (run.disk.clone(), run.now.clone());
        let Run {
            partition, history, ..
        } = run;
        partition.close().unwrap();
        let flushed = now.acknowledged.len();
        let (partition, recovery) = open(&disk, tiny(), Trust::CleanStop);
        assert_eq!(recovery.scanned_bytes, 0);
        run = Run {
            disk,
            partition,
            now: Promises { flushed, ..now },
            history,
        };
        run.told();
    }
    run.append(2, 3);
    run
}

#[test]
fn stopping_survives_a_kill_at_every_step() {
    kill_at_every_step(restarts(), &tiny());
}

#[test]
fn stopping_survives_a_power_loss_at_every_step() {
    lose_power_at_every_step(restarts(), &tiny());
}

#[test]
fn recovery_itself_may_be_killed() {
    // The images of a recovery after a torn write are opened once more.
    let mut run = Run::new(tiny());
    run.append(6, 0);
    for image in run.disk.take_images() {
        let disk = image.after_kill();
        disk.keep_images();
        let (first, recovery) = open(&disk, tiny(), Trust::SameBoot);
        let expected = content(&first);
        for again in disk.take_images() {
            let (second, _) = open(&again.after_kill(), tiny(), Trust::SameBoot);
            assert_eq!(content(&second), expected, "{image:?}\n{again:?}\n{recovery:?}");
        }
    }
}
