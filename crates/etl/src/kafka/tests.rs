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

#[test]
fn only_an_unknown_topic_is_missing() {
    let told = |error| is_there("t", error).map_err(|error| (error.to_string(), error.is_retriable()));
    assert_eq!(told(None), Ok(true));
    assert_eq!(told(Some(ErrorCode::UnknownTopicOrPartition)), Ok(false));
    let refused = "looking at topic `t`: TopicAuthorizationFailed (29)";
    assert_eq!(
        told(Some(ErrorCode::TopicAuthorizationFailed)),
        Err((refused.into(), false))
    );
    assert!(told(Some(ErrorCode::LeaderNotAvailable)).is_err_and(|(_, retriable)| retriable));
}
