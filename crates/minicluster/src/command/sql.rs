//! `minicluster sql`: one question to the lake.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use clap::ValueEnum;
use config::Settings;
use disk::RealDisk;
use lake::{LakeError, Snapshot};
use query::{Engine, Limits, QueryError, Rows};
use serde_json::Value;

use crate::command::etl;
use crate::failure::{Code, Failure, Outcome};
use crate::output::{self, Align};

/// More rows than that are not drawn as a table.
const TABLE_ROWS: usize = 10_000;

/// What to ask.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// The query
    query: String,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: SqlFormat,
}

const EXAMPLES: &str = "\
Examples:
  minicluster sql \"show tables\"
  minicluster sql \"select url, count(*) as views from clickstream group by url order by views desc limit 10\"
  minicluster sql -o csv \"select * from iot where dt = '2025-06-01'\" > iot.csv";

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum SqlFormat {
    /// A drawn table.
    #[default]
    Table,
    /// One JSON object a row.
    Json,
    /// Comma-separated values with a header.
    Csv,
}

/// Asks and prints.
pub(crate) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let engine = open(settings)?;
    let mut rows = engine.sql(&options.query).await.map_err(failure)?;
    match options.output {
        SqlFormat::Table => print_table(&mut rows).await,
        SqlFormat::Json => print_json(&mut rows).await,
        SqlFormat::Csv => print_csv(&mut rows).await,
    }
}

fn open(settings: &Settings) -> Outcome<Engine> {
    let root = settings.folders.lake();
    let snapshot = Snapshot::open(RealDisk, root).map_err(|error| match error {
        LakeError::NoLake { .. } => Failure::new(
            Code::NotRunning,
            format!(
                "there is no lake in {} yet: `minicluster up` creates it",
                root.display()
            ),
        ),
        error => error.into(),
    })?;
    let limits = Limits {
        memory_bytes: settings.sql.memory_bytes,
        timeout: settings.sql.timeout,
    };
    Engine::open(snapshot, etl::schemas(settings), limits).map_err(failure)
}

fn failure(error: QueryError) -> Failure {
    Failure::plain(error)
}

async fn print_table(rows: &mut Rows) -> Outcome {
    let schema = rows.schema();
    let mut cells = Vec::new();
    let mut more = 0;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(failure)?;
        for row in texts(&batch)? {
            match cells.len() < TABLE_ROWS {
                true => cells.push(row.into_iter().map(|cell| cell.unwrap_or_default()).collect()),
                false => more += 1,
            }
        }
    }
    let header: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| (field.name().clone(), align(field.data_type())))
        .collect();
    output::data(&output::framed(&header, cells));
    if more > 0 {
        output::progress(&format!("{more} more rows: `-o csv` and `-o json` print all"));
    }
    Ok(())
}

async fn print_csv(rows: &mut Rows) -> Outcome {
    let names: Vec<String> = rows
        .schema()
        .fields()
        .iter()
        .map(|field| csv(field.name()))
        .collect();
    output::data(&names.join(","));
    while let Some(batch) = rows.next().await {
        let lines = texts(&batch.map_err(failure)?)?.into_iter().map(|row| {
            let cells: Vec<String> = row
                .iter()
                .map(|cell| cell.as_deref().map(csv).unwrap_or_default())
                .collect();
            cells.join(",") + "\n"
        });
        print_some(lines.collect());
    }
    Ok(())
}

async fn print_json(rows: &mut Rows) -> Outcome {
    let schema = rows.schema();
    while let Some(batch) = rows.next().await {
        let lines = texts(&batch.map_err(failure)?)?
            .into_iter()
            .map(|row| object(&schema, row) + "\n");
        print_some(lines.collect());
    }
    Ok(())
}

fn print_some(text: String) {
    if !text.is_empty() {
        output::data(&text);
    }
}

/// The cells of a batch by row; `None` for null.
fn texts(batch: &RecordBatch) -> Outcome<Vec<Vec<Option<String>>>> {
    let options = FormatOptions::default().with_types_info(false);
    let columns = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options));
    let columns: Vec<ArrayFormatter<'_>> = columns.collect::<Result<_, _>>()?;
    let cell = |row: usize, column: usize| -> Outcome<Option<String>> {
        if batch.column(column).is_null(row) {
            return Ok(None);
        }
        Ok(Some(columns[column].value(row).try_to_string()?))
    };
    let row = |row| (0..columns.len()).map(|column| cell(row, column)).collect();
    (0..batch.num_rows()).map(row).collect()
}

/// Keeps the order of the columns, which a map would not.
fn object(schema: &SchemaRef, row: Vec<Option<String>>) -> String {
    let members = schema.fields().iter().zip(row).map(|(field, cell)| {
        let value = cell.map_or(Value::Null, |cell| value(field.data_type(), cell));
        format!("{}:{value}", Value::from(field.name().as_str()))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// Numbers and booleans as such, all else as text.
fn value(data_type: &DataType, cell: String) -> Value {
    if data_type.is_numeric() || *data_type == DataType::Boolean {
        // What JSON has no number for (NaN) stays a text.
        return serde_json::from_str(&cell).unwrap_or(Value::String(cell));
    }
    Value::String(cell)
}

fn align(data_type: &DataType) -> Align {
    if data_type.is_numeric() {
        Align::Right
    } else {
        Align::Left
    }
}

/// A field of RFC 4180.
fn csv(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell.to_owned()
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType;

    use super::{csv, value};

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(csv("plain text"), "plain text");
        assert_eq!(csv("a,\"b\"\nc"), "\"a,\"\"b\"\"\nc\"");
    }

    #[test]
    fn numbers_stay_numbers() {
        assert_eq!(value(&DataType::Float64, "1.5".to_owned()).to_string(), "1.5");
        assert_eq!(value(&DataType::Float64, "NaN".to_owned()).to_string(), "\"NaN\"");
        assert_eq!(value(&DataType::Utf8, "1".to_owned()).to_string(), "\"1\"");
        assert_eq!(value(&DataType::Boolean, "true".to_owned()).to_string(), "true");
    }
}
