//! What opening a partition found.

use record::Offset;

/// What the caller knows about how the partition was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It was closed: the clean-shutdown marker was there. Nothing is scanned.
    CleanStop,
    /// The process ended in whatever way, but the kernel has run since the partition was last
    /// opened completely: all that was written is in the page cache or on disk, and only the last
    /// write can be unfinished. The active segment is scanned. Whoever keeps the boot's id must
    /// write it only after *all* partitions have been opened: a recovery that was itself
    /// interrupted is no such opening.
    SameBoot,
    /// Nothing is known; the power may have failed. Everything behind the recovery point is
    /// scanned.
    Nothing,
}

/// What opening a partition found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The end offset after recovery.
    pub end_offset: Offset,
    /// Bytes of records whose CRC was checked.
    pub scanned_bytes: u64,
    /// Bytes of segments that were cut off or removed.
    pub truncated_bytes: u64,
    /// True where nothing was cut, or nothing but the beginning of one batch at the very end, as
    /// an interrupted write leaves it. After a kill in the same boot such a partition is clean.
    pub last_unfinished_only: bool,
    /// The first thing found wrong, if any.
    pub cut: Option<Cut>,
}

/// Where and why records were cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Base offset of the segment.
    pub segment: Offset,
    /// Position in it from which nothing was kept.
    pub position: u64,
    /// What was wrong there.
    pub reason: String,
}
