//! Who knows the secret gets in, nobody else.

use bytes::{Bytes, BytesMut};
use record::BrokerId;

use super::{Acceptor, ClusterSecret, Dialer, Refused};

const ONE: BrokerId = BrokerId(1);
const TWO: BrokerId = BrokerId(2);

fn secret(text: &str) -> ClusterSecret {
    ClusterSecret::new(text.repeat(16)).expect("long enough")
}

fn dialer(known: &str, cluster: &str) -> Dialer {
    Dialer::new(secret(known), ONE, TWO, cluster, [1; 32])
}

fn acceptor(known: &str, hello: Bytes) -> Result<Acceptor, Refused> {
    Acceptor::on_hello(secret(known), TWO, "c", [2; 32], hello)
}

#[test]
fn a_short_secret_is_no_secret() {
    assert!(ClusterSecret::new([0; 16]).is_ok());
    let refused = ClusterSecret::new([0; 15]).expect_err("too short").to_string();
    assert!(refused.contains("at least 16 bytes"), "{refused}");
}

#[test]
fn both_sides_prove_the_secret() {
    let dialer = dialer("s", "c");
    let acceptor = acceptor("s", dialer.hello()).expect("a hello of this cluster");
    let proof = dialer
        .on_challenge(&acceptor.challenge())
        .expect("the acceptor knows the secret");
    assert_eq!(acceptor.on_proof(&proof), Ok(ONE));
}

#[test]
fn a_wrong_secret_is_noticed_by_both_sides() {
    let dialer = dialer("wrong", "c");
    let acceptor = acceptor("s", dialer.hello()).expect("nothing was to be proved yet");
    assert_eq!(
        dialer.on_challenge(&acceptor.challenge()),
        Err(Refused::WrongSecret)
    );
    // A dialer that doesn't care and sends the acceptor's own proof back.
    let echoed = [&b"MCP1"[..], &acceptor.challenge()[36..]].concat();
    assert_eq!(acceptor.on_proof(&echoed), Err(Refused::WrongSecret));
}

#[test]
fn another_cluster_and_another_broker_are_told_apart() {
    let other = Refused::OtherCluster {
        ours: "c".to_owned(),
        theirs: "d".to_owned(),
    };
    assert_eq!(
        acceptor("s", dialer("s", "d").hello()).expect_err("refused"),
        other
    );
    let dialer = Dialer::new(secret("s"), ONE, BrokerId(3), "c", [1; 32]);
    let other = Refused::OtherBroker {
        wanted: BrokerId(3),
        here: TWO,
    };
    assert_eq!(acceptor("s", dialer.hello()).expect_err("refused"), other);
}

#[test]
fn no_single_changed_byte_gets_in() {
    let dialer = dialer("s", "c");
    let hello = dialer.hello();
    for at in 0..hello.len() {
        let mut changed = BytesMut::from(&hello[..]);
        changed[at] ^= 1;
        if let Ok(acceptor) = acceptor("s", changed.freeze()) {
            assert_eq!(
                dialer.on_challenge(&acceptor.challenge()),
                Err(Refused::WrongSecret),
                "byte {at}"
            );
        }
    }
    let honest = acceptor("s", hello).expect("honest");
    let proof = dialer.on_challenge(&honest.challenge()).expect("honest");
    for at in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[at] ^= 1;
        assert!(honest.on_proof(&changed).is_err(), "byte {at}");
    }
}

#[test]
fn kafka_clients_and_short_frames_are_no_peers() {
    for frame in [&b""[..], b"MCP1", b"\0\x12\0\x03\0\0\0\x01\xff\xff"] {
        assert_eq!(
            acceptor("s", Bytes::copy_from_slice(frame)).expect_err("refused"),
            Refused::NoPeer
        );
    }
    assert_eq!(dialer("s", "c").on_challenge(b"MCP1"), Err(Refused::NoPeer));
}
