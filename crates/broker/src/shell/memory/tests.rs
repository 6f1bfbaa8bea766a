//! Nobody is kept out by what was only announced.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::{Memory, Share};

/// Whether it got so much at once.
fn grows(share: &mut Share, bytes: usize) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    pin!(share.grow_to(bytes)).poll(&mut context) == Poll::Ready(())
}

#[test]
fn what_is_given_back_is_there_for_others() {
    let memory = Memory::new(100);
    let (mut first, mut second, mut third) = (memory.share(), memory.share(), memory.share());
    assert!(grows(&mut first, 60));
    assert!(grows(&mut first, 100));
    assert!(grows(&mut second, 10), "one may go beyond");
    assert!(!grows(&mut third, 10));
    first.shrink_to(90);
    assert!(grows(&mut third, 10));
    drop((first, second, third));
    assert!(grows(&mut memory.share(), 100));
}

#[test]
fn requests_that_wait_for_each_other_go_on() {
    let memory = Memory::new(100);
    let (mut first, mut second) = (memory.share(), memory.share());
    assert!(grows(&mut first, 50));
    assert!(grows(&mut second, 50));
    assert!(grows(&mut first, 90));
    assert!(!grows(&mut second, 90));
    drop(first);
    assert!(grows(&mut second, 90));
}

#[test]
fn what_never_fits_goes_beyond_and_keeps_nobody_out() {
    let memory = Memory::new(100);
    let (mut large, mut small) = (memory.share(), memory.share());
    assert!(grows(&mut large, 1_000));
    assert!(grows(&mut small, 100));
}
