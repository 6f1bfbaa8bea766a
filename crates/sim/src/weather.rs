//! How bad a run is.

use crate::random::Random;

/// The dangers of one run, drawn from its seed. Each run has other ones, and most runs lack some:
/// a bug that needs calm in one place and storm in another is found by neither extreme.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    /// How many brokers.
    pub(crate) brokers: i32,
    /// Time of trouble, in ms.
    pub(crate) trouble: u64,
    /// Frames between brokers that are lost, in a thousand: a queue that is full loses them.
    pub(crate) loss: u64,
    /// Longest delay of a frame, in ms.
    pub(crate) delay: u64,
    /// Mean time between faults, in ms.
    pub(crate) fault_every: u64,
    /// A broker whose connections are slower than others', and by how much at most, in ms.
    pub(crate) slow: Option<i32>,
    pub(crate) slow_by: u64,
    /// Mean time between two batches of a producer, in ms.
    pub(crate) produce_every: u64,
    /// Mean time between requests of clients, in ms.
    pub(crate) request_every: u64,
    /// Crashes in the middle of what a broker does, in a thousand times that it does something.
    pub(crate) crash_within: u64,
    /// Longest pause or cut, in ms.
    pub(crate) longest: u64,
    /// Replicas of topics, as far as there are brokers.
    pub(crate) replicas: i16,
    /// How many of them must be in sync for acks=all.
    pub(crate) min_in_sync: usize,
    /// Whether the power may fail, for all brokers at once.
    pub(crate) power_fails: bool,
}

impl Weather {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let mut sometimes = |percent: u64, low: u64, high: u64| {
            let value = random.between(low, high);
            if random.below(100) < percent { value } else { 0 }
        };
        let loss = sometimes(30, 1, 100);
        let delay = 1 + sometimes(70, 1, 150);
        let crash_within = sometimes(60, 1, 60);
        let brokers = random.pick(&[1, 2, 3, 3, 3, 3, 3, 3, 5]).unwrap_or(3);
        let replicas = random.pick(&[1, 2, 3, 3, 3, 3]).unwrap_or(3).min(brokers);
        Self {
            brokers,
            replicas: i16::try_from(replicas).unwrap_or(1),
            min_in_sync: random.between(1, 2) as usize,
            slow: random
                .chance(500)
                .then(|| 1 + random.below(brokers as u64) as i32),
            slow_by: random.between(50, 600),
            produce_every: random.between(10, 400),
            trouble: random.between(5_000, 15_000),
            loss,
            delay,
            fault_every: random.between(300, 4_000),
            request_every: random.between(50, 800),
            crash_within,
            longest: random.between(200, 9_000),
            power_fails: random.chance(400),
        }
    }

    /// Nothing bad happens any more.
    pub(crate) fn clear_up(&mut self) {
        self.loss = 0;
        self.delay = 5;
        self.slow = None;
        self.crash_within = 0;
    }
}
