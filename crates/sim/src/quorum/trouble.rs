//! What goes wrong, and how it ends.

use cluster::Millis;
use record::BrokerId;

use super::world::{Happening, REST, World};

impl World {
    pub(super) fn fault(&mut self) -> Result<(), String> {
        if self.healed {
            return Ok(());
        }
        let delay = self.random.between(1, 2 * self.weather.fault_every);
        self.schedule.after(delay, Happening::Fault);
        let Some(id) = self.random.pick(&self.running()) else {
            return Ok(());
        };
        let controller = self
            .running()
            .into_iter()
            .find(|id| self.is_controller(*id))
            .unwrap_or(id);
        match self.random.below(10) {
            0 | 1 => self.crash(id),
            2 | 3 => self.crash(controller),
            4 => self.running().into_iter().for_each(|id| self.crash(id)),
            5 => self.pause(id),
            6 | 7 => {
                let noticed = self.random.chance(500);
                for peer in self.ids() {
                    if peer != id {
                        self.cut(id, peer, noticed);
                    }
                }
            }
            _ => {
                let peer = self.random.pick(&self.ids()).filter(|peer| *peer != id);
                let noticed = self.random.chance(500);
                if let Some(peer) = peer {
                    self.cut(id, peer, noticed);
                }
            }
        }
        Ok(())
    }

    pub(super) fn pause(&mut self, id: BrokerId) {
        let time = self.random.between(50, self.weather.longest);
        self.tell(format!("{id} is paused for {time} ms"));
        self.broker(id).paused_until = self.schedule.now().plus(Millis(time));
    }

    pub(super) fn heal(&mut self) -> Result<(), String> {
        self.tell("everything is healed");
        self.healed = true;
        self.weather.clear_up();
        for (a, b) in self.cut.clone() {
            self.mend(a, b);
        }
        for id in self.ids() {
            self.broker(id).paused_until = Millis(0);
            self.start(id)?;
        }
        self.schedule.after(REST / 2, Happening::Client);
        self.schedule.after(REST, Happening::End);
        Ok(())
    }
}
