//! Runs the node's actions on the logs, and the clients' requests on both.

use std::collections::VecDeque;

use cluster::{Action, ControllerReply, Event, Metadata, MetadataChange, Millis, Node, Options};
use disk::Disk;
use kafka_protocol::ResponseError;

use crate::flusher::Flusher;
use crate::folder::{Folder, Left};
use crate::peer_wire::{self, PeerFrame};
use crate::peers::Peers;
use crate::quorum_store::QuorumStore;
use crate::replicas::Replicas;
use crate::{BrokerError, Clock, Durability, ExecutorOptions, Input, Output, Serving};

mod acting;
mod asked;
mod clients;
mod replication;
mod reports;
mod syncing;
#[cfg(test)]
mod tests;
mod views;
mod waits;

use asked::Asked;
use replication::{Replication, finish_deletion, finish_produce};
use reports::Reports;
pub use views::ReplicaView;
use waits::Waits;

/// A source of random numbers.
pub type Random = Box<dyn FnMut() -> u128 + Send>;

/// How often replicas that are offline are opened again.
const REOPEN: Millis = Millis(5_000);

/// How often the high watermarks are noted (Kafka's `replica.high.watermark.checkpoint.interval.ms`).
const CHECKPOINT: Millis = Millis(5_000);

/// How often it is said that there is no space for the metadata log; it is tried with every tick.
const SPACE_WARNING: Millis = Millis(60_000);

/// One broker without sockets, threads, clock or randomness of its own.
///
/// It is told what happened by [`Executor::on`] and gives back what is to be done. Everything it does on
/// the disk has been done when `on` returns.
pub struct Executor<D: Disk> {
    settings: Settings,
    folder: Folder<D>,
    /// What the node wants and couldn't be done for want of space; nothing may overtake it.
    held: VecDeque<Action>,
    node: Node,
    quorum: QuorumStore<D>,
    replicas: Replicas<D>,
    peers: Peers,
    flusher: Flusher<D>,
    replication: Replication,
    reports: Reports,
    waits: Waits,
    schedule: Schedule,
    random: Random,
}

/// What stays the same while the broker runs.
struct Settings {
    node: Options,
    serving: Serving,
    boot_id: String,
    left: Left,
    /// The caller says when to sync.
    syncs_in_groups: bool,
}

/// What is done from time to time.
struct Schedule {
    /// The time of the last input.
    now: Millis,
    checkpoint: Millis,
    retention: Millis,
    reopen: Millis,
    /// When it is said again that there is no space for the metadata log.
    space_warning: Millis,
}

impl<D: Disk> Executor<D> {
    /// Locks and checks the folder, and reads back what the node must remember.
    ///
    /// # Errors
    /// A folder in use, of somebody else, damaged, or a disk that fails.
    pub fn open(
        disk: D,
        options: ExecutorOptions,
        now: Clock,
        mut random: Random,
    ) -> Result<Self, BrokerError> {
        let ExecutorOptions {
            folder,
            node: mut node_options,
            boot_id,
            serving,
        } = options;
        let (folder, left) = Folder::open(
            disk,
            folder,
            &node_options.cluster_id,
            node_options.id,
            &boot_id,
            serving.durability,
        )?;
        let between_snapshots = node_options.max_bytes_between_snapshots;
        let (quorum, restored) = QuorumStore::open(&folder, between_snapshots, now.wall, left.trust())?;
        node_options.clean = left.is_clean();
        let node = Node::new(node_options.clone(), restored)?;
        // Answers to an earlier process must not be taken for answers to this one.
        let first_correlation_id = (random() & 0x7fff_ffff) as i32;
        let retention = now.monotonic.plus(millis(serving.retention_check));
        Ok(Self {
            replicas: Replicas::new(&node_options, &folder, left, serving.clone())?,
            settings: Settings {
                node: node_options,
                serving,
                boot_id,
                left,
                syncs_in_groups: false,
            },
            folder,
            held: VecDeque::new(),
            node,
            quorum,
            peers: Peers::new(first_correlation_id),
            flusher: Flusher::new(),
            replication: Replication::default(),
            reports: Reports::default(),
            waits: Waits::default(),
            schedule: Schedule {
                now: now.monotonic,
                checkpoint: now.monotonic.plus(CHECKPOINT),
                retention,
                reopen: now.monotonic.plus(REOPEN),
                space_warning: Millis(0),
            },
            random,
        })
    }

    /// Takes note of what happened and says what is to be done. After [`Output::Stop`] it must not be
    /// called again.
    pub fn on(&mut self, input: Input, now: Clock) -> Vec<Output> {
        self.schedule.now = now.monotonic;
        let mut out = Vec::new();
        if self.replicas.open_more(self.node.metadata(), now) && self.node.is_ready() {
            self.note_boot();
        }
        match input {
            Input::Tick => self.on_tick(now, &mut out),
            // Whatever was told: what may wait no longer is answered below.
            Input::Deadline => {}
            Input::Client {
                request,
                version,
                body,
            } => self.on_client(request, version, body, now, &mut out),
            Input::ClientGone { connection } => self.on_client_gone(connection),
            Input::PeerConnected(peer) => {
                self.tell(Event::PeerConnected(peer), now, &mut out);
                self.fetch_from_leaders(now, &mut out);
            }
            Input::PeerLost(peer) => {
                // What it had asked is of the past: a new process would mistake the answers.
                self.waits.asked.retain(|_, asked| !asked.is_of_peer(peer));
                self.replication.on_peer_lost(peer);
                let lost = self.peers.on_lost(peer);
                // First, or the same peer would be asked again.
                self.tell(Event::PeerLost(peer), now, &mut out);
                for (token, reply) in lost {
                    self.tell(Event::PeerReply { token, reply }, now, &mut out);
                }
            }
            Input::PeerFrame { from, frame } => match peer_wire::decode(frame) {
                Ok(frame) => self.on_peer_frame(from, frame, now, &mut out),
                Err(e) => tracing::warn!(broker = from.0, "{e}"),
            },
        }
        for fetch in self.waits.fetches.expired(now.monotonic) {
            self.finish_fetch(fetch, &mut out);
        }
        let unsynced = self.waits.unsynced.expired(now.monotonic);
        for mut produce in self
            .waits
            .produces
            .expired(now.monotonic)
            .into_iter()
            .chain(unsynced)
        {
            produce.what.fail(ResponseError::RequestTimedOut.code(), |_| true);
            finish_produce(produce, &mut out);
        }
        for mut deletion in self.waits.deletions.expired(now.monotonic) {
            deletion
                .what
                .fail(ResponseError::RequestTimedOut.code(), |_| true);
            finish_deletion(deletion, &mut out);
        }
        self.answer_overdue(now, &mut out);
        if !self.settings.syncs_in_groups {
            self.sync_dirty(now, &mut out);
        }
        // Where there is no space it is said with the next tick that is due.
        if self.replicas.are_unnoted() {
            let _ = self.replicas.note_high_watermarks(&self.folder);
        }
        out
    }

    /// When [`Executor::on`] must be called next, besides ticks: with [`Input::Deadline`] where nothing
    /// else happens. Not with a tick: whoever counts time in ticks would count too many.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        if self.replicas.has_unopened() {
            return Some(self.schedule.now);
        }
        let deadlines = [self.waits.next_deadline(), self.replication.next_deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// Whether this process is registered, counts as alive, and knows that it does: it takes writes for
    /// the partitions that it leads.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.node.is_ready() && self.node.has_session(self.schedule.now)
    }

    /// The committed metadata.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        self.node.metadata()
    }

    /// The node, for those who check what it decides.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Whether something couldn't be written, because there is no space or the disk has failed: what its metadata
    /// say is not durable, and nobody is told anything of it.
    #[must_use]
    pub fn is_held_up(&self) -> bool {
        !self.held.is_empty()
    }

    /// How the folder was left by the process before this one.
    #[must_use]
    pub fn left(&self) -> Left {
        self.settings.left
    }

    /// Has a thread make sealed segments durable from now on. Without it that is done at once, which
    /// takes as long as it takes.
    ///
    /// # Errors
    /// If there can't be another thread.
    pub fn flush_on_a_thread(&mut self) -> std::io::Result<()> {
        self.flusher.start_thread()
    }

    /// Has the caller sync what was appended: by [`Executor::sync`] after some inputs, and before it waits for
    /// more. Without it that is done after each input.
    pub fn sync_in_groups(&mut self) {
        self.settings.syncs_in_groups = true;
    }

    /// Makes durable what was appended since the last call, where that is asked for ([`Durability::PowerLoss`]),
    /// and gives what waited for it.
    pub fn sync(&mut self, now: Clock) -> Vec<Output> {
        let mut out = Vec::new();
        self.sync_dirty(now, &mut out);
        out
    }

    /// Limits the bytes of records in Fetch responses that are given out from now on; each Fetch gets its
    /// first batch even so. For a caller that knows how much clients haven't taken yet.
    pub fn limit_fetches(&mut self, bytes: usize) {
        self.waits.fetch_room = Some(bytes);
    }

    /// Tells the controller that this broker wants to stop; [`Executor::may_shut_down`] says when its
    /// partitions are in other hands.
    pub fn want_shut_down(&mut self) {
        self.node.want_shut_down();
    }

    /// Whether nothing is led here any more.
    #[must_use]
    pub fn may_shut_down(&self) -> bool {
        self.node.may_shut_down()
    }

    /// Flushes everything and marks the folder as cleanly closed, unless the files of some partition
    /// have failed since the start: those are recovered at the next one. Nor where this process was never registered,
    /// unless the folder was closed before: whether records may be gone is for the next one to say.
    ///
    /// # Errors
    /// If the disk fails; the folder counts as not closed then.
    pub fn close(mut self) -> Result<(), BrokerError> {
        let path = self.folder.path().to_owned();
        self.replicas.note_high_watermarks(&self.folder)?;
        // Where nothing was opened, not even that was flushed what an earlier process has left.
        let is_untouched = self.settings.left == Left::Closed && !self.replicas.is_registered();
        let sound = self.held.is_empty() && (self.replicas.are_sound() || is_untouched);
        let closed = self.replicas.close();
        closed.map_err(|e| match e {
            log::LogError::Io { path, source } => BrokerError::disk(&path, source),
            e => BrokerError::Damaged {
                path,
                reason: e.to_string(),
            },
        })?;
        self.quorum.close()?;
        if sound {
            self.folder.mark_closed()?;
        }
        Ok(())
    }

    /// Whether this is the mistake to make, for the simulator.
    #[cfg(feature = "deliberate-bugs")]
    fn makes(&self, bug: cluster::Bug) -> bool {
        self.settings.node.bug == Some(bug)
    }

    fn on_tick(&mut self, now: Clock, out: &mut Vec<Output>) {
        if self.held.is_empty() {
            self.tell(Event::Tick, now, out);
        } else {
            self.execute(now, out);
        }
        if !self.held.is_empty() {
            self.refuse_all_asked(out);
        }
        for (token, reply) in self.peers.give_up(now.monotonic) {
            self.tell(Event::PeerReply { token, reply }, now, out);
        }
        self.replicas.finish_flushes(self.flusher.take_done());
        if now.monotonic >= self.schedule.reopen {
            self.schedule.reopen = now.monotonic.plus(REOPEN);
            self.reopen_failed(now);
        }
        if now.monotonic >= self.schedule.checkpoint {
            self.schedule.checkpoint = now.monotonic.plus(CHECKPOINT);
            if let Err(e) = self.replicas.note_high_watermarks(&self.folder) {
                tracing::warn!("it could not be noted which replicas are here, and what is committed: {e}");
            }
        }
        self.fetch_from_leaders(now, out);
        self.ask_for_isrs(now, out);
        if !self.node.has_session(now.monotonic) {
            self.on_no_session(out);
        }
        self.report_replicas(now, out);
        if now.monotonic >= self.schedule.retention {
            self.schedule.retention = now.monotonic.plus(millis(self.settings.serving.retention_check));
            self.replicas.maintain(now.wall);
        }
    }

    /// Opens again what has failed, so that a broker recovers by itself once its disk does. What a failed sync has left
    /// out is unknown from then on, whatever later ones say: a loss of power may take it.
    fn reopen_failed(&mut self, now: Clock) {
        if !self.replicas.has_failed() {
            return;
        }
        match self.folder.doubt_durability() {
            Ok(()) => self.replicas.reopen(self.node.metadata(), now),
            Err(e) => tracing::warn!("what has failed isn't opened again yet: {e}"),
        }
    }

    fn on_peer_frame(&mut self, from: record::BrokerId, frame: PeerFrame, now: Clock, out: &mut Vec<Output>) {
        match frame {
            PeerFrame::Raft(message) => self.tell(Event::Peer { from, message }, now, out),
            PeerFrame::Request {
                correlation_id,
                kind,
                request,
            } => {
                let asked = Asked::Peer {
                    from,
                    correlation_id,
                    kind,
                };
                self.submit(
                    asked,
                    |token| Event::PeerRequest { from, token, request },
                    now,
                    out,
                );
            }
            PeerFrame::Fetch {
                correlation_id,
                request,
            } => self.on_follower_fetch(from, correlation_id, request, now, out),
            PeerFrame::Response { correlation_id, body } => {
                if self.on_fetched(from, correlation_id, body.clone(), now, out) {
                    return;
                }
                let Some((token, kind)) = self.peers.on_response(from, correlation_id) else {
                    return;
                };
                let reply = peer_wire::decode_reply(kind, body).unwrap_or_else(|e| {
                    tracing::warn!(broker = from.0, "{e}");
                    ControllerReply::lost()
                });
                self.tell(Event::PeerReply { token, reply }, now, out);
            }
        }
    }

    /// A crash before all replicas were opened once has to recover them all again.
    fn note_boot(&self) {
        if !self.replicas.are_online() {
            return;
        }
        let noted = match self.settings.serving.durability {
            Durability::ProcessCrash => Ok(()),
            Durability::PowerLoss if self.replicas.are_sound() => self.folder.note_durability(),
            Durability::PowerLoss => Ok(()),
        };
        if let Err(e) = noted.and_then(|()| self.folder.note_boot(&self.settings.boot_id)) {
            tracing::warn!("the boot id could not be stored: {e}");
        }
    }

    fn on_change(&mut self, change: &MetadataChange, now: Clock, out: &mut Vec<Output>) {
        self.replicas.on_change(change, self.node.metadata(), now);
        match change {
            MetadataChange::Fenced(false) => self.note_boot(),
            MetadataChange::BecomeFollower { replica, .. } | MetadataChange::BecomeLeader { replica, .. } => {
                self.replicas.warn_of_recovery(replica, self.node.metadata());
                self.on_part_changed((replica.topic_id, replica.partition), now, out);
            }
            MetadataChange::DeleteReplica(replica) => {
                self.on_part_changed((replica.topic_id, replica.partition), now, out);
            }
            MetadataChange::IsrChanged(replica) => {
                self.on_isr_changed((replica.topic_id, replica.partition), now, out);
            }
            MetadataChange::ConfigChanged { topic_id } => self.on_topic_changed(*topic_id, now, out),
            _ => {}
        }
    }
}

pub(crate) fn millis(duration: std::time::Duration) -> Millis {
    Millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
