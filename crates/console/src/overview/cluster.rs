use serde::{Deserialize, Serialize};

/// What the brokers say about themselves and their topics.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Cluster {
    /// Kafka's `cluster.id`.
    pub id: String,
    /// The broker that clients are told is the controller.
    pub controller: Option<i32>,
    /// The brokers, by id; also those that are not there now.
    pub brokers: Vec<Broker>,
    /// The topics, by name, without Kafka's own.
    pub topics: Vec<Topic>,
}

/// One broker.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Broker {
    /// Its id.
    pub id: i32,
    /// Where clients reach it.
    pub address: String,
    /// Whether the cluster counts it among the living.
    pub registered: bool,
    /// Whether it answers; why not.
    pub problem: Option<String>,
    /// Partitions that it leads.
    pub leaders: usize,
    /// Replicas that it holds.
    pub replicas: usize,
    /// Bytes in its log folders; none where the broker can't say.
    pub log_bytes: Option<u64>,
    /// Records a second that are appended to the partitions it leads.
    pub records_per_second: Option<f64>,
}

/// One topic.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its id, as Kafka writes it.
    pub id: String,
    /// How many partitions it has.
    pub partitions: usize,
    /// Copies of a partition, itself included.
    pub replication_factor: usize,
    /// Partitions without a leader: nobody can read or write them.
    pub leaderless: usize,
    /// Partitions with fewer replicas in sync than they should have.
    pub under_replicated: usize,
    /// Partitions with fewer replicas in sync than `min.insync.replicas`: nobody can write them with acks=all.
    pub under_min_isr: usize,
    /// Replicas whose broker, or whose disk there, is down.
    pub offline_replicas: usize,
    /// The partitions with which something of this is wrong.
    pub troubled: Vec<Troubled>,
    /// Records that can be read now, of the partitions whose leader answers.
    pub records: u64,
    /// Whether a partition's leader did not answer, so that `records` is too small.
    pub partial: bool,
    /// Bytes of all replicas; none where a broker can't say.
    pub bytes: Option<u64>,
    /// Records appended a second.
    pub records_per_second: Option<f64>,
    /// Leaders by partition; none where there is none.
    pub leaders: Vec<Option<i32>>,
}

/// A partition with which something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Troubled {
    /// Its index.
    pub partition: i32,
    /// Its leader, if it has one.
    pub leader: Option<i32>,
    /// The brokers that should hold it.
    pub replicas: Vec<i32>,
    /// Those of them that are in sync.
    pub in_sync: Vec<i32>,
    /// Those of them that are down.
    pub offline: Vec<i32>,
}

impl Troubled {
    /// What is wrong, for the operator.
    #[must_use]
    pub fn line(&self) -> String {
        let list = |ids: &[i32]| {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            ids.join(",")
        };
        let leader = match self.leader {
            Some(leader) => format!("leader {leader}"),
            None => "no leader".to_owned(),
        };
        let in_sync = match self.in_sync.is_empty() {
            true => "none in sync".to_owned(),
            false => format!("in sync {}", list(&self.in_sync)),
        };
        let mut line = format!("{leader}, replicas {}, {in_sync}", list(&self.replicas));
        if !self.offline.is_empty() {
            line.push_str(&format!(", offline {}", list(&self.offline)));
        }
        line
    }
}
