//! How processes begin and end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use broker::{Durability, Executor, ExecutorOptions, Left, Serving};
use cluster::{Listener, Millis, Options};
use disk::{Disk, Kind, SimDisk};
use record::BrokerId;
use uuid::Uuid;

use crate::producers::Producer;
use crate::promises::{self, Key};
use crate::random::Random;
use crate::weather::Fault;
use crate::world::{Happening, World};

/// A broker's folder on its disk.
pub(crate) const FOLDER: &str = "/broker";

/// Some five to ten entries: each run makes many snapshots, sends them to who lags, and starts from them.
const BETWEEN_SNAPSHOTS: u64 = 2_000;

/// Shorter than by default: within a run, replicas fall behind and come back often.
const MAX_LAG: Duration = Duration::from_secs(3);

/// Brokers from 1 on that vote, at once or later.
const MOST_VOTERS: i32 = 3;

impl World {
    pub(crate) fn start(&mut self, id: BrokerId) -> Result<(), String> {
        if self.brokers[&id].executor.is_some() || self.is_missing(id) {
            return Ok(());
        }
        self.starts += 1;
        let start = self.starts;
        let (voters, observers) = self.ids().into_iter().partition(|id| id.0 <= self.weather.voters);
        let incarnation = Uuid::from_u128(self.random.number());
        self.promises.begin(incarnation, start);
        let mut node = Options::new(id, "sim", voters, incarnation);
        node.observers = observers;
        node.max_bytes_between_snapshots = BETWEEN_SNAPSHOTS;
        let port = 9_000 + u16::try_from(id.0).unwrap_or(0);
        node.listeners = vec![Listener {
            name: "PLAINTEXT".to_owned(),
            host: "127.0.0.1".to_owned(),
            port,
        }];
        node.max_replication = i16::try_from(self.weather.clients.replicas).unwrap_or(1);
        node.bug = self.bug;
        let folder = PathBuf::from(FOLDER);
        let boot_id = format!("boot-{id}-{}", self.brokers[&id].boot);
        let options = ExecutorOptions {
            folder,
            node,
            boot_id,
            serving: Serving {
                replica_max_lag: MAX_LAG,
                durability: match self.weather.syncs {
                    true => Durability::PowerLoss,
                    false => Durability::ProcessCrash,
                },
                ..Serving::default()
            },
        };
        let mut random = Random::new(self.random.number() as u64);
        let disk = self.brokers[&id].disk.clone();
        self.broker(id).closed = false;
        self.tell(format!("{id} starts ({start})"));
        // It may die while it looks at what it has.
        if self.random.chance(4 * self.weather.crash_within) {
            disk.stop_within(disk.steps() + self.random.between(0, 20));
        }
        let executor = Executor::open(
            disk.clone(),
            options,
            self.clock(),
            Box::new(move || random.number()),
        );
        if disk.is_stopped() {
            self.crashes += 1;
            self.tell(format!("{id} dies while it starts"));
            drop(executor);
            self.come_back(id);
            return Ok(());
        }
        disk.stop_before(u64::MAX);
        let executor = match executor {
            Ok(executor) => executor,
            Err(e) if self.brokers[&id].full || self.weather.faults.contains(&Fault::FailDisk) => {
                self.tell(format!("{id} can't start: {e}"));
                self.come_back(id);
                return Ok(());
            }
            Err(e) => return Err(format!("broker {id} can't start: {e}")),
        };
        // Maybe for no reason: the process before died before it could note that it was there.
        if executor.left() == Left::OtherBoot {
            self.promises.suspect(id);
        }
        let broker = self.broker(id);
        broker.executor = Some(executor);
        broker.start = start;
        broker.paused_until = Millis(0);
        self.schedule.after(0, Happening::Tick(id, start));
        for peer in self.running() {
            self.connect(id, peer);
        }
        Ok(())
    }

    /// The process is gone; its disk is as it left it.
    pub(crate) fn crash(&mut self, id: BrokerId) {
        if self.stop(id) {
            self.come_back(id);
        }
    }

    pub(crate) fn come_back(&mut self, id: BrokerId) {
        let disk = self.brokers[&id].disk.after_kill();
        self.replace_disk(id, disk);
        let longest = if self.healed || self.random.chance(500) {
            300
        } else {
            self.weather.longest
        };
        let back = self.random.between(1, longest);
        self.schedule.after(back, Happening::Start(id));
    }

    /// A broker that wanted to stop does, whether its partitions are in other hands or not.
    pub(crate) fn close(&mut self, id: BrokerId, start: u64) -> Result<(), String> {
        if !self.is_start(id, start) {
            return Ok(());
        }
        let Some(executor) = self.broker(id).executor.take() else {
            return Ok(());
        };
        let clean = executor.close();
        let clean = clean.map(|()| {
            let disk = &self.brokers[&id].disk;
            disk.exists(&Path::new(FOLDER).join("clean-shutdown"))
                .unwrap_or(false)
        });
        self.tell(match &clean {
            Ok(true) => format!("{id} has stopped cleanly"),
            Ok(false) => format!("{id} has stopped, and must recover"),
            Err(e) => format!("{id} could not stop cleanly: {e}"),
        });
        let clean = matches!(clean, Ok(true));
        self.clean_stops += u64::from(clean);
        self.broker(id).closed = clean;
        self.hang_up(id);
        self.disconnect_all(id);
        self.come_back(id);
        Ok(())
    }

    /// The power fails: these processes are gone, and of what was not synced anything may be.
    pub(crate) fn lose_power(&mut self, of: &[BrokerId]) {
        self.tell(format!("the power fails for {of:?}"));
        self.power_losses += 1;
        for id in of.iter().copied() {
            if self.weather.syncs {
                self.doubt(id, false);
            } else if !self.brokers[&id].closed {
                // What was closed was synced.
                self.damage(id, true);
            }
        }
        for id in of.iter().copied() {
            self.stop(id);
            self.broker(id).boot += 1;
            let mut random = self.random.clone();
            let disk = self.brokers[&id]
                .disk
                .after_power_loss(|of| random.below(of as u64) as usize);
            self.random = random;
            self.replace_disk(id, disk);
            let back = self.random.between(1, 1_000);
            self.schedule.after(back, Happening::Start(id));
        }
    }

    /// A broker's partitions are gone. Of one that doesn't vote everything is: a voter that forgets its vote is
    /// none.
    pub(crate) fn wipe(&mut self, id: BrokerId) -> Result<(), String> {
        self.tell(format!("the disk of {id} is wiped"));
        let is_new = id.0 > MOST_VOTERS;
        self.damage(id, is_new);
        self.stop(id);
        let disk = match is_new {
            true => SimDisk::new(),
            false => self.brokers[&id].disk.after_kill(),
        };
        remove_partitions(&disk).map_err(|e| format!("the disk of {id} can't be wiped: {e}"))?;
        self.replace_disk(id, disk);
        let back = self.random.between(1, 1_000);
        self.schedule.after(back, Happening::Start(id));
        Ok(())
    }

    /// A broker's disk has lost something. Where its next process doesn't know, only of what was written.
    fn damage(&mut self, id: BrokerId, noticed: bool) {
        let disk = &self.brokers[&id].disk;
        let holds = |name: &str| has_records(disk, &Path::new(FOLDER).join(name));
        let mut held = promises::keys(self.promises.metadata());
        held.retain(|key| noticed || holds(&self.name_of(*key)));
        let lost = self.promises.damage(id, &held, noticed);
        self.forget(&lost);
        self.doubt(id, true);
    }

    /// What a broker alone had may be gone: what nobody waited for, and where that is `unsynced` what it acknowledged
    /// with acks=1.
    fn doubt(&mut self, id: BrokerId, unsynced: bool) {
        let producers = self.clients.producers.iter_mut();
        let doubtful = producers.filter(|producer| producer.is_doubtful(unsynced));
        doubtful.for_each(|producer| producer.forget_taken_by(id));
    }

    /// What was promised of these partitions is void.
    pub(crate) fn forget(&mut self, lost: &[Key]) {
        for key in lost {
            self.tell(format!("everything of {} is in doubt", self.name_of(*key)));
            let producers = self.clients.producers.iter_mut();
            producers.filter(|p| p.key == *key).for_each(Producer::forget);
            for consumer in &mut self.clients.consumers {
                consumer.forget(*key);
            }
        }
    }

    pub(crate) fn replace_disk(&mut self, id: BrokerId, disk: SimDisk) {
        self.broker(id).disk = disk;
        self.hamper(id);
    }

    /// The disk that a broker has now has the troubles of its machine.
    pub(crate) fn hamper(&mut self, id: BrokerId) {
        let broker = &self.brokers[&id];
        broker.disk.set_capacity(broker.full.then_some(0));
        match broker.broken.clone() {
            Some(broken) => broker
                .disk
                .break_paths(move |path: &Path| path.starts_with(&broken)),
            None => broker.disk.mend_paths(),
        }
    }

    pub(crate) fn stop(&mut self, id: BrokerId) -> bool {
        if self.broker(id).executor.take().is_none() {
            return false;
        }
        self.crashes += 1;
        self.tell(format!("{id} dies"));
        self.hang_up(id);
        self.disconnect_all(id);
        true
    }

    pub(crate) fn disconnect_all(&mut self, id: BrokerId) {
        for peer in self.ids() {
            if peer != id {
                self.disconnect(id, peer);
            }
        }
    }
}

/// Whether anything was ever written to a partition that lies here.
fn has_records(disk: &SimDisk, dir: &Path) -> bool {
    let files = disk.read_dir(dir).unwrap_or_default();
    let logs = files.iter().filter(|file| file.name.ends_with(".log"));
    let mut sizes = logs.map(|file| disk.read(&dir.join(&file.name)).map_or(0, |bytes| bytes.len()));
    sizes.any(|bytes| bytes > 0)
}

/// Removes the folders of all partitions.
fn remove_partitions(disk: &SimDisk) -> std::io::Result<()> {
    let root = Path::new(FOLDER);
    if !disk.exists(root)? {
        return Ok(());
    }
    for entry in disk.read_dir(root)? {
        let dir = root.join(&entry.name);
        if entry.kind != Kind::Dir || entry.name.starts_with("__cluster_metadata") {
            continue;
        }
        for file in disk.read_dir(&dir)? {
            disk.remove_file(&dir.join(file.name))?;
        }
        disk.remove_dir(&dir)?;
    }
    disk.sync_dir(root)
}
