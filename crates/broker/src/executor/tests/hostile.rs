//! Mutants of every request, served by a whole broker.

use bytes::BytesMut;
use disk::SimDisk;
use rand_core::SeedableRng;
use rand_pcg::Pcg64Mcg;

use super::harness::{Harness, Outcome};
use crate::samples::{batch, frames};
use crate::wire::tests::mutate;
use crate::{Head, decode, encode};

fn serve(broker: &mut Harness, frame: bytes::Bytes) -> Option<(Head, Outcome)> {
    let (head, body) = decode(frame).ok()?;
    let id = broker.send(1, head.version, body);
    for _ in 0..3 {
        if let Some(outcome) = broker.outcome(id) {
            return Some((head, outcome));
        }
        broker.tick();
    }
    None
}

#[test]
fn every_sample_is_answered_in_the_schema_of_its_version() {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    let id = broker.create("t", &[]);
    broker.produce("t", batch(&["a"]));
    for (api, version, frame) in frames("t", id.0) {
        let (head, outcome) =
            serve(&mut broker, frame).unwrap_or_else(|| panic!("{api:?} {version} was not answered"));
        let Outcome::Response(response) = outcome else {
            panic!("{api:?} {version}: {outcome:?}")
        };
        encode(&head, &response, &mut BytesMut::new()).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn no_mutant_kills_the_broker_and_each_answer_can_be_written() {
    const SEED: u64 = 0x6d63_0002;
    const ROUNDS: usize = 25;
    let mut random = Pcg64Mcg::seed_from_u64(SEED);
    let mut broker = Harness::start(&SimDisk::new(), 1);
    let id = broker.create("t", &[]);
    broker.produce("t", batch(&["a"]));
    let mut answered = 0;
    for (api, version, frame) in frames("t", id.0) {
        for round in 0..ROUNDS {
            let mutant = mutate(&frame, &mut random);
            let Some((head, outcome)) = serve(&mut broker, mutant.clone()) else {
                continue;
            };
            answered += 1;
            if let Outcome::Response(response) = outcome {
                let written = encode(&head, &response, &mut BytesMut::new());
                assert!(
                    written.is_ok(),
                    "seed {SEED:#x}, {api:?} {version}, round {round}: {written:?} {mutant:02x?}"
                );
            }
        }
    }
    assert!(answered > 100, "only {answered} mutants were answered");
    // It still serves.
    let (error, _) = broker.produce("t", batch(&["z"]));
    assert!(error == 0 || broker.executor.metadata().topic("t").is_none());
}
