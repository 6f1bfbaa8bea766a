//! Questions that only the leader of a partition answers: sent to each leader at once, and again where the
//! leader has changed.

use std::{collections::BTreeMap, time::Duration};

use record::{BrokerId, LeaderEpoch, PartitionIndex};
use tokio::time::{Instant, sleep};

use crate::{
    client::Client,
    connection::Connection,
    error::{ClientError, ErrorCode, ServerError},
};

/// Before the leaders of partitions that weren't answered are looked up again.
const BACKOFF: Duration = Duration::from_millis(100);

/// One question about one partition, with its place among the answers.
pub(crate) struct Ask<Q> {
    place: usize,
    pub(crate) topic: String,
    pub(crate) partition: PartitionIndex,
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) question: Q,
}

/// Answers by topic and partition.
pub(crate) type Answers<A> = BTreeMap<(String, i32), Result<A, ServerError>>;

/// What a partition's leader can be asked.
pub(crate) trait Question: Copy + Send + Sync {
    type Answer: Copy + Send;

    /// What is asked for, for messages.
    const WHAT: &'static str;

    fn ask(
        connection: &Connection,
        asks: &[Ask<Self>],
        patience: Duration,
    ) -> impl Future<Output = Result<Answers<Self::Answer>, ClientError>> + Send;
}

impl Client {
    /// One answer a question, in their order. Stale leaders are looked up again until the request timeout.
    pub(crate) async fn ask_leaders<Q: Question>(
        &self,
        asked: &[(&str, PartitionIndex, Q)],
    ) -> Vec<Result<Q::Answer, ClientError>> {
        let patience = self.options().request_timeout;
        let deadline = Instant::now() + patience;
        let mut results: Vec<Option<Result<Q::Answer, ClientError>>> = asked.iter().map(|_| None).collect();
        loop {
            for (broker, asks) in self.by_leader(asked, &mut results).await {
                let answers = async { Q::ask(&*self.connection_to(broker).await?, &asks, patience).await };
                take_answers(Q::WHAT, &asks, &answers.await, &mut results);
            }
            let open = |result: &Option<Result<Q::Answer, ClientError>>| matches!(result, Some(Err(error)) if error.is_retriable());
            if !results.iter().any(open) || Instant::now() >= deadline {
                let missing = || Err(ClientError::Unreachable { attempts: Vec::new() });
                return results
                    .into_iter()
                    .map(|result| result.unwrap_or_else(missing))
                    .collect();
            }
            sleep(BACKOFF).await;
            let mut topics: Vec<&str> = asked.iter().map(|(topic, ..)| *topic).collect();
            topics.dedup();
            // A failure shows in the next round, where the leaders are asked again.
            drop(self.metadata(Some(&topics)).await);
        }
    }

    /// The questions without a final answer, by the leader that they go to. A request asks once about a
    /// partition; the next question about it goes into another one.
    async fn by_leader<Q: Copy, A>(
        &self,
        asked: &[(&str, PartitionIndex, Q)],
        results: &mut [Option<Result<A, ClientError>>],
    ) -> Vec<(BrokerId, Vec<Ask<Q>>)> {
        let mut requests: Vec<(BrokerId, Vec<Ask<Q>>)> = Vec::new();
        for (place, (&(topic, partition, question), result)) in asked.iter().zip(results).enumerate() {
            match result {
                None => {}
                Some(Err(error)) if error.is_retriable() => {}
                Some(_) => continue,
            }
            match self.leader(topic, partition).await {
                Ok((leader, leader_epoch)) => {
                    let asks_already = |ask: &Ask<Q>| ask.topic == topic && ask.partition == partition;
                    let fits = |(broker, asks): &&mut (BrokerId, Vec<Ask<Q>>)| {
                        *broker == leader && !asks.iter().any(asks_already)
                    };
                    let ask = Ask {
                        place,
                        topic: topic.to_owned(),
                        partition,
                        leader_epoch,
                        question,
                    };
                    match requests.iter_mut().find(fits) {
                        Some((_, asks)) => asks.push(ask),
                        None => requests.push((leader, vec![ask])),
                    }
                }
                Err(error) => *result = Some(Err(error)),
            }
        }
        requests
    }
}

fn take_answers<Q, A: Copy>(
    what: &str,
    asks: &[Ask<Q>],
    answers: &Result<Answers<A>, ClientError>,
    results: &mut [Option<Result<A, ClientError>>],
) {
    for ask in asks {
        let named = || format!("{what} of `{}` partition {}", ask.topic, ask.partition);
        let answer = match answers {
            Err(error) => Err(error.clone()),
            Ok(answers) => match answers.get(&(ask.topic.clone(), ask.partition.0)) {
                Some(Ok(answer)) => Ok(*answer),
                Some(Err(error)) => Err(ClientError::Refused {
                    what: named(),
                    error: error.clone(),
                }),
                None => {
                    let message = Some("the answer lacks this partition".to_owned());
                    let error = ServerError {
                        code: ErrorCode::UnknownServerError,
                        message,
                    };
                    Err(ClientError::Refused { what: named(), error })
                }
            },
        };
        results[ask.place] = Some(answer);
    }
}
