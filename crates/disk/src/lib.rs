//! Files and folders behind one trait, so that the code which must survive a power loss runs
//! unchanged on a real file system and on a simulated one.
//!
//! * [`Disk`] is a file system: folders, names, links, locks. A change of a name is durable only
//!   after [`Disk::sync_dir`] of the folder that holds it.
//! * [`File`] is an open file: positioned reads and writes. Contents are durable only after
//!   [`File::sync_data`].
//! * [`RealDisk`] is the machine's file system.
//! * [`SimDisk`] keeps everything in memory and counts every changing operation as a step. It can
//!   stop the world at a step, fail one, be full, write short or be read-only.
//! * [`Image`] is a simulated file system at one instant. From it come the file system that a
//!   restarted process sees after a kill ([`Image::after_kill`]: everything that returned is
//!   there), and those that a power loss may leave ([`Image::power_losses`]: each unsynced name
//!   and write kept, lost or torn, each by itself).
//!
//! What the simulated power loss assumes of a real file system, and no more: synced data and
//! synced names stay; `rename` and `exchange` happen as a whole or not at all, and in their order
//! where they touch the same names (Linux's journaling file systems promise that much); anything
//! else may happen in any order.
//!
//! This crate never knows what is stored.

mod real;
mod sim;
mod traits;

pub use real::{RealDisk, RealFile, RealLock};
pub use sim::{Image, PowerLosses, SimDisk, SimFile, SimLock, is_stopped};
pub use traits::{Disk, Entry, File, Kind, Metadata, OpenMode};
