use super::*;

#[test]
fn what_is_out_of_range_is_refused_only_with_evidence() {
    let of = |start: i64, end: i64| {
        let error = out_of_range(
            "t".into(),
            PartitionIndex(2),
            Offset(10),
            Offset(start),
            Offset(end),
        );
        match error {
            EtlError::Refused(Refusal::OffsetsGone { earliest, .. }) => format!("gone before {earliest}"),
            EtlError::Refused(Refusal::TailLost { end, .. }) => format!("lost after {end}"),
            other => format!("retriable: {}", other.is_retriable()),
        }
    };
    assert_eq!(of(11, 20), "gone before 11");
    assert_eq!(of(0, 9), "lost after 9");
    assert_eq!(of(-1, 9), "lost after 9");
    // In the range by now, or the range isn't known.
    for (start, end) in [(0, 10), (0, 20), (10, 10), (-1, -1), (0, -1)] {
        assert_eq!(of(start, end), "retriable: true", "{start} to {end}");
    }
}
