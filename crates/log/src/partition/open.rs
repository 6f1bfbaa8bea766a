//! Opening: folder, topic and segments are found; see `opening` for what follows.

use std::path::{Path, PathBuf};

use disk::Disk;
use record::{Offset, Timestamp, TopicId};

use super::Partition;
use super::opening::Opening;
use crate::epochs::Epochs;
use crate::folder::{Folder, METADATA, Part, RECOVERY_POINT, START};
use crate::{LogError, Options, Recovery, Trust};

impl<D: Disk> Partition<D> {
    /// Opens the partition in `dir`, whose parent exists; creates it where it is absent.
    ///
    /// # Errors
    /// Where the file system fails, the folder is another topic's, or was written by a newer
    /// version. Damaged records are no error: they are cut off, and [`Recovery`] tells.
    pub fn open(
        disk: D,
        dir: PathBuf,
        mut options: Options,
        now: Timestamp,
        trust: Trust,
    ) -> Result<(Self, Recovery), LogError> {
        let folder = Folder { disk, path: dir };
        folder.create()?;
        options.topic_id = settle_topic_id(&folder, options.topic_id)?;
        let start = folder.read_offset(START)?;
        let point = folder.read_offset(RECOVERY_POINT)?.unwrap_or_default();
        let files = Files::list(&folder, start.unwrap_or_default())?;
        let epochs = Epochs::read(&folder)?;

        let opening = Opening {
            folder,
            options,
            now,
            trust,
            start,
            point,
            files,
            epochs,
        };
        if opening.files.segments.is_empty() {
            return opening.create();
        }
        match trust {
            Trust::CleanStop => match opening.trusted()? {
                Some(opened) => Ok(opened),
                None => opening.recover(Trust::Nothing),
            },
            Trust::SameBoot | Trust::Nothing => opening.recover(trust),
        }
    }

    /// Whether a partition was created in `dir`, and not lost since.
    ///
    /// # Errors
    /// Where the file system fails.
    pub fn is_there(disk: &D, dir: &Path) -> Result<bool, LogError> {
        let folder = Folder::at(disk, dir);
        let exists = disk.exists(dir).map_err(|e| folder.error(e))?;
        Ok(exists && !folder.offsets(Part::Log)?.is_empty())
    }

    /// Durably says of the partition in `dir`, which may be gone, that it has lost records: it is opened as damaged.
    ///
    /// # Errors
    /// Where the file system fails.
    pub fn note_loss(disk: &D, dir: &Path) -> Result<(), LogError> {
        let folder = Folder::at(disk, dir);
        folder.create()?;
        folder.note_damage()
    }

    /// The topic's id of the partition in `dir` without opening it; `None` where it has none.
    ///
    /// # Errors
    /// Where the file is unreadable.
    pub fn read_topic_id(disk: &D, dir: &Path) -> Result<Option<TopicId>, LogError> {
        let folder = Folder::at(disk, dir);
        let path = folder.path.join(METADATA);
        let Some(content) = folder.read(&path)? else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&content);
        let mut lines = text.lines();
        let version = lines.next().and_then(|line| line.strip_prefix("version: "));
        let id = lines.next().and_then(|line| line.strip_prefix("topic_id: "));
        match (version, id.map(str::parse)) {
            (Some("0"), Some(Ok(id))) => Ok(Some(id)),
            (Some(version), _) if version != "0" => Err(LogError::Format {
                path,
                reason: format!("version {version} was written by a newer minicluster: run that one"),
            }),
            _ => Err(LogError::Format {
                path,
                reason:
                    "does not name a topic: restore it, or remove the folder if its records are not needed"
                        .to_owned(),
            }),
        }
    }
}

/// Compares the topic's id with the one of the folder, or writes it there.
fn settle_topic_id<D: Disk>(
    folder: &Folder<D>,
    wanted: Option<TopicId>,
) -> Result<Option<TopicId>, LogError> {
    match (Partition::read_topic_id(&folder.disk, &folder.path)?, wanted) {
        (Some(found), Some(expected)) if found != expected => Err(LogError::OtherTopic {
            path: folder.path.clone(),
            found,
            expected,
        }),
        (None, Some(id)) => {
            folder.replace(METADATA, format!("version: 0\ntopic_id: {id}\n").as_bytes(), true)?;
            Ok(wanted)
        }
        (found, wanted) => Ok(found.or(wanted)),
    }
}

/// The segment files of a folder, in order, with their sizes.
pub(super) struct Files {
    pub(super) segments: Vec<(Offset, u64)>,
}

impl Files {
    /// Lists the segments. Removes those wholly below the start offset, which an interrupted
    /// retention has left, and files without a segment.
    fn list<D: Disk>(folder: &Folder<D>, start: Offset) -> Result<Self, LogError> {
        let mut bases = folder.offsets(Part::Log)?;
        let gone = bases.partition_point(|base| *base <= start).saturating_sub(1);
        for base in bases.drain(..gone) {
            folder.remove_segment(base)?;
        }
        for part in [Part::Index, Part::TimeIndex] {
            for orphan in folder
                .offsets(part)?
                .into_iter()
                .filter(|base| !bases.contains(base))
            {
                folder.remove(&folder.part(part, orphan))?;
            }
        }
        folder.remove_temporary()?;
        let size = |base| {
            let path = folder.part(Part::Log, base);
            let metadata = folder
                .disk
                .metadata(&path)
                .map_err(|source| LogError::Io { path, source })?;
            Ok((base, metadata.len))
        };
        Ok(Self {
            segments: bases.into_iter().map(size).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn base(&self, index: usize) -> Offset {
        self.segments[index].0
    }

    /// The segment that holds `offset`.
    pub(super) fn holding(&self, offset: Offset) -> usize {
        self.segments
            .partition_point(|(base, _)| *base <= offset)
            .saturating_sub(1)
    }

    pub(super) fn last(&self) -> usize {
        self.segments.len() - 1
    }
}
