//! Settings in effect, written down for the processes of one platform: they must agree on them, also where
//! `config.yml` was edited after the start.

use std::path::PathBuf;

use crate::kind::Kind;
use crate::loaded::{Loaded, Value};

impl Loaded {
    /// All settings in effect as the text of a `config.yml`. Folders are absolute, so that it means the
    /// same from everywhere.
    #[must_use]
    pub fn snapshot(&self) -> String {
        let values = self.values().into_iter().map(|value| {
            let text = match (value.key.kind, self.folder(value.key.path)) {
                (Kind::Folder, Some(folder)) => Some(absolute(folder)),
                (Kind::Folder, None) => value.text.map(|text| absolute(text.into())),
                _ => value.text,
            };
            Value { text, ..value }
        });
        self.yaml_of(values.collect(), false)
    }
}

fn absolute(folder: PathBuf) -> String {
    let path = std::path::absolute(&folder).unwrap_or(folder);
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use crate::{Flag, Machine, Sources, load};

    const CONFIG: &str = "\
kafka:
  partitions: 12
topics:
  iot: things
storage:
  datalake_root: lake
generator:
  streams:
    orders:
      fields:
        id: {kind: id}
        at: {kind: timestamp}
";

    fn flag(path: &str, text: &str) -> Flag {
        Flag {
            flag: format!("--set {path}={text}"),
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_snapshot_brings_the_same_settings_back_whatever_the_file_says_by_then() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("config.yml");
        std::fs::write(&config, CONFIG).expect("room");
        let sources = Sources {
            file: Some(config.clone()),
            flags: vec![
                flag("data_folder", &folder.path().join("data").display().to_string()),
                flag("kafka.brokers", "2"),
                flag("data_generator.start", "now"),
            ],
            snapshot: None,
        };
        let loaded = load(&sources, Machine::here()).expect("good settings");
        let written = folder.path().join("settings.yml");
        std::fs::write(&written, loaded.snapshot()).expect("room");
        std::fs::write(&config, "kafka: nonsense").expect("room");
        let sources = Sources {
            flags: vec![flag("kafka.partitions", "3")],
            snapshot: Some(written),
            ..sources
        };
        let again = load(&sources, Machine::here()).expect("good settings");
        let mut wanted = loaded.settings;
        wanted.kafka.partitions = 3;
        assert_eq!(again.settings, wanted);
    }
}
