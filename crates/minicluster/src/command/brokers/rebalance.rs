//! `minicluster brokers rebalance`: partitions for brokers that have too few.

use client::Client;
use config::Settings;

use super::layout::Layout;
use super::moving::move_all;
use crate::failure::Outcome;
use crate::output;
use crate::topics;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster brokers rebalance         Ctrl-C stops it after what is on its way; called again it continues")]
pub(crate) struct Options {}

pub(super) async fn run(settings: &Settings, _: &Options) -> Outcome {
    let client = topics::connect(settings).await?;
    rebalance(&client).await
}

/// Moves as few replicas as make all brokers hold equally many, and lead equally many.
pub(super) async fn rebalance(client: &Client) -> Outcome {
    if move_all(client, "rebalancing", Layout::spread).await? == 0 {
        output::progress("all brokers that are alive hold and lead equally many partitions already");
    }
    Ok(())
}
