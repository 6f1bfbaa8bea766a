//! A look at what is stored: the lake's newest commit, and what the generator has sent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use generator::{TopicTruth, Truth};
use tokio::task::JoinHandle;

use super::Options;
use crate::account::Newest;

/// What is stored. Each part says by itself why it can't be read.
#[derive(Debug, Clone)]
pub(super) struct StoredSeen {
    /// The lake's newest commit; none where there is no lake yet.
    pub(super) newest: Result<Option<Newest>, String>,
    /// What was sent, by topic; looked at after the commit.
    pub(super) sent: Result<BTreeMap<String, TopicTruth>, String>,
}

/// Looks at the folders; reads again only what has changed.
#[derive(Debug)]
pub(super) struct Stored {
    /// Between two looks; none while a thread has it.
    folders: Option<Folders>,
    /// A look that takes longer than its deadline goes on; no other one begins.
    looking: Option<JoinHandle<Folders>>,
}

#[derive(Debug)]
struct Folders {
    lake: PathBuf,
    generator: PathBuf,
    seen: Option<StoredSeen>,
    /// When the lake's log and the truth log changed last, as of `seen`.
    changed: [Option<SystemTime>; 2],
}

impl Stored {
    pub(super) fn new(options: &Options) -> Self {
        let folders = Folders {
            lake: options.lake.clone(),
            generator: options.generator.clone(),
            seen: None,
            changed: [None; 2],
        };
        Self {
            folders: Some(folders),
            looking: None,
        }
    }

    pub(super) async fn look(&mut self) -> Result<StoredSeen, String> {
        if let Some(mut folders) = self.folders.take() {
            self.looking = Some(tokio::task::spawn_blocking(move || {
                folders.look();
                folders
            }));
        }
        let Some(looking) = &mut self.looking else {
            return Err("a look at the disk failed".to_owned());
        };
        let folders = looking.await.map_err(|error| error.to_string())?;
        self.looking = None;
        let seen = folders.seen.clone();
        self.folders = Some(folders);
        seen.ok_or_else(|| "the disk was not looked at".to_owned())
    }
}

impl Folders {
    fn look(&mut self) {
        // Before reading: what changes meanwhile is read next time.
        let changed = [
            changed_at(&self.lake.join("log")),
            changed_at(&self.generator.join("truth.log")),
        ];
        let same = |which: usize| changed[which].is_some() && changed[which] == self.changed[which];
        let before = self.seen.take();
        let newest = match &before {
            Some(StoredSeen {
                newest: Ok(newest), ..
            }) if same(0) => Ok(newest.clone()),
            _ => Newest::read(&self.lake).map_err(|error| error.to_string()),
        };
        let sent = match before {
            Some(StoredSeen { sent: Ok(sent), .. }) if same(1) => Ok(sent),
            _ => Truth::read(&self.generator)
                .map(|truth| truth.topics)
                .map_err(|error| error.to_string()),
        };
        self.seen = Some(StoredSeen { newest, sent });
        self.changed = changed;
    }
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}
