//! Settings in effect as the text of a `config.yml`.

use crate::key::Key;
use crate::kind::Kind;
use crate::loaded::{Loaded, Value};
use crate::origin::Origin;

impl Key {
    /// Whether the bare text of a value means the same in YAML.
    fn is_bare(&self, text: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:,+".contains(c);
        let number_or_word = matches!(
            self.kind,
            Kind::Whole { .. }
                | Kind::Number { .. }
                | Kind::Port
                | Kind::Instant
                | Kind::Span
                | Kind::OneOf(_)
                | Kind::Memory
                | Kind::Address
        );
        let looks_like_more = text.parse::<f64>().is_ok() || matches!(text, "true" | "false" | "null");
        let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/' || c == '.');
        number_or_word || (begins_well && !looks_like_more && !text.ends_with(':') && text.chars().all(plain))
    }
}

impl Loaded {
    /// The settings in effect as the text of a `config.yml`; with the origin of each as a comment if wanted.
    #[must_use]
    pub fn yaml(&self, with_origin: bool) -> String {
        self.yaml_of(self.values(), with_origin)
    }

    /// The same with these values.
    pub(crate) fn yaml_of(&self, values: Vec<Value>, with_origin: bool) -> String {
        let mut lines: Vec<(String, Option<Origin>)> = Vec::new();
        let mut open: Vec<&str> = Vec::new();
        for value in values {
            let mut sections: Vec<&str> = value.key.path.split('.').collect();
            let name = sections.pop().unwrap_or_default();
            let common = open.iter().zip(&sections).take_while(|(a, b)| a == b).count();
            for (depth, section) in sections.iter().enumerate().skip(common) {
                lines.push((format!("{}{section}:", "  ".repeat(depth)), None));
            }
            let indent = "  ".repeat(sections.len());
            open = sections;
            let line = match &value.text {
                Some(text) if value.key.is_bare(text) => format!("{indent}{name}: {text}"),
                Some(text) => format!("{indent}{name}: {}", quoted(text)),
                None => format!("{indent}# {name}: not set"),
            };
            lines.push((line, Some(value.origin)));
        }
        let width = lines
            .iter()
            .map(|(line, _)| line.chars().count())
            .max()
            .unwrap_or(0);
        let mut text = String::new();
        for (line, origin) in lines {
            match origin {
                Some(origin) if with_origin => {
                    let gap = " ".repeat(width - line.chars().count());
                    text.push_str(&format!("{line}{gap}  # {origin}\n"));
                }
                _ => text.push_str(&format!("{line}\n")),
            }
        }
        if !self.settings.generator.streams.is_empty() {
            text.push_str("generator:\n  streams:\n");
            self.settings
                .generator
                .streams
                .iter()
                .for_each(|stream| text.push_str(&stream.yaml()));
        }
        text
    }
}

/// A text in YAML's double quotes, whose escapes are those of JSON.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
