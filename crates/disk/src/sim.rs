//! A file system in memory that can stop the world at any step.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Disk, Entry, File, Metadata, OpenMode};

mod choices;
mod image;
mod power;
mod tree;

#[cfg(test)]
mod tests;

pub use image::{Image, PowerLosses};
use tree::Tree;

/// A file system in memory. Clones share it, as the threads and processes of a machine do.
///
/// Every changing operation (creating, writing, naming, removing, syncing) is one numbered step,
/// starting at 1; reading and locking are none.
#[derive(Clone)]
pub struct SimDisk {
    world: Arc<Mutex<World>>,
}

/// An open file of a [`SimDisk`].
pub struct SimFile {
    disk: SimDisk,
    inode: u64,
    writable: bool,
}

/// The lock of a folder of a [`SimDisk`].
pub struct SimLock {
    disk: SimDisk,
    inode: u64,
}

struct World {
    tree: Tree,
    steps: u64,
    locks: BTreeSet<u64>,
    faults: Faults,
    /// Images taken before each step, while they are asked for.
    images: Option<Vec<Image>>,
}

type PathTest = Arc<dyn Fn(&Path) -> bool + Send + Sync>;

/// What is made to go wrong.
#[derive(Default)]
struct Faults {
    stop: Option<Stop>,
    stopped: bool,
    errors: BTreeMap<u64, io::ErrorKind>,
    capacity: Option<u64>,
    max_write: Option<usize>,
    read_only: bool,
    lies_about_sync: Option<PathTest>,
    broken: Option<PathTest>,
    network: Option<String>,
}

#[derive(Clone, Copy)]
struct Stop {
    step: u64,
    tear: bool,
}

/// The error of everything that a stopped [`SimDisk`] is asked.
#[derive(Debug)]
struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the simulated machine was stopped")
    }
}

impl std::error::Error for Stopped {}

/// Whether an error means that the simulated machine was stopped, rather than that an operation
/// failed.
pub fn is_stopped(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Stopped>())
}

/// What the faults say about the step that is about to happen.
enum Verdict {
    Go,
    /// The machine stops in the middle of this step: a write leaves half of itself.
    Tear,
}

impl SimDisk {
    /// An empty file system: only the root folder.
    pub fn new() -> SimDisk {
        SimDisk::from_tree(Tree::new())
    }

    fn from_tree(tree: Tree) -> SimDisk {
        SimDisk {
            world: Arc::new(Mutex::new(World {
                tree,
                steps: 0,
                locks: BTreeSet::new(),
                faults: Faults::default(),
                images: None,
            })),
        }
    }

    /// How many steps were taken.
    pub fn steps(&self) -> u64 {
        self.world().steps
    }

    /// Stops the machine before step number `step`: it doesn't happen, and everything asked from
    /// then on fails with an error that [`is_stopped`] knows.
    pub fn stop_before(&self, step: u64) {
        self.world().faults.stop = Some(Stop { step, tear: false });
    }

    /// Like [`SimDisk::stop_before`], but if the step is a write, the first half of it happens.
    pub fn stop_within(&self, step: u64) {
        self.world().faults.stop = Some(Stop { step, tear: true });
    }

    /// Whether the machine was stopped.
    pub fn is_stopped(&self) -> bool {
        self.world().faults.stopped
    }

    /// Makes step number `step` fail once with this error, without effect. A sync of a file that
    /// fails so leaves its content in doubt for good, as on Linux: a later sync of the same file
    /// succeeds and does not help. Names are otherwise: Linux's file systems either write their
    /// journal in the end or refuse every change from then on, so a later sync of the same folder
    /// that succeeds makes them durable.
    pub fn fail_step(&self, step: u64, error: io::ErrorKind) {
        self.world().faults.errors.insert(step, error);
    }

    /// Limits the bytes of all files. Beyond it a write is short, then fails with
    /// [`io::ErrorKind::StorageFull`]. `None` lifts the limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.world().faults.capacity = bytes;
    }

    /// Makes every write stop after so many bytes. `None` lifts the limit.
    pub fn set_max_write(&self, bytes: Option<usize>) {
        self.world().faults.max_write = bytes;
    }

    /// Makes every changing operation but syncing fail with
    /// [`io::ErrorKind::ReadOnlyFilesystem`].
    pub fn set_read_only(&self, read_only: bool) {
        self.world().faults.read_only = read_only;
    }

    /// Makes syncs of the paths that pass the test succeed without effect. Tests use it to show
    /// that a sync is needed.
    pub fn lie_about_sync(&self, of: impl Fn(&Path) -> bool + Send + Sync + 'static) {
        self.world().faults.lies_about_sync = Some(Arc::new(of));
    }

    /// Makes every change of the paths that pass the test fail, and every sync: as where a part of the device
    /// is broken. What is there can be read.
    pub fn break_paths(&self, of: impl Fn(&Path) -> bool + Send + Sync + 'static) {
        self.world().faults.broken = Some(Arc::new(of));
    }

    /// Takes back [`SimDisk::break_paths`].
    pub fn mend_paths(&self) {
        self.world().faults.broken = None;
    }

    /// Pretends to be a network file system.
    pub fn set_network_file_system(&self, kind: Option<&str>) {
        self.world().faults.network = kind.map(str::to_owned);
    }

    /// The file system as it is now.
    pub fn image(&self) -> Image {
        let world = self.world();
        Image::new(&world.tree, world.steps, String::new())
    }

    /// Starts keeping an image of the file system before every step, and in the middle of every
    /// write.
    pub fn keep_images(&self) {
        self.world().images = Some(Vec::new());
    }

    /// The images kept since the last call, oldest first.
    pub fn take_images(&self) -> Vec<Image> {
        self.world()
            .images
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// The file system that a restarted process sees; short for [`Image::after_kill`].
    pub fn after_kill(&self) -> SimDisk {
        self.image().after_kill()
    }

    /// A file system that a power loss may leave; short for [`Image::after_power_loss`].
    pub fn after_power_loss(&self, choose: impl FnMut(usize) -> usize) -> SimDisk {
        self.image().after_power_loss(choose)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world, for reading.
    fn running(&self) -> io::Result<MutexGuard<'_, World>> {
        let world = self.world();
        if world.faults.stopped {
            return Err(io::Error::other(Stopped));
        }
        Ok(world)
    }

    /// Counts a step that changes names or contents, and lets the faults have their say.
    fn step(&self, what: &str, path: &Path) -> io::Result<MutexGuard<'_, World>> {
        let mut world = self.running()?;
        if world.faults.read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        match world.begin_step(what, path)? {
            Verdict::Go => Ok(world),
            Verdict::Tear => Err(io::Error::other(Stopped)),
        }
    }

    fn lies_about(&self, path: &Path) -> bool {
        let test = self.world().faults.lies_about_sync.clone();
        test.is_some_and(|test| test(path))
    }
}

impl World {
    fn begin_step(&mut self, what: &str, path: &Path) -> io::Result<Verdict> {
        if let Some(images) = &mut self.images {
            let before = format!("{what} {}", path.display());
            images.push(Image::new(&self.tree, self.steps, before));
        }
        self.steps += 1;
        if let Some(stop) = self.faults.stop
            && self.steps >= stop.step
        {
            self.faults.stopped = true;
            if stop.tear {
                return Ok(Verdict::Tear);
            }
            return Err(io::Error::other(Stopped));
        }
        if self.faults.broken.as_ref().is_some_and(|broken| broken(path)) {
            return Err(io::ErrorKind::Other.into());
        }
        match self.faults.errors.remove(&self.steps) {
            Some(kind) => Err(kind.into()),
            None => Ok(Verdict::Go),
        }
    }

    /// A name of a file for traces and faults; the file may have many names or none.
    fn label(&self, inode: u64) -> PathBuf {
        // Looking for it takes time.
        let wanted = self.faults.broken.is_some() || self.images.is_some();
        let path = if wanted { self.tree.path_of(inode) } else { None };
        path.unwrap_or_else(|| format!("file {inode}").into())
    }

    /// How many of `wanted` bytes a write at `offset` may put into a file of length `len`.
    fn room_for(&self, wanted: usize, offset: u64, len: u64) -> io::Result<usize> {
        let mut room = wanted.min(self.faults.max_write.unwrap_or(wanted));
        if let Some(capacity) = self.faults.capacity {
            let free = capacity.saturating_sub(self.tree.bytes());
            let until_full = (len + free).saturating_sub(offset);
            room = room.min(usize::try_from(until_full).unwrap_or(usize::MAX));
        }
        if room == 0 && wanted > 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(room)
    }
}

impl Default for SimDisk {
    fn default() -> SimDisk {
        SimDisk::new()
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let world = self.world();
        writeln!(f, "SimDisk after {} steps:", world.steps)?;
        world.tree.fmt(f)
    }
}

impl Disk for SimDisk {
    type File = SimFile;
    type Lock = SimLock;

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<SimFile> {
        let found = self.running()?.tree.find(path);
        let inode = match (mode, found) {
            (OpenMode::CreateNew, Ok(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            (OpenMode::Create | OpenMode::CreateNew, Err(e)) if e.kind() == io::ErrorKind::NotFound => {
                self.step("create", path)?.tree.create_file(path)?
            }
            (_, found) => found?,
        };
        let world = self.running()?;
        if world.tree.is_dir(inode) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if mode != OpenMode::Read && world.faults.read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        drop(world);
        Ok(SimFile {
            disk: self.clone(),
            inode,
            writable: mode != OpenMode::Read,
        })
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.running()?.tree.expect_absent(path)?;
        self.step("create folder", path)?.tree.create_dir(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.running()?.tree.read_dir(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.running()?.tree.metadata(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.running()?.tree.find(path)?;
        self.step("remove", path)?.tree.remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.running()?.tree.find(path)?;
        self.step("remove folder", path)?.tree.remove_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.running()?.tree.find(from)?;
        self.step("rename to", to)?.tree.rename(from, to)
    }

    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()> {
        self.running()?.tree.find(a)?;
        self.running()?.tree.find(b)?;
        self.step("exchange", a)?.tree.exchange(a, b)
    }

    fn hard_link(&self, existing: &Path, new: &Path) -> io::Result<()> {
        self.running()?.tree.find(existing)?;
        self.running()?.tree.expect_absent(new)?;
        self.step("link", new)?.tree.hard_link(existing, new)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let lies = self.lies_about(path);
        let inode = self.running()?.tree.find_dir(path)?;
        let mut world = self.running()?;
        match world.begin_step("sync folder", path)? {
            Verdict::Tear => return Err(io::Error::other(Stopped)),
            Verdict::Go if lies => {}
            Verdict::Go => world.tree.sync_dir(inode),
        }
        Ok(())
    }

    fn lock_dir(&self, path: &Path) -> io::Result<SimLock> {
        let mut world = self.running()?;
        let inode = world.tree.find_dir(path)?;
        if !world.locks.insert(inode) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        drop(world);
        Ok(SimLock {
            disk: self.clone(),
            inode,
        })
    }

    fn still_locks(&self, lock: &SimLock, path: &Path) -> io::Result<bool> {
        match self.running()?.tree.find(path) {
            Ok(inode) => Ok(inode == lock.inode),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    fn available_space(&self, path: &Path) -> io::Result<u64> {
        let world = self.running()?;
        world.tree.find(path)?;
        let capacity = world.faults.capacity.unwrap_or(u64::MAX);
        Ok(capacity.saturating_sub(world.tree.bytes()))
    }

    fn network_file_system(&self, path: &Path) -> io::Result<Option<String>> {
        let world = self.running()?;
        world.tree.find(path)?;
        Ok(world.faults.network.clone())
    }
}

impl SimFile {
    fn expect_writable(&self) -> io::Result<()> {
        if self.writable {
            Ok(())
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }
}

impl File for SimFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        Ok(self.disk.running()?.tree.read(self.inode, buf, offset))
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.expect_writable()?;
        let mut world = self.disk.running()?;
        if world.faults.read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        let label = world.label(self.inode);
        let verdict = world.begin_step("write to", &label)?;
        let room = world.room_for(buf.len(), offset, world.tree.len(self.inode))?;
        if world.images.is_some() && room > 1 {
            let mut torn = world.tree.clone();
            torn.write(self.inode, &buf[..room / 2], offset);
            let within = format!("the second half of a write to {}", label.display());
            let image = Image::new(&torn, world.steps, within);
            world.images.get_or_insert_default().push(image);
        }
        match verdict {
            Verdict::Go => {
                world.tree.write(self.inode, &buf[..room], offset);
                Ok(room)
            }
            Verdict::Tear => {
                world.tree.write(self.inode, &buf[..room / 2], offset);
                Err(io::Error::other(Stopped))
            }
        }
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.running()?.tree.len(self.inode))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.expect_writable()?;
        let label = self.disk.running()?.label(self.inode);
        let mut world = self.disk.step("set length of", &label)?;
        world.tree.set_len(self.inode, len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut world = self.disk.running()?;
        let lies = match world.faults.lies_about_sync.clone() {
            Some(lies) => world.tree.path_of(self.inode).is_some_and(|path| lies(&path)),
            None => false,
        };
        let label = world.label(self.inode);
        match world.begin_step("sync", &label) {
            Ok(Verdict::Go) if lies => Ok(()),
            Ok(Verdict::Go) => {
                world.tree.sync_file(self.inode);
                Ok(())
            }
            Ok(Verdict::Tear) => Err(io::Error::other(Stopped)),
            Err(e) => {
                world.tree.fail_sync(self.inode);
                Err(e)
            }
        }
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.world().locks.remove(&self.inode);
    }
}
