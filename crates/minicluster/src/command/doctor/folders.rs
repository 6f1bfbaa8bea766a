//! The folders: room, rights, file systems, versions of what lies in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::Settings;
use disk::{Disk, RealDisk};
use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};

use super::finding::Finding;
use crate::output;

/// Below it nothing can run for long.
const LEAST: u64 = 200 << 20;
/// A day of the default rates, roughly.
const COMFORTABLE: u64 = 4 << 30;

/// The folders by the setting that names them.
pub(super) fn named(settings: &Settings) -> Vec<(&'static str, PathBuf)> {
    let folders = &settings.folders;
    let named = [
        ("data_folder", folders.data()),
        ("storage.datalake_root", folders.lake()),
        ("storage.checkpoint_root", folders.checkpoints()),
    ];
    named.map(|(key, path)| (key, path.to_owned())).to_vec()
}

/// One finding a folder.
pub(super) fn check(settings: &Settings) -> Vec<Finding> {
    let folders: BTreeMap<PathBuf, &str> = named(settings)
        .into_iter()
        .rev()
        .map(|(key, path)| (path, key))
        .collect();
    folders.iter().map(|(path, key)| folder(path, key)).collect()
}

fn folder(path: &Path, key: &str) -> Finding {
    let check = format!("disk {}", path.display());
    let elsewhere = format!("set another `{key}`");
    let there = nearest(path);
    let volume = match statvfs(&there) {
        Ok(volume) => volume,
        Err(error) => return Finding::fail(check, format!("can't be looked at: {error}")).remedy(elsewhere),
    };
    if !there.is_dir() {
        let says = format!("{} is no folder", there.display());
        return Finding::fail(check, says).remedy(elsewhere);
    }
    if volume.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Finding::fail(check, "the file system is read-only").remedy(elsewhere);
    }
    if access(&there, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let says = format!("this user may not write in {}", there.display());
        return Finding::fail(check, says).remedy(format!("{elsewhere}, or give yourself the right"));
    }
    if let Ok(Some(name)) = RealDisk.network_file_system(&there) {
        let says = format!("it is on a network file system ({name}), whose locks can't be trusted");
        return Finding::fail(check, says).remedy(format!("{elsewhere} on a local disk"));
    }
    let (free, all) = (
        volume.f_bavail * volume.f_frsize,
        volume.f_blocks * volume.f_frsize,
    );
    let says = format!("{} free of {}", output::bytes(free), output::bytes(all));
    let inodes = volume.f_files > 0 && volume.f_favail < 10_000;
    let room =
        "make room: `minicluster clean --dry-run` says what is stored here, retention.ms of a topic how long";
    match free {
        _ if inodes => Finding::warn(
            check,
            format!("{says}, but only {} new files fit", volume.f_favail),
        )
        .remedy(room),
        0..LEAST => Finding::fail(check, says).remedy(room),
        LEAST..COMFORTABLE => Finding::warn(check, says).remedy(room),
        _ => Finding::ok(check, says),
    }
}

/// The folder itself, or the nearest above it that is there.
fn nearest(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = absolute.ancestors().find(|ancestor| ancestor.exists());
    there.unwrap_or(Path::new("/")).to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::folder;
    use crate::command::doctor::finding::Level;

    #[test]
    fn a_folder_that_is_not_there_yet_is_judged_by_the_one_above() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let finding = folder(&dir.path().join("a/b/c"), "data_folder");
        assert!(finding.says.contains(" free of "), "{finding:?}");
    }

    #[test]
    fn a_file_in_the_way_is_told_with_its_key() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let finding = folder(&file.path().join("lake"), "storage.datalake_root");
        assert_eq!(finding.level, Level::Fail);
        assert!(finding.says.ends_with("is no folder"), "{finding:?}");
        assert_eq!(
            finding.remedy.as_deref(),
            Some("set another `storage.datalake_root`")
        );
    }

    #[test]
    fn what_has_no_disk_below_it_is_told() {
        let finding = folder(Path::new("/proc/none"), "data_folder");
        assert_eq!(finding.level, Level::Fail, "{finding:?}");
    }
}
