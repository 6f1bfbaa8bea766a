//! `minicluster brokers list`.

use std::collections::{BTreeMap, BTreeSet};

use client::DescribedQuorum;
use config::Settings;
use record::BrokerId;
use run::{MembershipFile, RunFolder, Service, ServiceState};
use serde_json::{Value, json};

use super::layout::Layout;
use crate::failure::Outcome;
use crate::output::{self, Align, Format};
use crate::topics;

/// How to show them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster brokers list
  minicluster brokers list -o json | jq -r .broker      one object a line")]
pub(crate) struct Options {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// One broker.
struct Broker {
    id: u32,
    clients: String,
    peers: String,
    state: &'static str,
    role: &'static str,
    leads: usize,
    replicas: usize,
    in_sync: usize,
    bytes: Option<u64>,
}

pub(super) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let brokers = look(settings).await?;
    if options.output == Format::Json {
        for broker in &brokers {
            output::data(&broker.to_json().to_string());
        }
        return Ok(());
    }
    let header = [
        ("BROKER", Align::Right),
        ("STATE", Align::Left),
        ("METADATA", Align::Left),
        ("LEADS", Align::Right),
        ("REPLICAS", Align::Right),
        ("IN SYNC", Align::Right),
        ("SIZE", Align::Right),
        ("CLIENTS", Align::Left),
        ("BROKERS", Align::Left),
    ];
    output::data(&output::plain(&header, brokers.iter().map(Broker::row).collect()));
    let membership = MembershipFile::new(&settings.folders).read()?;
    if let Some(limits) = membership.and_then(|membership| membership.limits()) {
        output::progress(limits);
    }
    Ok(())
}

async fn look(settings: &Settings) -> Outcome<Vec<Broker>> {
    let client = topics::connect(settings).await?;
    // Without a controller the rest is still worth showing.
    let layout = match Layout::read(&client).await {
        Ok(layout) => layout,
        Err(_) => Layout::of(&client.metadata(None).await?, &[]),
    };
    let registered = client.describe_brokers().await.unwrap_or_default();
    let quorum = client.describe_quorum().await.ok();
    let record = RunFolder::new(&settings.folders).running_supervisor()?;
    let supervised = record.map(|record| record.services).unwrap_or_default();
    let members = settings.kafka.brokers.iter().map(|broker| broker.id);
    let known = registered
        .iter()
        .filter_map(|broker| u32::try_from(broker.id.0).ok());
    let ids: BTreeSet<u32> = members.chain(known).collect();
    let mut sizes = BTreeMap::new();
    for id in &layout.alive {
        // One that doesn't answer has no size.
        if let Ok(folders) = client.describe_log_dirs(*id).await {
            let replicas = folders.iter().flat_map(|folder| &folder.replicas);
            sizes.insert(*id, replicas.map(|replica| replica.bytes).sum());
        }
    }
    let look = |id: u32| {
        let broker_id = BrokerId(i32::try_from(id).ok()?);
        let place = settings.kafka.possible.iter().find(|broker| broker.id == id);
        let address = |port: Option<u16>| port.map_or(String::new(), |port| settings.kafka.address(port));
        let state = supervised
            .get(&Service::Broker(id))
            .map(|supervised| supervised.state);
        Some(Broker {
            id,
            clients: address(place.map(|place| place.client_port)),
            peers: address(place.map(|place| place.peer_port)),
            state: state_of(layout.alive.contains(&broker_id), state),
            role: role_of(broker_id, quorum.as_ref()),
            leads: layout.count(|partition| partition.leader == Some(broker_id)),
            replicas: layout.count(|partition| partition.replicas.contains(&broker_id)),
            in_sync: layout.count(|partition| partition.in_sync.contains(&broker_id)),
            bytes: sizes.get(&broker_id).copied(),
        })
    };
    Ok(ids.into_iter().filter_map(look).collect())
}

/// What the cluster says of it, and where that is no, what its supervisor says.
fn state_of(is_alive: bool, supervised: Option<ServiceState>) -> &'static str {
    match (is_alive, supervised) {
        (true, _) => "alive",
        (false, None) => "gone",
        (false, Some(ServiceState::GivenUp)) => "given up",
        (false, Some(ServiceState::Starting | ServiceState::Waiting)) => "starting",
        (false, Some(ServiceState::Stopping | ServiceState::Stopped)) => "stopping",
        (false, Some(ServiceState::Running | ServiceState::Down)) => "down",
    }
}

fn role_of(id: BrokerId, quorum: Option<&DescribedQuorum>) -> &'static str {
    match quorum {
        None => "?",
        Some(quorum) if quorum.leader == id => "controller",
        Some(quorum) if quorum.voters.contains(&id) => "voter",
        Some(_) => "observer",
    }
}

impl Broker {
    fn row(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.state.to_owned(),
            self.role.to_owned(),
            self.leads.to_string(),
            self.replicas.to_string(),
            self.in_sync.to_string(),
            self.bytes.map(output::bytes).unwrap_or_default(),
            self.clients.clone(),
            self.peers.clone(),
        ]
    }

    fn to_json(&self) -> Value {
        json!({
            "broker": self.id,
            "state": self.state,
            "metadata": self.role,
            "leads": self.leads,
            "replicas": self.replicas,
            "in_sync": self.in_sync,
            "bytes": self.bytes,
            "clients": self.clients,
            "brokers": self.peers,
        })
    }
}
