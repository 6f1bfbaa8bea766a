//! Administration: topics, their configs, what lies on the brokers' disks.

mod brokers;
mod configs;
mod delete_records;
mod log_dirs;
mod reassignments;
mod topics;

use std::time::Duration;

use kafka_protocol::protocol::Request;
use tokio::time::{Instant, sleep};

pub use self::{
    brokers::{DescribedBroker, DescribedQuorum},
    configs::{ConfigChange, ConfigEntry, ConfigResource, ConfigSource},
    log_dirs::{LogDir, ReplicaSize},
    reassignments::{NewReplicas, Reassignment},
    topics::{NewPartitions, NewTopic, TopicResult},
};
use crate::{
    client::Client,
    connection::Connection,
    error::{ClientError, ErrorCode, ServerError},
    throttle::Throttle,
};

/// Between two attempts at a controller.
const BACKOFF: Duration = Duration::from_millis(100);

/// What a controller says to each thing that was named to it.
type Answers<T> = Vec<(String, Result<T, ServerError>)>;

/// A change that a controller makes.
trait Change: Send + Sync {
    type Given: Send;

    fn ask(
        &self,
        connection: &Connection,
        patience: Duration,
    ) -> impl Future<Output = Result<Answers<Self::Given>, ClientError>> + Send;
}

impl Client {
    /// A connection to the broker that the metadata names as controller.
    async fn controller_connection(&self) -> Result<std::sync::Arc<Connection>, ClientError> {
        self.metadata(Some(&[])).await?;
        let controller = self.known_controller().ok_or_else(|| ClientError::Refused {
            what: "finding the controller".to_owned(),
            error: ServerError {
                code: ErrorCode::NotController,
                message: None,
            },
        })?;
        self.connection_to(controller).await
    }

    /// Asks the broker that the metadata names as controller, and again while there is none.
    async fn ask_controller<C: Change>(
        &self,
        change: C,
        patience: Duration,
    ) -> Result<Answers<C::Given>, ClientError> {
        let deadline = Instant::now() + patience;
        loop {
            let asked = async {
                self.metadata(Some(&[])).await?;
                match self.known_controller() {
                    Some(controller) => {
                        change
                            .ask(&*self.connection_to(controller).await?, patience)
                            .await
                    }
                    None => Err(ClientError::Refused {
                        what: "finding the controller".to_owned(),
                        error: ServerError {
                            code: ErrorCode::NotController,
                            message: None,
                        },
                    }),
                }
            };
            match asked.await {
                Ok(answers) if !wants_another_controller(&answers) => return Ok(answers),
                Err(error) if !error.is_retriable() => return Err(error),
                outcome if Instant::now() >= deadline => return outcome,
                _ => sleep(BACKOFF).await,
            }
        }
    }
}

fn wants_another_controller<T>(answers: &Answers<T>) -> bool {
    let refuses = |result: &Result<T, ServerError>| matches!(result, Err(error) if error.code == ErrorCode::NotController);
    answers.iter().any(|(_, result)| refuses(result))
}

/// The broker may take all of `patience` itself, so that the answer gets some time on top.
async fn call_within<R>(
    connection: &Connection,
    request: &R,
    patience: Duration,
) -> Result<R::Response, ClientError>
where
    R: Request + Sync,
    R::Response: Throttle,
{
    connection.call(request, patience + Duration::from_secs(5)).await
}

/// As the protocol has it.
pub(crate) fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests;
