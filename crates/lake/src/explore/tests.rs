use super::job::Mistake;
use super::{Limits, explore};

#[test]
fn no_crash_loses_or_doubles_a_row() {
    let limits = Limits {
        epochs: 3,
        crashes: 1,
    };
    let started = std::time::SystemTime::UNIX_EPOCH;
    let _ = started;
    match explore(limits, None) {
        Ok(explored) => eprintln!("{explored:?}"),
        Err(violation) => panic!("{violation}"),
    }
}
