//! What a commit says.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{AttemptId, CommitNumber, Digest, LakeId, TableName};

/// One commit: the change that it makes to the tables, the state that goes with it, and what the
/// application wants to know when it starts again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// The lake that it belongs to.
    pub lake: LakeId,
    /// Its number.
    pub number: CommitNumber,
    /// The digest of the commit before it; none for the first.
    pub previous: Option<Digest>,
    /// When it was made, by the clock of its writer, which may have been set back since the commit
    /// before it.
    #[serde(rename = "at_ms", with = "timestamp_ms")]
    pub at: Timestamp,
    /// The attempt that made it, which names its files and its staging folder.
    #[serde(with = "text")]
    pub attempt: AttemptId,
    /// What changes in each table, source tables before the tables derived from them.
    pub tables: Vec<TableChange>,
    /// All state files that belong to this commit, new ones and kept ones.
    pub state: Vec<StateFile>,
    /// What the application put in.
    pub application: Payload,
}

/// What a commit changes in one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableChange {
    /// The table.
    pub table: TableName,
    /// Files that belong to the table from this commit on.
    pub added: Vec<DataFile>,
    /// Files that belong to it no more.
    pub removed: Vec<DataFile>,
}

/// A file of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// Its partition: the folder `dt=YYYY-MM-DD`.
    #[serde(with = "text")]
    pub dt: Date,
    /// Its name within the partition.
    pub name: String,
    /// How many rows it holds, as its writer said.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// Its content.
    pub sha256: Digest,
}

/// A file of the application's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateFile {
    /// The name that the application knows it by; unique within a commit.
    pub name: String,
    /// Its name in the state folder.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Its content.
    pub sha256: Digest,
}

/// JSON that the application stores with a commit; the lake never looks into it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Payload(Box<RawValue>);

impl Payload {
    /// Stores a value.
    ///
    /// # Errors
    /// If the value can't be written as JSON.
    pub fn new<T: Serialize>(value: &T) -> Result<Payload, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Payload)
    }

    /// JSON's `null`: the payload of the first commit.
    pub fn null() -> Payload {
        Payload(RawValue::NULL.to_owned())
    }

    /// Reads the value back.
    ///
    /// # Errors
    /// If it isn't what the caller expects.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }

    /// Whether it is JSON's `null`.
    pub fn is_null(&self) -> bool {
        self.as_str() == "null"
    }

    /// The JSON as it is stored.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Payload) -> bool {
        self.as_str() == other.as_str()
    }
}

/// Timestamps in milliseconds since 1970, which any language reads.
pub(crate) mod timestamp_ms {
    use jiff::Timestamp;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_i64(at.as_millisecond())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Timestamp, D::Error> {
        Timestamp::from_millisecond(i64::deserialize(d)?).map_err(D::Error::custom)
    }
}

/// Values written as text.
pub(crate) mod text {
    use std::borrow::Cow;
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<T: Display, S: Serializer>(value: &T, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T, D>(d: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = Cow::<str>::deserialize(d)?;
        text.parse().map_err(D::Error::custom)
    }
}
