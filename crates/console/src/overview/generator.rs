use serde::{Deserialize, Serialize};

/// What the generator does.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Generator {
    /// Records a second that brokers acknowledged lately, over all topics.
    pub records_per_second: Option<f64>,
    /// Records a second that are asked for.
    pub wanted_per_second: Option<f64>,
    /// By how much a record was sent later than its time, at most, lately.
    pub lateness_ms: Option<u64>,
    /// Interruptions since it started: brokers away for longer than a delivery may take.
    pub errors: Option<u64>,
    /// The last of them.
    pub last_error: Option<String>,
    /// By topic.
    pub topics: Vec<TopicSent>,
}

/// What it sends to one topic.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TopicSent {
    /// The topic.
    pub topic: String,
    /// Records a second, lately.
    pub records_per_second: Option<f64>,
    /// Records in the topic of all runs.
    pub records: u64,
    /// Of these: events sent again.
    pub duplicates: u64,
    /// Of these: malformed on purpose.
    pub malformed: u64,
}
