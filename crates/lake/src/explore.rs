//! Explores the lake's real code over a simulated disk.
//!
//! A [`job`] writes three epochs. At every step that it takes on the disk it may be killed, or the
//! power may fail, with every unsynced name and write kept, lost or torn, each by itself. Whatever
//! is left is shown to both kinds of [`readers`], and a new writer starts from it; it may be
//! killed again. States that look the same, down to what is durable, are visited once.
//!
//! The same exploration is run with one rule broken at a time and must then find a violation:
//! otherwise it would prove nothing.

use std::collections::{HashSet, VecDeque};
use std::fmt;

use disk::{Image, SimDisk};

mod job;
mod readers;
mod tests;

use job::{Job, Mistake};

/// How far the exploration goes.
#[derive(Debug, Clone, Copy)]
struct Limits {
    epochs: u64,
    /// How often the world may end.
    crashes: usize,
}

/// What the world outside was told, which no crash may take back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Told {
    /// Epochs that were reported as committed, or that a snapshot reader has seen.
    committed: u64,
    /// Epochs that were reported as published.
    published: u64,
}

/// A promise that was broken, and how it came to that.
#[derive(Debug)]
struct Violation {
    broken: String,
    story: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.story {
            writeln!(f, "- {line}")?;
        }
        write!(f, "=> {}", self.broken)
    }
}

/// What an exploration has seen, for messages.
#[derive(Debug, Default)]
struct Explored {
    /// Different states of the disk in which a crash was tried.
    states: usize,
    /// Different file systems that were shown to the readers.
    checked: usize,
    /// Writers that were started.
    starts: usize,
}

/// A file system on which a writer is about to start.
struct Start {
    disk: SimDisk,
    told: Told,
    crashes_left: usize,
    story: Vec<String>,
}

struct Explorer {
    limits: Limits,
    mistake: Option<Mistake>,
    to_start: VecDeque<Start>,
    crashed_at: HashSet<(u128, Told)>,
    started_from: HashSet<(u128, Told)>,
    carried_on_from: HashSet<(u128, Told)>,
    explored: Explored,
}

/// Explores everything within the limits.
fn explore(limits: Limits, mistake: Option<Mistake>) -> Result<Explored, Violation> {
    let mut explorer = Explorer {
        limits,
        mistake,
        to_start: VecDeque::new(),
        crashed_at: HashSet::new(),
        started_from: HashSet::new(),
        carried_on_from: HashSet::new(),
        explored: Explored::default(),
    };
    explorer.to_start.push_back(Start {
        disk: SimDisk::new(),
        told: Told::default(),
        crashes_left: limits.crashes,
        story: Vec::new(),
    });
    // First in, first out: a state is met first with the most crashes left.
    while let Some(start) = explorer.to_start.pop_front() {
        explorer.run(start)?;
    }
    Ok(explorer.explored)
}

impl Explorer {
    /// Runs a writer from its start to the last epoch, and branches at every step.
    fn run(&mut self, start: Start) -> Result<(), Violation> {
        self.explored.starts += 1;
        let broken = |story: &[String], broken| Violation {
            broken,
            story: story.to_vec(),
        };
        start.disk.keep_images();
        let disk = start.disk.clone();
        let mut told = start.told;
        let life = self.limits.crashes - start.crashes_left;
        let mut job = Job::new(disk.clone(), life, self.limits.epochs, self.mistake);
        loop {
            let went = job.advance(&mut told);
            for image in disk.take_images() {
                self.crash(&image, &start, job.told_before())?;
            }
            let more = went.map_err(|reason| broken(&start.story, reason))?;
            if !more {
                break;
            }
            let here = (disk.image().fingerprint(), told);
            if job.is_between_epochs() && !self.carried_on_from.insert(here) {
                return Ok(());
            }
        }
        let last = disk.image();
        self.crash(&last, &start, told)?;
        let done = readers::check_all_there(&last.after_kill(), self.limits.epochs);
        done.map_err(|reason| broken(&start.story, reason))
    }

    /// Everything that may come of a crash at this point.
    fn crash(&mut self, image: &Image, start: &Start, told: Told) -> Result<(), Violation> {
        if !self.crashed_at.insert((image.fingerprint(), told)) {
            return Ok(());
        }
        self.explored.states += 1;
        let mut story = start.story.clone();
        story.push(format!("killed before: {}", image.before()));
        if self.started_from.insert((image.fingerprint(), told)) {
            self.after_crash(image.after_kill(), told, start.crashes_left, story)?;
        }

        // With a mistake more and more is in doubt; there a sample is good enough.
        let limit = if self.mistake.is_some() { 30 } else { 100_000 };
        let losses = image.power_losses(limit, 0);
        let tried_all = losses.complete || self.mistake.is_some();
        assert!(tried_all, "a power loss has too many outcomes to try: {image:?}");
        let fingerprints = losses.fingerprints.into_iter();
        for (i, (disk, print)) in losses.disks.into_iter().zip(fingerprints).enumerate() {
            if !self.started_from.insert((print, told)) {
                continue;
            }
            let mut story = start.story.clone();
            story.push(format!("power lost before: {} (outcome {i})", image.before()));
            self.after_crash(disk, told, start.crashes_left, story)?;
        }
        Ok(())
    }

    /// Shows what is left to the readers, and lets a new writer start from it later.
    fn after_crash(
        &mut self,
        disk: SimDisk,
        told: Told,
        crashes_left: usize,
        story: Vec<String>,
    ) -> Result<(), Violation> {
        self.explored.checked += 1;
        let before = disk.image();
        let seen = readers::check(&disk, told);
        let seen = seen.map_err(|broken| Violation {
            broken,
            story: story.clone(),
        })?;
        if crashes_left == 0 {
            return Ok(());
        }
        if seen.committed > told.committed {
            // A reader was told more than anybody before; now it mustn't be taken back.
            let mut story = story.clone();
            story.push(format!("a snapshot reader saw epoch {}", seen.committed));
            let after_reading = disk.image();
            self.start_later(disk.after_kill(), seen, crashes_left, story.clone());
            self.crash_while_down(&after_reading, seen, crashes_left, story)?;
        }
        self.start_later(before.after_kill(), told, crashes_left, story);
        Ok(())
    }

    /// The power fails after a reader came and before a writer did.
    fn crash_while_down(
        &mut self,
        image: &Image,
        told: Told,
        crashes_left: usize,
        story: Vec<String>,
    ) -> Result<(), Violation> {
        let start = Start {
            disk: image.after_kill(),
            told,
            crashes_left,
            story,
        };
        self.crash(image, &start, told)
    }

    fn start_later(&mut self, disk: SimDisk, told: Told, left: usize, story: Vec<String>) {
        self.to_start.push_back(Start {
            disk,
            told,
            crashes_left: left - 1,
            story,
        });
    }
}
