//! The tables as any reader of Parquet finds them in their folders.

use std::fs::File;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// One row: the texts of the wanted columns, and `dt` of its folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) dt: String,
    pub(crate) cells: Vec<String>,
}

/// All rows of a table. Anything that isn't `dt=.../*.parquet` is an error.
pub(crate) fn read(lake: &Path, table: &str, columns: &[&str]) -> Vec<Row> {
    let mut rows = Vec::new();
    let Ok(partitions) = std::fs::read_dir(lake.join("tables").join(table)) else {
        return rows;
    };
    for partition in partitions {
        let partition = partition.expect("readable").path();
        let name = partition
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name");
        let dt = name
            .strip_prefix("dt=")
            .unwrap_or_else(|| panic!("{table} holds a stranger: {name}"));
        for file in std::fs::read_dir(&partition).expect("readable") {
            let file = file.expect("readable").path();
            assert!(
                file.extension().is_some_and(|extension| extension == "parquet"),
                "{}",
                file.display()
            );
            let open = File::open(&file).expect("readable");
            let reader = ParquetRecordBatchReaderBuilder::try_new(open).and_then(|reader| reader.build());
            for batch in reader.unwrap_or_else(|error| panic!("{}: {error}", file.display())) {
                let texts = texts(&batch.expect("readable"), columns);
                rows.extend(texts.into_iter().map(|cells| Row {
                    dt: dt.to_owned(),
                    cells,
                }));
            }
        }
    }
    rows
}

fn texts(batch: &RecordBatch, columns: &[&str]) -> Vec<Vec<String>> {
    let options = FormatOptions::default();
    let column = |name: &&str| {
        let column = batch
            .column_by_name(name)
            .unwrap_or_else(|| panic!("there is no column {name}"));
        ArrayFormatter::try_new(column.as_ref(), &options).expect("a known type")
    };
    let columns: Vec<_> = columns.iter().map(column).collect();
    (0..batch.num_rows())
        .map(|row| {
            columns
                .iter()
                .map(|column| column.value(row).to_string())
                .collect()
        })
        .collect()
}
