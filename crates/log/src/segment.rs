//! Segments: all but the last are sealed, the last one is active.

mod active;
mod sealed;

pub(crate) use active::Active;
pub(crate) use sealed::Sealed;
