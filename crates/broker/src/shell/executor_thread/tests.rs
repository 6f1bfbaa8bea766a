//! When the executor hears that time has passed.

use cluster::Millis;

use super::Rhythm;
use crate::Input;

#[test]
fn deadlines_of_fetches_are_no_ticks() {
    let mut now = Millis(1_000);
    let mut rhythm = Rhythm::new(now);
    let mut ticks = 0;
    for _ in 0..100 {
        now = rhythm.wake(Some(now.plus(Millis(10))));
        ticks += u64::from(rhythm.beat(now) == Input::Tick);
    }
    // A hundred polls of 10 ms: one second, with a tick every 50 ms.
    assert_eq!((now, ticks), (Millis(2_000), 20));
}

#[test]
fn missed_ticks_are_not_made_up_for() {
    let mut rhythm = Rhythm::new(Millis(0));
    assert_eq!(rhythm.beat(Millis(5_000)), Input::Tick);
    assert_eq!(rhythm.beat(Millis(5_001)), Input::Deadline);
    assert_eq!(rhythm.wake(None), Millis(5_050));
}
