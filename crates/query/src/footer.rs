//! The columns of a Parquet file, out of its footer.

use std::io::{self, Read};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use bytes::Bytes;
use disk::File;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::errors::Result;
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::reader::{ChunkReader, Length};

/// Reads the columns of an open Parquet file of this length.
pub(crate) fn columns<F: File>(file: F, length: u64) -> Result<SchemaRef> {
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&Stored {
        file: Arc::new(file),
        length,
    })?;
    let file = metadata.file_metadata();
    let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?;
    // What else the writer noted in the file would make equal schemas differ.
    Ok(Arc::new(Schema::new(schema.fields().clone())))
}

/// An open file, as the Parquet reader wants it.
struct Stored<F> {
    file: Arc<F>,
    length: u64,
}

/// A reader from one place of the file on.
struct From<F> {
    file: Arc<F>,
    at: u64,
}

impl<F: File> Length for Stored<F> {
    fn len(&self) -> u64 {
        self.length
    }
}

impl<F: File> ChunkReader for Stored<F> {
    type T = From<F>;

    fn get_read(&self, start: u64) -> Result<From<F>> {
        Ok(From {
            file: Arc::clone(&self.file),
            at: start,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut content = vec![0; length];
        self.file.read_exact_at(&mut content, start)?;
        Ok(content.into())
    }
}

impl<F: File> Read for From<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
