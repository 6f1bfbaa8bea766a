//! Threads that run the lanes of all streams, and the merge of what they make into one order.
//!
//! Work is cut into windows of virtual time. A thread runs its lanes to the end of the window; the merger
//! sorts what came by time, stream, lane and place in the lane. So neither the number of threads nor the
//! length of a window changes the order or a byte.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
};

use crate::faults::{Batch, Entry, FaultyLane};

/// Records that a window holds, about.
pub(crate) const WINDOW_RECORDS: f64 = 8_192.0;
/// Windows that wait between two threads: what is made ahead is bounded.
const AHEAD: usize = 2;

/// A lane of a stream, ready to run.
#[derive(Debug)]
pub(crate) struct Source {
    /// Which of the streams.
    pub(crate) stream: usize,
    pub(crate) lane: FaultyLane,
}

/// How far and in which steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course {
    pub(crate) start_us: i64,
    pub(crate) window_us: i64,
    /// Nothing is made from here on.
    pub(crate) until_us: i64,
}

/// Records of all streams in the order in which they are sent.
#[derive(Debug)]
pub(crate) struct Window {
    /// All its records are sent before.
    pub(crate) end_us: i64,
    /// With the streams that they belong to.
    pub(crate) batches: Vec<(usize, Batch)>,
    order: Vec<(i64, u32, u32)>,
    pool: Pool,
}

/// One record of a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) stream: usize,
    pub(crate) entry: &'a Entry,
    pub(crate) key: &'a [u8],
    pub(crate) value: Option<&'a [u8]>,
}

impl Window {
    /// Of batches in the order of streams and lanes.
    pub(crate) fn merge(end_us: i64, batches: Vec<(usize, Batch)>, pool: Pool) -> Self {
        let mut order = Vec::with_capacity(batches.iter().map(|(_, batch)| batch.entries.len()).sum());
        for (index, (_, batch)) in (0..).zip(&batches) {
            order.extend(
                (0..)
                    .zip(&batch.entries)
                    .map(|(place, entry)| (entry.at_us, index, place)),
            );
        }
        order.sort_unstable();
        Self {
            end_us,
            batches,
            order,
            pool,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Its records from this place on.
    pub(crate) fn items(&self, from: usize) -> impl Iterator<Item = Item<'_>> {
        self.order.iter().skip(from).filter_map(|(_, batch, place)| {
            let (stream, batch) = self.batches.get(*batch as usize)?;
            let entry = batch.entries.get(*place as usize)?;
            Some(Item {
                stream: *stream,
                entry,
                key: batch.key(entry),
                value: batch.value(entry),
            })
        })
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.pool.put(self.batches.drain(..).map(|(_, batch)| batch));
    }
}

/// Buffers to be used again: fresh ones cost a page fault every 4 KB.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<Vec<Batch>>>);

impl Pool {
    fn take(&self) -> Batch {
        let mut batches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        batches.pop().unwrap_or_default()
    }

    fn put(&self, used: impl Iterator<Item = Batch>) {
        let mut batches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        batches.extend(used.map(|mut batch| {
            batch.clear();
            batch
        }));
    }
}

/// Starts the threads. What comes out ends at `until_us`, or never; dropping it ends them.
pub(crate) fn start(sources: Vec<Source>, course: Course, threads: usize) -> Receiver<Window> {
    let threads = threads.clamp(1, sources.len().max(1));
    let pool = Pool::default();
    let mut shares: Vec<Vec<(usize, Source)>> = (0..threads).map(|_| Vec::new()).collect();
    for (place, source) in sources.into_iter().enumerate() {
        // Lanes of each stream on every thread.
        if let Some(share) = shares.get_mut(place % threads) {
            share.push((place, source));
        }
    }
    let mut makers = Vec::new();
    for share in shares {
        let (made, making) = mpsc::sync_channel(AHEAD);
        let pool = pool.clone();
        thread::spawn(move || run_lanes(share, course, &pool, &made));
        makers.push(making);
    }
    let (merged, windows) = mpsc::sync_channel(AHEAD);
    thread::spawn(move || merge(&makers, course, &pool, &merged));
    windows
}

type Made = Vec<(usize, usize, Batch)>;

fn run_lanes(mut share: Vec<(usize, Source)>, course: Course, pool: &Pool, made: &SyncSender<Made>) {
    for end_us in course.ends() {
        let run = |(place, source): &mut (usize, Source)| {
            let mut batch = pool.take();
            source.lane.run_until(end_us, &mut batch);
            (*place, source.stream, batch)
        };
        if made.send(share.iter_mut().map(run).collect()).is_err() {
            return;
        }
    }
}

fn merge(makers: &[Receiver<Made>], course: Course, pool: &Pool, merged: &SyncSender<Window>) {
    for end_us in course.ends() {
        let mut all = Vec::new();
        for maker in makers {
            // A thread that ended early shows as an early end.
            let Ok(made) = maker.recv() else { return };
            all.extend(made);
        }
        all.sort_unstable_by_key(|(place, ..)| *place);
        let batches = all
            .into_iter()
            .map(|(_, stream, batch)| (stream, batch))
            .collect();
        if merged.send(Window::merge(end_us, batches, pool.clone())).is_err() {
            return;
        }
    }
}

impl Course {
    fn ends(self) -> impl Iterator<Item = i64> {
        let mut end_us = self.start_us;
        std::iter::from_fn(move || {
            if end_us >= self.until_us {
                return None;
            }
            end_us = end_us.saturating_add(self.window_us.max(1)).min(self.until_us);
            Some(end_us)
        })
    }
}

#[cfg(test)]
mod tests;
