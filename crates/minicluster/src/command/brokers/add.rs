//! `minicluster brokers add`: brokers join the running cluster.

use config::{Broker, Settings};
use run::{MembershipFile, RunFolder};

use super::rebalance::rebalance;
use super::{start, stop};
use crate::command::signals::not_running;
use crate::failure::{Code, Failure, Outcome};
use crate::output;
use crate::ports;
use crate::topics;

/// How many.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster brokers add                 the fourth; new topics use it at once
  minicluster brokers add 2 --rebalance   two more, and their share of the partitions

They stay: each `up` starts them, whatever `kafka.brokers` says, until `minicluster brokers drain` takes them out.")]
pub(crate) struct Options {
    /// How many
    #[arg(default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    count: u8,
    /// Move a fair share of the partitions to them
    #[arg(long)]
    rebalance: bool,
}

pub(super) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let supervisor = RunFolder::new(&settings.folders).running_supervisor()?;
    if !supervisor.ok_or_else(|| not_running(settings))?.ready {
        let message = "not everything is ready yet: try again in a moment";
        return Err(Failure::new(Code::NotReady, message));
    }
    let new = free(settings, usize::from(options.count))?;
    for broker in &new {
        ports::check(settings.kafka.host, &ports::of_broker(broker))?;
    }
    for broker in &new {
        let id = broker.id;
        if let Err(failure) = start(settings, id).await {
            // What never ran doesn't belong to the cluster.
            stop(settings, id).await?;
            return Err(failure);
        }
        let address = settings.kafka.address(broker.client_port);
        output::progress(&format!("broker {id} has joined, {address}"));
    }
    if options.rebalance {
        return rebalance(&topics::connect(settings).await?).await;
    }
    output::progress("no partition lies there yet: `minicluster brokers rebalance` moves a fair share");
    Ok(())
}

/// The brokers with the lowest ids that aren't there.
fn free(settings: &Settings, count: usize) -> Outcome<Vec<Broker>> {
    let possible = &settings.kafka.possible;
    let membership = MembershipFile::new(&settings.folders).read()?;
    let there = membership
        .map(|membership| membership.brokers)
        .unwrap_or_default();
    let free = possible.iter().filter(|broker| !there.contains(&broker.id));
    let free: Vec<Broker> = free.copied().take(count).collect();
    if free.len() < count {
        let message = format!(
            "there are {} brokers, and there can be {} at most",
            there.len(),
            possible.len()
        );
        return Err(Failure::new(Code::Usage, message));
    }
    Ok(free)
}
