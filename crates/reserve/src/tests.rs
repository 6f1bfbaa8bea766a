use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, CreateTopicsRequest, DeleteTopicsRequest, FetchRequest,
    MetadataRequest, ProduceRequest,
};
use kafka_protocol::protocol::Decodable;

use super::*;

#[global_allocator]
static ALLOCATOR: Reserve = Reserve;

/// A body whose first field, an array, claims 0x7fffffff elements.
fn decodes<T: Decodable>(version: i16, before: &[u8]) -> bool {
    let mut frame = BytesMut::from(before);
    frame.put_i32(i32::MAX);
    frame.resize(frame.len().max(12), 0);
    T::decode(&mut frame.freeze(), version).is_ok()
}

#[test]
fn frames_of_twelve_bytes_with_endless_arrays_are_errors() {
    assert!(!decodes::<MetadataRequest>(1, b""));
    assert!(!decodes::<CreateTopicsRequest>(2, b""));
    assert!(!decodes::<DeleteTopicsRequest>(1, b""));
    assert!(!decodes::<ProduceRequest>(3, b"\xff\xff\0\x01\0\0\x75\x30"));
    // The compact form: a varint of five bytes.
    let compact = Bytes::from_static(b"\xff\xff\xff\xff\x07\0\0\0\0\0\0\0");
    assert!(MetadataRequest::decode(&mut compact.clone(), 12).is_err());
    assert!(AlterPartitionReassignmentsRequest::decode(&mut compact.clone(), 0).is_err());
    assert!(FetchRequest::decode(&mut compact.clone(), 12).is_err());
}

#[test]
fn a_claim_beyond_all_memory_is_served() {
    let mut claimed: Vec<u64> = Vec::with_capacity(1 << 37);
    claimed.push(7);
    assert_eq!(claimed, [7]);
    assert!(probe_reservation());
}

/// Bytes that tell their position.
fn pattern(size: usize) -> impl Iterator<Item = (usize, u8)> {
    (0..size).step_by(4093).map(|i| (i, (i / 4093 % 251) as u8 + 1))
}

#[test]
fn blocks_keep_their_bytes_across_the_border_in_both_directions() {
    for align in [1, 8, 4096, 8192] {
        let sizes = [
            1 << 20,
            THRESHOLD - 1,
            THRESHOLD,
            3 * THRESHOLD,
            THRESHOLD + 1,
            THRESHOLD / 2,
            THRESHOLD,
            10,
        ];
        let mut layout = Layout::from_size_align(sizes[0], align).unwrap();
        // SAFETY: the layout has a size; every block is used only within its size and freed once.
        unsafe {
            let mut block = Reserve.alloc_zeroed(layout);
            for (from, to) in sizes.iter().zip(&sizes[1..]) {
                assert!(!block.is_null());
                assert_eq!(block as usize % align, 0);
                pattern(*from).for_each(|(i, byte)| *block.add(i) = byte);
                block = Reserve.realloc(block, layout, *to);
                layout = Layout::from_size_align(*to, align).unwrap();
                assert!(
                    pattern(*from.min(to)).all(|(i, byte)| *block.add(i) == byte),
                    "{from} -> {to}"
                );
            }
            Reserve.dealloc(block, layout);
        }
    }
}

#[test]
fn large_blocks_are_zero_when_asked_and_given_back_when_freed() {
    for _ in 0..1000 {
        // 100 GiB each: address space for all of them at once would not suffice.
        let zeros = vec![0_u8; 100 << 30];
        assert_eq!(zeros[50 << 30], 0);
    }
}
