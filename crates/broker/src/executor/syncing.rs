//! Where records must survive a loss of power: they count once they are synced, one `fdatasync` a partition for all
//! that was appended meanwhile.

use disk::Disk;
use kafka_protocol::ResponseError;

use super::Executor;
use super::replication::finish_produce;
use crate::{Clock, Output};

impl<D: Disk> Executor<D> {
    /// Syncs the partitions that were written to; whoever waited for it is answered, the leaders are asked for more.
    pub(super) fn sync_dirty(&mut self, now: Clock, out: &mut Vec<Output>) {
        let dirty = self.replicas.take_dirty();
        if dirty.is_empty() {
            return;
        }
        let mut again = Vec::new();
        for key in dirty {
            match self.replicas.sync(key) {
                Ok(Some(durable)) => {
                    for produce in self.waits.unsynced.on_high_watermark(key, durable) {
                        finish_produce(produce, out);
                    }
                    let advance = self.replicas.advance(key);
                    self.on_moved(key, advance, now, out);
                }
                Ok(None) => again.push(key),
                Err(refusal) => {
                    self.replicas.note_write(Some(&refusal));
                    // Nobody knows what is on the disk now.
                    let error = ResponseError::KafkaStorageError.code();
                    self.fail_produces(key, error, out);
                }
            }
        }
        self.fetch_from_leaders(now, out);
        // With the next input.
        for key in again {
            self.replicas.note_append(key);
        }
    }
}
