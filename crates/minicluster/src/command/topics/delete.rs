//! `minicluster topics delete`.

use std::time::Duration;

use config::Settings;

use super::view::{self, Topic};
use crate::confirmation::confirmed;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Align};
use crate::topics;

/// How long the brokers may take to agree.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to delete.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster topics delete orders                      shows what is in it, and asks
  minicluster topics delete orders payments --yes       for scripts")]
pub(crate) struct Options {
    /// The topics
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let client = topics::connect(settings).await?;
    let mut found = Vec::new();
    for name in &options.topics {
        let metadata = super::find(&client, name).await?;
        found.push(view::read(&client, &metadata).await?);
    }
    show(settings, &found);
    if !options.yes && !confirmed("Delete all this for good?")? {
        output::progress("nothing was deleted");
        return Ok(());
    }
    let names: Vec<&str> = options.topics.iter().map(String::as_str).collect();
    let mut refused = Vec::new();
    for result in client.delete_topics(&names, PATIENCE).await? {
        let name = result.name.clone();
        match result.into_result() {
            Ok(_) => output::progress(&format!("deleted `{name}`")),
            Err(error) => refused.push(error.to_string()),
        }
    }
    match refused.is_empty() {
        true => Ok(()),
        false => Err(Failure::plain(refused.join("\n"))),
    }
}

/// On stderr: what the command gives is the deletion.
fn show(settings: &Settings, topics: &[Topic]) {
    let row = |topic: &Topic| {
        let (partitions, records) = (topic.partitions.len().to_string(), topic.records().to_string());
        vec![topic.name.clone(), partitions, records]
    };
    let header = [
        ("TO BE DELETED", Align::Left),
        ("PARTITIONS", Align::Right),
        ("RECORDS", Align::Right),
    ];
    output::progress(&output::plain(&header, topics.iter().map(row).collect()));
    let read = [&settings.topics.clickstream, &settings.topics.iot];
    for topic in topics.iter().filter(|topic| read.contains(&&topic.name)) {
        output::progress(&format!(
            "note: the generator writes `{}` and the ETL reads it: both wait until there is a topic of that name \
             again, and then the ETL refuses to go on until `minicluster clean --lake --checkpoints`",
            topic.name
        ));
    }
}
