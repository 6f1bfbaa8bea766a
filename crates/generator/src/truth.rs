//! The counts, for everybody.

use std::{collections::BTreeMap, path::Path};

use crate::{Counts, GeneratorError, truth_log};

/// What the generator sent to its topics, over all its runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth {
    /// By topic.
    pub topics: BTreeMap<String, TopicTruth>,
}

/// What it sent to one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicTruth {
    /// What is in the topic for certain.
    pub counts: Counts,
    /// Records beyond these that may be in it, at most: those on the way while the generator runs. 0 after
    /// it has stopped; after a `kill -9` they are settled when it starts again.
    pub open: u64,
}

impl Truth {
    /// Reads the truth log of this folder, also while a generator writes it. Without a log all is empty.
    ///
    /// # Errors
    /// Where the log can't be read, is damaged or of a newer format.
    pub fn read(folder: &Path) -> Result<Self, GeneratorError> {
        let state = truth_log::read(folder)?;
        let topics = state.topics.into_iter().map(|(name, topic)| {
            let open = topic.open();
            (
                name,
                TopicTruth {
                    counts: topic.done.map(|done| done.counts).unwrap_or_default(),
                    open,
                },
            )
        });
        Ok(Self {
            topics: topics.collect(),
        })
    }
}
