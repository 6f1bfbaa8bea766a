//! Inodes, names, and what of them is not yet durable.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::{Entry, Kind, Metadata};

/// The inode of the root folder.
pub(super) const ROOT: u64 = 1;

/// A whole file system as a value. Cloning is cheap: inodes are shared until they change.
#[derive(Clone)]
pub(super) struct Tree {
    pub(super) inodes: BTreeMap<u64, Arc<Inode>>,
    next_inode: u64,
    /// Changes of names that no sync made durable yet, oldest first.
    pub(super) pending: Vec<Change>,
}

#[derive(Clone)]
pub(super) enum Inode {
    File(Content),
    Dir(Names),
}

/// A file: what everybody reads, what is durable, and the writes between the two.
#[derive(Clone, Default)]
pub(super) struct Content {
    pub(super) now: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) pending: Vec<Write>,
    /// Writes that a failed sync left in doubt; syncing again doesn't help them.
    pub(super) doubtful: usize,
    /// The hash of all of this, once it was asked for.
    pub(super) hash: OnceLock<u128>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Write {
    Bytes { offset: u64, bytes: Vec<u8> },
    Length(u64),
}

/// A folder: its names as everybody sees them, and as they are durable.
#[derive(Clone, Default)]
pub(super) struct Names {
    pub(super) now: BTreeMap<Arc<str>, u64>,
    pub(super) durable: BTreeMap<Arc<str>, u64>,
}

/// One operation on names. All its effects become durable together.
#[derive(Clone)]
pub(super) struct Change {
    pub(super) effects: Vec<Effect>,
}

/// A name and what it stands for after the change.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Effect {
    pub(super) place: Place,
    pub(super) inode: Option<u64>,
}

/// A name in a folder.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) dir: u64,
    pub(super) name: Arc<str>,
}

impl Change {
    fn touches(&self, places: &BTreeSet<Place>) -> bool {
        self.effects.iter().any(|e| places.contains(&e.place))
    }
}

impl Write {
    pub(super) fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Write::Bytes { offset, bytes } => {
                let start = *offset as usize;
                let end = start + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[start..end].copy_from_slice(bytes);
            }
            Write::Length(len) => content.resize(*len as usize, 0),
        }
    }
}

impl Tree {
    pub(super) fn new() -> Tree {
        let root = Arc::new(Inode::Dir(Names::default()));
        Tree {
            inodes: BTreeMap::from([(ROOT, root)]),
            next_inode: ROOT + 1,
            pending: Vec::new(),
        }
    }

    /// The same file system with only these inodes and pending changes.
    pub(super) fn restricted_to(&self, inodes: &BTreeSet<u64>, pending: Vec<Change>) -> Tree {
        let kept = self.inodes.iter().filter(|(number, _)| inodes.contains(number));
        Tree {
            inodes: kept.map(|(number, inode)| (*number, Arc::clone(inode))).collect(),
            next_inode: self.next_inode,
            pending,
        }
    }

    pub(super) fn add(&mut self, inode: impl Into<Arc<Inode>>) -> u64 {
        let number = self.next_inode;
        self.next_inode += 1;
        self.inodes.insert(number, inode.into());
        number
    }

    pub(super) fn names(&self, dir: u64) -> io::Result<&Names> {
        match &*self.inodes[&dir] {
            Inode::Dir(names) => Ok(names),
            Inode::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn names_mut(&mut self, dir: u64) -> &mut Names {
        let inode = self.inodes.get_mut(&dir).expect("inodes stay");
        match Arc::make_mut(inode) {
            Inode::Dir(names) => names,
            Inode::File(_) => unreachable!("an effect's place lies in a folder"),
        }
    }

    fn content(&self, file: u64) -> &Content {
        match &*self.inodes[&file] {
            Inode::File(content) => content,
            Inode::Dir(_) => unreachable!("an open file is no folder"),
        }
    }

    fn content_mut(&mut self, file: u64) -> &mut Content {
        let inode = self.inodes.get_mut(&file).expect("inodes stay");
        match Arc::make_mut(inode) {
            Inode::File(content) => {
                content.hash = OnceLock::new();
                content
            }
            Inode::Dir(_) => unreachable!("an open file is no folder"),
        }
    }

    pub(super) fn is_dir(&self, inode: u64) -> bool {
        matches!(&*self.inodes[&inode], Inode::Dir(_))
    }

    /// Bytes of all files that have a name.
    pub(super) fn bytes(&self) -> u64 {
        let mut seen = BTreeSet::new();
        let mut folders = vec![ROOT];
        let mut bytes = 0;
        while let Some(dir) = folders.pop() {
            let names = self.names(dir).expect("only folders are pushed");
            for &inode in names.now.values() {
                if self.is_dir(inode) {
                    folders.push(inode);
                } else if seen.insert(inode) {
                    bytes += self.len(inode);
                }
            }
        }
        bytes
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<u64> {
        let mut inode = ROOT;
        for name in components(path)? {
            let found = self.names(inode)?.now.get(name).copied();
            inode = found.ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(inode)
    }

    pub(super) fn find_dir(&self, path: &Path) -> io::Result<u64> {
        let inode = self.find(path)?;
        self.names(inode)?;
        Ok(inode)
    }

    /// The place of a path whose parent exists.
    fn place(&self, path: &Path) -> io::Result<Place> {
        let mut names = components(path)?;
        let name = names.pop().ok_or(io::ErrorKind::InvalidInput)?;
        let dir = self.find_dir(path.parent().ok_or(io::ErrorKind::InvalidInput)?)?;
        Ok(Place {
            dir,
            name: name.into(),
        })
    }

    fn at(&self, place: &Place) -> Option<u64> {
        let names = self.names(place.dir).ok()?;
        names.now.get(&place.name).copied()
    }

    pub(super) fn expect_absent(&self, path: &Path) -> io::Result<()> {
        match self.at(&self.place(path)?) {
            Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
            None => Ok(()),
        }
    }

    /// Any path that leads to the inode now.
    pub(super) fn path_of(&self, wanted: u64) -> Option<PathBuf> {
        let mut folders = vec![(ROOT, PathBuf::from("/"))];
        while let Some((dir, path)) = folders.pop() {
            for (name, &inode) in &self.names(dir).ok()?.now {
                if inode == wanted {
                    return Some(path.join(&**name));
                }
                if self.is_dir(inode) {
                    folders.push((inode, path.join(&**name)));
                }
            }
        }
        None
    }

    fn change(&mut self, effects: Vec<Effect>) {
        for effect in &effects {
            let names = self.names_mut(effect.place.dir);
            match effect.inode {
                Some(inode) => names.now.insert(effect.place.name.clone(), inode),
                None => names.now.remove(&effect.place.name),
            };
        }
        self.pending.push(Change { effects });
    }

    fn create(&mut self, path: &Path, inode: Inode) -> io::Result<u64> {
        self.expect_absent(path)?;
        let place = self.place(path)?;
        let inode = self.add(inode);
        self.change(vec![Effect {
            place,
            inode: Some(inode),
        }]);
        Ok(inode)
    }

    pub(super) fn create_file(&mut self, path: &Path) -> io::Result<u64> {
        self.create(path, Inode::File(Content::default()))
    }

    pub(super) fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        self.create(path, Inode::Dir(Names::default())).map(|_| ())
    }

    pub(super) fn read_dir(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let names = &self.names(self.find(path)?)?.now;
        let entry = |(name, inode): (&Arc<str>, &u64)| Entry {
            name: name.to_string(),
            kind: self.kind(*inode),
        };
        Ok(names.iter().map(entry).collect())
    }

    fn kind(&self, inode: u64) -> Kind {
        if self.is_dir(inode) { Kind::Dir } else { Kind::File }
    }

    pub(super) fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let inode = self.find(path)?;
        let len = if self.is_dir(inode) { 0 } else { self.len(inode) };
        Ok(Metadata {
            kind: self.kind(inode),
            len,
            inode,
        })
    }

    pub(super) fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        if self.is_dir(self.find(path)?) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let place = self.place(path)?;
        self.change(vec![Effect { place, inode: None }]);
        Ok(())
    }

    pub(super) fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        let inode = self.find_dir(path)?;
        if !self.names(inode)?.now.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        let place = self.place(path)?;
        self.change(vec![Effect { place, inode: None }]);
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.find(from)?;
        let (source, target) = (self.place(from)?, self.place(to)?);
        if let Some(replaced) = self.at(&target) {
            match (self.is_dir(inode), self.is_dir(replaced)) {
                (false, true) => return Err(io::ErrorKind::IsADirectory.into()),
                (true, false) => return Err(io::ErrorKind::NotADirectory.into()),
                (true, true) if !self.names(replaced)?.now.is_empty() => {
                    return Err(io::ErrorKind::DirectoryNotEmpty.into());
                }
                _ if replaced == inode => return Ok(()),
                _ => {}
            }
        }
        self.change(vec![
            Effect {
                place: source,
                inode: None,
            },
            Effect {
                place: target,
                inode: Some(inode),
            },
        ]);
        Ok(())
    }

    pub(super) fn exchange(&mut self, a: &Path, b: &Path) -> io::Result<()> {
        let (at_a, at_b) = (self.find(a)?, self.find(b)?);
        let (a, b) = (self.place(a)?, self.place(b)?);
        self.change(vec![
            Effect {
                place: a,
                inode: Some(at_b),
            },
            Effect {
                place: b,
                inode: Some(at_a),
            },
        ]);
        Ok(())
    }

    pub(super) fn hard_link(&mut self, existing: &Path, new: &Path) -> io::Result<()> {
        let inode = self.find(existing)?;
        if self.is_dir(inode) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.expect_absent(new)?;
        let place = self.place(new)?;
        self.change(vec![Effect {
            place,
            inode: Some(inode),
        }]);
        Ok(())
    }

    /// Makes the changes of a folder's names durable, with the earlier ones that they build on.
    pub(super) fn sync_dir(&mut self, dir: u64) {
        let mut places = BTreeSet::new();
        let mut synced = Vec::new();
        let mut left = Vec::new();
        for change in std::mem::take(&mut self.pending).into_iter().rev() {
            let here = change.effects.iter().any(|e| e.place.dir == dir);
            if here || change.touches(&places) {
                places.extend(change.effects.iter().map(|e| e.place.clone()));
                synced.push(change);
            } else {
                left.push(change);
            }
        }
        left.reverse();
        self.pending = left;
        for change in synced.into_iter().rev() {
            for effect in change.effects {
                self.make_durable(effect);
            }
        }
    }

    fn make_durable(&mut self, effect: Effect) {
        let durable = &mut self.names_mut(effect.place.dir).durable;
        match effect.inode {
            Some(inode) => durable.insert(effect.place.name, inode),
            None => durable.remove(&effect.place.name),
        };
    }

    pub(super) fn len(&self, file: u64) -> u64 {
        self.content(file).now.len() as u64
    }

    pub(super) fn read(&self, file: u64, buf: &mut [u8], offset: u64) -> usize {
        let content = &self.content(file).now;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
        let n = buf.len().min(content.len() - start);
        buf[..n].copy_from_slice(&content[start..start + n]);
        n
    }

    pub(super) fn write(&mut self, file: u64, bytes: &[u8], offset: u64) {
        if !bytes.is_empty() {
            self.change_content(
                file,
                Write::Bytes {
                    offset,
                    bytes: bytes.to_vec(),
                },
            );
        }
    }

    pub(super) fn set_len(&mut self, file: u64, len: u64) {
        self.change_content(file, Write::Length(len));
    }

    fn change_content(&mut self, file: u64, write: Write) {
        let content = self.content_mut(file);
        write.apply(&mut content.now);
        content.pending.push(write);
    }

    pub(super) fn sync_file(&mut self, file: u64) {
        let content = self.content_mut(file);
        if content.doubtful == 0 {
            for write in std::mem::take(&mut content.pending) {
                write.apply(&mut content.durable);
            }
        }
    }

    pub(super) fn fail_sync(&mut self, file: u64) {
        let content = self.content_mut(file);
        content.doubtful = content.pending.len();
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut folders = vec![(ROOT, PathBuf::from("/"))];
        while let Some((dir, path)) = folders.pop() {
            writeln!(f, "  {}", path.display())?;
            let names = self.names(dir).map_err(|_| fmt::Error)?;
            for (name, &inode) in &names.now {
                let mark = if names.durable.get(name) == Some(&inode) {
                    ""
                } else {
                    " (unsynced)"
                };
                if self.is_dir(inode) {
                    folders.push((inode, path.join(&**name)));
                    writeln!(f, "    {name}/{mark}")?;
                } else {
                    writeln!(f, "    {name} {} bytes{mark}", self.len(inode))?;
                }
            }
            for name in names.durable.keys().filter(|n| !names.now.contains_key(*n)) {
                writeln!(f, "    {name} removed (unsynced)")?;
            }
        }
        Ok(())
    }
}

/// The names of an absolute path.
fn components(path: &Path) -> io::Result<Vec<&str>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => {
                names.push(name.to_str().ok_or(io::ErrorKind::InvalidInput)?);
            }
            Component::ParentDir | Component::Prefix(_) => {
                return Err(io::ErrorKind::InvalidInput.into());
            }
        }
    }
    Ok(names)
}
