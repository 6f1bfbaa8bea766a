//! Moves partitions and tells how far it is.
//!
//! What is left is looked up each time, and nowhere else: whoever calls it again continues, whatever ended the
//! call before, and whoever is controller by then.

use std::time::{Duration, Instant};

use client::{Client, NewReplicas};
use record::BrokerId;

use super::PATIENCE;
use super::layout::Layout;
use crate::failure::{Failure, Outcome};
use crate::live_line::LiveLine;
use crate::output;

/// Partitions that move at once: the cluster has other work, too.
const AT_ONCE: usize = 5;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How often a line is written where there is no terminal to show how far it is.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Without any progress for so long something is wrong.
const STUCK: Duration = Duration::from_secs(120);

/// Moves what `plan` finds until it finds nothing and everything has arrived. The number of partitions that moved.
pub(super) async fn move_all(
    client: &Client,
    what: &str,
    plan: impl Fn(&Layout) -> Vec<NewReplicas>,
) -> Outcome<usize> {
    let mut progress = Progress::new(what);
    loop {
        let layout = Layout::read(client).await?;
        let planned = plan(&layout);
        let under_way = layout.moving().count();
        if planned.is_empty() && under_way == 0 {
            return Ok(progress.finish());
        }
        progress.tell(client, &layout, planned.len(), under_way).await?;
        let next: Vec<NewReplicas> = planned
            .into_iter()
            .take(AT_ONCE.saturating_sub(under_way))
            .collect();
        if !next.is_empty() {
            for moved in client.reassign(&next, PATIENCE).await? {
                moved.into_result()?;
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How far it is.
struct Progress<'a> {
    what: &'a str,
    line: LiveLine,
    begin: Instant,
    most: usize,
    left: usize,
    copied: u64,
    told_at: Option<Instant>,
    advanced_at: Instant,
}

impl<'a> Progress<'a> {
    fn new(what: &'a str) -> Self {
        Self {
            what,
            line: LiveLine::new(),
            begin: Instant::now(),
            most: 0,
            left: 0,
            copied: 0,
            told_at: None,
            advanced_at: Instant::now(),
        }
    }

    async fn tell(&mut self, client: &Client, layout: &Layout, planned: usize, under_way: usize) -> Outcome {
        let left = planned + under_way;
        self.most = self.most.max(left);
        let (copied, to_copy) = copied(client, layout).await;
        if left != self.left || copied != self.copied {
            self.advanced_at = Instant::now();
        }
        (self.left, self.copied) = (left, copied);
        let mut text = format!("{}: {left} of {} partitions left", self.what, self.most);
        if to_copy > 0 {
            let (copied, to_copy) = (output::bytes(copied), output::bytes(to_copy));
            text.push_str(&format!(
                ", {copied} of {to_copy} copied of {under_way} on their way"
            ));
        }
        match self.line.is_shown() {
            true => self.line.show(|| text),
            false if self.told_at.is_none_or(|told| told.elapsed() >= TELL_EVERY) => {
                self.told_at = Some(Instant::now());
                output::progress(&text);
            }
            false => {}
        }
        if self.advanced_at.elapsed() < STUCK {
            return Ok(());
        }
        self.line.clear();
        let first = layout.moving().next();
        let which = first.map_or(String::new(), |p| format!(" ({}-{})", p.topic, p.index));
        Err(Failure::plain(format!(
            "nothing has moved for {} s{which}: look for brokers that are down with `minicluster brokers list`, \
             then call this again: it continues",
            STUCK.as_secs()
        )))
    }

    fn finish(mut self) -> usize {
        self.line.clear();
        if self.most > 0 {
            let took = self.begin.elapsed().as_secs_f64();
            output::progress(&format!(
                "{}: {} partitions moved in {took:.1} s",
                self.what, self.most
            ));
        }
        self.most
    }
}

/// Bytes that are there of what is on its way, and bytes that there will be.
async fn copied(client: &Client, layout: &Layout) -> (u64, u64) {
    let mut sizes = Vec::new();
    for id in &layout.alive {
        // A broker that doesn't answer makes the figure smaller, and nothing else.
        for folder in client.describe_log_dirs(*id).await.unwrap_or_default() {
            sizes.extend(folder.replicas.into_iter().map(|replica| (*id, replica)));
        }
    }
    let mut sum = (0, 0);
    for partition in layout.moving() {
        let size_on = |id: BrokerId| {
            let here = sizes.iter().filter(|(broker, _)| *broker == id);
            let mut here = here.filter(|(_, r)| r.topic == partition.topic && r.partition == partition.index);
            here.next().map_or(0, |(_, replica)| replica.bytes)
        };
        let whole = partition.leader.map_or(0, size_on);
        let target = partition.target.iter().flatten();
        for new in target.filter(|id| !partition.in_sync.contains(id)) {
            sum.0 += size_on(*new).min(whole);
            sum.1 += whole;
        }
    }
    sum
}
