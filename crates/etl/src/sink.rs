//! Rows as Parquet: zstd, timestamps in microseconds as deltas, dictionaries only where they help.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

/// How the columns of a table are encoded.
#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    schema: SchemaRef,
    properties: WriterProperties,
}

impl Encoder {
    /// `unique` columns hold a value once mostly: a dictionary would only cost time.
    pub(crate) fn new(schema: SchemaRef, unique: &[&str]) -> Self {
        let level = ZstdLevel::try_new(1).unwrap_or_default();
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by("minicluster".into());
        for field in schema.fields() {
            let path = ColumnPath::from(field.name().as_str());
            if matches!(field.data_type(), DataType::Timestamp(..)) {
                properties = properties
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
            } else if unique.contains(&field.name().as_str()) {
                properties = properties.set_column_dictionary_enabled(path, false);
            }
        }
        Self {
            schema,
            properties: properties.build(),
        }
    }

    /// One file's bytes. An epoch is bounded, so its files fit into memory.
    pub(crate) fn encode(&self, batches: &[RecordBatch]) -> Result<Vec<u8>, ParquetError> {
        let options = ArrowWriterOptions::new().with_properties(self.properties.clone());
        let mut writer = ArrowWriter::try_new_with_options(Vec::new(), self.schema.clone(), options)?;
        for batch in batches {
            writer.write(batch)?;
        }
        writer.into_inner()
    }
}
