//! What goes wrong, and how it ends.

use std::io::ErrorKind;
use std::path::Path;

use broker::{Executor, ReplicaView};
use cluster::Millis;
use record::BrokerId;

use crate::processes::FOLDER;
use crate::promises::Key;
use crate::weather::Fault;
use crate::world::{Happening, LAST_PRODUCE, REST, World};

impl World {
    pub(crate) fn fault(&mut self) -> Result<(), String> {
        if self.healed {
            return Ok(());
        }
        let delay = self.random.between(1, 2 * self.weather.fault_every);
        self.schedule.after(delay, Happening::Fault);
        let running = self.running();
        let (Some(id), Some(fault)) = (self.random.pick(&running), self.random.pick(&self.weather.faults))
        else {
            return Ok(());
        };
        match fault {
            Fault::Crash => self.crash(id),
            Fault::CrashController => self.crash(self.controller().unwrap_or(id)),
            Fault::CrashAll => running.into_iter().for_each(|id| self.crash(id)),
            Fault::Pause => self.pause(id),
            Fault::Stop => self.stop_cleanly(id),
            Fault::Break => self.break_connection(id),
            Fault::CutPair => {
                let noticed = self.random.chance(500);
                if let Some(peer) = self.random.pick(&self.ids()) {
                    self.cut_off(id, peer, noticed);
                }
            }
            Fault::CutOff => {
                let noticed = self.random.chance(500);
                for peer in self.ids() {
                    self.cut_off(id, peer, noticed);
                }
            }
            Fault::FullDisk => self.fill_disk(id),
            Fault::FailDisk => self.fail_disk(id),
            Fault::BreakFiles => {
                let time = self.random.between(50, self.weather.longest);
                self.break_files(id);
                self.schedule.after(time, Happening::MendFiles(id));
            }
            Fault::PowerLoss => self.lose_power(&self.ids()),
            Fault::PowerLossOfOne => self.lose_power(&[id]),
            Fault::Wipe => return self.wipe(id),
        }
        Ok(())
    }

    fn controller(&self) -> Option<BrokerId> {
        let leads = |executor: &Executor<_>| executor.node().is_controller();
        let found = self
            .brokers
            .iter()
            .find(|(_, b)| b.executor.as_ref().is_some_and(leads));
        found.map(|(id, _)| *id)
    }

    fn pause(&mut self, id: BrokerId) {
        let time = self.random.between(50, self.weather.longest);
        self.tell(format!("{id} is paused for {time} ms"));
        self.broker(id).paused_until = self.schedule.now().plus(Millis(time));
    }

    fn break_connection(&mut self, id: BrokerId) {
        if let Some(peer) = self.random.pick(&self.running()).filter(|peer| *peer != id) {
            self.tell(format!("the connection of {id} and {peer} breaks"));
            self.disconnect(id, peer);
            self.connect(id, peer);
        }
    }

    /// The broker asks to be relieved, and stops a little later, relieved or not.
    fn stop_cleanly(&mut self, id: BrokerId) {
        let time = self.random.between(0, 1_500);
        self.tell(format!("{id} wants to stop, within {time} ms"));
        let broker = self.broker(id);
        let start = broker.start;
        if let Some(executor) = &mut broker.executor {
            executor.want_shut_down();
        }
        self.schedule.after(time, Happening::Close(id, start));
    }

    fn fill_disk(&mut self, id: BrokerId) {
        let time = self.random.between(50, self.weather.longest);
        self.tell(format!("{id} has no room on its disk for {time} ms"));
        self.broker(id).full = true;
        self.hamper(id);
        self.schedule.after(time, Happening::Room(id));
    }

    pub(crate) fn make_room(&mut self, id: BrokerId) {
        self.tell(format!("{id} has room on its disk again"));
        self.broker(id).full = false;
        self.hamper(id);
    }

    /// One of the next operations on the disk fails.
    fn fail_disk(&mut self, id: BrokerId) {
        self.promises.suspect(id);
        let step = self.random.between(0, 20);
        self.tell(format!(
            "{id} has a disk that fails once, {step} operations from now"
        ));
        let disk = &self.brokers[&id].disk;
        disk.fail_step(disk.steps() + step, ErrorKind::Other);
    }

    /// One of a broker's partitions can't be written any more. Gives which.
    pub(crate) fn break_files(&mut self, id: BrokerId) -> Option<Key> {
        let views: Vec<ReplicaView> = self.executor(id)?.replicas().collect();
        let view = self.random.pick(&views)?;
        let key = (view.topic_id, view.partition);
        let name = self.name_of(key);
        self.promises.suspect(id);
        self.tell(format!("{id} can't write {name}"));
        self.broker(id).broken = Some(Path::new(FOLDER).join(name));
        self.hamper(id);
        Some(key)
    }

    pub(crate) fn mend_files(&mut self, id: BrokerId) {
        self.broker(id).broken = None;
        self.hamper(id);
    }

    pub(crate) fn heal(&mut self) -> Result<(), String> {
        self.tell("everything is healed");
        self.healed = true;
        self.weather.clear_up();
        self.mend_all();
        for id in self.ids() {
            let broker = self.broker(id);
            broker.paused_until = Millis(0);
            (broker.full, broker.broken) = (false, None);
            self.hamper(id);
        }
        self.draw_lack();
        for id in self.ids() {
            self.start(id)?;
        }
        if self.lack.is_some() {
            self.schedule.after(REST, Happening::Complete);
        } else {
            self.come_to_rest();
        }
        Ok(())
    }

    pub(crate) fn come_to_rest(&mut self) {
        self.schedule.after(REST - LAST_PRODUCE, Happening::WindUp);
        self.schedule.after(REST, Happening::End);
    }
}
