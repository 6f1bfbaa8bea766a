//! Rows as Parquet: zstd, timestamps in microseconds as deltas, dictionaries only where they help.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowWriterOptions, compute_leaves};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

/// How the columns of a table are encoded.
#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    schema: SchemaRef,
    properties: WriterProperties,
}

/// A file that waits for its columns. It lies in memory: an epoch is bounded.
pub(crate) struct Unfinished(SerializedFileWriter<Vec<u8>>);

/// One column of a file, to be encoded by any thread.
pub(crate) struct ColumnTask {
    schema: SchemaRef,
    column: usize,
    writer: ArrowColumnWriter,
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

    /// Begins a file of one row group. The tasks are its columns, in their order.
    pub(crate) fn begin(&self) -> Result<(Unfinished, Vec<ColumnTask>), ParquetError> {
        let options = ArrowWriterOptions::new().with_properties(self.properties.clone());
        let writer = ArrowWriter::try_new_with_options(Vec::new(), self.schema.clone(), options)?;
        let (file, factory) = writer.into_serialized_writer()?;
        let task = |(column, writer)| ColumnTask {
            schema: self.schema.clone(),
            column,
            writer,
        };
        let tasks = factory
            .create_column_writers(0)?
            .into_iter()
            .enumerate()
            .map(task);
        Ok((Unfinished(file), tasks.collect()))
    }
}

impl ColumnTask {
    /// Encodes the column of all batches. No column is nested: each has one leaf.
    pub(crate) fn encode(mut self, batches: &[RecordBatch]) -> Result<ArrowColumnChunk, ParquetError> {
        for batch in batches {
            for leaf in compute_leaves(self.schema.field(self.column), batch.column(self.column))? {
                self.writer.write(&leaf)?;
            }
        }
        self.writer.close()
    }
}

impl Unfinished {
    /// The file's bytes; the chunks in the order of the columns.
    pub(crate) fn finish(mut self, chunks: Vec<ArrowColumnChunk>) -> Result<Vec<u8>, ParquetError> {
        let mut row_group = self.0.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut row_group)?;
        }
        row_group.close()?;
        self.0.into_inner()
    }
}

#[cfg(test)]
mod tests;
