//! Tables as values: what a table reads, which columns it has, how its events are judged.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::EtlError;

/// A table of the lake and where its rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableDeclaration {
    /// One row for each event of a topic.
    Source(SourceDeclaration),
    /// One row for each group and closed window of another table.
    Derived(DerivedDeclaration),
}

impl TableDeclaration {
    /// The name of the table.
    #[must_use]
    pub fn table(&self) -> &str {
        match self {
            Self::Source(source) => &source.table,
            Self::Derived(derived) => &derived.table,
        }
    }
}

/// The type of a declared column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Text, UTF-8.
    Text,
    /// An integer of 32 bits, Spark's `int`.
    Int,
    /// A floating-point number of 64 bits.
    Double,
}

/// A declared column: a member of the event's JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The name, in the JSON object and in the table.
    pub name: String,
    /// The type; a value of another type makes the event malformed.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
}

/// One part of the key by which duplicates are recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DedupKey {
    /// The value of a declared column; an event without it is malformed.
    Column(String),
    /// The parsed event time.
    EventTime,
}

/// A table of events: columns decoded from the JSON objects of a topic.
///
/// Besides the declared columns its rows have `event_ts` (the parsed event time), `timestamp`
/// (the record's own, Kafka's) and `ingest_ts`; the folders are `dt=YYYY-MM-DD` of `event_ts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceDeclaration {
    /// The name of the table.
    pub table: String,
    /// The topic that it reads.
    pub topic: String,
    /// The declared columns, in the order of the table.
    pub columns: Vec<Column>,
    /// The text column that holds the event time in ISO 8601.
    pub event_time: String,
    /// How far the watermark stays behind the highest event time.
    pub watermark_delay: Duration,
    /// How far an event may be ahead of the record's own timestamp before it counts as future.
    pub future_limit: Duration,
    /// A partition that is read to its end and silent for so long no longer holds the table's watermark.
    pub idle_after: Duration,
    /// The key of deduplication; none: duplicates are not looked for.
    pub dedup_keys: Vec<DedupKey>,
}

/// What is computed over the rows of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AggregateFunction {
    /// The number of rows.
    Count,
}

/// A column of a derived table that is computed over the rows of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aggregate {
    /// The name of the column.
    pub name: String,
    /// What is computed.
    pub function: AggregateFunction,
}

/// A table of closed windows over the written rows of a source table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DerivedDeclaration {
    /// The name of the table.
    pub table: String,
    /// The source table whose written rows it aggregates.
    pub source: String,
    /// Length of the tumbling windows over `event_ts`.
    pub window: Duration,
    /// Name of the column that holds the start of the window; the folders are its date.
    pub window_start: String,
    /// Name of the column that holds the end of the window, exclusive.
    pub window_end: String,
    /// Text columns of the source whose values make a group.
    pub group_by: Vec<String>,
    /// What is computed for each group.
    pub aggregates: Vec<Aggregate>,
}

/// Columns that every source table has beside the declared ones.
pub(crate) const ADDED_COLUMNS: [&str; 3] = ["event_ts", "timestamp", "ingest_ts"];
/// The table of the events that fit no other.
pub(crate) const QUARANTINE: &str = "quarantine";

/// The tables `clickstream`, `iot` and `clickstream_agg`.
#[must_use]
pub fn default_tables() -> Vec<TableDeclaration> {
    let text = |name: &str| Column {
        name: name.into(),
        column_type: ColumnType::Text,
    };
    let of = |name: &str, column_type| Column {
        name: name.into(),
        column_type,
    };
    let source = |table: &str, columns, dedup_keys| SourceDeclaration {
        table: table.into(),
        topic: table.into(),
        columns,
        event_time: "ts".into(),
        watermark_delay: Duration::from_secs(120),
        future_limit: Duration::from_secs(300),
        idle_after: Duration::from_secs(60),
        dedup_keys,
    };
    let clickstream = source(
        "clickstream",
        ["event_id", "user_id", "url", "referrer", "ua", "session_id", "ts"]
            .map(text)
            .to_vec(),
        vec![DedupKey::Column("event_id".into())],
    );
    let iot = source(
        "iot",
        vec![
            text("device_id"),
            text("site"),
            of("temp_c", ColumnType::Double),
            of("humidity", ColumnType::Double),
            of("battery", ColumnType::Int),
            of("signal_strength", ColumnType::Int),
            text("ts"),
        ],
        vec![DedupKey::Column("device_id".into()), DedupKey::EventTime],
    );
    let page_views = DerivedDeclaration {
        table: "clickstream_agg".into(),
        source: "clickstream".into(),
        window: Duration::from_secs(60),
        window_start: "minute_start".into(),
        window_end: "minute_end".into(),
        group_by: vec!["url".into()],
        aggregates: vec![Aggregate {
            name: "pv".into(),
            function: AggregateFunction::Count,
        }],
    };
    vec![
        TableDeclaration::Source(clickstream),
        TableDeclaration::Source(iot),
        TableDeclaration::Derived(page_views),
    ]
}

/// Shorter than the lake allows: names of state files hold a table's and more.
const LONGEST_NAME: usize = 60;

/// Checks a list of declarations as a whole.
///
/// # Errors
/// [`EtlError::Declaration`] names the table and the mistake.
pub fn check_tables(tables: &[TableDeclaration]) -> Result<(), EtlError> {
    let mut names = BTreeSet::from([QUARANTINE]);
    for declaration in tables {
        let table = declaration.table();
        let mistake = |what: String| EtlError::Declaration {
            table: table.to_owned(),
            what,
        };
        lake::TableName::new(table).map_err(|error| mistake(error.to_string()))?;
        if table.len() > LONGEST_NAME {
            return Err(mistake(format!("the name is longer than {LONGEST_NAME} letters")));
        }
        if !names.insert(table) {
            return Err(mistake("the name is taken".into()));
        }
        match declaration {
            TableDeclaration::Source(source) => source.check().map_err(mistake)?,
            TableDeclaration::Derived(derived) => derived.check(tables).map_err(mistake)?,
        }
    }
    Ok(())
}

impl SourceDeclaration {
    fn check(&self) -> Result<(), String> {
        let mut names = BTreeSet::from(ADDED_COLUMNS);
        names.insert("dt");
        for column in &self.columns {
            if column.name.is_empty() || !names.insert(&column.name) {
                return Err(format!("the column name `{}` is empty or taken", column.name));
            }
        }
        match self.column(&self.event_time) {
            Some((_, ColumnType::Text)) => {}
            Some(_) => {
                return Err(format!(
                    "the event time `{}` must be a text column",
                    self.event_time
                ));
            }
            None => {
                return Err(format!(
                    "the event time `{}` is not among the columns",
                    self.event_time
                ));
            }
        }
        for key in &self.dedup_keys {
            if let DedupKey::Column(name) = key
                && self.column(name).is_none()
            {
                return Err(format!("the deduplication key `{name}` is not among the columns"));
            }
        }
        if self.watermark_delay.is_zero() || self.watermark_delay > Duration::from_secs(7 * 86_400) {
            return Err("the watermark delay must be more than 0 and at most 7 days".into());
        }
        Ok(())
    }

    /// Position and type of a declared column.
    pub(crate) fn column(&self, name: &str) -> Option<(usize, ColumnType)> {
        let index = self.columns.iter().position(|c| c.name == name)?;
        Some((index, self.columns[index].column_type))
    }

    /// Columns that alone are the deduplication key: no value comes twice.
    pub(crate) fn unique_columns(&self) -> Vec<&str> {
        match self.dedup_keys.as_slice() {
            [DedupKey::Column(name)] => vec![name],
            _ => Vec::new(),
        }
    }

    /// Whether state and files of `older` can be carried on; the reason if not.
    pub(crate) fn continues(&self, older: &Self) -> Result<(), &'static str> {
        if self.topic != older.topic {
            return Err("its topic");
        }
        if self.columns != older.columns {
            return Err("its columns");
        }
        if self.event_time != older.event_time {
            return Err("its event time");
        }
        if self.dedup_keys != older.dedup_keys {
            return Err("its deduplication keys");
        }
        Ok(())
    }
}

impl DerivedDeclaration {
    fn check(&self, tables: &[TableDeclaration]) -> Result<(), String> {
        let source = tables.iter().find_map(|t| match t {
            TableDeclaration::Source(s) if s.table == self.source => Some(s),
            _ => None,
        });
        let Some(source) = source else {
            return Err(format!(
                "its source `{}` is not a declared table that reads a topic",
                self.source
            ));
        };
        let mut names = BTreeSet::from(["dt"]);
        for name in [&self.window_start, &self.window_end]
            .into_iter()
            .chain(&self.group_by)
            .chain(self.aggregates.iter().map(|a| &a.name))
        {
            if name.is_empty() || !names.insert(name.as_str()) {
                return Err(format!("the column name `{name}` is empty or taken"));
            }
        }
        for name in &self.group_by {
            if !matches!(source.column(name), Some((_, ColumnType::Text))) {
                return Err(format!("`{name}` is not a text column of `{}`", self.source));
            }
        }
        if self.window < Duration::from_secs(1) || self.window > Duration::from_secs(86_400) {
            return Err("the window must be from 1 second to 1 day long".into());
        }
        Ok(())
    }
}

/// A duration in whole microseconds. Declared durations are checked to fit.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
