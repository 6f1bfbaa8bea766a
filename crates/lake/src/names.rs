//! The names that a lake gives to things, each checked where it is made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The number of a commit. Numbers have no gaps; the first commit is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommitNumber(pub u64);

impl CommitNumber {
    /// The empty commit with which every lake begins.
    pub const FIRST: CommitNumber = CommitNumber(1);

    pub(crate) fn next(self) -> CommitNumber {
        CommitNumber(self.0 + 1)
    }
}

impl fmt::Display for CommitNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A random number that names one attempt to make a commit. Files and staging folders carry it, so
/// that no two attempts ever share a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(pub u128);

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for AttemptId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<AttemptId, NameError> {
        let plain = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match u128::from_str_radix(text, 16) {
            Ok(number) if plain => Ok(AttemptId(number)),
            _ => Err(NameError::attempt(text)),
        }
    }
}

/// The identity of a lake, drawn when it is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LakeId(uuid::Uuid);

impl LakeId {
    /// The id that a random number gives.
    pub fn from_random(random: u128) -> LakeId {
        LakeId(uuid::Builder::from_random_bytes(random.to_be_bytes()).into_uuid())
    }
}

impl fmt::Display for LakeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a table, and of its folder: lower-case letters, digits and underscores, beginning
/// with a letter, at most 100 of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TableName(String);

impl TableName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`NameError`] says which names are allowed.
    pub fn new(name: impl Into<String>) -> Result<TableName, NameError> {
        let name = name.into();
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let starts_well = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if starts_well && name.len() <= 100 && name.bytes().all(allowed) {
            Ok(TableName(name))
        } else {
            Err(NameError::table(&name))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for TableName {
    type Error = NameError;

    fn try_from(name: String) -> Result<TableName, NameError> {
        TableName::new(name)
    }
}

impl FromStr for TableName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<TableName, NameError> {
        TableName::new(name)
    }
}

impl From<TableName> for String {
    fn from(name: TableName) -> String {
        name.0
    }
}

/// Checks the name of a state file or of a job, which become parts of paths.
pub(crate) fn check_plain(kind: &'static str, name: &str) -> Result<(), NameError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let starts_well = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if starts_well && name.len() <= 100 && name.bytes().all(allowed) {
        Ok(())
    } else {
        Err(NameError::new(
            kind,
            name,
            "letters, digits, '_', '-' and '.', beginning with a letter or digit, at most 100",
        ))
    }
}

/// A name that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} can't be the name of a {kind}: it must be {must_be}")]
pub struct NameError {
    kind: &'static str,
    name: String,
    must_be: &'static str,
}

impl NameError {
    fn new(kind: &'static str, name: &str, must_be: &'static str) -> NameError {
        NameError {
            kind,
            name: name.to_owned(),
            must_be,
        }
    }

    fn table(name: &str) -> NameError {
        NameError::new(
            "table",
            name,
            "lower-case letters, digits and '_', beginning with a letter, at most 100",
        )
    }

    fn attempt(name: &str) -> NameError {
        NameError::new("attempt", name, "32 lower-case hexadecimal digits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_names_are_safe_in_paths_and_in_sql() {
        for good in ["a", "clickstream_agg", "t2"] {
            assert_eq!(TableName::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "A",
            "_a",
            "1a",
            "a-b",
            "a/b",
            "..",
            "dt=1",
            "\u{e4}",
            &"a".repeat(101),
        ] {
            assert!(TableName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn attempts_are_read_back_only_as_they_are_written() {
        let id = AttemptId(0x00ab);
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in [
            "ab",
            "+00000000000000000000000000000ab",
            "000000000000000000000000000000AB",
        ] {
            assert!(bad.parse::<AttemptId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn names_of_state_files_stay_in_their_folder() {
        assert!(check_plain("state file", "dedup-clickstream.0").is_ok());
        for bad in ["", ".", "..", "../x", "a/b", ".hidden", "a b"] {
            assert!(check_plain("state file", bad).is_err(), "{bad}");
        }
    }
}
