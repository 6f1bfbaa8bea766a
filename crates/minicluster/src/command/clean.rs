//! `minicluster clean`: deletes what the platform has stored.
//!
//! Only what we have written goes, by its name: a folder of the operator that a root was put into
//! keeps everything else.

use std::collections::BTreeSet;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use config::Settings;
use disk::RealDisk;
use lake::{LakeError, Locks};
use run::RunFolder;

use crate::failure::{Code, Failure, Outcome};
use crate::output::{self, Align};

/// What to delete.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// The lake: all tables and their commit log
    #[arg(long)]
    lake: bool,
    /// The ETL's state: what it has read, deduplication keys, open windows
    #[arg(long)]
    checkpoints: bool,
    /// The brokers: all topics, their records, and the generator's counts of them
    #[arg(long)]
    brokers: bool,
    /// All of these, the cluster's identity and the logs
    #[arg(long)]
    all: bool,
    /// Only show what would be deleted
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

const EXAMPLES: &str = "\
Examples:
  minicluster clean --all --dry-run              what is there, and how large
  minicluster clean --lake --checkpoints         fill the tables anew from the topics
  minicluster clean --all --yes                  start from nothing, without a question";

/// A part of what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Lake,
    Checkpoints,
    Brokers,
    /// The identity, the secret and the logs.
    Rest,
}

/// What lies there of a part.
#[derive(Debug)]
struct Found {
    part: Part,
    path: PathBuf,
    bytes: u64,
}

/// Shows, asks, deletes.
pub(crate) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let chosen = chosen(options);
    if chosen.is_empty() {
        let message = "nothing was chosen: say `--lake`, `--checkpoints`, `--brokers` or `--all`, \
                       and `--dry-run` to see what they delete";
        return Err(Failure::new(Code::Usage, message));
    }
    let data = settings.folders.data();
    if options.dry_run {
        show(&find(settings, &chosen)?, &chosen);
        return Ok(());
    }
    if !data.exists() && find(settings, &chosen)?.is_empty() {
        output::progress(&format!("there is nothing to delete in {}", data.display()));
        return Ok(());
    }
    let run = RunFolder::new(&settings.folders);
    run.create()?;
    let _supervisor_lock = run.lock().map_err(Failure::of_run)?;
    refuse_running(&run)?;
    let found = find(settings, &chosen)?;
    if found.is_empty() {
        output::progress(&format!("there is nothing to delete in {}", data.display()));
        return Ok(());
    }
    // Its writer may run under another data folder.
    let _lake_locks = lake_locks(settings, &found)?;
    show(&found, &chosen);
    if !options.yes && !confirmed()? {
        output::progress("nothing was deleted");
        return Ok(());
    }
    for Found { path, .. } in &found {
        delete(path)?;
    }
    remove_empty_roots(settings, &chosen);
    output::progress("deleted");
    Ok(())
}

fn chosen(options: &Options) -> BTreeSet<Part> {
    let parts = [
        (options.lake, Part::Lake),
        (options.checkpoints, Part::Checkpoints),
        (options.brokers, Part::Brokers),
        (false, Part::Rest),
    ];
    let wanted = parts.into_iter().filter(|(wanted, _)| *wanted || options.all);
    wanted.map(|(_, part)| part).collect()
}

/// What the next start makes of it where some parts are deleted and others stay.
fn consequence(chosen: &BTreeSet<Part>) -> &'static str {
    let [lake, checkpoints, brokers] =
        [Part::Lake, Part::Checkpoints, Part::Brokers].map(|part| chosen.contains(&part));
    match (lake, checkpoints, brokers) {
        (true, true, true) => "the next `up` starts from nothing",
        (true, true, false) => "the next `up` fills the tables anew from what the topics still hold",
        (true, false, false) => {
            "the ETL's state stays without its tables: the ETL will refuse to start until `clean --checkpoints` too"
        }
        (false, true, false) => {
            "the tables stay without the ETL's state: the ETL will refuse to start until `clean --lake` too"
        }
        (false, false, true) => {
            "the tables stay, but the topics that they were filled from are gone: the ETL will refuse to start \
             until `clean --lake --checkpoints` too"
        }
        (true, false, true) => {
            "the ETL's state stays without its tables and topics: the ETL will refuse to start until \
             `clean --checkpoints` too"
        }
        (false, true, true) => {
            "the tables stay without the ETL's state and their topics: the ETL will refuse to start until \
             `clean --lake` too"
        }
        (false, false, false) => "nothing changes",
    }
}

/// All that is there of the chosen parts, in the order in which it is to be deleted.
fn find(settings: &Settings, chosen: &BTreeSet<Part>) -> Outcome<Vec<Found>> {
    let mut found = Vec::new();
    for part in chosen {
        for path in paths(settings, *part) {
            match size(&path) {
                Ok(bytes) => found.push(Found {
                    part: *part,
                    path,
                    bytes,
                }),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(at(&path, &error)),
            }
        }
    }
    Ok(found)
}

/// Where a part lies. What says that the rest is whole comes first, so that a deletion that was
/// interrupted is not taken for a smaller lake.
fn paths(settings: &Settings, part: Part) -> Vec<PathBuf> {
    let folders = &settings.folders;
    let below = |root: &Path, names: &[&str]| names.iter().map(|name| root.join(name)).collect();
    match part {
        Part::Lake => below(folders.lake(), &["format.json", "log", "staging", "tables"]),
        Part::Checkpoints => vec![state_folder(settings)],
        Part::Brokers => vec![folders.brokers(), folders.generator()],
        Part::Rest => {
            let mut paths: Vec<PathBuf> =
                below(&folders.run(), &["cluster-secret", "supervisor.json", "logs"]);
            paths.push(folders.data().join("minicluster.json"));
            paths
        }
    }
}

fn lake_options(settings: &Settings) -> lake::Options {
    let etl = etl::Settings::new(
        settings.folders.lake().to_owned(),
        settings.folders.checkpoints().to_owned(),
    );
    lake::Options::new(settings.folders.lake(), settings.folders.checkpoints(), etl.job)
}

fn state_folder(settings: &Settings) -> PathBuf {
    let options = lake_options(settings);
    options.checkpoint_root.join(options.job)
}

/// The bytes of a file or of all files below a folder. Symbolic links are not followed.
fn size(path: &Path) -> std::io::Result<u64> {
    let metadata = std::fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    let mut bytes = 0;
    for entry in std::fs::read_dir(path)? {
        bytes += size(&entry?.path())?;
    }
    Ok(bytes)
}

fn refuse_running(run: &RunFolder) -> Outcome {
    let running = run.running_services()?;
    if running.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = running
        .iter()
        .map(|(service, record)| format!("{service} (pid {})", record.process.pid))
        .collect();
    let message = format!(
        "{} still run: stop them with `minicluster down`, then clean",
        names.join(", ")
    );
    Err(Failure::new(Code::Conflict, message))
}

/// The writer's locks, where the lake or its state is to be deleted.
fn lake_locks(settings: &Settings, found: &[Found]) -> Outcome<Option<Locks<RealDisk>>> {
    let touched = |found: &Found| matches!(found.part, Part::Lake | Part::Checkpoints);
    if !found.iter().any(touched) {
        return Ok(None);
    }
    match Locks::take(RealDisk, lake_options(settings)) {
        Ok(locks) => Ok(Some(locks)),
        Err(error @ LakeError::Locked { .. }) => Err(Failure::new(Code::Conflict, error)),
        Err(error) => Err(error.into()),
    }
}

fn show(found: &[Found], chosen: &BTreeSet<Part>) {
    let rows = found
        .iter()
        .map(|found| vec![found.path.display().to_string(), output::bytes(found.bytes)])
        .collect();
    let header = [("TO BE DELETED", Align::Left), ("SIZE", Align::Right)];
    output::data(&output::plain(&header, rows));
    let total: u64 = found.iter().map(|found| found.bytes).sum();
    output::data(&format!(" together {}", output::bytes(total)));
    output::progress(&format!("Afterwards {}.", consequence(chosen)));
}

fn confirmed() -> Outcome<bool> {
    if !std::io::stdin().is_terminal() {
        let message = "there is no terminal to ask on: say `--yes` if all this is to be deleted";
        return Err(Failure::new(Code::Usage, message));
    }
    let mut stderr = std::io::stderr().lock();
    write!(stderr, "Delete all this for good? [y/N] ").and_then(|()| stderr.flush())?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn delete(path: &Path) -> Outcome {
    let is_folder = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let deleted = match is_folder {
        true => std::fs::remove_dir_all(path),
        false => std::fs::remove_file(path),
    };
    match deleted {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(at(path, &error)),
        _ => Ok(()),
    }
}

/// The roots themselves go where nothing else lies in them.
fn remove_empty_roots(settings: &Settings, chosen: &BTreeSet<Part>) {
    let folders = &settings.folders;
    let roots = [
        (Part::Lake, folders.lake()),
        (Part::Checkpoints, folders.checkpoints()),
    ];
    for (_, root) in roots.into_iter().filter(|(part, _)| chosen.contains(part)) {
        // One with other files in it is the operator's.
        let _ = std::fs::remove_dir(root);
    }
}

fn at(path: &Path, error: &std::io::Error) -> Failure {
    Failure::plain(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
