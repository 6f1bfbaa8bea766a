//! What goes wrong, and how it ends.

use std::io::ErrorKind;

use broker::Executor;
use cluster::Millis;
use record::BrokerId;

use crate::world::{Happening, LAST_PRODUCE, REST, World, pair};

impl World {
    pub(crate) fn fault(&mut self) -> Result<(), String> {
        if self.healed {
            return Ok(());
        }
        let delay = self.random.between(1, 2 * self.weather.fault_every);
        self.schedule.after(delay, Happening::Fault);
        let Some(id) = self.random.pick(&self.running()) else {
            return Ok(());
        };
        match self.random.below(14) {
            0..=2 => self.crash(id),
            3 => self.crash(self.controller().unwrap_or(id)),
            4 => self.running().into_iter().for_each(|id| self.crash(id)),
            5 | 6 => self.pause(id),
            7 => self.fill_disk(id),
            8 | 9 if self.weather.power_fails => self.lose_power(),
            8 | 9 => self.fail_disk(id),
            10 => {
                let noticed = self.random.chance(500);
                for peer in self.ids() {
                    self.cut_off(id, peer, noticed);
                }
            }
            11 | 12 => self.stop_cleanly(id),
            _ => {
                let noticed = self.random.chance(500);
                if let Some(peer) = self.random.pick(&self.ids()) {
                    self.cut_off(id, peer, noticed);
                }
            }
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
        let broker = self.broker(id);
        broker.disk.set_capacity(Some(0));
        (broker.full, broker.room) = (true, false);
        self.schedule.after(time, Happening::Room(id));
    }

    /// One of the next operations on the disk fails. Not in runs where the power fails too: a sync that
    /// failed leaves in doubt what no later sync can mend.
    fn fail_disk(&mut self, id: BrokerId) {
        let step = self.random.between(0, 20);
        self.tell(format!(
            "{id} has a disk that fails once, {step} operations from now"
        ));
        let disk = &self.brokers[&id].disk;
        disk.fail_step(disk.steps() + step, ErrorKind::Other);
    }

    fn cut_off(&mut self, a: BrokerId, b: BrokerId, noticed: bool) {
        if a == b || self.cut.contains(&pair(a, b)) {
            return;
        }
        self.tell(format!(
            "{a} and {b} are cut off from each other, noticed: {noticed}"
        ));
        if noticed {
            self.disconnect(a, b);
        }
        self.cut.insert(pair(a, b));
        let delay = self.random.between(100, self.weather.longest);
        self.schedule.after(delay, Happening::Mend(a, b));
    }

    pub(crate) fn heal(&mut self) -> Result<(), String> {
        self.tell("everything is healed");
        self.healed = true;
        self.weather.clear_up();
        for (a, b) in self.cut.clone() {
            self.mend(a, b);
        }
        for id in self.ids() {
            let broker = self.broker(id);
            broker.paused_until = Millis(0);
            broker.disk.set_capacity(None);
            broker.room = true;
            self.start(id)?;
        }
        self.schedule.after(REST - LAST_PRODUCE, Happening::WindUp);
        self.schedule.after(REST, Happening::End);
        Ok(())
    }
}
