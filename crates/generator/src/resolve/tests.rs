use bytes::Bytes;
use record::{Batch, BatchBuilder, Compression, Header, Timestamp};

use super::*;
use crate::truth_log::Done;

/// Run 7 is counted below 10 and announced to 20, run 8 announced to 3.
fn state() -> TopicState {
    let done = Done {
        topic: "t".to_owned(),
        topic_id: String::new(),
        run: 7,
        to: 10,
        counts: Counts::default(),
        next: vec![0],
        closed: false,
    };
    TopicState {
        done: Some(done),
        intents: [(7, 20), (8, 3)].into(),
    }
}

/// What becomes of a record with these headers.
fn judged(headers: &[Header<'_>]) -> Option<Kind> {
    let mut builder = BatchBuilder::new(Compression::Lz4);
    builder.push(Timestamp(1), None, Some(b"{}"), headers).unwrap();
    let batch: Bytes = builder.build().unwrap();
    let records = Batch::parse(batch).unwrap().records().unwrap();
    let record = records.iter().next().unwrap().unwrap();
    uncounted(&record, &state())
}

fn sent(run: u64, sequence: u64, kind: &str) -> Option<Kind> {
    judged(&[
        Header {
            key: RUN_HEADER,
            value: Some(&run.to_be_bytes()),
        },
        Header {
            key: SEQUENCE_HEADER,
            value: Some(&sequence.to_be_bytes()),
        },
        Header {
            key: KIND_HEADER,
            value: Some(kind.as_bytes()),
        },
    ])
}

#[test]
fn only_what_nobody_counted_counts() {
    assert_eq!(sent(7, 9, "event"), None, "counted already");
    assert_eq!(sent(7, 10, "event"), Some(Kind::Event));
    assert_eq!(sent(7, 19, "duplicate"), Some(Kind::Duplicate));
    assert_eq!(sent(8, 0, "truncated"), Some(Kind::Truncated), "of the next run");
    assert_eq!(sent(6, 15, "event"), None, "of a run that was closed");
}

#[test]
fn records_of_others_count_for_nothing() {
    assert_eq!(judged(&[]), None);
    assert_eq!(
        judged(&[Header {
            key: RUN_HEADER,
            value: Some(b"short")
        }]),
        None
    );
    assert_eq!(
        judged(&[Header {
            key: RUN_HEADER,
            value: None
        }]),
        None
    );
    assert_eq!(sent(7, 12, "something else"), None);
}

#[test]
fn every_kind_has_a_name_of_its_own() {
    for kind in Kind::ALL.into_iter().chain([Kind::Event, Kind::Duplicate]) {
        assert_eq!(Kind::from_name(kind.name().as_bytes()), Some(kind));
    }
}
