//! The headers of a record, by which it is known again.

use record::Header;

use crate::kind::Kind;

/// The run's id, 8 bytes big-endian.
pub(crate) const RUN_HEADER: &[u8] = b"mc-run";
/// The record's sequence in its run and topic, 8 bytes big-endian.
pub(crate) const SEQUENCE_HEADER: &[u8] = b"mc-seq";
/// The name of the record's kind.
pub(crate) const KIND_HEADER: &[u8] = b"mc-kind";

/// The headers of one record; `run` and `sequence` are big-endian.
pub(crate) fn headers<'a>(run: &'a [u8; 8], sequence: &'a [u8; 8], kind: Kind) -> [Header<'a>; 3] {
    [
        Header {
            key: RUN_HEADER,
            value: Some(run),
        },
        Header {
            key: SEQUENCE_HEADER,
            value: Some(sequence),
        },
        Header {
            key: KIND_HEADER,
            value: Some(kind.name().as_bytes()),
        },
    ]
}
