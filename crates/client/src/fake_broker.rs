//! A broker that says what a test tells it to, on a port of its own.

use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        ApiKey, ApiVersionsResponse, BrokerId, MetadataResponse, RequestHeader, ResponseHeader,
        api_versions_response::ApiVersion, metadata_response::MetadataResponseBroker,
    },
    protocol::{Encodable, HeaderVersion, StrBytes, decode_request_header_from_buffer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// One request as the broker sees it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation: i32,
    /// The how-manieth connection it came on.
    pub(crate) connection: usize,
}

/// What the broker does.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These bytes, as they are.
    Bytes(Bytes),
    /// These bytes, and the end of the connection.
    LastBytes(Bytes),
    Silence,
}

/// Serves until it is dropped.
pub(crate) struct FakeBroker {
    pub(crate) address: String,
    _tasks: JoinSet<()>,
}

impl FakeBroker {
    /// `script` answers each request; it learns how many came before on all connections.
    pub(crate) async fn start(script: impl Fn(&Asked) -> Reply + Clone + Send + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), script)
    }

    /// The same where a port was chosen before, so that the broker can advertise it.
    pub(crate) fn on(
        listener: TcpListener,
        script: impl Fn(&Asked) -> Reply + Clone + Send + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap().to_string();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            let mut count = 0;
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(converse(stream, count, script.clone()));
                count += 1;
            }
        });
        Self {
            address,
            _tasks: tasks,
        }
    }
}

async fn converse(mut stream: TcpStream, connection: usize, script: impl Fn(&Asked) -> Reply) {
    while let Ok(length) = stream.read_i32().await {
        let mut frame = vec![0; length as usize];
        stream.read_exact(&mut frame).await.unwrap();
        let header: RequestHeader = decode_request_header_from_buffer(&mut Bytes::from(frame)).unwrap();
        let asked = Asked {
            api: ApiKey::try_from(header.request_api_key).unwrap(),
            version: header.request_api_version,
            correlation: header.correlation_id,
            connection,
        };
        match script(&asked) {
            Reply::Bytes(bytes) => stream.write_all(&bytes).await.unwrap(),
            Reply::LastBytes(bytes) => return stream.write_all(&bytes).await.unwrap(),
            Reply::Silence => {}
        }
    }
}

/// A well-formed answer.
pub(crate) fn answer<R: Encodable + HeaderVersion>(asked: &Asked, response: &R) -> Reply {
    Reply::Bytes(answer_as(asked, response, asked.version))
}

/// An answer encoded in this version, whatever was asked for.
pub(crate) fn answer_as<R: Encodable + HeaderVersion>(asked: &Asked, response: &R, version: i16) -> Bytes {
    let mut body = BytesMut::new();
    let header = ResponseHeader::default().with_correlation_id(asked.correlation);
    header.encode(&mut body, R::header_version(version)).unwrap();
    response.encode(&mut body, version).unwrap();
    let mut frame = (body.len() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(&body);
    Bytes::from(frame)
}

/// Versions of the requests that tests send.
pub(crate) fn versions() -> ApiVersionsResponse {
    let keys = [
        (ApiKey::ApiVersions, 3),
        (ApiKey::Metadata, 12),
        (ApiKey::Fetch, 12),
        (ApiKey::Produce, 9),
        (ApiKey::CreatePartitions, 3),
    ];
    let api = |(key, max): (ApiKey, i16)| {
        ApiVersion::default()
            .with_api_key(key as i16)
            .with_min_version(0)
            .with_max_version(max)
    };
    ApiVersionsResponse::default().with_api_keys(keys.into_iter().map(api).collect())
}

/// A cluster of one broker at this address.
pub(crate) fn metadata(address: &str) -> MetadataResponse {
    let (host, port) = address.rsplit_once(':').unwrap();
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(1))
        .with_host(StrBytes::from_string(host.to_owned()))
        .with_port(port.parse().unwrap());
    MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(StrBytes::from_static_str("fake")))
        .with_controller_id(BrokerId(1))
}
