//! The only object store that queries can reach: the files of one snapshot, to read.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use disk::{Disk, File};
use futures::stream::{self, BoxStream, StreamExt};
use lake::{DataFile, Snapshot, TableName};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

const NAME: &str = "lake";

/// The files of one snapshot under the names `<table>/dt=<date>/<file>`.
pub(crate) struct SnapshotStore<D: Disk> {
    snapshot: Arc<Snapshot<D>>,
    files: BTreeMap<Path, (TableName, DataFile)>,
}

/// The name of a file in the store.
pub(crate) fn path_of(table: &TableName, file: &DataFile) -> Path {
    Path::from_iter([table.as_str(), &format!("dt={}", file.dt), &file.name])
}

impl<D: Disk> SnapshotStore<D> {
    pub(crate) fn new(snapshot: Arc<Snapshot<D>>) -> Self {
        let mut files = BTreeMap::new();
        for table in snapshot.tables() {
            for file in snapshot.files(table) {
                files.insert(path_of(table, file), (table.clone(), file.clone()));
            }
        }
        Self { snapshot, files }
    }

    fn known(&self, path: &Path) -> Result<&(TableName, DataFile)> {
        self.files.get(path).ok_or_else(|| Error::NotFound {
            path: path.to_string(),
            source: "the snapshot has no such file".into(),
        })
    }

    /// Reads several ranges of one file, on a thread that may block.
    async fn read(&self, path: &Path, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>> {
        let (table, file) = self.known(path)?.clone();
        let snapshot = Arc::clone(&self.snapshot);
        let read = move || {
            let open = snapshot
                .open_file(&table, &file)
                .map_err(|error| failed(&error))?;
            let parts = ranges.into_iter().map(|range| read_range(&open, range));
            parts
                .collect::<io::Result<Vec<Bytes>>>()
                .map_err(|error| failed(&error))
        };
        let done = tokio::task::spawn_blocking(read).await;
        done.map_err(|error| failed(&error))?
    }
}

fn read_range(file: &impl File, range: Range<u64>) -> io::Result<Bytes> {
    let length = range.end.saturating_sub(range.start);
    let length = usize::try_from(length).map_err(io::Error::other)?;
    let mut content = vec![0; length];
    file.read_exact_at(&mut content, range.start)?;
    Ok(content.into())
}

fn failed(error: &dyn fmt::Display) -> Error {
    Error::Generic {
        store: NAME,
        source: error.to_string().into(),
    }
}

fn refused(operation: &str) -> Error {
    Error::NotSupported {
        source: format!("the lake cannot be written by a query ({operation})").into(),
    }
}

fn meta(path: &Path, file: &DataFile) -> ObjectMeta {
    ObjectMeta {
        location: path.clone(),
        // The same for all: files never change.
        last_modified: Default::default(),
        size: file.bytes,
        e_tag: None,
        version: None,
    }
}

impl<D: Disk> fmt::Debug for SnapshotStore<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotStore")
            .field("files", &self.files.len())
            .finish()
    }
}

impl<D: Disk> fmt::Display for SnapshotStore<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}

#[async_trait]
impl<D: Disk> ObjectStore for SnapshotStore<D> {
    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let (_, file) = self.known(path)?;
        let meta = meta(path, file);
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            None => 0..meta.size,
            Some(GetRange::Bounded(range)) => range.start.min(meta.size)..range.end.min(meta.size),
            Some(GetRange::Offset(start)) => (*start).min(meta.size)..meta.size,
            Some(GetRange::Suffix(length)) => meta.size.saturating_sub(*length)..meta.size,
        };
        let content = if options.head {
            Vec::new()
        } else {
            self.read(path, vec![range.clone()]).await?
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::iter(content.into_iter().map(Ok)).boxed()),
            meta,
            range,
            attributes: Default::default(),
        })
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.read(path, ranges.to_vec()).await
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let inside = |path: &Path| prefix.is_none_or(|prefix| path.prefix_matches(prefix));
        let files: Vec<_> = self
            .files
            .iter()
            .filter(|(path, _)| inside(path))
            .map(|(path, (_, file))| Ok(meta(path, file)))
            .collect();
        stream::iter(files).boxed()
    }

    async fn list_with_delimiter(&self, _prefix: Option<&Path>) -> Result<ListResult> {
        Err(Error::NotSupported {
            source: "the lake is not listed by folder".into(),
        })
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(refused("put"))
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(refused("put"))
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        stream::once(async { Err(refused("delete")) }).boxed()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(refused("copy"))
    }
}
