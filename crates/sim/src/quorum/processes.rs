//! Nodes as processes: how they begin and end, and what they do.

use cluster::{Action, Entry, Event, HardState, Index, MetadataChange, Millis, Node, Options};
use record::BrokerId;
use uuid::Uuid;

use super::world::{Happening, World};

impl World {
    pub(super) fn start(&mut self, id: BrokerId) -> Result<(), String> {
        if self.brokers[&id].node.is_some() {
            return Ok(());
        }
        self.starts += 1;
        let start = self.starts;
        let mut options = Options::new(id, "sim", self.ids(), Uuid::from_u128(self.random.number()));
        options.bug = self.bug;
        let restored = self.brokers[&id].disk.clone();
        self.tell(format!(
            "{id} starts ({start}) with {} entries",
            restored.entries.len()
        ));
        let node = Node::new(options, restored).map_err(|e| format!("broker {id} can't start: {e}"))?;
        let broker = self.broker(id);
        broker.node = Some(node);
        broker.start = start;
        broker.paused_until = Millis(0);
        self.schedule.after(0, Happening::Tick(id, start));
        for peer in self.running() {
            self.connect(id, peer);
        }
        Ok(())
    }

    /// Crashes after some time in which its messages and those to it arrive.
    pub(super) fn crash_soon(&mut self, id: BrokerId) {
        let start = self.brokers[&id].start;
        let delay = self.random.between(0, 2 * self.weather.delay);
        self.schedule.after(delay, Happening::Crash(id, start));
    }

    pub(super) fn crash(&mut self, id: BrokerId) {
        let broker = self.broker(id);
        if broker.node.take().is_none() {
            return;
        }
        self.crashes += 1;
        self.tell(format!("{id} crashes"));
        self.forget_requests(id);
        for peer in self.ids() {
            if peer != id {
                self.disconnect(id, peer);
            }
        }
        let longest = if self.random.chance(500) {
            300
        } else {
            self.weather.longest
        };
        let back = self.random.between(1, longest);
        self.schedule.after(back, Happening::Start(id));
    }

    pub(super) fn event(&mut self, id: BrokerId, event: Event) -> Result<(), String> {
        let now = self.schedule.now();
        let crash_within = self.weather.crash_within;
        let broker = self.brokers.get_mut(&id).expect("a broker of this run");
        let Some(node) = &mut broker.node else {
            return Ok(());
        };
        let before = node.metadata().applied;
        let was_controller = node.is_controller();
        let actions = node.on(event, now);
        if node.is_controller() != was_controller {
            let line = format!("{id} is controller: {}, term {}", !was_controller, node.term());
            self.story.tell(now, line);
        }
        let dies_after = self.dies_after(crash_within, &actions);
        for (done, action) in actions.into_iter().enumerate() {
            if done >= dies_after {
                self.crash(id);
                // Troubles rarely come alone: what this one had promised, the controller may have
                // relied on, and nobody may be left who knows.
                let controller = self.running().into_iter().find(|id| self.is_controller(*id));
                if let Some(controller) = controller.filter(|_| self.random.chance(400)) {
                    self.crash_soon(controller);
                }
                return Ok(());
            }
            self.act(id, action)?;
        }
        self.observe(id, before)
    }

    /// Looks at a node after its actions: what it believed before they were done, nobody could see.
    pub(super) fn observe(&mut self, id: BrokerId, before: Index) -> Result<(), String> {
        let Some(node) = &self.brokers[&id].node else {
            return Ok(());
        };
        let metadata = node.metadata();
        if let Some(controller) = metadata.controller.filter(|c| c.id == id) {
            self.oracle.leads(id, controller.epoch)?;
        }
        if metadata.applied != before {
            self.oracle.applied(id, before, metadata)?;
        }
        Ok(())
    }

    /// After how many actions the process dies. Only writing is worth dying for; half of the time it
    /// dies just before that.
    pub(super) fn dies_after(&mut self, crash_within: u64, actions: &[Action]) -> usize {
        let writes = actions.iter().position(|a| matches!(a, Action::Persist { .. }));
        match writes {
            Some(write) if self.random.chance(crash_within) => match self.random.chance(500) {
                true => write,
                false => self.random.below(actions.len() as u64) as usize,
            },
            _ => usize::MAX,
        }
    }

    pub(super) fn act(&mut self, id: BrokerId, action: Action) -> Result<(), String> {
        match action {
            Action::Persist {
                truncate_from,
                entries,
                hard_state,
            } => {
                self.persist(id, truncate_from, entries, hard_state);
                Ok(())
            }
            Action::Send { to, message } => {
                self.send(id, to, message);
                Ok(())
            }
            Action::Ask { to, token, request } => {
                self.ask(id, to, token, request);
                Ok(())
            }
            Action::Answer { token, reply } => match self.questions.remove(&token) {
                Some((asker, connection, theirs)) => {
                    let delay = self.random.between(0, self.weather.delay);
                    let reply = Happening::Reply {
                        from: id,
                        to: asker,
                        connection,
                        token: theirs,
                        reply,
                    };
                    self.schedule.after(delay, reply);
                    Ok(())
                }
                None => self.answered(id, token, reply),
            },
            Action::Changed(change) => self.changed(id, change),
            Action::Halt(error) => Err(format!("broker {id} halts: {error}")),
        }
    }

    pub(super) fn persist(
        &mut self,
        id: BrokerId,
        truncate_from: Option<Index>,
        entries: Vec<Entry>,
        hard_state: Option<HardState>,
    ) {
        let disk = &mut self.broker(id).disk;
        disk.hard_state = hard_state.or(disk.hard_state);
        if let Some(index) = truncate_from {
            disk.entries.retain(|entry| entry.index < index);
        }
        disk.entries.extend(entries);
    }

    pub(super) fn changed(&mut self, id: BrokerId, change: MetadataChange) -> Result<(), String> {
        self.tell(format!("{id} {change}"));
        let MetadataChange::BecomeLeader {
            replica,
            leader_epoch,
        } = change
        else {
            return Ok(());
        };
        let start = self.brokers[&id].start;
        self.oracle
            .leads_partition(id, start, replica.topic_id, replica.partition, leader_epoch)
            .map(|_| ())
    }
}
