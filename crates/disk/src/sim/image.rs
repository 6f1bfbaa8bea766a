//! A simulated file system at one instant.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use super::SimDisk;
use super::choices::{Choices, SplitMix};
use super::power::{self, Doubts};
use super::tree::{Content, Inode, ROOT, Tree, Write};

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
    /// Their fingerprints, in the same order.
    pub fingerprints: Vec<u128>,
    /// Whether these are all of them, or a sample.
    pub complete: bool,
}

impl Image {
    pub(super) fn new(tree: &Tree, steps: u64, before: String) -> Image {
        let tree = power::without_lost_inodes(tree);
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
        SimDisk::from_tree(self.tree.clone())
    }

    /// A file system that a power loss may leave. `choose(n)` picks one of `n` outcomes for each
    /// thing in doubt: 0 is "lost", `n - 1` is "kept", those between are torn or older.
    pub fn after_power_loss(&self, choose: impl FnMut(usize) -> usize) -> SimDisk {
        SimDisk::from_tree(Doubts::of(&self.tree).after_power_loss(choose))
    }

    /// All file systems that a power loss may leave, if at most `limit` sequences of choices lead
    /// to them. Else a sample by `seed`: everything lost, everything kept, and `limit` others.
    pub fn power_losses(&self, limit: usize, seed: u64) -> PowerLosses {
        let doubts = Doubts::of(&self.tree);
        let mut distinct = Distinct::default();
        let mut choices = Choices::default();
        for _ in 0..limit {
            distinct.add(doubts.after_power_loss(|of| choices.choose(of)));
            if !choices.advance() {
                return distinct.into_losses(true);
            }
        }
        let mut distinct = Distinct::default();
        let mut random = SplitMix(seed);
        distinct.add(doubts.after_power_loss(|_| 0));
        distinct.add(doubts.after_power_loss(|of| of - 1));
        for _ in 0..limit {
            distinct.add(doubts.after_power_loss(|of| random.below(of)));
        }
        distinct.into_losses(false)
    }

    /// Equal for file systems that no operation and no power loss can tell apart (inode numbers
    /// aside).
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
    disks: Vec<SimDisk>,
    fingerprints: Vec<u128>,
}

impl Distinct {
    fn add(&mut self, tree: Tree) {
        let fingerprint = Fingerprint::of(&tree);
        if self.seen.insert(fingerprint) {
            self.disks.push(SimDisk::from_tree(tree));
            self.fingerprints.push(fingerprint);
        }
    }

    fn into_losses(self, complete: bool) -> PowerLosses {
        PowerLosses {
            disks: self.disks,
            fingerprints: self.fingerprints,
            complete,
        }
    }
}

/// Writes a tree down in one way only, with inodes numbered in the order in which they are met,
/// and hashes that.
struct Fingerprint<'a> {
    tree: &'a Tree,
    numbers: BTreeMap<u64, usize>,
    text: Vec<u8>,
}

impl Fingerprint<'_> {
    fn of(tree: &Tree) -> u128 {
        let mut print = Fingerprint {
            tree,
            numbers: BTreeMap::new(),
            text: Vec::new(),
        };
        print.inode(ROOT);
        for change in &tree.pending {
            print.number(change.effects.len());
            for effect in &change.effects {
                print.inode(effect.place.dir);
                print.bytes(effect.place.name.as_bytes());
                print.number(usize::from(effect.inode.is_some()));
                if let Some(inode) = effect.inode {
                    print.inode(inode);
                }
            }
        }
        hash(&print.text)
    }

    fn inode(&mut self, inode: u64) {
        let next = self.numbers.len();
        if let Some(&number) = self.numbers.get(&inode) {
            return self.number(number);
        }
        self.numbers.insert(inode, next);
        self.number(next);
        match &*self.tree.inodes[&inode] {
            Inode::File(content) => {
                let hash = content.hash.get_or_init(|| hash_content(content));
                self.text.extend_from_slice(&hash.to_le_bytes());
            }
            Inode::Dir(names) => {
                for names in [&names.now, &names.durable] {
                    self.number(names.len());
                    for (name, &child) in names {
                        self.bytes(name.as_bytes());
                        self.inode(child);
                    }
                }
            }
        }
    }

    fn number(&mut self, number: usize) {
        self.text.extend_from_slice(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.text.extend_from_slice(bytes);
    }
}

fn hash_content(content: &Content) -> u128 {
    let mut text = Vec::new();
    let mut add = |kind: u8, number: u64, bytes: &[u8]| {
        text.push(kind);
        text.extend_from_slice(&number.to_le_bytes());
        text.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        text.extend_from_slice(bytes);
    };
    add(0, 0, &content.now);
    if !content.pending.is_empty() {
        add(1, content.doubtful as u64, &content.durable);
    }
    for write in &content.pending {
        match write {
            Write::Bytes { offset, bytes } => add(2, *offset, bytes),
            Write::Length(len) => add(3, *len, &[]),
        }
    }
    hash(&text)
}

/// Two multiply-and-fold hashes of 64 bits each. Nobody attacks them.
fn hash(text: &[u8]) -> u128 {
    let mut halves: [u64; 2] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344];
    let factors: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f];
    for chunk in text.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        for (half, factor) in halves.iter_mut().zip(factors) {
            let product = u128::from(*half ^ u64::from_le_bytes(word)) * u128::from(factor);
            *half = (product as u64) ^ ((product >> 64) as u64).wrapping_add(factor);
        }
    }
    u128::from(halves[0]) << 64 | u128::from(halves[1])
}
