//! `config.yml` as a flat list of keys and texts, each with its line.

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use crate::error::{ConfigError, Origin};
use crate::key::{KEYS, Key};
use crate::raw::Entry;
use crate::suggestion::nearest;

/// What YAML can hold, as far as settings need it.
enum Node {
    Nothing,
    Scalar(String),
    List,
    Section(Vec<(Spanned<String>, Spanned<Node>)>),
}

/// Reads the settings out of the text of `config.yml`. `path` is for messages only.
pub(crate) fn parse(text: &str, path: &Path) -> Result<Vec<Entry>, ConfigError> {
    let blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if text.lines().all(blank) {
        return Ok(Vec::new());
    }
    let root: Spanned<Node> = serde_saphyr::from_str(text).map_err(|error| {
        let line = error.location().map_or(1, |location| location.line());
        let message = error.without_snippet().to_string();
        ConfigError::Syntax {
            path: path.to_owned(),
            line,
            message: format!("{message}{}", excerpt(text, line)),
        }
    })?;
    let mut reader = Reader {
        text,
        path,
        entries: Vec::new(),
    };
    match &root.value {
        Node::Nothing => {}
        Node::Section(items) => reader.section("", items)?,
        Node::Scalar(_) | Node::List => {
            let message = "the file must hold sections such as `kafka:`".to_owned();
            return Err(reader.error(root.referenced.line(), message));
        }
    }
    Ok(reader.entries)
}

fn excerpt(text: &str, line: u64) -> String {
    line_of(text, line).map_or_else(String::new, |line| format!("\n    {}", line.trim_end()))
}

fn line_of(text: &str, line: u64) -> Option<&str> {
    let index = usize::try_from(line.checked_sub(1)?).ok()?;
    text.lines().nth(index)
}

struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
    entries: Vec<Entry>,
}

impl Reader<'_> {
    fn section(
        &mut self,
        prefix: &str,
        items: &[(Spanned<String>, Spanned<Node>)],
    ) -> Result<(), ConfigError> {
        for (name, node) in items {
            let path = if prefix.is_empty() {
                name.value.clone()
            } else {
                format!("{prefix}.{}", name.value)
            };
            let line = name.referenced.line();
            match (Key::of_path(&path), &node.value) {
                (Some(key), Node::Scalar(text)) => {
                    let origin = Origin::File {
                        path: self.path.to_owned(),
                        line,
                    };
                    self.entries.push(Entry {
                        key,
                        text: text.clone(),
                        origin,
                        excerpt: line_of(self.text, line).map(str::to_owned),
                    });
                }
                (Some(key), Node::Nothing) => {
                    let message = format!("`{path}` has no value; it takes {}, or remove the line", key.kind);
                    return Err(self.error(line, message));
                }
                (Some(key), Node::List | Node::Section(_)) => {
                    let message = format!("`{path}` takes {}", key.kind);
                    return Err(self.error(line, message));
                }
                (None, Node::Section(items)) if Key::is_section(&path) => {
                    self.section(&path, items)?;
                }
                (None, Node::Nothing) if Key::is_section(&path) => {}
                (None, _) if Key::is_section(&path) => {
                    let message = format!("`{path}` is a section; {}", members(&path));
                    return Err(self.error(line, message));
                }
                (None, _) => return Err(self.error(line, unknown(&path))),
            }
        }
        Ok(())
    }

    fn error(&self, line: u64, message: String) -> ConfigError {
        ConfigError::Setting {
            origin: Origin::File {
                path: self.path.to_owned(),
                line,
            },
            message,
            excerpt: line_of(self.text, line).map(str::to_owned),
        }
    }
}

fn members(section: &str) -> String {
    let names: Vec<&str> = KEYS
        .iter()
        .filter_map(|key| key.path.strip_prefix(section)?.strip_prefix('.'))
        .collect();
    format!("it holds {}", names.join(", "))
}

/// The message for a key that does not exist, with the one that was probably meant.
pub(crate) fn unknown(path: &str) -> String {
    let sections = KEYS.iter().filter_map(|key| Some(key.path.rsplit_once('.')?.0));
    let meant = nearest(path, KEYS.iter().map(|key| key.path).chain(sections));
    match meant {
        Some(meant) => format!("`{path}` is not a setting; did you mean `{meant}`?"),
        None => format!("`{path}` is not a setting"),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Nothing)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        while items.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(Node::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut section = Vec::new();
        while let Some(item) = items.next_entry()? {
            section.push(item);
        }
        Ok(Node::Section(section))
    }
}
