//! The list of settings as a JSON Schema, so that editors complete and check `config.yml`.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Number, Value, json};

use crate::key::Key;
use crate::keys::KEYS;
use crate::kind::Kind;
use crate::streams::StreamFormat;

/// The JSON Schema (draft 7, which all editors read) of `config.yml`.
#[must_use]
pub fn schema() -> String {
    let root = Section { path: "" };
    // Maps with text keys only: this cannot fail.
    let mut text = serde_json::to_string_pretty(&root).unwrap_or_default();
    text.push('\n');
    text
}

/// A section, or with an empty path the whole file.
struct Section {
    path: &'static str,
}

/// What stands in a section, in the order of the documentation.
struct Members<'a>(&'a Section);

impl Serialize for Section {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.path.is_empty() {
            map.serialize_entry("$schema", "http://json-schema.org/draft-07/schema#")?;
            map.serialize_entry("title", "config.yml of minicluster")?;
        }
        map.serialize_entry("type", &["object", "null"])?;
        map.serialize_entry("additionalProperties", &false)?;
        map.serialize_entry("properties", &Members(self))?;
        map.end()
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let Section { path: section } = *self.0;
        let mut done: Vec<&str> = Vec::new();
        for key in KEYS {
            let start = if section.is_empty() { 0 } else { section.len() + 1 };
            let inside = section.is_empty()
                || key
                    .path
                    .strip_prefix(section)
                    .is_some_and(|rest| rest.starts_with('.'));
            if !inside {
                continue;
            }
            let rest = &key.path[start..];
            match rest.split_once('.') {
                None => map.serialize_entry(rest, key)?,
                Some((name, _)) if done.contains(&name) => {}
                Some((name, _)) => {
                    done.push(name);
                    let path = &key.path[..start + name.len()];
                    map.serialize_entry(name, &Section { path })?;
                }
            }
        }
        if section.is_empty() {
            map.serialize_entry("generator", &streams())?;
        }
        map.end()
    }
}

/// The section `generator`, which holds no settings but the streams that the operator declares.
fn streams() -> Value {
    let text = |about: &str| json!({"type": "string", "description": about});
    let number = |least: f64, about: &str| json!({"type": "number", "minimum": least, "description": about});
    let kind = |name: &str, members: Value, required: &[&str]| {
        let mut properties = members;
        properties["kind"] = json!({"const": name});
        let required: Vec<&str> = std::iter::once("kind").chain(required.iter().copied()).collect();
        json!({"type": "object", "additionalProperties": false, "properties": properties, "required": required})
    };
    let words = json!({"type": "array", "items": {"type": "string"}, "minItems": 1});
    let weights = json!({"type": "object", "additionalProperties": {"type": "number", "minimum": 0}});
    let fields = json!([
        kind(
            "id",
            json!({
                "count": {"type": "integer", "minimum": 1, "description": "one of so many; without it each is another"},
                "prefix": text("what stands before its number"),
            }),
            &[]
        ),
        kind(
            "choice",
            json!({"of": {"anyOf": [words, weights], "description": "words, or words with weights"}}),
            &["of"]
        ),
        kind(
            "number",
            json!({
                "min": {"type": "number"},
                "max": {"type": "number"},
                "digits": {"type": "integer", "minimum": 0, "maximum": 9, "description": "behind the point"},
                "drift": {"type": "string", "description": "how long it takes from one end to the other, such as 1h"},
            }),
            &["min", "max"]
        ),
        kind(
            "text",
            json!({"pattern": text("a regular expression that it matches")}),
            &["pattern"]
        ),
        kind(
            "reference",
            json!({"to": text("a field of another stream, such as clickstream.user_id")}),
            &["to"]
        ),
        kind("timestamp", json!({}), &[]),
    ]);
    let stream = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["fields"],
        "properties": {
            "topic": text("its topic; its name if not set"),
            "per_second": number(0.0, "events a second of the generator's clock; 10 if not set"),
            "format": {"enum": StreamFormat::NAMES},
            "key": text("the field that is the record's key"),
            "fields": {"type": "object", "additionalProperties": {"oneOf": fields}},
        },
    });
    json!({
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": {
            "streams": {
                "type": ["object", "null"],
                "description": "streams of your own, by their names",
                "additionalProperties": stream,
            },
        },
    })
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut names = vec![self.variable()];
        names.extend(self.legacy.iter().map(|name| (*name).to_owned()));
        let about = format!("{}. Environment: {}", self.about, names.join(", "));
        map.serialize_entry("description", &about)?;
        match self.kind {
            Kind::Whole { min, max } => whole(&mut map, min, max)?,
            Kind::Port => whole(&mut map, 1, u64::from(u16::MAX))?,
            Kind::Number { min, max } => {
                map.serialize_entry("type", "number")?;
                map.serialize_entry("minimum", &min)?;
                map.serialize_entry("maximum", &max)?;
            }
            Kind::Servers => {
                map.serialize_entry("type", &["string", "array"])?;
                map.serialize_entry("items", &json!({"type": "string"}))?;
            }
            Kind::OneOf(words) => map.serialize_entry("enum", words)?,
            _ => {
                map.serialize_entry("type", "string")?;
                match pattern(self.kind) {
                    Some(pattern) => map.serialize_entry("pattern", pattern)?,
                    None => map.serialize_entry("minLength", &1)?,
                }
            }
        }
        if let Some(default) = self.default {
            map.serialize_entry("default", &typed(self.kind, default))?;
        }
        map.end()
    }
}

fn whole<M: SerializeMap>(map: &mut M, min: u64, max: u64) -> Result<(), M::Error> {
    map.serialize_entry("type", "integer")?;
    map.serialize_entry("minimum", &min)?;
    match max {
        u64::MAX => Ok(()),
        max => map.serialize_entry("maximum", &max),
    }
}

fn pattern(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Topic => Some("^[A-Za-z0-9._-]{1,249}$"),
        Kind::ClusterId => Some("^[A-Za-z0-9_-]{1,64}$"),
        Kind::Memory => Some("^[0-9]+ *([kK]|[mM]|[gG]|[tT])[bB]?$"),
        Kind::Folder => Some("^[^~$]"),
        Kind::Span => Some("^[0-9]+ *(ms|s|m|h|d)$"),
        Kind::Master => Some("^(spark://|k8s://|local|yarn)"),
        _ => None,
    }
}

fn typed(kind: Kind, text: &str) -> Value {
    match kind {
        Kind::Whole { .. } | Kind::Port | Kind::Number { .. } => {
            let number = text.parse::<u64>().ok().map(Number::from);
            let number = number.or_else(|| Number::from_f64(text.parse().ok()?));
            number.map_or(Value::Null, Value::Number)
        }
        _ => Value::String(text.to_owned()),
    }
}
