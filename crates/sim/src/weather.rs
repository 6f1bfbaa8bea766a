//! How bad a run is.

use crate::random::Random;

/// The dangers of one run, drawn from its seed. Each run has other ones, and most runs lack some:
/// a bug that needs calm in one place and storm in another is found by neither extreme.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    /// How many brokers.
    pub(crate) brokers: i32,
    /// How many of them vote; the others follow the metadata only.
    pub(crate) voters: i32,
    /// Time of trouble, in ms.
    pub(crate) trouble: u64,
    pub(crate) network: Network,
    /// What goes wrong.
    pub(crate) faults: Vec<Fault>,
    /// Mean time between faults, in ms.
    pub(crate) fault_every: u64,
    /// Crashes in the middle of what a broker does, in a thousand times that it does something.
    pub(crate) crash_within: u64,
    /// Longest pause or cut, in ms.
    pub(crate) longest: u64,
    /// Nothing counts before it is on disk, so that a loss of power takes nothing that counted.
    pub(crate) syncs: bool,
    /// What the others must do without, for a while.
    pub(crate) missing: Option<Missing>,
    pub(crate) clients: Clients,
}

/// How frames travel.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    /// Frames between brokers that are lost, in a thousand: a queue that is full loses them.
    pub(crate) loss: u64,
    /// Longest delay of a frame, in ms.
    pub(crate) delay: u64,
    /// A broker whose connections are slower than others', and by how much at most, in ms.
    pub(crate) slow: Option<i32>,
    pub(crate) slow_by: u64,
}

/// What clients ask for.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    /// Topics that stay.
    pub(crate) topics: u64,
    /// Most replicas of a partition, as far as there are brokers.
    pub(crate) replicas: i32,
    /// How many of them must be in sync for acks=all.
    pub(crate) min_in_sync: u64,
    /// Mean time between two batches of a producer, in ms.
    pub(crate) produce_every: u64,
    /// Mean time between requests of clients, in ms.
    pub(crate) request_every: u64,
    /// Whether partitions move, are added and lose their oldest records, and settings change.
    pub(crate) administration: bool,
    /// Batches that arrive once more, much later, in a thousand.
    pub(crate) late: u64,
}

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Crash,
    CrashController,
    CrashAll,
    /// SIGSTOP and SIGCONT.
    Pause,
    /// Stopped as it should be.
    Stop,
    /// A connection breaks, and is there again.
    Break,
    /// Two brokers don't reach each other; both may reach others.
    CutPair,
    /// A broker reaches nobody.
    CutOff,
    FullDisk,
    /// One operation on the disk fails.
    FailDisk,
    /// Nothing of one partition can be written.
    BreakFiles,
    /// The power fails for all.
    PowerLoss,
    /// The power fails for one broker.
    PowerLossOfOne,
    /// A broker comes back without its partitions; one that doesn't vote, without anything.
    Wipe,
}

/// What lasts for a while after all other trouble, and the others must do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// A broker is dead.
    Broker,
    /// A broker can't write one of its partitions.
    Files,
}

/// What most runs have some of.
const FAULTS: [Fault; 9] = [
    Fault::Crash,
    Fault::CrashController,
    Fault::CrashAll,
    Fault::Pause,
    Fault::Stop,
    Fault::Break,
    Fault::CutPair,
    Fault::CutOff,
    Fault::FullDisk,
];

impl Weather {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let brokers = random.pick(&[1, 2, 3, 3, 3, 3, 3, 3, 4, 5]).unwrap_or(3);
        let mut faults: Vec<Fault> = FAULTS.into_iter().filter(|_| random.chance(600)).collect();
        // Not both: a sync that failed leaves in doubt what no later sync can mend.
        let of_disks: &[Fault] = match random.chance(400) {
            true => &[Fault::PowerLoss, Fault::PowerLossOfOne, Fault::Wipe],
            false => &[Fault::FailDisk, Fault::BreakFiles],
        };
        faults.extend(random.pick(of_disks));
        let trouble = random.between(5_000, 15_000);
        Self {
            brokers,
            // A fourth of the clusters grow to three voters.
            voters: if brokers < 3 || trouble.is_multiple_of(4) {
                1
            } else {
                3
            },
            trouble,
            network: Network::draw(random, brokers),
            faults,
            fault_every: random.between(300, 4_000),
            crash_within: sometimes(random, 600, 1, 60),
            longest: random.between(200, 9_000),
            syncs: random.chance(400),
            missing: random
                .pick(&[None, None, Some(Missing::Broker), Some(Missing::Files)])
                .flatten(),
            clients: Clients::draw(random, brokers),
        }
    }

    /// Nothing bad happens any more.
    pub(crate) fn clear_up(&mut self) {
        self.network.loss = 0;
        self.network.delay = 5;
        self.network.slow = None;
        self.crash_within = 0;
    }
}

impl Network {
    fn draw(random: &mut Random, brokers: i32) -> Self {
        Self {
            loss: sometimes(random, 300, 1, 100),
            delay: 1 + sometimes(random, 700, 1, 150),
            slow: random
                .chance(500)
                .then(|| 1 + random.below(u64::from(brokers.unsigned_abs())) as i32),
            slow_by: random.between(50, 600),
        }
    }
}

impl Clients {
    fn draw(random: &mut Random, brokers: i32) -> Self {
        Self {
            topics: random.between(1, 4),
            replicas: random.pick(&[1, 2, 3, 3, 3, 3]).unwrap_or(3).min(brokers),
            min_in_sync: random.between(1, 2),
            produce_every: random.between(10, 400),
            request_every: random.between(50, 800),
            administration: random.chance(500),
            late: sometimes(random, 500, 10, 200),
        }
    }
}

/// A number between two others in so many of a thousand runs, else 0.
fn sometimes(random: &mut Random, permille: u64, low: u64, high: u64) -> u64 {
    match random.chance(permille) {
        true => random.between(low, high),
        false => 0,
    }
}
