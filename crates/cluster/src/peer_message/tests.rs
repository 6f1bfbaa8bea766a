use super::*;

fn message() -> PeerMessage {
    let entry = |index, data: &'static [u8]| Entry {
        index: Index(index),
        term: Term(2),
        data: Bytes::from_static(data),
    };
    PeerMessage {
        kind: PeerMessageKind::Append,
        term: Term(3),
        log_term: Term(2),
        index: Index(6),
        commit: Index(5),
        commit_term: Term(0),
        reject: false,
        reject_hint: Index(0),
        entries: vec![entry(7, b"[]"), entry(8, b"")],
    }
}

#[test]
fn a_message_survives_its_bytes() {
    assert_eq!(PeerMessage::decode(message().encode()), Ok(message()));
}

#[test]
fn other_bytes_are_refused_or_another_message() {
    let bytes = message().encode();
    for cut in 0..bytes.len() {
        assert!(PeerMessage::decode(bytes.slice(..cut)).is_err(), "cut at {cut}");
    }
    for place in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = bytes.to_vec();
            changed[place] ^= flip;
            if let Ok(other) = PeerMessage::decode(Bytes::from(changed)) {
                assert_eq!(PeerMessage::decode(other.encode()), Ok(other));
            }
        }
    }
}
