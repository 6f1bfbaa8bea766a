//! `minicluster broker`: one broker of the cluster.

use broker::{BrokerError, BrokerOptions, ClusterSecret, ListenOn, Peer, Serving};
use config::{Broker, Settings};
use record::BrokerId;
use run::{MembershipFile, RunFolder, Service};

use crate::cli::ServiceOptions;
use crate::failure::{Code, Failure, Outcome};
use crate::service;

/// Runs until it is told to stop.
pub(crate) async fn run(settings: &Settings, id: u32, service: ServiceOptions) -> Outcome {
    let Some(own) = settings.kafka.brokers.iter().find(|broker| broker.id == id) else {
        let ids = settings.kafka.brokers.iter().map(|broker| broker.id.to_string());
        let ids = ids.collect::<Vec<_>>().join(", ");
        let message = format!("there is no broker {id} in this cluster: it has {ids}; raise `kafka.brokers`");
        return Err(Failure::new(Code::Usage, message));
    };
    let run = service::begin(settings, Service::Broker(id), service, None).await?;
    if !reserve::probe_reservation() {
        tracing::warn!("address space is limited here (ulimit -v?): a hostile frame may end this broker");
    }
    let (tell, told) = tokio::sync::oneshot::channel();
    let options = BrokerOptions {
        ready: Some(tell),
        ..options(settings, &run, *own)?
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

fn options(settings: &Settings, run: &RunFolder, own: Broker) -> Outcome<BrokerOptions> {
    let kafka = &settings.kafka;
    let identity = run.create_identity(kafka.cluster_id.as_deref())?;
    run.create_secret()?;
    let file = MembershipFile::new(&settings.folders);
    let membership = file.found(&identity.cluster_id, kafka.brokers.len())?;
    let host = kafka.host.to_string();
    let (mut voters, mut observers) = (Vec::new(), Vec::new());
    for broker in &kafka.possible {
        let peer = Peer {
            id: BrokerId(i32::try_from(broker.id)?),
            host: host.clone(),
            port: broker.peer_port,
        };
        match membership.voters.contains(&broker.id) {
            true => voters.push(peer),
            false => observers.push(peer),
        }
    }
    let listen = |port, section: &str| {
        let key = format!("kafka.{section}.broker_{}", own.id);
        ListenOn::new(&host, port, key)
    };
    let serving = Serving {
        durability: match kafka.durability {
            config::Durability::ProcessCrash => broker::Durability::ProcessCrash,
            config::Durability::PowerLoss => broker::Durability::PowerLoss,
        },
        ..Serving::default()
    };
    Ok(BrokerOptions {
        observers,
        serving,
        default_partitions: i32::try_from(kafka.partitions)?,
        default_replication: i16::try_from(kafka.replication_factor)?,
        ..BrokerOptions::new(
            BrokerId(i32::try_from(own.id)?),
            identity.cluster_id,
            settings.folders.broker(own.id),
            voters,
            ClusterSecret::new(run.secret()?).map_err(failure)?,
            listen(own.client_port, "external_ports"),
            listen(own.peer_port, "peer_ports"),
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
