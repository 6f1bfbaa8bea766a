//! Settings in effect as the text of a `config.yml`.

use crate::kind::Kind;
use crate::loaded::{Loaded, Value};
use crate::origin::Origin;
use crate::scalar;

impl Kind {
    /// A value of this kind as it stands in YAML.
    fn yaml(self, text: &str) -> String {
        match self {
            // Read as they are written, whatever YAML thinks of them.
            Self::Whole { .. } | Self::Number { .. } | Self::Port => text.to_owned(),
            _ => scalar::block(text),
        }
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
                Some(text) => format!("{indent}{name}: {}", value.key.kind.yaml(text)),
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
