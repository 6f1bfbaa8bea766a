use super::*;
use crate::{
    clock::Clock,
    settings::{Faults, StreamKind},
};

#[tokio::test]
async fn any_number_of_threads_makes_the_same() {
    let clock = Clock {
        start_ms: 0,
        per_second: 10_000.0,
        speed: 1.0,
    };
    let faults = Faults {
        duplicates: 0.1,
        malformed: 0.1,
    };
    let plan = Arc::new(Plan::new(StreamKind::Clickstream, clock, faults, 9, 3));
    let mut by_threads = Vec::new();
    for threads in [1, 8] {
        let mut workers = Workers::new(Arc::clone(&plan), 5, threads);
        let mut made = Vec::new();
        for _ in 0..3_000 {
            made.push(workers.next().await.unwrap());
        }
        by_threads.push(made);
    }
    assert!(by_threads[0].iter().map(|made| made.sequence).eq(5..3_005));
    assert_eq!(by_threads[0], by_threads[1]);
}
