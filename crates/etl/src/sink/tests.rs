use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray, TimestampMicrosecondArray};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::LogicalType;

use super::*;
use crate::declaration::{SourceDeclaration, TableDeclaration, default_tables};
use crate::rows::source_schema;

fn clickstream() -> SourceDeclaration {
    match default_tables().remove(0) {
        TableDeclaration::Source(source) => source,
        TableDeclaration::Derived(_) => panic!("the first default table reads a topic"),
    }
}

fn rows(schema: &SchemaRef, from: usize, count: usize) -> RecordBatch {
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.data_type() {
            DataType::Utf8 => {
                let name = field.name();
                let text = |n: usize| (!n.is_multiple_of(7)).then(|| format!("{name} {}", n % 50));
                Arc::new((from..from + count).map(text).collect::<StringArray>())
            }
            _ => {
                let times = (from..from + count).map(|n| 1_748_739_723_000_000 + n as i64 * 1_000);
                Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
            }
        }
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}

#[test]
fn what_is_encoded_reads_back_with_the_encodings_that_we_want() {
    let declaration = clickstream();
    let schema = source_schema(&declaration);
    let encoder = Encoder::new(schema.clone(), &declaration.unique_columns());
    let batches = [
        rows(&schema, 0, 1_000),
        rows(&schema, 1_000, 1),
        rows(&schema, 1_001, 2_000),
    ];
    let (file, tasks) = encoder.begin().unwrap();
    let chunks = tasks
        .into_iter()
        .map(|task| task.encode(&batches).unwrap())
        .collect();
    let bytes = bytes::Bytes::from(file.finish(chunks).unwrap());

    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)
        .unwrap()
        .with_batch_size(10_000);
    let metadata = reader.metadata().clone();
    assert_eq!(metadata.num_row_groups(), 1);
    for column in metadata.row_group(0).columns() {
        let name = column.column_path().string();
        assert!(matches!(column.compression(), Compression::ZSTD(_)), "{name}");
        let is_time = schema.field_with_name(&name).unwrap().data_type() != &DataType::Utf8;
        let encodings: Vec<Encoding> = column.encodings().collect();
        assert_eq!(
            encodings.contains(&Encoding::DELTA_BINARY_PACKED),
            is_time,
            "{name}"
        );
        let has_dictionary = column.dictionary_page_offset().is_some();
        assert_eq!(has_dictionary, !is_time && name != "event_id", "{name}");
        if is_time {
            let logical = column.column_descr().logical_type_ref();
            let utc = matches!(logical, Some(LogicalType::Timestamp(time)) if time.is_adjusted_to_u_t_c);
            assert!(utc, "{name}: {logical:?}");
        }
    }
    let read: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(read, [rows(&schema, 0, 3_001)]);
}
