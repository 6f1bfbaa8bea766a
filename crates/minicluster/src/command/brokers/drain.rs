//! `minicluster brokers drain`: a broker leaves the cluster.
//!
//! Each step can be called again, whatever ended the call before: partitions move off; the supervisor stops it for
//! good, so that no `up` starts it; the cluster forgets it. A topic that was created meanwhile may have been given to
//! it: then it is started once more and goes on.

use std::time::{Duration, Instant};

use client::{Client, ClientError, ErrorCode};
use config::Settings;
use record::BrokerId;
use run::{Membership, MembershipFile, RunFolder, Service};

use super::layout::Layout;
use super::moving::move_all;
use super::{PATIENCE, start, stop};
use crate::command::signals::not_running;
use crate::failure::{Code, Failure, Outcome};
use crate::output;
use crate::topics;

/// How long a broker that has stopped may count as alive.
const FENCING: Duration = Duration::from_secs(10);

/// Which.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster brokers drain 4           Ctrl-C stops it after what is on its way; called again it continues

Brokers that vote on the metadata stay. Its folder stays, too: what is left in it is its copy of the metadata, for
the next `minicluster brokers add`.")]
pub(crate) struct Options {
    /// The broker's id
    broker: u32,
}

pub(super) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let supervisor = RunFolder::new(&settings.folders).running_supervisor()?;
    supervisor.ok_or_else(|| not_running(settings))?;
    let file = MembershipFile::new(&settings.folders);
    let membership = file.read()?.ok_or_else(|| not_running(settings))?;
    let client = topics::connect(settings).await?;
    let id = BrokerId(i32::try_from(options.broker)?);
    let mut is_member = membership.brokers.contains(&options.broker);
    check(&client, id, &membership, is_member).await?;
    loop {
        move_off(&client, id).await?;
        if is_member {
            stop(settings, options.broker).await?;
        }
        if forget(&client, id).await? {
            break;
        }
        output::progress(&format!("broker {id} was given partitions meanwhile: it goes on"));
        start(settings, options.broker).await?;
        is_member = true;
    }
    output::progress(&format!("broker {id} is out of the cluster"));
    let left = file.read()?.map_or(0, |membership| membership.brokers.len());
    if left < settings.kafka.least {
        output::progress(&format!(
            "`kafka.brokers` is {}: set it to {left}, else the next `up` starts broker {id} anew",
            settings.kafka.least
        ));
    }
    Ok(())
}

/// Whether it may leave at all.
async fn check(client: &Client, id: BrokerId, membership: &Membership, is_member: bool) -> Outcome {
    let registered = client.describe_brokers().await?;
    if !is_member && !registered.iter().any(|broker| broker.id == id) {
        let ids = membership.brokers.iter().map(u32::to_string);
        let ids = ids.collect::<Vec<_>>().join(", ");
        let message = format!("there is no broker {id} (any more): the brokers are {ids}");
        return Err(Failure::new(Code::Usage, message));
    }
    let votes = client.describe_quorum().await?.voters.contains(&id)
        || membership
            .voters
            .iter()
            .any(|voter| i32::try_from(*voter) == Ok(id.0));
    if votes {
        let message = format!("broker {id} votes on the metadata, so it stays as long as the cluster lives");
        return Err(Failure::new(Code::Usage, message));
    }
    let layout = Layout::read(client).await?;
    let others = layout.alive.iter().filter(|other| **other != id).count();
    match layout.highest_factor() {
        Some((factor, topic)) if others < factor => {
            let message = format!(
                "{topic} has {factor} copies of each partition, and without broker {id} only {others} brokers are \
                 alive: start or add another first"
            );
            Err(Failure::plain(message))
        }
        _ => Ok(()),
    }
}

async fn move_off(client: &Client, id: BrokerId) -> Outcome {
    let layout = Layout::read(client).await?;
    let lost = layout
        .partitions
        .iter()
        .find(|partition| partition.leader.is_none() && partition.replicas.contains(&id));
    if let Some(partition) = lost {
        let service = Service::Broker(u32::try_from(id.0)?);
        let message = format!(
            "{}-{} has no leader, so nobody can copy it: see `minicluster brokers list`; where broker {id} has the \
             only copy in sync, start it first (`minicluster restart {service}`)",
            partition.topic, partition.index
        );
        return Err(Failure::plain(message));
    }
    let what = format!("draining broker {id}");
    move_all(client, &what, |layout| layout.without(id)).await?;
    Ok(())
}

/// Whether the cluster has forgotten it; not while it holds partitions.
async fn forget(client: &Client, id: BrokerId) -> Outcome<bool> {
    let deadline = Instant::now() + FENCING;
    loop {
        let error = match client.unregister_broker(id, PATIENCE).await {
            Ok(()) => return Ok(true),
            Err(error) => error,
        };
        let refused = match &error {
            ClientError::Refused { error, .. } => Some(error.code),
            _ => None,
        };
        if refused == Some(ErrorCode::BrokerIdNotRegistered) {
            return Ok(true);
        }
        let layout = Layout::read(client).await?;
        if !layout.alive.contains(&id) && layout.count(|p| p.replicas.contains(&id)) > 0 {
            return Ok(false);
        }
        if Instant::now() >= deadline {
            return Err(error.into());
        }
        tokio::time::sleep(super::LOOK_EVERY).await;
    }
}
