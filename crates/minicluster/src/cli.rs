//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use config::{Flag, Loaded, Machine, Settings, Sources};

use crate::command::{
    clean, completions, config as configuration, consume, doctor, generate, ledger, produce, sql, status,
    topics,
};
use crate::failure::{Code, Failure, Outcome};

/// A complete streaming data platform on one machine: Kafka-compatible brokers, a generator, a
/// streaming ETL and a Parquet lake with SQL.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, disable_help_subcommand = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  minicluster up                                             start everything
  minicluster status                                         what runs, where, how far
  minicluster sql \"select count(*) from clickstream\"         ask the lake
  minicluster consume clickstream --max 3                    look into a topic

Exit codes: 0 ok, 1 failure, 2 usage, 3 configuration, 4 not running, 5 port or lock conflict, 6 not ready in time";

/// What every command takes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Shared {
    /// The configuration [default: config.yml, if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The data folder [default: data]
    #[arg(long, value_name = "FOLDER", global = true)]
    data: Option<PathBuf>,
    /// Overrides a setting: `--set kafka.partitions=3`
    #[arg(long = "set", value_name = "KEY=VALUE", global = true)]
    settings: Vec<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything and keep it running; Ctrl-C stops it in order
    Up,
    /// Stop everything in order
    #[command(after_help = "\
Examples:
  minicluster down                                      waits until all is written and everything has ended")]
    Down,
    /// What runs, where, and how far it is
    Status(status::Options),
    /// Ask the lake in SQL: one committed state of all tables
    Sql(sql::Options),
    /// Topics: show, create, alter, delete
    #[command(subcommand)]
    Topics(topics::Options),
    /// Write lines to a topic, from stdin or a file
    Produce(produce::Options),
    /// Print the records of a topic
    Consume(consume::Options),
    /// Whether every event is accounted for: exit code 1 if not
    #[command(after_help = "\
Examples:
  minicluster ledger
  minicluster ledger --wait 30                          until the ETL has read what was sent
  minicluster ledger -o json | jq .balanced

Records of other producers in the same topics are named and are no failure: what the ETL did with them is
accounted for all the same, only the comparison with the generator is not possible then.")]
    Ledger(ledger::Options),
    /// What could stand in the way: ports, limits, disks, clock, addresses; what to do about it
    Doctor(doctor::Options),
    /// Delete what is stored: shows what and how much, and asks
    Clean(clean::Options),
    /// The settings: check them, show them, render them as .env, their JSON Schema
    #[command(subcommand)]
    Config(configuration::Options),
    /// Print completions for a shell
    Completions(completions::Options),
    /// Run one broker (`up` does)
    #[command(after_help = "\
Examples:
  minicluster broker --id 1                             for containers; each of `kafka.brokers` in its own")]
    Broker {
        /// Its id, from 1
        #[arg(long)]
        id: u32,
        #[command(flatten)]
        service: ServiceOptions,
    },
    /// Run the ETL (`up` does)
    #[command(after_help = "\
Examples:
  minicluster etl                                       for containers; from the topics to the lake")]
    Etl(ServiceOptions),
    /// Make events: for the platform (`up` does), for a file, for another cluster
    Generate(Box<generate::Options>),
    /// Run the console (`up` does)
    Console(ServiceOptions),
}

/// What every service takes.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ServiceOptions {
    /// The supervisor that starts it: without that one it does not begin
    #[arg(long, value_name = "PID", hide = true)]
    pub(crate) supervisor: Option<u32>,
}

impl Shared {
    /// Reads the settings that these flags ask for.
    pub(crate) fn settings(&self) -> Outcome<Settings> {
        self.loaded().map(|loaded| loaded.settings)
    }

    /// The same with all that is known about them.
    pub(crate) fn loaded(&self) -> Outcome<Loaded> {
        config::load(&self.sources()?, Machine::here()).map_err(configuration::failure)
    }

    /// Where these flags say that settings come from.
    pub(crate) fn sources(&self) -> Outcome<Sources> {
        let mut flags = Vec::new();
        if let Some(data) = &self.data {
            let text = data.to_string_lossy().into_owned();
            flags.push(Flag {
                flag: "--data".to_owned(),
                path: "data_folder".to_owned(),
                text,
            });
        }
        for setting in &self.settings {
            let (path, text) = setting.split_once('=').ok_or_else(|| {
                Failure::new(
                    Code::Usage,
                    format!("`--set {setting}` is not of the form `--set KEY=VALUE`"),
                )
            })?;
            flags.push(Flag {
                flag: format!("--set {setting}"),
                path: path.to_owned(),
                text: text.to_owned(),
            });
        }
        Ok(Sources {
            file: self.config.clone(),
            flags,
        })
    }

    /// The flags that lead another command to the same platform once it runs: all but the ports, which
    /// the running supervisor has written down, and what only the generator uses.
    pub(crate) fn place(&self) -> Vec<OsString> {
        const LEFT_OUT: [&str; 3] = ["kafka.external_ports.", "kafka.peer_ports.", "data_generator."];
        let mut place = self.clone();
        place
            .settings
            .retain(|setting| !LEFT_OUT.iter().any(|key| setting.starts_with(key)));
        place.arguments()
    }

    /// The same flags again, for another process in the same folder.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        let mut push = |flag: &str, value: OsString| arguments.extend([OsString::from(flag), value]);
        if let Some(config) = &self.config {
            push("--config", config.into());
        }
        if let Some(data) = &self.data {
            push("--data", data.into());
        }
        for setting in &self.settings {
            push("--set", setting.into());
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn shared_flags_are_passed_on_as_they_came() {
        let line = [
            "minicluster",
            "--data",
            "d",
            "up",
            "--set",
            "a.b=1",
            "--config",
            "c",
            "--set",
            "c=2",
        ];
        let cli = Cli::parse_from(line);
        assert_eq!(
            cli.shared.arguments(),
            ["--config", "c", "--data", "d", "--set", "a.b=1", "--set", "c=2"]
        );
    }

    #[test]
    fn what_leads_to_the_same_platform_is_all_but_the_ports() {
        let line = [
            "minicluster",
            "--data",
            "d",
            "--set",
            "storage.datalake_root=/l",
            "--set",
            "kafka.external_ports.broker_1=1",
            "--set",
            "topics.iot=things",
            "up",
        ];
        let cli = Cli::parse_from(line);
        let wanted = [
            "--data",
            "d",
            "--set",
            "storage.datalake_root=/l",
            "--set",
            "topics.iot=things",
        ];
        assert_eq!(cli.shared.place(), wanted);
    }
}
