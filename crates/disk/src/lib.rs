//! Files and folders behind one trait, so that the code which must survive a power loss runs
//! unchanged on a real file system and on a simulated one.
//!
//! * [`Disk`] is a file system: folders, names, links, locks. A change of a name is durable only
//!   after [`Disk::sync_dir`] of the folder that holds it.
//! * [`File`] is an open file: positioned reads and writes. Contents are durable only after
//!   [`File::sync_data`].
//! * [`RealDisk`] is the machine's file system.
//! * [`SimDisk`] keeps everything in memory, counts every changing operation as a step, and can
//!   stop the world at any of them: as a killed process sees it, or after a power loss that keeps
//!   or loses each unsynced entry and write.
//!
//! This crate never knows what is stored.

mod traits;

pub use traits::{Disk, Entry, File, Kind, Metadata, OpenMode};
