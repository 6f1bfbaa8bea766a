//! `config.yml` as a flat list of keys and texts, each with its place.

mod streams;

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::NonFiniteFloatPolicy;
use serde_saphyr::{DuplicateKeyPolicy, Location, Spanned};

use crate::error::Problem;
use crate::key::Key;
use crate::kind::Kind;
use crate::origin::Origin;
use crate::raw::{Entry, Layer};
use crate::snippet::Snippet;

pub(crate) use self::streams::DeclaredStream;

/// What YAML can hold, as far as settings need it.
enum Node {
    Nothing,
    Text(String),
    /// As the parser understood it; what was written stands in the file.
    Number(String),
    Truth(bool),
    List(Vec<Spanned<Node>>),
    Section(Vec<(Spanned<String>, Spanned<Node>)>),
}

/// Reads the settings out of the text of `config.yml`. `path` is for messages only.
pub(crate) fn parse(text: &str, path: &Path) -> Layer {
    let mut reader = Reader {
        text: text.strip_prefix('\u{feff}').unwrap_or(text),
        path,
        layer: Layer::default(),
    };
    reader.read();
    reader.layer
}

fn nodes(text: &str) -> Result<Spanned<Node>, serde_saphyr::Error> {
    // Keys that stand twice are found by the reader, where both places are known.
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
    };
    serde_saphyr::from_str_with_options(text, options)
}

/// Whether a text without quotes around it is read as that text, as a name and as a value.
pub(crate) fn means_itself(text: &str) -> bool {
    let is_same =
        |name: &str, value: &Node| name == text && matches!(value, Node::Text(value) if value == text);
    match nodes(&format!("{text}: {text}  # end")).map(|root| root.value) {
        Ok(Node::Section(items)) => match items.as_slice() {
            [(name, node)] => is_same(&name.value, &node.value),
            _ => false,
        },
        _ => false,
    }
}

struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
    layer: Layer,
}

impl Reader<'_> {
    fn read(&mut self) {
        let blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        if self.text.lines().all(blank) {
            return;
        }
        match nodes(self.text) {
            Ok(root) => match &root.value {
                Node::Nothing => {}
                Node::Section(items) => self.section("", items),
                _ => {
                    let message = "the file must hold sections such as `kafka:`".to_owned();
                    let help =
                        "begin with a section and a setting below it:\n    kafka:\n      partitions: 6";
                    self.problem(root.referenced, message, Some(help.to_owned()));
                }
            },
            Err(error) => self.syntax(&error),
        }
    }

    fn syntax(&mut self, error: &serde_saphyr::Error) {
        let (line, column) = error
            .location()
            .map_or((1, 1), |location| (location.line(), location.column()));
        // The parser may notice only behind the last line.
        let lines = self.text.lines().count() as u64;
        let snippet = match line > lines {
            true => Snippet::of_line(self.text, lines),
            false => Snippet::of(self.text, line, column, 1),
        };
        let line = line.min(lines);
        let origin = Origin::File {
            path: self.path.to_owned(),
            line,
        };
        let (message, help) = self.explained(error, line);
        let problem = Problem::new(origin, message).at(snippet);
        self.layer.problems.push(problem.help(help));
    }

    /// What the parser found, in words of the file and not of the parser's interface.
    fn explained(&self, error: &serde_saphyr::Error, line: u64) -> (String, &'static str) {
        use serde_saphyr::Error;
        let error = error.without_snippet();
        let text = error.to_string();
        // The place is said already.
        let text = text.split(" at line ").next().unwrap_or(&text);
        match error {
            Error::MultipleDocuments { .. } => (
                "a second document begins here".to_owned(),
                "one file holds one configuration: remove the line `---`, or what is behind it",
            ),
            Error::UnknownAnchor { .. } => (
                "`*` refers to an anchor (`&` and a name) that is not there".to_owned(),
                "put the value in quotes if it is meant as it stands",
            ),
            _ if self.is_indented_by_tab(line) => (
                format!("this is not YAML: {text}"),
                "indent with spaces; YAML does not take tabs",
            ),
            _ => (
                format!("this is not YAML: {text}"),
                "look at the line and the one above: are both indented alike (two spaces a level), is there a blank \
                 behind each colon, is every quote closed?",
            ),
        }
    }

    fn is_indented_by_tab(&self, line: u64) -> bool {
        let index = usize::try_from(line).unwrap_or(0).saturating_sub(1);
        let line = self.text.lines().nth(index).unwrap_or("");
        let blank = line.len() - line.trim_start().len();
        line[..blank].contains('\t')
    }

    fn section(&mut self, prefix: &str, items: &[(Spanned<String>, Spanned<Node>)]) {
        let mut seen: Vec<(&str, u64)> = Vec::new();
        for (name, node) in items {
            let path = match prefix {
                "" => name.value.clone(),
                _ => format!("{prefix}.{}", name.value),
            };
            if let Some((_, first)) = seen.iter().find(|(other, _)| *other == name.value) {
                let message = format!("`{path}` is there twice; line {first} has it as well");
                let help = match Key::is_section(&path) {
                    true => "put what stands below both under one of them",
                    false => "keep one of the two",
                };
                self.problem(name.referenced, message, Some(help.to_owned()));
                continue;
            }
            seen.push((&name.value, name.referenced.line()));
            if path == crate::streams::PATH {
                self.streams(node);
                continue;
            }
            match Key::of_path(&path) {
                Some(key) => self.setting(key, name, node),
                None if Key::is_section(&path) => match &node.value {
                    Node::Section(items) => self.section(&path, items),
                    Node::Nothing => {}
                    value => {
                        let message = format!("`{path}` is a section, not a value");
                        let help = match value {
                            Node::Text(text) if text.contains(':') => {
                                "write a blank behind the colon".to_owned()
                            }
                            _ => format!("below it, two spaces deeper, go {}", listed(&path)),
                        };
                        self.problem(node.referenced, message, Some(help));
                    }
                },
                None => {
                    let problem = unknown(self.origin(name.referenced), &path);
                    let snippet = self.snippet(name.referenced);
                    self.layer.problems.push(problem.at(snippet));
                }
            }
        }
    }

    fn setting(&mut self, key: &'static Key, name: &Spanned<String>, node: &Spanned<Node>) {
        let path = key.path;
        let text = match &node.value {
            Node::Text(text) => text.clone(),
            Node::Number(understood) => self.written(node.referenced, understood),
            Node::List(items) if key.kind == Kind::Servers => match self.joined(items) {
                Some(text) => text,
                None => return self.refuse(node, format!("`{path}` takes {}", key.kind), key),
            },
            Node::Truth(truth) => {
                return self.refuse(
                    node,
                    format!("`{path}` is {truth}, but it takes {}", key.kind),
                    key,
                );
            }
            Node::Nothing => {
                let message = format!("`{path}` has no value; it takes {}", key.kind);
                let help = "give it a value, or remove the line".to_owned();
                return self.problem(name.referenced, message, Some(help));
            }
            Node::List(_) => {
                return self.refuse(
                    node,
                    format!("`{path}` is a list, but it takes {}", key.kind),
                    key,
                );
            }
            Node::Section(_) => {
                let message = format!("`{path}` is a section, but it takes {}", key.kind);
                return self.refuse(name, message, key);
            }
        };
        self.layer.entries.push(Entry {
            key,
            text,
            origin: self.origin(node.referenced),
            snippet: self.snippet(node.referenced),
        });
    }

    /// A number as it was written, so that `1.50` stays `1.50`; through an alias, as it was understood.
    fn written(&self, location: Location, understood: &str) -> String {
        let span = location.span();
        let written = || {
            let from = usize::try_from(span.byte_offset()?).ok()?;
            let to = from.checked_add(usize::try_from(span.byte_len()?).ok()?)?;
            let written = self.text.get(from..to)?.trim();
            let same = written.parse::<f64>().ok()? == understood.parse::<f64>().ok()?;
            same.then(|| written.to_owned())
        };
        written().unwrap_or_else(|| understood.to_owned())
    }

    fn joined(&self, items: &[Spanned<Node>]) -> Option<String> {
        let text = |item: &Spanned<Node>| match &item.value {
            Node::Text(text) => Some(text.clone()),
            _ => None,
        };
        let texts: Option<Vec<String>> = items.iter().map(text).collect();
        texts.map(|texts| texts.join(","))
    }

    fn refuse<T>(&mut self, at: &Spanned<T>, message: String, key: &Key) {
        self.problem(at.referenced, message, Some(key.explained()));
    }

    fn problem(&mut self, at: Location, message: String, help: Option<String>) {
        let mut problem = Problem::new(self.origin(at), message).at(self.snippet(at));
        problem.help = help;
        self.layer.problems.push(problem);
    }

    fn origin(&self, at: Location) -> Origin {
        Origin::File {
            path: self.path.to_owned(),
            line: at.line(),
        }
    }

    fn snippet(&self, at: Location) -> Option<Snippet> {
        Snippet::of(self.text, at.line(), at.column(), at.span().len())
    }
}

fn listed(section: &str) -> String {
    Key::members(section).join(", ")
}

/// What is wrong with a key that does not exist, with the one that was probably meant.
pub(crate) fn unknown(origin: Origin, path: &str) -> Problem {
    let streams = crate::streams::PATH;
    if path == streams
        || path
            .strip_prefix(streams)
            .is_some_and(|rest| rest.starts_with('.'))
    {
        let message = format!("`{path}` cannot be set here");
        return Problem::new(origin, message).help("declare streams in config.yml");
    }
    let section = path.rsplit_once('.').map_or("", |(section, _)| section);
    let section = if Key::is_section(section) { section } else { "" };
    let place = match section {
        "" => "the file".to_owned(),
        section => format!("`{section}`"),
    };
    let help = format!("{place} holds {}", listed(section));
    // Another number of the same thing isn't meant: `broker_4` is one too many.
    let without_digits = |path: &str| path.replace(|c: char| c.is_ascii_digit(), "");
    let is_meant = |meant: &&'static str| without_digits(meant) != without_digits(path);
    match Key::meant(path).filter(is_meant) {
        Some(meant) => Problem::new(
            origin,
            format!("`{path}` is not a setting; did you mean `{meant}`?"),
        ),
        None => Problem::new(origin, format!("`{path}` is not a setting")).help(help),
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
        Ok(Node::Truth(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
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
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut section = Vec::new();
        while let Some(item) = items.next_entry()? {
            section.push(item);
        }
        Ok(Node::Section(section))
    }
}
