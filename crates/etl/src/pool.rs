//! Work on a few threads at once.

use std::sync::Mutex;

/// Runs `work` on every task, on at most `threads` threads, and returns the results in the order of
/// the tasks. The threads live only as long as the call; a panic of one is passed on.
pub(crate) fn parallel<T: Send, R: Send>(
    threads: usize,
    tasks: Vec<T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let threads = threads.clamp(1, tasks.len().max(1));
    if threads == 1 {
        return tasks.into_iter().map(work).collect();
    }
    let mut results: Vec<Option<R>> = tasks.iter().map(|_| None).collect();
    let queue = Mutex::new(tasks.into_iter().zip(results.iter_mut()));
    let worker = || {
        loop {
            let next = queue
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .next();
            let Some((task, result)) = next else { break };
            *result = Some(work(task));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(worker);
        }
        worker();
    });
    drop(queue);
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_tasks() {
        for threads in [0, 1, 3, 200] {
            let squares = parallel(threads, (0..100_u64).collect(), |n| n * n);
            assert_eq!(squares, (0..100_u64).map(|n| n * n).collect::<Vec<_>>());
        }
        assert_eq!(parallel(4, Vec::<u8>::new(), |n| n), Vec::<u8>::new());
    }
}
