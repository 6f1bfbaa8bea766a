//! What a power loss may leave.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::tree::{Change, Content, Inode, Names, Place, ROOT, Tree, Write};

/// What is in doubt, worked out once for all power losses of an image.
pub(super) struct Doubts<'a> {
    before: &'a Tree,
    groups: Vec<Group>,
}

/// Changes that touch common names, and what they may leave there.
struct Group {
    dirs: BTreeSet<u64>,
    outcomes: Vec<Outcome>,
}

type Outcome = BTreeMap<Place, Option<u64>>;

/// A power loss in progress: walks from the root over what turns out to be durable, and decides
/// each unsynced thing when it comes to it. What can't be reached is never asked about, so that
/// choices multiply only where they matter.
struct Loss<'a, F> {
    doubts: &'a Doubts<'a>,
    choose: F,
    /// The chosen outcome of each group that was decided.
    decided: Vec<Option<&'a Outcome>>,
    after: Tree,
    /// New numbers of the inodes reached so far.
    numbers: BTreeMap<u64, u64>,
}

impl<'a> Doubts<'a> {
    pub(super) fn of(before: &'a Tree) -> Doubts<'a> {
        let group = |changes: Vec<&Change>| Group {
            dirs: changes
                .iter()
                .flat_map(|c| &c.effects)
                .map(|e| e.place.dir)
                .collect(),
            outcomes: outcomes(&changes),
        };
        Doubts {
            before,
            groups: groups(&before.pending).into_iter().map(group).collect(),
        }
    }

    /// The file system after a power loss; `choose(n)` picks one of `n` outcomes, each time that
    /// something is in doubt. 0 always means "lost", the last one "kept".
    pub(super) fn after_power_loss(&self, choose: impl FnMut(usize) -> usize) -> Tree {
        let mut loss = Loss {
            doubts: self,
            choose,
            decided: vec![None; self.groups.len()],
            after: Tree::new(),
            numbers: BTreeMap::from([(ROOT, ROOT)]),
        };
        loss.dir(ROOT, ROOT);
        loss.after
    }
}

/// Groups the changes that touch common places; each group is in order.
fn groups(pending: &[Change]) -> Vec<Vec<&Change>> {
    let mut groups: Vec<(BTreeSet<Place>, Vec<&Change>)> = Vec::new();
    for change in pending {
        let mut places: BTreeSet<Place> = change.effects.iter().map(|e| e.place.clone()).collect();
        let mut changes = Vec::new();
        let (touched, rest): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|(theirs, _)| !theirs.is_disjoint(&places));
        for (theirs, members) in touched {
            places.extend(theirs);
            changes.extend(members);
        }
        changes.push(change);
        groups = rest;
        groups.push((places, changes));
    }
    // Where two groups were joined, the pending list gives the order back.
    let position = |change: &&Change| pending.iter().position(|c| std::ptr::eq(c, *change));
    let mut ordered: Vec<Vec<&Change>> = groups.into_iter().map(|(_, c)| c).collect();
    for group in &mut ordered {
        group.sort_by_key(position);
    }
    ordered.sort_by_key(|group| position(&group[0]));
    ordered
}

impl<F: FnMut(usize) -> usize> Loss<'_, F> {
    fn dir(&mut self, old: u64, new: u64) {
        let before = self.doubts.before;
        let Ok(names) = before.names(old) else { return };
        let mut durable = names.durable.clone();
        self.decide_about(old, &mut durable);
        let mut entered = Vec::new();
        for inode in durable.values_mut() {
            let (number, is_new) = self.number(*inode);
            if is_new && before.is_dir(*inode) {
                entered.push((*inode, number));
            }
            *inode = number;
        }
        *self.after.names_mut(new) = Names {
            now: durable.clone(),
            durable,
        };
        for (old, new) in entered {
            self.dir(old, new);
        }
    }

    /// Decides the groups of changes that touch this folder and weren't decided elsewhere, and
    /// makes the changes.
    fn decide_about(&mut self, dir: u64, names: &mut BTreeMap<Arc<str>, u64>) {
        let doubts = self.doubts;
        for (i, group) in doubts.groups.iter().enumerate() {
            if !group.dirs.contains(&dir) {
                continue;
            }
            let outcome = match self.decided[i] {
                Some(outcome) => outcome,
                None => &group.outcomes[self.pick(group.outcomes.len())],
            };
            self.decided[i] = Some(outcome);
            for (place, inode) in outcome.iter().filter(|(place, _)| place.dir == dir) {
                match inode {
                    Some(inode) => names.insert(Arc::clone(&place.name), *inode),
                    None => names.remove(&place.name),
                };
            }
        }
    }

    /// The new number of an inode; a file's content is decided when it is first reached.
    fn number(&mut self, inode: u64) -> (u64, bool) {
        if let Some(&number) = self.numbers.get(&inode) {
            return (number, false);
        }
        let before = &self.doubts.before.inodes[&inode];
        let number = match &**before {
            Inode::Dir(_) => self.after.add(Inode::Dir(Names::default())),
            Inode::File(content) if content.pending.is_empty() => self.after.add(Arc::clone(before)),
            Inode::File(content) => {
                let content = self.content(content);
                self.after.add(Inode::File(content))
            }
        };
        self.numbers.insert(inode, number);
        (number, true)
    }

    fn content(&mut self, content: &Content) -> Content {
        let mut left = content.durable.clone();
        for write in &content.pending {
            let outcomes = write_outcomes(write, left.len() as u64);
            let chosen = self.pick(outcomes.len());
            if let Some(write) = &outcomes[chosen] {
                write.apply(&mut left);
            }
        }
        Content {
            now: left.clone(),
            durable: left,
            ..Content::default()
        }
    }

    fn pick(&mut self, of: usize) -> usize {
        if of <= 1 {
            return 0;
        }
        let chosen = (self.choose)(of);
        assert!(chosen < of, "a chooser picks one of the {of} outcomes offered");
        chosen
    }
}

/// What a group of changes may leave at its places. A lone name may stand for anything that it
/// stood for since it was last synced; a group with a rename or an exchange is kept up to some
/// point, as journals do. The first outcome is "all lost", the last one "all kept".
fn outcomes(group: &[&Change]) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::new()];
    let mut state = Outcome::new();
    for change in group {
        for effect in &change.effects {
            state.insert(effect.place.clone(), effect.inode);
        }
        // The same outcome again moves to the end, so that the last one stays "all kept".
        outcomes.retain(|known| *known != state);
        outcomes.push(state.clone());
    }
    outcomes
}

/// What may become of one unsynced write: lost, torn, its length kept but not its bytes, kept.
fn write_outcomes(write: &Write, len: u64) -> Vec<Option<Write>> {
    let mut outcomes = vec![None];
    if let Write::Bytes { offset, bytes } = write {
        if bytes.len() > 1 {
            let torn = bytes[..bytes.len() / 2].to_vec();
            outcomes.push(Some(Write::Bytes {
                offset: *offset,
                bytes: torn,
            }));
        }
        let end = offset + bytes.len() as u64;
        if end > len {
            outcomes.push(Some(Write::Length(end)));
        }
    }
    outcomes.push(Some(write.clone()));
    outcomes
}

/// The same file system without what can't be reached any more, nor come back.
pub(super) fn without_lost_inodes(before: &Tree) -> Tree {
    let mut offered: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for effect in before.pending.iter().flat_map(|change| &change.effects) {
        offered.entry(effect.place.dir).or_default().extend(effect.inode);
    }
    let mut reached = BTreeSet::from([ROOT]);
    let mut found = vec![ROOT];
    let mut pending = Vec::new();
    let mut undecided: Vec<&Change> = before.pending.iter().collect();
    while let Some(inode) = found.pop() {
        if let Inode::Dir(names) = &*before.inodes[&inode] {
            let children = names.now.values().chain(names.durable.values());
            let children = children.chain(offered.get(&inode).into_iter().flatten());
            found.extend(children.copied().filter(|child| reached.insert(*child)));
        }
        if found.is_empty() {
            // A change counts when any of its folders does, and then so do its other folders.
            let counts = |c: &&Change| c.effects.iter().any(|e| reached.contains(&e.place.dir));
            let (counting, rest): (Vec<_>, Vec<_>) = undecided.into_iter().partition(counts);
            undecided = rest;
            let dirs = counting.iter().flat_map(|c| &c.effects).map(|e| e.place.dir);
            let dirs: Vec<u64> = dirs.collect();
            pending.extend(counting);
            found.extend(dirs.into_iter().filter(|dir| reached.insert(*dir)));
        }
    }
    let position = |change: &&Change| before.pending.iter().position(|c| std::ptr::eq(c, *change));
    pending.sort_by_key(position);
    before.restricted_to(&reached, pending.into_iter().cloned().collect())
}
