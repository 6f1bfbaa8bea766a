use record::{BatchBuilder, Compression, ProducerEpoch, Sequence, Timestamp};

use super::*;

/// `text` is a line of batches: a producer's letter in lower case for a batch of its transaction, in upper
/// case for the marker that ends it; `-` for a batch outside of transactions. Offsets count from 0.
fn shown(text: &str, aborted: &[(char, i64)]) -> String {
    let transactions: Vec<_> = aborted
        .iter()
        .map(|(letter, first)| (ProducerId(*letter as i64), Offset(*first)))
        .collect();
    let mut follows = Aborted::new(&transactions);
    let batches = (0..).zip(text.chars());
    batches
        .filter(|(offset, letter)| follows.shows(&batch(*offset, *letter)))
        .map(|(_, letter)| letter)
        .collect()
}

fn batch(offset: i64, letter: char) -> Batch {
    let mut builder = BatchBuilder::new(Compression::None);
    builder.push(Timestamp(1), None, Some(b"x"), &[]).unwrap();
    builder.base_offset(Offset(offset));
    if letter != '-' {
        let producer = ProducerId(letter.to_ascii_lowercase() as i64);
        builder
            .producer(producer, ProducerEpoch(0), Sequence(0))
            .transactional();
    }
    if letter.is_ascii_uppercase() {
        builder.control();
    }
    Batch::parse(builder.build().unwrap()).unwrap()
}

#[test]
fn markers_are_never_shown() {
    assert_eq!(shown("a-A-", &[]), "a--");
}

#[test]
fn an_aborted_transaction_is_hidden_to_its_marker() {
    assert_eq!(shown("ab-aAaB", &[('a', 0)]), "b-a");
}

#[test]
fn each_transaction_of_a_producer_counts_for_itself() {
    assert_eq!(shown("aAaAaA", &[('a', 0), ('a', 4)]), "a");
}

#[test]
fn a_transaction_begun_before_the_answer_is_hidden() {
    assert_eq!(shown("aaA", &[('a', -5)]), "");
}
