//! `generator.streams` in `config.yml`: declared streams, checked where they stand.

use std::fmt::Display;
use std::time::Duration;

use serde_saphyr::Spanned;

use super::{Node, Reader};
use crate::kind::{self, Kind};
use crate::origin::Origin;
use crate::snippet::Snippet;
use crate::streams::{BUILT_IN, Field, FieldKind, PATH, Stream, StreamFormat};
use crate::suggestion::nearest;

/// A declared stream and where its topic is named.
#[derive(Debug, Clone)]
pub(crate) struct DeclaredStream {
    pub(crate) stream: Stream,
    pub(crate) origin: Origin,
    pub(crate) snippet: Option<Snippet>,
}

type Items = [(Spanned<String>, Spanned<Node>)];

const STREAM: [&str; 5] = ["topic", "per_second", "format", "key", "fields"];
/// The kinds of fields and what each takes.
const KINDS: [(&str, &[&str]); 6] = [
    ("id", &["count", "prefix"]),
    ("choice", &["of"]),
    ("number", &["min", "max", "digits", "drift"]),
    ("text", &["pattern"]),
    ("reference", &["to"]),
    ("timestamp", &[]),
];
/// What a pattern may match at most, in bytes.
const LONGEST_TEXT: usize = 4_096;

impl Reader<'_> {
    /// Reads all streams. What is wrong with one doesn't hide what is wrong with the next.
    pub(super) fn streams(&mut self, node: &Spanned<Node>) {
        let Some(items) = self.members(node, PATH, "a name for each stream", None) else {
            return;
        };
        let declared: Vec<DeclaredStream> = items
            .iter()
            .filter_map(|(name, node)| self.stream(name, node))
            .collect();
        self.check_references(node, &declared);
        self.layer.streams = declared;
    }

    fn stream(&mut self, name: &Spanned<String>, node: &Spanned<Node>) -> Option<DeclaredStream> {
        let path = format!("{PATH}.{}", name.value);
        if !Kind::Topic.takes(&name.value) || BUILT_IN.iter().any(|(built_in, _)| *built_in == name.value) {
            let message = format!("`{}` cannot be the name of a stream", name.value);
            let help = "take letters, digits, '_' and '-', and neither `clickstream` nor `iot`";
            self.problem(name.referenced, message, Some(help.to_owned()));
            return None;
        }
        let members = self.members(node, &path, "members such as `fields`", Some(&STREAM))?;
        let find = |wanted: &str| {
            members
                .iter()
                .find(|(name, _)| name.value == wanted)
                .map(|(_, node)| node)
        };
        let (topic_at, topic) = match find("topic") {
            Some(node) => (
                node.referenced,
                self.kind_of(node, &format!("{path}.topic"), Kind::Topic)?,
            ),
            None => (name.referenced, name.value.clone()),
        };
        let per_second = match find("per_second") {
            Some(node) => self.number(node, &format!("{path}.per_second"), 0.0, 10_000_000.0)?,
            None => 10.0,
        };
        let format = match find("format") {
            Some(node) => self.kind_of(node, &format!("{path}.format"), Kind::OneOf(StreamFormat::NAMES))?,
            None => "json".to_owned(),
        };
        let Some(fields_node) = find("fields") else {
            let help = "give it fields:\n    fields:\n      id: {kind: id}\n      ts: {kind: timestamp}";
            self.problem(
                name.referenced,
                format!("`{path}` has no `fields`"),
                Some(help.to_owned()),
            );
            return None;
        };
        let fields = self.fields(fields_node, &format!("{path}.fields"))?;
        let key = match find("key") {
            Some(node) => Some(self.key(node, &path, &fields)?),
            None => None,
        };
        Some(DeclaredStream {
            stream: Stream {
                name: name.value.clone(),
                topic,
                per_second,
                format: StreamFormat::from_name(&format),
                key,
                fields,
            },
            origin: self.origin(topic_at),
            snippet: self.snippet(topic_at),
        })
    }

    fn key(&mut self, node: &Spanned<Node>, path: &str, fields: &[Field]) -> Option<String> {
        let key = self.text(node, &format!("{path}.key"), "the name of a field")?;
        let names = || fields.iter().map(|field| field.name.as_str());
        if names().any(|name| name == key) {
            return Some(key);
        }
        let message = match nearest(&key, names()) {
            Some(meant) => format!("`{path}` has no field `{key}`; did you mean `{meant}`?"),
            None => format!("`{path}` has no field `{key}`"),
        };
        self.problem(
            node.referenced,
            message,
            Some("the key is one of its fields".to_owned()),
        );
        None
    }

    fn fields(&mut self, node: &Spanned<Node>, path: &str) -> Option<Vec<Field>> {
        let items = self.members(node, path, "a name for each field", None)?;
        let read: Vec<Option<Field>> = items
            .iter()
            .map(|(name, node)| self.field(name, node, path))
            .collect();
        let fields: Vec<Field> = read.into_iter().collect::<Option<_>>()?;
        let times = fields
            .iter()
            .filter(|field| field.kind == FieldKind::Timestamp)
            .count();
        if times != 1 {
            let message = format!("`{path}` has {times} fields of the kind timestamp");
            let help = "exactly one says when an event happens, such as `ts: {kind: timestamp}`";
            self.problem(node.referenced, message, Some(help.to_owned()));
            return None;
        }
        Some(fields)
    }

    fn field(&mut self, name: &Spanned<String>, node: &Spanned<Node>, path: &str) -> Option<Field> {
        let path = format!("{path}.{}", name.value);
        let items = self.members(node, &path, "a kind such as `{kind: id}`", None)?;
        let find = |wanted: &str| {
            items
                .iter()
                .find(|(name, _)| name.value == wanted)
                .map(|(_, node)| node)
        };
        let kinds = || KINDS.iter().map(|(kind, _)| *kind);
        let listed = kinds().collect::<Vec<_>>().join(", ");
        let Some(kind_node) = find("kind") else {
            self.problem(
                name.referenced,
                format!("`{path}` has no `kind`"),
                Some(format!("kinds are {listed}")),
            );
            return None;
        };
        let kind = self.text(kind_node, &format!("{path}.kind"), "the name of a kind")?;
        let Some((_, takes)) = KINDS.iter().find(|(known, _)| *known == kind) else {
            let message = match nearest(&kind, kinds()) {
                Some(meant) => format!("`{kind}` is not a kind of field; did you mean `{meant}`?"),
                None => format!("`{kind}` is not a kind of field"),
            };
            self.problem(kind_node.referenced, message, Some(format!("kinds are {listed}")));
            return None;
        };
        let takes: Vec<&str> = std::iter::once("kind").chain(takes.iter().copied()).collect();
        self.members(node, &path, "its kind", Some(&takes))?;
        let required = |reader: &mut Self, member: &str| {
            let found = find(member);
            if found.is_none() {
                let message = format!("`{path}` has no `{member}`");
                reader.problem(
                    name.referenced,
                    message,
                    Some(format!("a field of the kind {kind} needs it")),
                );
            }
            found
        };
        let kind = match kind.as_str() {
            "id" => self.id(&name.value, find("count"), find("prefix"), &path)?,
            "choice" => {
                let of = required(self, "of")?;
                FieldKind::Choice(self.words(of, &format!("{path}.of"))?)
            }
            "number" => {
                let (min, max) = (required(self, "min")?, required(self, "max")?);
                self.range(min, max, find("digits"), find("drift"), &path)?
            }
            "text" => {
                let pattern = required(self, "pattern")?;
                self.pattern(pattern, &format!("{path}.pattern"))?
            }
            "reference" => {
                let to = required(self, "to")?;
                self.reference(to, &format!("{path}.to"))?
            }
            _ => FieldKind::Timestamp,
        };
        Some(Field {
            name: name.value.clone(),
            kind,
        })
    }

    fn id(
        &mut self,
        name: &str,
        count: Option<&Spanned<Node>>,
        prefix: Option<&Spanned<Node>>,
        path: &str,
    ) -> Option<FieldKind> {
        let count = match count {
            Some(node) => Some(self.number(node, &format!("{path}.count"), 1.0, 1e9)? as u64),
            None => None,
        };
        let prefix = match prefix {
            Some(node) => self.text(node, &format!("{path}.prefix"), "a text")?,
            None => format!("{}-", name.strip_suffix("_id").unwrap_or(name)),
        };
        Some(FieldKind::Id { count, prefix })
    }

    /// Words with weights, or a list of words that come equally often.
    fn words(&mut self, node: &Spanned<Node>, path: &str) -> Option<Vec<(String, f64)>> {
        let mut words = Vec::new();
        match &node.value {
            Node::List(items) if !items.is_empty() => {
                for item in items {
                    words.push((self.text(item, path, "words")?, 1.0));
                }
            }
            Node::Section(items) if !items.is_empty() => {
                for (word, weight) in items {
                    let path = format!("{path}.{}", word.value);
                    words.push((word.value.clone(), self.number(weight, &path, 0.0, 1e12)?));
                }
            }
            _ => {
                let help = "such as `of: [red, green]`, or with weights `of: {red: 3, green: 1}`";
                self.wrong(node, path, "words", help);
                return None;
            }
        }
        if words.iter().all(|(_, weight)| *weight == 0.0) {
            let message = format!("`{path}` has no word with a weight above 0");
            self.problem(node.referenced, message, None);
            return None;
        }
        Some(words)
    }

    fn range(
        &mut self,
        min: &Spanned<Node>,
        max: &Spanned<Node>,
        digits: Option<&Spanned<Node>>,
        drift: Option<&Spanned<Node>>,
        path: &str,
    ) -> Option<FieldKind> {
        let least = self.number(min, &format!("{path}.min"), -1e9, 1e9)?;
        let greatest = self.number(max, &format!("{path}.max"), -1e9, 1e9)?;
        if least > greatest {
            let message = format!("`{path}.max` is {greatest}, but `min` is {least}");
            self.problem(
                max.referenced,
                message,
                Some("`max` is not below `min`".to_owned()),
            );
            return None;
        }
        let digits = match digits {
            Some(node) => self.number(node, &format!("{path}.digits"), 0.0, 9.0)? as u8,
            None => 2,
        };
        let drift = match drift {
            Some(node) => {
                let drift = self.kind_of(node, &format!("{path}.drift"), Kind::Span)?;
                kind::span(&drift).filter(|drift| *drift > Duration::ZERO)
            }
            None => None,
        };
        Some(FieldKind::Number {
            min: least,
            max: greatest,
            digits,
            drift,
        })
    }

    fn pattern(&mut self, node: &Spanned<Node>, path: &str) -> Option<FieldKind> {
        let pattern = self.text(node, path, "a regular expression")?;
        let refuse = |reader: &mut Self, why: &dyn Display| {
            let help = "take letters, classes such as [A-Z0-9], counts such as {4}, and (a|b)".to_owned();
            reader.problem(node.referenced, format!("`{path}` {why}"), Some(help));
        };
        match regex_syntax::parse(&pattern) {
            Err(error) => {
                let why = error.to_string();
                let why = why
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ")
                    .to_owned();
                refuse(self, &format!("is no regular expression: {why}"));
                None
            }
            Ok(parsed) if !parsed.properties().look_set().is_empty() => {
                refuse(
                    self,
                    &"looks around: a text is made of what it holds, without anchors",
                );
                None
            }
            Ok(parsed)
                if parsed
                    .properties()
                    .maximum_len()
                    .is_none_or(|length| length > LONGEST_TEXT) =>
            {
                refuse(
                    self,
                    &format!("can match more than {LONGEST_TEXT} bytes: say how many at most"),
                );
                None
            }
            Ok(_) => Some(FieldKind::Text { pattern }),
        }
    }

    fn reference(&mut self, node: &Spanned<Node>, path: &str) -> Option<FieldKind> {
        let to = self.text(node, path, "a field of another stream")?;
        let Some((stream, field)) = to.split_once('.') else {
            let help = "name stream and field, such as `to: clickstream.user_id`";
            self.problem(
                node.referenced,
                format!("`{path}` is `{to}`"),
                Some(help.to_owned()),
            );
            return None;
        };
        Some(FieldKind::Reference {
            stream: stream.to_owned(),
            field: field.to_owned(),
        })
    }

    /// A reference leads to a field that has values to choose from.
    fn check_references(&mut self, node: &Spanned<Node>, declared: &[DeclaredStream]) {
        let fields = declared.iter().flat_map(|declared| {
            let fields = declared.stream.fields.iter();
            fields.map(move |field| (&declared.stream.name, field))
        });
        let mut known: Vec<String> = Vec::new();
        for (stream, built_in) in BUILT_IN {
            known.extend(built_in.iter().map(|field| format!("{stream}.{field}")));
        }
        let is_set =
            |kind: &FieldKind| matches!(kind, FieldKind::Choice(_) | FieldKind::Id { count: Some(_), .. });
        known.extend(
            fields
                .clone()
                .filter(|(_, field)| is_set(&field.kind))
                .map(|(stream, field)| format!("{stream}.{}", field.name)),
        );
        let wrong: Vec<(String, String)> = fields
            .filter_map(|(stream, field)| match &field.kind {
                FieldKind::Reference {
                    stream: to,
                    field: of,
                } => {
                    let to = format!("{to}.{of}");
                    (!known.contains(&to)).then(|| (format!("{PATH}.{stream}.fields.{}.to", field.name), to))
                }
                _ => None,
            })
            .collect();
        for (path, to) in wrong {
            let at = find(node, path.strip_prefix(PATH).unwrap_or(&path)).unwrap_or(node);
            let meant = nearest(&to, known.iter().map(String::as_str));
            let meant = meant
                .map(|meant| format!("; did you mean `{meant}`?"))
                .unwrap_or_default();
            let message = format!("`{path}` is `{to}`, which has no values to choose from{meant}");
            let help = format!("it can be a choice or an id with a count: {}", known.join(", "));
            self.problem(at.referenced, message, Some(help));
        }
    }

    /// The members of a section, once each, and only those that it takes.
    fn members<'n>(
        &mut self,
        node: &'n Spanned<Node>,
        path: &str,
        holds: &str,
        takes: Option<&[&str]>,
    ) -> Option<&'n Items> {
        let Node::Section(items) = &node.value else {
            if !matches!(node.value, Node::Nothing) || path != PATH {
                self.wrong(node, path, "a section", &format!("below it goes {holds}"));
            }
            return None;
        };
        let mut is_good = true;
        for (index, (name, _)) in items.iter().enumerate() {
            let at = &name.value;
            let problem = match takes {
                _ if items[..index].iter().any(|(other, _)| other.value == *at) => Some((
                    format!("`{path}.{at}` is there twice"),
                    "keep one of the two".to_owned(),
                )),
                Some(takes) if !takes.contains(&at.as_str()) => {
                    let meant = nearest(at, takes.iter().copied());
                    let meant = meant
                        .map(|meant| format!("; did you mean `{meant}`?"))
                        .unwrap_or_default();
                    let message = format!("`{path}` takes no `{at}`{meant}");
                    Some((message, format!("it takes {}", takes.join(", "))))
                }
                _ => None,
            };
            if let Some((message, help)) = problem {
                self.problem(name.referenced, message, Some(help));
                is_good = false;
            }
        }
        is_good.then_some(items.as_slice())
    }

    fn text(&mut self, node: &Spanned<Node>, path: &str, what: &str) -> Option<String> {
        match &node.value {
            Node::Text(text) if !text.is_empty() => Some(text.clone()),
            Node::Number(understood) => Some(self.written(node.referenced, understood)),
            _ => {
                self.wrong(node, path, what, "put it in quotes if it is meant as a text");
                None
            }
        }
    }

    fn kind_of(&mut self, node: &Spanned<Node>, path: &str, kind: Kind) -> Option<String> {
        let text = self.text(node, path, &kind.to_string())?;
        if kind.takes(&text) {
            return Some(text);
        }
        self.problem(
            node.referenced,
            format!("`{path}` is `{text}`, but it takes {kind}"),
            None,
        );
        None
    }

    fn number(&mut self, node: &Spanned<Node>, path: &str, min: f64, max: f64) -> Option<f64> {
        let kind = Kind::Number { min, max };
        let text = match &node.value {
            Node::Number(text) | Node::Text(text) => text.clone(),
            _ => String::new(),
        };
        let number = text.parse().ok().filter(|_| kind.takes(&text));
        if number.is_none() {
            self.problem(node.referenced, format!("`{path}` takes {kind}"), None);
        }
        number
    }

    fn wrong(&mut self, node: &Spanned<Node>, path: &str, what: &str, help: &str) {
        let is = match &node.value {
            Node::Nothing => "has no value".to_owned(),
            Node::Text(text) | Node::Number(text) => format!("is `{text}`"),
            Node::Truth(truth) => format!("is {truth}"),
            Node::List(_) => "is a list".to_owned(),
            Node::Section(_) => "is a section".to_owned(),
        };
        let message = format!("`{path}` {is}, but it takes {what}");
        self.problem(node.referenced, message, Some(help.to_owned()));
    }
}

/// The node at a path of names, each with a dot before it.
fn find<'n>(node: &'n Spanned<Node>, path: &str) -> Option<&'n Spanned<Node>> {
    let Some(rest) = path.strip_prefix('.') else {
        return Some(node);
    };
    let (name, rest) = rest.find('.').map_or((rest, ""), |dot| rest.split_at(dot));
    let Node::Section(items) = &node.value else {
        return None;
    };
    let (_, inner) = items.iter().find(|(member, _)| member.value == name)?;
    find(inner, rest)
}
