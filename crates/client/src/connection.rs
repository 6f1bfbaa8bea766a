//! One TCP connection to a broker: pipelined requests, answers in the order of the requests.
//!
//! A task per connection writes frames and reads answers. Kafka answers a connection's requests in their
//! order, so the oldest unanswered request is always the one that the next frame belongs to; another
//! correlation id is an error that closes the connection. Callers beyond the bounds of the queues wait.

mod task;

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use kafka_protocol::{
    messages::{ApiVersionsRequest, ApiVersionsResponse},
    protocol::{Message, Request, StrBytes, VersionRange},
};
use tokio::{
    net::TcpStream,
    sync::{Notify, mpsc, oneshot},
    time::{Instant, timeout},
};

use self::task::{Outgoing, serve};
use crate::{error::ClientError, frame, options::Options, throttle::Throttle, versions::ApiVersions};

/// Requests that wait to be written.
const QUEUE: usize = 32;
/// Error code of a broker that doesn't know the version of our ApiVersions.
const UNSUPPORTED_VERSION: i16 = 35;

/// What the connection's task and its users share.
#[derive(Debug)]
struct Shared {
    address: Arc<str>,
    /// Why the connection ended; set once.
    ended: OnceLock<String>,
    end: Notify,
    /// No request is written before this time.
    silent_until: Mutex<Option<Instant>>,
    /// Whether a close was asked for; the task ends by it.
    closing: AtomicBool,
}

impl Shared {
    fn disconnected(&self) -> ClientError {
        let reason = self
            .ended
            .get()
            .cloned()
            .unwrap_or_else(|| "it was closed".to_owned());
        ClientError::Disconnected {
            address: self.address.to_string(),
            reason,
        }
    }

    fn close(&self, reason: String) {
        self.ended.get_or_init(|| reason);
        self.closing.store(true, Ordering::Release);
        self.end.notify_one();
    }
}

/// An open connection. Dropping it closes it once all requests are answered.
#[derive(Debug)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
    requests: mpsc::Sender<Outgoing>,
    versions: ApiVersions,
    client_id: String,
    correlation: AtomicI32,
}

impl Connection {
    /// Connects, and learns which versions the broker serves.
    pub(crate) async fn open(address: &str, options: &Options) -> Result<Self, ClientError> {
        let connecting = async {
            let lost = |reason: String| ClientError::Disconnected {
                address: address.to_owned(),
                reason,
            };
            let stream = TcpStream::connect(options.actual(address))
                .await
                .map_err(|error| lost(error.to_string()))?;
            stream
                .set_nodelay(true)
                .map_err(|error| lost(error.to_string()))?;
            let mut connection = Self::over(stream, address, options);
            connection.versions = connection.negotiate(options.connect_timeout).await?;
            Ok(connection)
        };
        let after = options.connect_timeout;
        timeout(after, connecting).await.unwrap_or_else(|_| {
            Err(ClientError::TimedOut {
                address: address.to_owned(),
                api: "the connection attempt".into(),
                after,
            })
        })
    }

    fn over(stream: TcpStream, address: &str, options: &Options) -> Self {
        let shared = Arc::new(Shared {
            address: Arc::from(address),
            ended: OnceLock::new(),
            end: Notify::new(),
            silent_until: Mutex::new(None),
            closing: AtomicBool::new(false),
        });
        let (requests, queue) = mpsc::channel(QUEUE);
        tokio::spawn(serve(
            stream,
            queue,
            Arc::clone(&shared),
            options.max_response_bytes,
        ));
        Self {
            shared,
            requests,
            versions: ApiVersions::default(),
            client_id: options.client_id.clone(),
            correlation: AtomicI32::new(0),
        }
    }

    /// Asks with the highest version, and where the broker doesn't know it, with the highest that it does.
    async fn negotiate(&self, patience: Duration) -> Result<ApiVersions, ClientError> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("minicluster"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let newest = ApiVersionsRequest::VERSIONS.max;
        let answer = self.submit(&request, newest).await?.bytes(patience).await?;
        // The error code follows the correlation id, in every version.
        let refused = answer.get(4..6) == Some(&UNSUPPORTED_VERSION.to_be_bytes());
        let response: ApiVersionsResponse = if refused {
            let known = self.decode::<ApiVersionsRequest>(answer, 0)?;
            let known = ApiVersions::from_response(&known);
            let version = known
                .choose::<ApiVersionsRequest>(ApiVersionsRequest::VERSIONS)
                .unwrap_or(0);
            let request = if version < 3 {
                ApiVersionsRequest::default()
            } else {
                request
            };
            self.submit(&request, version).await?.answer(patience).await?
        } else {
            self.decode::<ApiVersionsRequest>(answer, newest)?
        };
        match crate::ServerError::from_code(response.error_code, None) {
            None => Ok(ApiVersions::from_response(&response)),
            Some(error) => Err(ClientError::Refused {
                what: format!("ApiVersions of {}", self.address()),
                error,
            }),
        }
    }

    /// `host:port`, as it was asked for.
    pub(crate) fn address(&self) -> &str {
        &self.shared.address
    }

    pub(crate) fn is_open(&self) -> bool {
        self.shared.ended.get().is_none()
    }

    /// The highest version within `ours` that the broker serves.
    pub(crate) fn version<R: Request>(&self, ours: VersionRange) -> Result<i16, ClientError> {
        self.versions
            .choose::<R>(ours)
            .map_err(|none| ClientError::UnsupportedVersion {
                address: self.address().to_owned(),
                api: frame::api_name::<R>(),
                ours: none.ours(),
                theirs: none.theirs(),
            })
    }

    /// Sends in the newest common version and waits for the answer. Where it doesn't come within `patience`
    /// the connection is closed: later answers would have to wait for it too.
    pub(crate) async fn call<R>(&self, request: &R, patience: Duration) -> Result<R::Response, ClientError>
    where
        R: Request,
        R::Response: Throttle,
    {
        let version = self.version::<R>(R::VERSIONS)?;
        self.submit(request, version).await?.answer(patience).await
    }

    /// Puts a request into the queue. Requests are written in the order of their submission.
    pub(crate) async fn submit<R: Request>(&self, request: &R, version: i16) -> Result<Call<R>, ClientError> {
        let correlation = self.correlation.fetch_add(1, Ordering::Relaxed);
        let frame = frame::encode(request, version, correlation, &self.client_id).map_err(|reason| {
            ClientError::Encode {
                api: frame::api_name::<R>(),
                reason,
            }
        })?;
        let (reply, answer) = oneshot::channel();
        let outgoing = Outgoing {
            correlation,
            frame,
            reply,
        };
        self.requests
            .send(outgoing)
            .await
            .map_err(|_| self.shared.disconnected())?;
        Ok(Call {
            shared: Arc::clone(&self.shared),
            answer,
            version,
            request: std::marker::PhantomData,
        })
    }

    fn decode<R: Request>(&self, frame: Bytes, version: i16) -> Result<R::Response, ClientError> {
        decode::<R>(&self.shared, frame, version)
    }
}

fn decode<R: Request>(shared: &Shared, frame: Bytes, version: i16) -> Result<R::Response, ClientError> {
    frame::decode::<R>(frame, version).map_err(|reason| {
        shared.close(format!("malformed answer: {reason}"));
        ClientError::Malformed {
            address: shared.address.to_string(),
            api: frame::api_name::<R>(),
            reason,
        }
    })
}

/// A request that is on its way.
#[derive(Debug)]
pub(crate) struct Call<R> {
    shared: Arc<Shared>,
    answer: oneshot::Receiver<Bytes>,
    version: i16,
    request: std::marker::PhantomData<fn(R)>,
}

impl<R: Request> Call<R> {
    pub(crate) async fn answer(self, patience: Duration) -> Result<R::Response, ClientError>
    where
        R::Response: Throttle,
    {
        let (shared, version) = (Arc::clone(&self.shared), self.version);
        let response = decode::<R>(&shared, self.bytes(patience).await?, version)?;
        if let Ok(ms @ 1..) = u64::try_from(response.throttle_time_ms()) {
            let until = Instant::now() + Duration::from_millis(ms);
            *shared.silent_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        }
        Ok(response)
    }

    async fn bytes(self, patience: Duration) -> Result<Bytes, ClientError> {
        match timeout(patience, self.answer).await {
            Ok(Ok(frame)) => Ok(frame),
            Ok(Err(_)) => Err(self.shared.disconnected()),
            Err(_) => {
                let (address, api) = (self.shared.address.to_string(), frame::api_name::<R>());
                self.shared.close(format!(
                    "{api} was not answered within {} ms",
                    patience.as_millis()
                ));
                Err(ClientError::TimedOut {
                    address,
                    api,
                    after: patience,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
