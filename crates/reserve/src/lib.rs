//! A global allocator that never commits memory for what is only claimed.
//!
//! The codec of the Kafka protocol hands an array length from the wire to `Vec::with_capacity`. A
//! frame of twelve bytes may so ask for hundreds of gigabytes; the system allocator refuses a
//! block that is larger than the machine's memory, and Rust aborts the process on a refusal. No
//! frame may kill a broker.
//!
//! [`Reserve`] serves blocks of [`THRESHOLD`] bytes and more by `mmap` with `MAP_NORESERVE`: address
//! space is cheap, memory is committed when it is touched, and the codec gives up long before, at
//! the end of the frame. All smaller blocks are the system allocator's.
//!
//! ```ignore
//! #[global_allocator]
//! static ALLOCATOR: reserve::Reserve = reserve::Reserve;
//! ```
//!
//! It cannot help where address space itself is limited (`ulimit -v`) or where the kernel counts
//! every mapping (`vm.overcommit_memory = 2`): [`probe_reservation`] tells, so that a broker can warn.
//!
//! This is the only `unsafe` code of the project. It must not grow.

#![expect(unsafe_code, reason = "an allocator is an unsafe trait over raw memory")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;

use rustix::mm::{MapFlags, MremapFlags, ProtFlags, mmap_anonymous, mremap, munmap};

/// Blocks of this size and more are reserved without committing memory: 64 MiB.
///
/// Far above the blocks of ordinary work, which keep the system allocator's speed; far below the
/// memory of any machine, so that the system allocator never sees a block that it would refuse.
pub const THRESHOLD: usize = 64 << 20;

/// Mappings begin at a page; whatever must be aligned more goes to the system allocator.
const MAX_ALIGN: usize = 4096;

/// What [`probe_reservation`] tries: more than any array length times any element's size.
const PROBE: usize = 1 << 40;

/// The allocator. See the crate's page.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reserve;

/// Whether address space of 1 TiB can be reserved. Where it cannot, a hostile frame may make the
/// process abort in spite of [`Reserve`].
#[must_use]
pub fn probe_reservation() -> bool {
    let block = map(PROBE);
    if block.is_null() {
        return false;
    }
    // SAFETY: `block` is a mapping of exactly this size that nobody else has seen.
    unsafe { unmap(block, PROBE) };
    true
}

/// Whether a block of this layout is a mapping of its own. Decided by the layout alone, so that
/// freeing comes to the same answer as allocating.
fn is_mapped(size: usize, align: usize) -> bool {
    size >= THRESHOLD && align <= MAX_ALIGN
}

/// A new mapping of `size` zero bytes, or null.
fn map(size: usize) -> *mut u8 {
    // SAFETY: a new private anonymous mapping at an address that the kernel chooses touches nothing
    // that exists.
    let block = unsafe {
        mmap_anonymous(
            ptr::null_mut(),
            size,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE | MapFlags::NORESERVE,
        )
    };
    block.map_or(ptr::null_mut(), <*mut std::ffi::c_void>::cast)
}

/// Gives a mapping back.
///
/// # Safety
/// `block` came from [`map`] or `mremap` with this `size`, and is not used any more.
unsafe fn unmap(block: *mut u8, size: usize) {
    // A failure can only leak address space: there is nobody to tell.
    // SAFETY: the caller's promise.
    let _ = unsafe { munmap(block.cast(), size) };
}

// SAFETY: each block is either a mapping of its own or the system allocator's, which of both is a
// function of the layout, and every method hands a block back to where it came from. Mappings are
// page-aligned, which suffices for all layouts that `is_mapped` admits. Nothing here unwinds or
// allocates.
unsafe impl GlobalAlloc for Reserve {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_mapped(layout.size(), layout.align()) {
            map(layout.size())
        } else {
            // SAFETY: the caller's promise is the same as ours.
            unsafe { System.alloc(layout) }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_mapped(layout.size(), layout.align()) {
            map(layout.size())
        } else {
            // SAFETY: the caller's promise is the same as ours.
            unsafe { System.alloc_zeroed(layout) }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_mapped(layout.size(), layout.align()) {
            // SAFETY: the caller gives the layout that `block` was allocated with: a mapping.
            unsafe { unmap(block, layout.size()) };
        } else {
            // SAFETY: by the same layout it came from the system allocator.
            unsafe { System.dealloc(block, layout) };
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let (old_size, align) = (layout.size(), layout.align());
        match (is_mapped(old_size, align), is_mapped(new_size, align)) {
            // SAFETY: the system allocator's before and after.
            (false, false) => unsafe { System.realloc(block, layout, new_size) },
            // SAFETY: `block` is a mapping of `old_size`; it may move, the caller forgets it.
            (true, true) => unsafe { mremap(block.cast(), old_size, new_size, MremapFlags::MAYMOVE) }
                .map_or(ptr::null_mut(), <*mut std::ffi::c_void>::cast),
            // SAFETY: the caller vouches that `new_size` makes a valid layout of this alignment.
            // Both blocks hold the smaller of the two sizes and do not overlap; the old one is
            // freed only where there is a new one.
            _ => unsafe {
                let new = self.alloc(Layout::from_size_align_unchecked(new_size, align));
                if !new.is_null() {
                    ptr::copy_nonoverlapping(block, new, old_size.min(new_size));
                    self.dealloc(block, layout);
                }
                new
            },
        }
    }
}

#[cfg(test)]
mod tests;
