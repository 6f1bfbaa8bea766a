//! `minicluster clean`: deletes what the platform has stored.
//!
//! Only what we have written goes, by its name: a folder of the operator that a root was put into
//! keeps everything else.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use config::Settings;
use disk::{Disk, RealDisk};
use lake::{LakeError, Locks};
use run::RunFolder;

use crate::confirmation::confirmed;
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
    let nothing = format!(
        "there is nothing to delete in {}",
        settings.folders.data().display()
    );
    let found = find(settings, &chosen)?;
    if found.is_empty() {
        output::progress(&nothing);
        return Ok(());
    }
    if options.dry_run {
        show(&found, &gone_afterwards(settings, &chosen)?);
        return Ok(());
    }
    let run = RunFolder::new(&settings.folders);
    run.create()?;
    let _supervisor_lock = run.lock().map_err(Failure::of_run)?;
    refuse_running(&run)?;
    // What runs may have been started by hand, and the lake's writer under another data folder.
    let _lake_locks = lake_locks(settings, &found)?;
    let _locks = folder_locks(settings, &chosen)?;
    // Once more, now that nobody can add to it.
    let found = find(settings, &chosen)?;
    show(&found, &gone_afterwards(settings, &chosen)?);
    if !options.yes && !confirmed("Delete all this for good?")? {
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

/// The parts of which nothing is left afterwards: the chosen ones, and those of which there is nothing.
fn gone_afterwards(settings: &Settings, chosen: &BTreeSet<Part>) -> Outcome<BTreeSet<Part>> {
    let mut gone = chosen.clone();
    for part in [Part::Lake, Part::Checkpoints, Part::Brokers] {
        if find(settings, &BTreeSet::from([part]))?.is_empty() {
            gone.insert(part);
        }
    }
    Ok(gone)
}

/// What the next start makes of it where some parts are gone and others stay.
fn consequence(gone: &BTreeSet<Part>) -> &'static str {
    let [lake, checkpoints, brokers] =
        [Part::Lake, Part::Checkpoints, Part::Brokers].map(|part| gone.contains(&part));
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
        for path in paths(settings, *part)? {
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
fn paths(settings: &Settings, part: Part) -> Outcome<Vec<PathBuf>> {
    let folders = &settings.folders;
    let below = |root: &Path, names: &[&str]| names.iter().map(|name| root.join(name)).collect();
    Ok(match part {
        Part::Lake => below(folders.lake(), &["format.json", "log", "staging", "tables"]),
        Part::Checkpoints => vec![state_folder(settings)],
        Part::Brokers => {
            // What the generator sent to other clusters is still there.
            let of_other = other_clusters(settings);
            let own = entries(&folders.generator())?
                .into_iter()
                .filter(|path| *path != of_other);
            std::iter::once(folders.brokers()).chain(own).collect()
        }
        Part::Rest => {
            let mut paths: Vec<PathBuf> = below(
                &folders.run(),
                &[
                    "cluster-secret",
                    "supervisor.json",
                    "settings.yml",
                    "requests",
                    "logs",
                ],
            );
            paths.push(other_clusters(settings));
            paths.push(folders.data().join("minicluster.json"));
            paths
        }
    })
}

/// Where the generator counts what it sent to clusters that are not this platform's.
fn other_clusters(settings: &Settings) -> PathBuf {
    settings.folders.generator().join("clusters")
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
    let running = run.all_services()?;
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

/// The locks that brokers and the generator hold while they run.
struct FolderLocks {
    brokers: Vec<<RealDisk as Disk>::Lock>,
    generator: Vec<File>,
}

fn folder_locks(settings: &Settings, chosen: &BTreeSet<Part>) -> Outcome<FolderLocks> {
    let mut locks = FolderLocks {
        brokers: Vec::new(),
        generator: Vec::new(),
    };
    if !chosen.contains(&Part::Brokers) {
        return Ok(locks);
    }
    let in_use = |what: &str, path: &Path| {
        let message = format!(
            "{what} that was started by hand uses {}: stop it, then clean",
            path.display()
        );
        Failure::new(Code::Conflict, message)
    };
    for path in entries(&settings.folders.brokers())? {
        match RealDisk.lock_dir(&path) {
            Ok(lock) => locks.brokers.push(lock),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(in_use("a broker", &path)),
            Err(error) => return Err(at(&path, &error)),
        }
    }
    let mut used = entries(&settings.folders.generator())?;
    if chosen.contains(&Part::Rest) {
        for cluster in entries(&other_clusters(settings))? {
            used.extend(entries(&cluster)?);
        }
    }
    for path in used {
        if path.extension().is_none_or(|extension| extension != "lock") {
            continue;
        }
        let file = File::open(&path).map_err(|error| at(&path, &error))?;
        match file.try_lock() {
            Ok(()) => locks.generator.push(file),
            Err(TryLockError::WouldBlock) => {
                return Err(in_use("a generator", path.parent().unwrap_or(&path)));
            }
            Err(TryLockError::Error(error)) => return Err(at(&path, &error)),
        }
    }
    Ok(locks)
}

/// What lies in a folder; nothing where there is none.
fn entries(folder: &Path) -> Outcome<Vec<PathBuf>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => {
            let paths: std::io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
            paths.map_err(|error| at(folder, &error))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(at(folder, &error)),
    }
}

fn show(found: &[Found], gone: &BTreeSet<Part>) {
    let rows = found
        .iter()
        .map(|found| vec![found.path.display().to_string(), output::bytes(found.bytes)])
        .collect();
    let header = [("TO BE DELETED", Align::Left), ("SIZE", Align::Right)];
    output::data(&output::plain(&header, rows));
    let total: u64 = found.iter().map(|found| found.bytes).sum();
    output::data(&format!(" together {}", output::bytes(total)));
    output::progress(&format!("Afterwards {}.", consequence(gone)));
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
