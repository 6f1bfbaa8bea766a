//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use config::{Flag, Folders, Loaded, Machine, Settings, Sources, named_folder};
use run::{MembershipFile, RunFolder};

use crate::command::{
    brokers, clean, completions, config as configuration, consume, doctor, generate, ledger, logs, produce,
    restart, signals, sql, stats, status, topics, up,
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
    /// A platform with a name, found from every folder; its data lie where this user keeps data
    #[arg(long, value_name = "NAME", global = true)]
    name: Option<String>,
    /// Overrides a setting: `--set kafka.partitions=3`
    #[arg(long = "set", value_name = "KEY=VALUE", global = true)]
    settings: Vec<String>,
    /// Settings that a supervisor wrote down: in place of config.yml and the environment
    #[arg(long, value_name = "FILE", global = true, hide = true)]
    snapshot: Option<PathBuf>,
    /// The data folder is temporary
    #[arg(skip)]
    pub(crate) ephemeral: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything and keep it running; Ctrl-C stops it in order
    Up(up::Options),
    /// Stop everything in order
    #[command(after_help = "\
Examples:
  minicluster down                                      waits until all is written and everything has ended")]
    Down,
    /// What runs, where, and how far it is
    Status(status::Options),
    /// What the services log
    Logs(logs::Options),
    /// Stop a service as it should be and start it again
    Restart(restart::Options),
    /// Kill a service (SIGKILL), for drills: the supervisor starts it again
    Kill(signals::KillOptions),
    /// Pause a service (SIGSTOP): it keeps its connections and does nothing
    Pause(signals::PauseOptions),
    /// Let a paused service go on (SIGCONT)
    Resume(signals::ResumeOptions),
    /// What each service uses, and what flows: each second
    Stats(stats::Options),
    /// Ask the lake in SQL: one committed state of all tables
    Sql(sql::Options),
    /// Brokers: show them; more join, one leaves, partitions are spread
    #[command(subcommand)]
    Brokers(brokers::Options),
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
accounted for all the same, and the comparison with the generator allows for that many.")]
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
    #[command(after_help = "\
Examples:
  minicluster console                                   the pages of a platform that runs already")]
    Console(ServiceOptions),
}

/// What every service takes.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ServiceOptions {
    /// The supervisor that starts it: without that one it does not begin
    #[arg(long, value_name = "PID", hide = true)]
    pub(crate) supervisor: Option<u32>,
    /// Ends when that supervisor does
    #[arg(long, hide = true)]
    pub(crate) alone: bool,
}

impl Command {
    /// Whether it runs a service.
    pub(crate) fn is_service(&self) -> bool {
        matches!(
            self,
            Self::Broker { .. } | Self::Etl(_) | Self::Generate(_) | Self::Console(_)
        )
    }
}

impl Shared {
    /// The settings of the platform that these flags lead to: where it runs, those it runs with. The brokers
    /// are those that its cluster has, once it is founded.
    pub(crate) fn settings(&self) -> Outcome<Settings> {
        let mut settings = self.settings_in_effect()?;
        if let Some(membership) = MembershipFile::new(&settings.folders).read()? {
            settings.kafka.in_service(&membership.brokers);
        }
        Ok(settings)
    }

    fn settings_in_effect(&self) -> Outcome<Settings> {
        match self.recorded()? {
            Some(file) => {
                let mut from = self.clone();
                from.snapshot = Some(file);
                Ok(from.loaded()?.settings)
            }
            None => Ok(self.loaded()?.settings),
        }
    }

    /// The settings that a supervisor wrote down, where one runs. A platform with a name is found without any
    /// file: there the last ones count as long as nobody names a file.
    fn recorded(&self) -> Outcome<Option<PathBuf>> {
        // Looked for first: whatever became of `config.yml`, what runs can be asked and stopped.
        let sources = self.sources()?;
        let Some(data) = config::data_folder(&sources).filter(|_| self.snapshot.is_none()) else {
            return Ok(None);
        };
        let run = RunFolder::new(&Folders::of_data(data));
        let counts = self.name.is_some() && self.config.is_none() || run.running_supervisor()?.is_some();
        Ok(Some(run.settings_file()).filter(|file| counts && file.exists()))
    }

    /// What these flags ask for with all that is known about it, whatever runs.
    pub(crate) fn loaded(&self) -> Outcome<Loaded> {
        config::load(&self.sources()?, Machine::here()).map_err(configuration::failure)
    }

    /// The data folder that these flags name, and the flag that does.
    fn data_folder(&self) -> Outcome<Option<(String, PathBuf)>> {
        match (&self.data, &self.name) {
            (Some(_), Some(_)) => {
                let message = "`--data` and `--name` both say where the data lie: say one of them";
                Err(Failure::new(Code::Usage, message))
            }
            (Some(data), None) => Ok(Some(("--data".to_owned(), data.clone()))),
            (None, Some(name)) => {
                let data = named_folder(name).map_err(configuration::failure)?;
                Ok(Some((format!("--name {name}"), data)))
            }
            (None, None) => Ok(None),
        }
    }

    /// Whether the data folder is named by flags.
    pub(crate) fn names_data(&self) -> bool {
        let by_setting = |setting: &String| setting.starts_with("data_folder=");
        self.data.is_some() || self.name.is_some() || self.settings.iter().any(by_setting)
    }

    /// The same flags with these settings on top.
    pub(crate) fn with(&self, settings: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut with = self.clone();
        for (key, value) in settings {
            let same = |setting: &String| setting.split_once('=').is_some_and(|(other, _)| other == key);
            with.settings.retain(|setting| !same(setting));
            with.settings.push(format!("{key}={value}"));
        }
        with
    }

    /// The same flags for this data folder.
    pub(crate) fn with_data(&self, data: PathBuf) -> Self {
        Self {
            data: Some(data),
            ..self.clone()
        }
    }

    /// The flags of a process that must have the settings of a snapshot and no others.
    pub(crate) fn of_snapshot(file: PathBuf) -> Self {
        Self {
            snapshot: Some(file),
            ..Self::default()
        }
    }

    /// Where these flags say that settings come from.
    pub(crate) fn sources(&self) -> Outcome<Sources> {
        let mut flags = Vec::new();
        if let Some((flag, data)) = self.data_folder()? {
            let text = data.to_string_lossy().into_owned();
            flags.push(Flag {
                flag,
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
            snapshot: self.snapshot.clone(),
            owns_folders: self.name.is_some() || self.ephemeral,
        })
    }

    /// The flags that lead another command to the same platform while it runs: where it lies. All else it
    /// has written down.
    pub(crate) fn place(&self) -> Vec<OsString> {
        let mut place = self.clone();
        place
            .settings
            .retain(|setting| setting.starts_with("data_folder="));
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
        if let Some(name) = &self.name {
            push("--name", name.into());
        }
        for setting in &self.settings {
            push("--set", setting.into());
        }
        if let Some(snapshot) = &self.snapshot {
            push("--snapshot", snapshot.into());
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};
    use jiff::Timestamp;
    use run::{Process, RunFolder, SupervisorRecord};

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_how_it_is_used() {
        fn lacking(command: &clap::Command, path: &str, found: &mut Vec<String>) {
            let path = format!("{path} {}", command.get_name());
            let is_leaf = command.get_subcommands().next().is_none();
            let help = command.get_after_help().map(ToString::to_string);
            if is_leaf && !help.is_some_and(|help| help.contains("Examples:")) {
                found.push(path.clone());
            }
            let visible = command.get_subcommands().filter(|command| !command.is_hide_set());
            visible.for_each(|command| lacking(command, &path, found));
        }
        let mut found = Vec::new();
        lacking(&Cli::command(), "", &mut found);
        assert_eq!(found, Vec::<String>::new());
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
    fn what_leads_to_the_same_platform_is_where_it_lies() {
        let line = ["minicluster", "--data", "d", "--set", "topics.iot=things", "up"];
        assert_eq!(Cli::parse_from(line).shared.place(), ["--data", "d"]);
    }

    #[test]
    fn settings_of_up_take_the_place_of_others_for_the_same_key() {
        let line = ["minicluster", "--set", "a=1", "--set", "ab=2", "up"];
        let shared = Cli::parse_from(line)
            .shared
            .with([("a".to_owned(), "3".to_owned())]);
        assert_eq!(shared.arguments(), ["--set", "ab=2", "--set", "a=3"]);
    }

    #[test]
    fn a_name_and_a_folder_are_one_too_many() {
        let line = ["minicluster", "--name", "n", "status", "--data", "d"];
        let failure = Cli::parse_from(line).shared.sources().expect_err("both");
        assert!(failure.to_string().contains("say one of them"), "{failure}");
    }

    #[test]
    fn a_platform_of_its_own_shares_no_lake() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("config.yml");
        std::fs::write(&config, "storage: {datalake_root: lake, checkpoint_root: state}").expect("room");
        let config = config.to_string_lossy().into_owned();
        let line = [
            "minicluster",
            "--name",
            "of-no-platform",
            "--config",
            &config,
            "status",
        ];
        let named = Cli::parse_from(line).shared;
        let line = ["minicluster", "--config", &config, "up", "--ephemeral"];
        let shared = Cli::parse_from(line).shared;
        let ephemeral = super::Shared {
            ephemeral: true,
            ..shared.with_data(folder.path().join("own"))
        };
        for shared in [named, ephemeral] {
            let folders = shared.loaded().expect("good settings").settings.folders;
            for inside in [folders.lake(), folders.checkpoints()] {
                assert!(inside.starts_with(folders.data()), "{folders:?}");
            }
        }
        // Who says so on the command line means it.
        let lake = format!("storage.datalake_root={}", folder.path().display());
        let line = [
            "minicluster",
            "--name",
            "of-no-platform",
            "--set",
            &lake,
            "status",
        ];
        let loaded = Cli::parse_from(line).shared.loaded().expect("good settings");
        assert_eq!(loaded.settings.folders.lake(), folder.path());
    }

    #[test]
    fn what_runs_is_found_whatever_became_of_its_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("config.yml");
        std::fs::write(&config, "data_folder: data\ntopics: {iot: things}").expect("room");
        let line = ["minicluster", "--config", &config.to_string_lossy(), "down"];
        let shared = Cli::parse_from(line).shared;
        let loaded = shared.loaded().expect("good settings");
        let run = RunFolder::new(&loaded.settings.folders);
        run.create().expect("room");
        run.record_settings(&loaded.snapshot()).expect("room");
        let supervisor = SupervisorRecord {
            process: Process::current().expect("/proc is there"),
            since: Timestamp::now(),
            bootstrap: Vec::new(),
            ready: true,
            services: Default::default(),
            events: Default::default(),
        };
        run.record_supervisor(&supervisor).expect("room");
        std::fs::write(
            &config,
            "data_folder: data\ntopics: {iot: others, nonsense}\n\tkafka",
        )
        .expect("room");
        let settings = shared.settings().expect("those that it runs with");
        assert_eq!(settings, loaded.settings);
    }
}
