//! A simulated file system at one instant.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::SimDisk;
use super::choices::{Choices, SplitMix};
use super::power;
use super::tree::{Inode, ROOT, Tree};

/// A simulated file system at one instant, with what is durable and what is not.
#[derive(Clone)]
pub struct Image {
    tree: Tree,
    steps: u64,
    before: String,
}

/// What a power loss may leave, each different file system once.
#[derive(Debug)]
pub struct PowerLosses {
    /// The file systems; everything unsynced lost comes first.
    pub disks: Vec<SimDisk>,
    /// Whether these are all of them, or a sample.
    pub complete: bool,
}

impl Image {
    pub(super) fn new(tree: Tree, steps: u64, before: String) -> Image {
        Image { tree, steps, before }
    }

    /// How many steps were taken before this instant.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The step that was about to be taken, in words; empty when none was.
    pub fn before(&self) -> &str {
        &self.before
    }

    /// The file system that a restarted process sees: everything that returned is there, though
    /// not all of it may be durable; locks are released, faults are gone.
    pub fn after_kill(&self) -> SimDisk {
        SimDisk::from_tree(power::without_lost_inodes(&self.tree))
    }

    /// A file system that a power loss may leave. `choose(n)` picks one of `n` outcomes for each
    /// thing in doubt: 0 is "lost", `n - 1` is "kept", those between are torn or older.
    pub fn after_power_loss(&self, choose: impl FnMut(usize) -> usize) -> SimDisk {
        SimDisk::from_tree(power::after_power_loss(&self.tree, choose))
    }

    /// All file systems that a power loss may leave, if at most `limit` sequences of choices lead
    /// to them. Else a sample by `seed`: everything lost, everything kept, and `limit` others.
    pub fn power_losses(&self, limit: usize, seed: u64) -> PowerLosses {
        let mut disks = Distinct::default();
        let mut choices = Choices::default();
        for _ in 0..limit {
            disks.add(self.after_power_loss(|of| choices.choose(of)));
            if !choices.advance() {
                return PowerLosses {
                    disks: disks.list,
                    complete: true,
                };
            }
        }
        let mut disks = Distinct::default();
        let mut random = SplitMix(seed);
        disks.add(self.after_power_loss(|_| 0));
        disks.add(self.after_power_loss(|of| of - 1));
        for _ in 0..limit {
            disks.add(self.after_power_loss(|of| random.below(of)));
        }
        PowerLosses {
            disks: disks.list,
            complete: false,
        }
    }

    /// Equal for file systems that no operation and no power loss can tell apart (inode numbers
    /// aside). It is stable within one build of this program only.
    pub fn fingerprint(&self) -> u128 {
        Fingerprint::of(&self.tree)
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "after {} steps, before \"{}\":", self.steps, self.before)?;
        self.tree.fmt(f)
    }
}

#[derive(Default)]
struct Distinct {
    seen: BTreeSet<u128>,
    list: Vec<SimDisk>,
}

impl Distinct {
    fn add(&mut self, disk: SimDisk) {
        if self.seen.insert(disk.image().fingerprint()) {
            self.list.push(disk);
        }
    }
}

/// Hashes a tree, with inodes numbered in the order in which they are met.
struct Fingerprint<'a> {
    tree: &'a Tree,
    numbers: BTreeMap<u64, usize>,
    halves: [DefaultHasher; 2],
}

impl Fingerprint<'_> {
    fn of(tree: &Tree) -> u128 {
        let mut hash = Fingerprint {
            tree,
            numbers: BTreeMap::new(),
            halves: [DefaultHasher::new(), DefaultHasher::new()],
        };
        hash.feed(&0u8, &1u8);
        hash.inode(ROOT);
        for change in &tree.pending {
            hash.both(&change.effects.len());
            for effect in &change.effects {
                hash.inode(effect.place.dir);
                hash.both(&effect.place.name);
                hash.both(&effect.inode.is_some());
                if let Some(inode) = effect.inode {
                    hash.inode(inode);
                }
            }
        }
        let [high, low] = &hash.halves;
        u128::from(high.finish()) << 64 | u128::from(low.finish())
    }

    fn inode(&mut self, inode: u64) {
        let next = self.numbers.len();
        if let Some(number) = self.numbers.get(&inode) {
            let number = *number;
            return self.both(&number);
        }
        self.numbers.insert(inode, next);
        self.both(&next);
        match &*self.tree.inodes[&inode] {
            Inode::File(content) => {
                self.both(&content.now);
                if content.pending.is_empty() {
                    return self.both(&0u8);
                }
                self.both(&content.durable);
                self.both(&content.pending);
                self.both(&content.doubtful);
            }
            Inode::Dir(names) => {
                for names in [&names.now, &names.durable] {
                    self.both(&names.len());
                    for (name, &child) in names {
                        self.both(name);
                        self.inode(child);
                    }
                }
            }
        }
    }

    fn both(&mut self, value: &impl Hash) {
        self.feed(value, value);
    }

    fn feed(&mut self, high: &impl Hash, low: &impl Hash) {
        high.hash(&mut self.halves[0]);
        low.hash(&mut self.halves[1]);
    }
}
