//! Rows as Arrow: the schemas of the tables, and the record batches that are written.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, Int32Array, Int64Array, RecordBatch, StringArray, StringBuilder,
    TimestampMicrosecondArray, UInt32Array, UInt64Array,
};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use record::Timestamp;

use crate::declaration::{
    ADDED_COLUMNS, ColumnType, DerivedDeclaration, QUARANTINE, SourceDeclaration, TableDeclaration, micros,
};
use crate::event_time::EventTime;
use crate::part::{Part, Rejected};
use crate::verdict::Verdict;
use crate::windows::WindowRow;

/// Record batches by the day of their folder, counted from 1970-01-01.
pub(crate) type ByDay = BTreeMap<i64, Vec<RecordBatch>>;

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The columns of all declared tables and of `quarantine`, without the folder's `dt`: for readers of
/// tables that have no rows yet.
#[must_use]
pub fn schemas(tables: &[TableDeclaration]) -> Vec<(String, SchemaRef)> {
    let declared = tables.iter().map(|table| match table {
        TableDeclaration::Source(source) => (source.table.clone(), source_schema(source)),
        TableDeclaration::Derived(derived) => (derived.table.clone(), derived_schema(derived)),
    });
    declared
        .chain([(QUARANTINE.to_owned(), quarantine_schema())])
        .collect()
}

/// The columns of a source table: the declared ones, then `event_ts`, `timestamp`, `ingest_ts`.
pub(crate) fn source_schema(declaration: &SourceDeclaration) -> SchemaRef {
    let mut fields: Vec<Field> = declaration
        .columns
        .iter()
        .map(|column| {
            let data_type = match column.column_type {
                ColumnType::Text => DataType::Utf8,
                ColumnType::Int => DataType::Int32,
                ColumnType::Double => DataType::Float64,
            };
            Field::new(&column.name, data_type, true)
        })
        .collect();
    fields.extend(ADDED_COLUMNS.map(|name| Field::new(name, timestamp(), true)));
    Arc::new(Schema::new(fields))
}

/// The written rows of one part, by the day of their event time.
pub(crate) fn source_rows(
    schema: &SchemaRef,
    part: Part,
    written: &[bool],
    ingested: Timestamp,
) -> Result<ByDay, ArrowError> {
    let times = |values: Vec<i64>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
    };
    let rows = part.event_times.len();
    // One pass, however many days there are.
    let mut days: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
    for (row, (&time, &written)) in (0..).zip(part.event_times.iter().zip(written)) {
        if written {
            days.entry(EventTime(time).day()).or_default().push(row);
        }
    }
    let mut columns = part.columns;
    columns.push(times(part.event_times));
    columns.push(times(part.record_times));
    columns.push(times(vec![ingested.0.saturating_mul(1000); rows]));
    let all = RecordBatch::try_new(schema.clone(), columns)?;
    let of_day = |(day, kept): (i64, Vec<u32>)| {
        let batch = if kept.len() == rows {
            all.clone()
        } else {
            take_record_batch(&all, &UInt32Array::from(kept))?
        };
        Ok((day, vec![batch]))
    };
    days.into_iter().map(of_day).collect()
}

/// The columns of a derived table: start and end of the window, the groups, the aggregates.
pub(crate) fn derived_schema(declaration: &DerivedDeclaration) -> SchemaRef {
    let mut fields = vec![
        Field::new(&declaration.window_start, timestamp(), true),
        Field::new(&declaration.window_end, timestamp(), true),
    ];
    fields.extend(
        declaration
            .group_by
            .iter()
            .map(|name| Field::new(name, DataType::Utf8, true)),
    );
    fields.extend(
        declaration
            .aggregates
            .iter()
            .map(|a| Field::new(&a.name, DataType::Int64, true)),
    );
    Arc::new(Schema::new(fields))
}

/// Closed windows, by the day of their start.
pub(crate) fn derived_rows(
    schema: &SchemaRef,
    declaration: &DerivedDeclaration,
    closed: &[WindowRow],
) -> Result<ByDay, ArrowError> {
    let mut by_day: BTreeMap<i64, Vec<&WindowRow>> = BTreeMap::new();
    for row in closed {
        by_day.entry(EventTime(row.start).day()).or_default().push(row);
    }
    let width = micros(declaration.window);
    let batch = |rows: &[&WindowRow]| {
        let times = |values: Vec<i64>| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
        };
        let mut columns = vec![
            times(rows.iter().map(|row| row.start).collect()),
            times(rows.iter().map(|row| row.start.saturating_add(width)).collect()),
        ];
        for group in 0..declaration.group_by.len() {
            let values: StringArray = rows
                .iter()
                .map(|row| row.group.values[group].as_deref())
                .collect();
            columns.push(Arc::new(values));
        }
        for _ in &declaration.aggregates {
            let counts = rows
                .iter()
                .map(|row| i64::try_from(row.group.partial.count).unwrap_or(i64::MAX));
            columns.push(Arc::new(Int64Array::from_iter_values(counts)));
        }
        RecordBatch::try_new(schema.clone(), columns)
    };
    by_day
        .into_iter()
        .map(|(day, rows)| {
            let batches = cut(&rows, BATCH_BYTES, |row| row.text_bytes()).map(batch);
            Ok((day, batches.collect::<Result<_, _>>()?))
        })
        .collect()
}

/// The columns of the table `quarantine`.
pub(crate) fn quarantine_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("source_table", DataType::Utf8, true),
        Field::new("topic", DataType::Utf8, true),
        Field::new("partition", DataType::Int32, true),
        Field::new("offset", DataType::Int64, true),
        Field::new("timestamp", timestamp(), true),
        Field::new("key", DataType::Binary, true),
        Field::new("value", DataType::Binary, true),
        Field::new("verdict", DataType::Utf8, true),
        Field::new("reason", DataType::Utf8, true),
        Field::new("ingest_ts", timestamp(), true),
    ]))
}

/// Bytes of one record batch: Arrow's columns of text end at 2 GiB.
pub(crate) const BATCH_BYTES: usize = 256 << 20;

/// Cuts rows into record batches of at most so many bytes, or of one row.
pub(crate) fn cut<T>(
    rows: &[T],
    max_bytes: usize,
    bytes: impl Fn(&T) -> usize,
) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let mut held = 0_usize;
        let fits = rest.iter().take_while(|row| {
            held = held.saturating_add(bytes(row));
            held <= max_bytes
        });
        let fits = fits.count().max(1);
        let (now, later) = rest.split_at_checked(fits)?;
        rest = later;
        Some(now)
    })
}

/// Quarantined records, in the folder of the day of reading. `tables` are name and topic by the
/// place of the source table.
pub(crate) fn quarantine_rows(
    schema: &SchemaRef,
    tables: &[(&str, &str)],
    rejected: &[Rejected],
    ingested: Timestamp,
) -> Result<ByDay, ArrowError> {
    let ingested = ingested.0.saturating_mul(1000);
    let bytes = |row: &Rejected| {
        row.key.as_ref().map_or(0, Vec::len) + row.value.as_ref().map_or(0, Vec::len) + row.reason.len()
    };
    let batches: Vec<RecordBatch> = cut(rejected, BATCH_BYTES, bytes)
        .map(|rows| quarantine_batch(schema, tables, rows, ingested))
        .collect::<Result<_, _>>()?;
    Ok(if batches.is_empty() {
        ByDay::new()
    } else {
        ByDay::from([(EventTime(ingested).day(), batches)])
    })
}

fn quarantine_batch(
    schema: &SchemaRef,
    tables: &[(&str, &str)],
    rejected: &[Rejected],
    ingested: i64,
) -> Result<RecordBatch, ArrowError> {
    let text = |of: &dyn Fn(&Rejected) -> String| -> ArrayRef {
        let mut builder = StringBuilder::new();
        rejected.iter().for_each(|row| builder.append_value(of(row)));
        Arc::new(builder.finish())
    };
    let (mut keys, mut values) = (BinaryBuilder::new(), BinaryBuilder::new());
    for row in rejected {
        keys.append_option(row.key.as_deref());
        values.append_option(row.value.as_deref());
    }
    let known = |t: Timestamp| (t.0 >= 0).then(|| t.0.saturating_mul(1000));
    let timestamps: TimestampMicrosecondArray = rejected.iter().map(|row| known(row.timestamp)).collect();
    let ingested = TimestampMicrosecondArray::from(vec![ingested; rejected.len()]);
    let columns: Vec<ArrayRef> = vec![
        text(&|row| tables[row.table].0.to_owned()),
        text(&|row| tables[row.table].1.to_owned()),
        Arc::new(Int32Array::from_iter_values(
            rejected.iter().map(|row| row.partition.0),
        )),
        Arc::new(Int64Array::from_iter_values(
            rejected.iter().map(|row| row.offset.0),
        )),
        Arc::new(timestamps.with_timezone("UTC")),
        Arc::new(keys.finish()),
        Arc::new(values.finish()),
        text(&|row| verdict_name(row.verdict).to_owned()),
        text(&|row| row.reason.clone()),
        Arc::new(ingested.with_timezone("UTC")),
    ];
    RecordBatch::try_new(schema.clone(), columns)
}

fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Malformed => "malformed",
        Verdict::Future => "future",
        Verdict::Filtered => "filtered",
        Verdict::Late | Verdict::LateAfterIdle => "late",
        Verdict::Duplicate => "duplicate",
        Verdict::Written => "written",
    }
}

/// Counts as a column of a state file.
pub(crate) fn counts(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(UInt64Array::from_iter_values(values))
}

#[cfg(test)]
mod tests;
