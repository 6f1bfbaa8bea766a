//! `minicluster broker`: one broker of the cluster.

use broker::{BrokerError, BrokerOptions, ClusterSecret, ListenOn, Peer};
use config::Settings;
use record::BrokerId;
use run::{RunFolder, Service};

use crate::cli::ServiceOptions;
use crate::failure::{Code, Failure, Outcome};
use crate::service;

/// Runs until it is told to stop.
pub(crate) async fn run(settings: &Settings, id: u32, service: ServiceOptions) -> Outcome {
    if !settings.kafka.brokers.iter().any(|broker| broker.id == id) {
        let count = settings.kafka.brokers.len();
        return Err(Failure::new(
            Code::Usage,
            format!("there is no broker {id}: `kafka.brokers` is {count}"),
        ));
    }
    let run = service::begin(settings, Service::Broker(id), service, None).await?;
    if !reserve::probe_reservation() {
        tracing::warn!("address space is limited here (ulimit -v?): a hostile frame may end this broker");
    }
    let (tell, told) = tokio::sync::oneshot::channel();
    let options = BrokerOptions {
        ready: Some(tell),
        ..options(settings, &run, id)?
    };
    tokio::spawn(async move {
        if let Ok(ready) = told.await {
            service::ready(ready.clients);
        }
    });
    let stop = async {
        if let Err(failure) = service::stop_requested().await {
            tracing::error!("cannot listen to signals, so stopping at once: {failure}");
        }
    };
    broker::run(options, stop).await.map_err(failure)
}

fn options(settings: &Settings, run: &RunFolder, id: u32) -> Outcome<BrokerOptions> {
    let kafka = &settings.kafka;
    let identity = run.create_identity(kafka.cluster_id.as_deref())?;
    run.create_secret()?;
    let host = kafka.host.to_string();
    let broker_id = |id: u32| i32::try_from(id).map(BrokerId);
    let mut voters = Vec::new();
    for broker in &kafka.brokers {
        voters.push(Peer {
            id: broker_id(broker.id)?,
            host: host.clone(),
            port: broker.peer_port,
        });
    }
    let index = usize::try_from(id)? - 1;
    let own = kafka.brokers[index];
    let clients = ListenOn::new(
        &host,
        own.client_port,
        format!("kafka.external_ports.broker_{id}"),
    );
    let peers = ListenOn::new(&host, own.peer_port, format!("kafka.peer_ports.broker_{id}"));
    Ok(BrokerOptions {
        default_partitions: i32::try_from(kafka.partitions)?,
        default_replication: i16::try_from(kafka.replication_factor)?,
        ..BrokerOptions::new(
            broker_id(id)?,
            identity.cluster_id,
            settings.folders.broker(id),
            voters,
            ClusterSecret::new(run.secret()?).map_err(failure)?,
            clients,
            peers,
        )
    })
}

fn failure(error: BrokerError) -> Failure {
    let code = match error {
        BrokerError::PortTaken { .. } | BrokerError::FolderLocked { .. } => Code::Conflict,
        _ => Code::Failure,
    };
    Failure::new(code, error)
}
