//! The one process that makes commits.

use disk::{Disk, OpenMode};
use jiff::Timestamp;

use crate::collect::{self, Collected};
use crate::commit_log::{self, Head, Linked, Listing};
use crate::error::Context;
use crate::identity::{self, Seen};
use crate::layout::{Layout, StateLayout};
use crate::locks::{Locks, Turn};
use crate::retained::Retained;
use crate::staging::{self, Staging};
use crate::{
    AttemptId, Commit, CommitNumber, FailPoint, LakeError, LakeId, Options, Payload, TableName, folders,
    opening, publish, sealed,
};

#[cfg(test)]
mod tests;

/// The one writer of a lake. It holds the locks of the lake's root and of its state folder until
/// it is dropped, and longer where its process keeps the [`Locks`].
///
/// An error leaves the writer usable unless it says otherwise: what was staged is given up, and
/// the next [`Writer::begin`] starts afresh. After an error of its own calls that leaves in doubt
/// what is durable ([`LakeError::Sync`]), or whose lake this is, every call is refused with
/// [`LakeError::Stopped`]; a new writer finds out.
pub struct Writer<D: Disk> {
    disk: D,
    options: Options,
    layout: Layout,
    state: StateLayout,
    lake: LakeId,
    head: Head,
    retained: Retained,
    /// The newest commit that the state folder names.
    seen: Option<CommitNumber>,
    /// The attempt whose staged files were not committed.
    attempt: Option<AttemptId>,
    stopped: bool,
    turn: Turn<D>,
}

impl<D: Disk> Writer<D> {
    /// Opens a lake for writing, or creates it: takes the locks, checks that lake and state belong
    /// together, makes durable what an earlier process left, rolls its last commit forward, and
    /// removes what it had staged. `random` becomes the id of a new lake.
    ///
    /// # Errors
    /// [`LakeError::Locked`] while another writer lives, [`LakeError::Mismatch`] where folders
    /// don't belong together, [`LakeError::Damaged`] and its like where files are not what they
    /// should be. Then nothing is changed, but that missing folders are made.
    pub fn open(disk: D, options: Options, now: Timestamp, random: u128) -> Result<Writer<D>, LakeError> {
        Writer::open_under(&Locks::take(disk, options)?, now, random)
    }

    /// Opens a lake as [`Writer::open`] does, under locks that are held already.
    ///
    /// # Errors
    /// As [`Writer::open`]; [`LakeError::Misuse`] while an earlier writer lives under these locks.
    pub fn open_under(locks: &Locks<D>, now: Timestamp, random: u128) -> Result<Writer<D>, LakeError> {
        let turn = locks.begin_turn()?;
        let (disk, options) = (locks.disk(), locks.options());
        let (layout, state) = (locks.layout(), locks.state());
        let opened = opening::open(disk, options, layout, state, now, random)?;
        let mut writer = Writer {
            retained: Retained::read(disk, layout, &opened.head, now, options.retain)?,
            disk: disk.clone(),
            options: options.clone(),
            layout: layout.clone(),
            state: state.clone(),
            lake: opened.lake,
            head: opened.head,
            seen: opened.seen,
            attempt: None,
            stopped: false,
            turn,
        };
        writer.publish()?;
        collect::remove_strangers(&writer.disk, &writer.layout, &writer.state, &writer.retained)?;
        Ok(writer)
    }

    /// The newest commit.
    pub fn newest(&self) -> &Commit {
        &self.head.commit
    }

    /// Whether the newest commit is published.
    pub fn is_published(&self) -> bool {
        self.head.published
    }

    /// Opens a state file of the newest commit and checks its digest.
    ///
    /// # Errors
    /// If there is none of this name, or it is gone or damaged.
    pub fn state(&self, name: &str) -> Result<D::File, LakeError> {
        let number = self.head.commit.number;
        let known = self.head.commit.state.iter().find(|file| file.name == name);
        let known =
            known.ok_or_else(|| LakeError::Misuse(format!("commit {number} has no state file {name:?}")))?;
        let path = self.state.file(&known.file);
        let file = self.disk.open(&path, OpenMode::Read).during("open", &path)?;
        if folders::digest(&file).during("read", &path)? != known.sha256 {
            return Err(LakeError::damaged(
                &path,
                "its content is not what the commit says",
            ));
        }
        Ok(file)
    }

    /// Begins to stage the files of the next commit, by a random id that was never used before.
    /// The commit before may still be unpublished. What an earlier, uncommitted attempt of this
    /// writer has staged is removed.
    ///
    /// # Errors
    /// If the staging folder can't be made.
    pub fn begin(&mut self, attempt: AttemptId) -> Result<Staging<D>, LakeError> {
        self.expect_running()?;
        if let Some(earlier) = self.attempt {
            staging::remove_attempt(&self.disk, &self.layout, &self.state, earlier)?;
        }
        self.attempt = Some(attempt);
        let begun = Staging::begin(
            self.disk.clone(),
            self.options.clone(),
            self.layout.clone(),
            self.state.clone(),
            attempt,
            self.head.commit.state.clone(),
        );
        self.or_stop(begun)
    }

    /// Makes a commit of what was staged. When it returns, the commit is durable: snapshot readers
    /// see it, and every later start rolls it forward. Folder readers see it when it is published.
    ///
    /// `order` names every table that has staged files, source tables before those derived from
    /// them.
    ///
    /// # Errors
    /// [`LakeError::NotPublished`] if the commit before isn't. After a full disk nothing has
    /// happened, and the attempt may be repeated with this writer.
    pub fn commit(
        &mut self,
        staging: Staging<D>,
        order: &[TableName],
        application: Payload,
        now: Timestamp,
    ) -> Result<CommitNumber, LakeError> {
        self.expect_running()?;
        if !self.head.published {
            return Err(LakeError::NotPublished {
                number: self.head.commit.number,
            });
        }
        if self.attempt != Some(staging.attempt()) {
            let gone = "a newer attempt was begun: what this one staged is gone";
            return Err(LakeError::Misuse(gone.to_owned()));
        }
        let (tables, state) = staging.contents(order)?;
        self.or_stop(staging.sync())?;
        self.options.reached(FailPoint::StagingSynced);
        let commit = Commit {
            lake: self.lake,
            number: self.head.commit.number.next(),
            previous: Some(self.head.digest),
            at: opening::whole_ms(now),
            attempt: staging.attempt(),
            tables,
            state,
            application,
        };
        self.create(commit)
    }

    fn create(&mut self, commit: Commit) -> Result<CommitNumber, LakeError> {
        self.head.live.check(&commit).map_err(LakeError::Misuse)?;
        let (bytes, digest) = sealed::seal(&commit)
            .map_err(|e| LakeError::Misuse(format!("the commit can't be written as JSON: {e}")))?;
        let staged = self.layout.staged_commit(commit.attempt);
        let written = folders::write_new(&self.disk, &staged, &bytes);
        self.or_stop(written)?;
        self.options.reached(FailPoint::CommitWritten);
        let number = commit.number;
        let path = self.layout.commit(number);
        if commit_log::link(&self.disk, &staged, &path)? == Linked::WasThere {
            self.stopped = true;
            return Err(LakeError::AnotherWriter { path });
        }
        self.options.reached(FailPoint::CommitLinked);
        self.or_stop(folders::sync(&self.disk, &self.layout.log))?;
        self.options.reached(FailPoint::CommitSynced);
        self.retained.add(&commit);
        self.head.live.apply(&commit);
        self.head.commit = commit;
        self.head.digest = digest;
        self.head.published = false;
        self.attempt = None;
        Ok(number)
    }

    /// Publishes the newest commit: gives its files their final names, source tables first, and
    /// marks it. Does nothing if that was done.
    ///
    /// # Errors
    /// Every step can be repeated, so that after a full disk it can simply be called again.
    pub fn publish(&mut self) -> Result<(), LakeError> {
        self.expect_running()?;
        if self.seen != Some(self.head.commit.number) {
            let seen = Seen {
                commit: self.head.commit.number,
                sha256: self.head.digest,
            };
            let written = identity::write(&self.disk, &self.state.seen(), &seen);
            self.or_stop(written)?;
            self.seen = Some(seen.commit);
            self.options.reached(FailPoint::CommitSeen);
        }
        if self.head.published {
            return Ok(());
        }
        let commit = &self.head.commit;
        let published = publish::publish(&self.disk, &self.options, &self.layout, commit);
        self.or_stop(published)?;
        self.head.published = true;
        let folder = self.layout.attempt(self.head.commit.attempt);
        folders::remove_tree(&self.disk, &folder, disk::Kind::Dir)?;
        self.options.reached(FailPoint::StagingRemoved);
        Ok(())
    }

    /// Makes a log snapshot where one is due, and deletes what no retained commit needs: old
    /// commits below a log snapshot, state files, and what lies in staging for nobody.
    ///
    /// # Errors
    /// [`LakeError::NotPublished`] while the newest commit isn't. After other errors it can be
    /// called again.
    pub fn collect(&mut self, now: Timestamp) -> Result<Collected, LakeError> {
        self.expect_running()?;
        if !self.head.published {
            return Err(LakeError::NotPublished {
                number: self.head.commit.number,
            });
        }
        let listing = Listing::read(&self.disk, &self.layout)?;
        let made = collect::snapshot_if_due(&self.disk, &self.options, &self.layout, &self.head, &listing);
        let snapshot = self.or_stop(made)?;
        self.retained.expire(now, self.options.retain);
        let deleted = collect::delete_unretained(
            &self.disk,
            &self.options,
            &self.layout,
            &self.state,
            &self.retained,
            self.attempt,
        );
        let mut collected = self.or_stop(deleted)?;
        collected.snapshot = snapshot;
        Ok(collected)
    }

    /// A deliberate mistake, for tests that show that it is found: takes the newest commit for
    /// published though it isn't.
    #[cfg(test)]
    pub(crate) fn forget_to_publish(&mut self) {
        self.head.published = true;
    }

    fn expect_running(&mut self) -> Result<(), LakeError> {
        if self.stopped {
            return Err(LakeError::Stopped);
        }
        let checked = self.turn.check();
        self.or_stop(checked)
    }

    /// Stops the writer for good where something couldn't be made durable: it is in doubt now, and
    /// asking again would only hide that. Also where the lake isn't the locked one any more.
    fn or_stop<T>(&mut self, result: Result<T, LakeError>) -> Result<T, LakeError> {
        if matches!(result, Err(LakeError::Sync { .. } | LakeError::Replaced { .. })) {
            self.stopped = true;
        }
        result
    }
}
