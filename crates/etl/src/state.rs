//! State files: Arrow IPC streams that carry kind, version and table in their schema.
//!
//! | kind | columns |
//! |---|---|
//! | `dedup` | `bucket_end` (microseconds), `hash` (XXH3-128, little-endian) |
//! | `windows` | `window_start` (microseconds), `hash`, the group columns, `count` |
//!
//! A snapshot is the whole state when its epoch ended; the deltas that follow it are what each
//! epoch added. The commit names them all, with their digests, so that what is read back is what
//! was written. Format 1.

use std::collections::HashMap;
use std::io::{BufWriter, Cursor, Write};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, UInt64Type};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use crate::declaration::DerivedDeclaration;
use crate::dedup::SeenKey;
use crate::payload::{StateFile, StateKind};
use crate::rows::{BATCH_BYTES, counts, cut};
use crate::shard::KeyHash;
use crate::windows::{Group, Partial, WindowRow};

const VERSION: &str = "1";
/// Rows of one record batch within a file, at most.
const BATCH: usize = 64 * 1024;

fn schema(kind: &str, table: &str, fields: Vec<Field>) -> SchemaRef {
    let metadata = [
        ("minicluster.state", kind),
        ("minicluster.version", VERSION),
        ("minicluster.table", table),
    ];
    let metadata: HashMap<String, String> = metadata.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

pub(crate) fn dedup_schema(table: &str) -> SchemaRef {
    let bucket_end = Field::new("bucket_end", DataType::Int64, false);
    schema(
        "dedup",
        table,
        vec![
            bucket_end,
            Field::new("hash", DataType::FixedSizeBinary(16), false),
        ],
    )
}

pub(crate) fn windows_schema(declaration: &DerivedDeclaration) -> SchemaRef {
    let mut fields = vec![
        Field::new("window_start", DataType::Int64, false),
        Field::new("hash", DataType::FixedSizeBinary(16), false),
    ];
    fields.extend(
        declaration
            .group_by
            .iter()
            .map(|name| Field::new(name, DataType::Utf8, true)),
    );
    fields.push(Field::new("count", DataType::UInt64, false));
    schema("windows", &declaration.table, fields)
}

/// Writes the keys; returns how many.
pub(crate) fn write_dedup(
    to: impl Write,
    schema: &SchemaRef,
    keys: impl Iterator<Item = SeenKey>,
) -> Result<u64, ArrowError> {
    write(
        to,
        schema,
        keys,
        |_| size_of::<SeenKey>(),
        |keys| {
            let ends = Int64Array::from_iter_values(keys.iter().map(|key| key.bucket_end));
            Ok(vec![Arc::new(ends), hashes(keys.iter().map(|key| key.hash))?])
        },
    )
}

/// Writes partial aggregates; returns how many.
pub(crate) fn write_windows(
    to: impl Write,
    schema: &SchemaRef,
    rows: impl Iterator<Item = WindowRow>,
) -> Result<u64, ArrowError> {
    let groups = schema.fields().len() - 3;
    write(to, schema, rows, WindowRow::text_bytes, |rows| {
        let starts = Int64Array::from_iter_values(rows.iter().map(|row| row.start));
        let mut columns: Vec<ArrayRef> = vec![Arc::new(starts), hashes(rows.iter().map(|row| row.hash))?];
        for group in 0..groups {
            let values: StringArray = rows
                .iter()
                .map(|row| row.group.values[group].as_deref())
                .collect();
            columns.push(Arc::new(values));
        }
        columns.push(counts(rows.iter().map(|row| row.group.partial.count)));
        Ok(columns)
    })
}

fn write<T>(
    to: impl Write,
    schema: &SchemaRef,
    mut rows: impl Iterator<Item = T>,
    bytes: impl Fn(&T) -> usize,
    columns: impl Fn(&[T]) -> Result<Vec<ArrayRef>, ArrowError>,
) -> Result<u64, ArrowError> {
    let mut writer = StreamWriter::try_new(BufWriter::with_capacity(1 << 18, to), schema)?;
    let mut written = 0;
    loop {
        let batch: Vec<T> = rows.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        for batch in cut(&batch, BATCH_BYTES, &bytes) {
            written += batch.len() as u64;
            writer.write(&RecordBatch::try_new(schema.clone(), columns(batch)?)?)?;
        }
    }
    writer.finish()?;
    writer.get_mut().flush()?;
    Ok(written)
}

fn hashes(values: impl ExactSizeIterator<Item = KeyHash>) -> Result<ArrayRef, ArrowError> {
    let mut builder = FixedSizeBinaryBuilder::with_capacity(values.len(), 16);
    for hash in values {
        builder.append_value(hash.0.to_le_bytes())?;
    }
    Ok(Arc::new(builder.finish()))
}

/// Reads the keys back.
pub(crate) fn read_dedup(
    bytes: &[u8],
    schema: &SchemaRef,
    mut key: impl FnMut(SeenKey),
) -> Result<u64, String> {
    read(bytes, schema, |batch| {
        let ends = batch.column(0).as_primitive::<Int64Type>();
        let hashes = batch.column(1).as_fixed_size_binary();
        for row in 0..batch.num_rows() {
            key(SeenKey {
                bucket_end: ends.value(row),
                hash: hash(hashes.value(row)),
            });
        }
    })
}

/// Reads partial aggregates back.
pub(crate) fn read_windows(
    bytes: &[u8],
    schema: &SchemaRef,
    mut row: impl FnMut(WindowRow),
) -> Result<u64, String> {
    let groups = schema.fields().len() - 3;
    read(bytes, schema, |batch| {
        let starts = batch.column(0).as_primitive::<Int64Type>();
        let hashes = batch.column(1).as_fixed_size_binary();
        let values: Vec<&StringArray> = (0..groups)
            .map(|group| batch.column(2 + group).as_string())
            .collect();
        let counts = batch.column(2 + groups).as_primitive::<UInt64Type>();
        for index in 0..batch.num_rows() {
            let of_group = values
                .iter()
                .map(|v| v.is_valid(index).then(|| v.value(index).into()));
            let group = Group {
                values: of_group.collect(),
                partial: Partial {
                    count: counts.value(index),
                },
            };
            row(WindowRow {
                start: starts.value(index),
                hash: hash(hashes.value(index)),
                group,
            });
        }
    })
}

fn read(bytes: &[u8], schema: &SchemaRef, mut each: impl FnMut(&RecordBatch)) -> Result<u64, String> {
    let reader = StreamReader::try_new(Cursor::new(bytes), None)
        .map_err(|e| format!("it is not an Arrow stream ({e})"))?;
    let found = reader.schema();
    if found.metadata() != schema.metadata() {
        let about = |schema: &Schema| {
            let of = |key: &str| schema.metadata().get(key).cloned().unwrap_or_else(|| "?".into());
            let version = of("minicluster.version");
            format!(
                "{} of table {}, version {version}",
                of("minicluster.state"),
                of("minicluster.table")
            )
        };
        return Err(format!("it holds {}, not {}", about(&found), about(schema)));
    }
    if found.fields() != schema.fields() {
        return Err("its columns are not those of the declared table".into());
    }
    let mut rows = 0;
    for batch in reader {
        let batch = batch.map_err(|e| format!("it cannot be read to its end ({e})"))?;
        rows += batch.num_rows() as u64;
        each(&batch);
    }
    Ok(rows)
}

fn hash(bytes: &[u8]) -> KeyHash {
    KeyHash(
        bytes
            .iter()
            .rev()
            .fold(0, |hash, byte| hash << 8 | u128::from(*byte)),
    )
}

/// Whether the next state file should be a snapshot, and the files that stay beside it if not.
///
/// A snapshot is due when the deltas hold half as many rows as the state itself, so that each row
/// is rewritten a bounded number of times, and before a start would have to read too many files.
pub(crate) fn snapshot_is_due(files: &[StateFile], live: usize) -> bool {
    let deltas = files.iter().filter(|file| file.kind == StateKind::Delta);
    let (count, rows) = deltas.fold((0, 0), |(count, rows), file| (count + 1, rows + file.rows));
    files.is_empty() || count >= 64 || (count >= 10 && rows * 2 >= live as u64)
}

#[cfg(test)]
mod tests;
