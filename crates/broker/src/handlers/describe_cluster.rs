//! DescribeCluster (60): the brokers, the controller, the cluster's id.

use cluster::Metadata;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};
use kafka_protocol::protocol::StrBytes;

const BROKERS: i8 = 1;

pub(crate) fn answer(
    metadata: &Metadata,
    listener: &str,
    request: &DescribeClusterRequest,
    version: i16,
) -> DescribeClusterResponse {
    if version >= 1 && request.endpoint_type != BROKERS {
        return DescribeClusterResponse::default()
            .with_error_code(ResponseError::UnsupportedEndpointType.code())
            .with_error_message(Some(StrBytes::from_static_str(
                "controllers are not reached by clients; ask for brokers",
            )));
    }
    let mut brokers = Vec::new();
    for (id, broker) in &metadata.brokers {
        if broker.fenced && !(version >= 2 && request.include_fenced_brokers) {
            continue;
        }
        let Some(address) = broker.listeners.iter().find(|l| l.name == listener) else {
            continue;
        };
        let entry = DescribeClusterBroker::default()
            .with_broker_id(id.0.into())
            .with_host(StrBytes::from_string(address.host.clone()))
            .with_port(i32::from(address.port))
            .with_is_fenced(version >= 2 && broker.fenced);
        brokers.push(entry);
    }
    DescribeClusterResponse::default()
        .with_cluster_id(StrBytes::from_string(
            metadata.cluster_id.clone().unwrap_or_default(),
        ))
        .with_controller_id(
            metadata
                .controller
                .map_or(-1, |controller| controller.id.0)
                .into(),
        )
        .with_brokers(brokers)
}
