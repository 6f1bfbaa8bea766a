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
