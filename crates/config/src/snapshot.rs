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
            ..Sources::default()
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

    /// Texts that mean something else to YAML if they stand there bare.
    const HOSTILE: [&str; 34] = [
        "off",
        "on",
        "no",
        "y",
        "Yes",
        "TRUE",
        "null",
        "~",
        "0x10",
        "010",
        "1_000",
        "1e3",
        ".5",
        "0o7",
        ".inf",
        "@timestamp",
        "x: y",
        "x:",
        "#a",
        "a #b",
        "*a",
        "&a",
        "!a",
        "- a",
        "? a",
        "%a",
        "{a",
        "a, b",
        "'",
        "\"",
        "\\d\n",
        "\u{7f}\u{85}\u{1b}",
        "\u{2028}é𝄞\u{feff}",
        "=",
    ];

    /// A text of one or two of them.
    fn hostile(random: &mut impl FnMut() -> usize) -> String {
        let one = HOSTILE[random() % HOSTILE.len()];
        match random() % 4 {
            0 => format!("{one}{}", HOSTILE[random() % HOSTILE.len()]),
            _ => one.to_owned(),
        }
    }

    /// `config.yml` in JSON, by other code than the one that writes snapshots.
    fn config_of(random: &mut impl FnMut() -> usize) -> String {
        // JSON takes control characters that YAML doesn't.
        let text = |text: &str| {
            let json = serde_json::to_string(text).expect("a text");
            json.replace('\u{7f}', "\\u007f").replace('\u{85}', "\\u0085")
        };
        let names = ["on", "off", "no", "0x10", "1e3", "y", "a.b"];
        let name = names[random() % names.len()];
        let [key, choice, pattern] = [(); 3].map(|()| hostile(random));
        let fields = [
            format!(
                "{}: {{\"kind\": \"id\", \"count\": 3, \"prefix\": {}}}",
                text(&key),
                text(&hostile(random))
            ),
            format!(
                "{}: {{\"kind\": \"choice\", \"of\": {{{}: 2, \"b\": 0.1}}}}",
                text(&format!("{choice}2")),
                text(&choice)
            ),
            format!(
                "{}: {{\"kind\": \"text\", \"pattern\": {}}}",
                text(&format!("{pattern}3")),
                text(&regex_syntax::escape(&pattern))
            ),
            "\"at\": {\"kind\": \"timestamp\"}".to_owned(),
        ];
        let stream = format!(
            "{}: {{\"topic\": {}, \"key\": {}, \"fields\": {{{}}}}}",
            text(name),
            text(&format!("{name}_")),
            text(&key),
            fields.join(", ")
        );
        format!("{{\"generator\": {{\"streams\": {{{stream}}}}}}}")
    }

    #[test]
    fn a_snapshot_brings_back_what_yaml_would_take_for_something_else() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [config, written] = ["config.yml", "settings.yml"].map(|name| folder.path().join(name));
        for seed in 1..30_u64 {
            let mut state = seed;
            let mut random = || {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                usize::try_from(state >> 33).expect("31 bits")
            };
            std::fs::write(&config, config_of(&mut random)).expect("room");
            let topics = ["on", "y", "0x10", "1e3", "null", "off", "010", "-"];
            let topic = topics[random() % topics.len()];
            let sources = Sources {
                file: Some(config.clone()),
                flags: vec![
                    flag("log.level", &hostile(&mut random)),
                    flag("topics.iot", topic),
                    flag(
                        "data_folder",
                        &folder.path().join(hostile(&mut random)).to_string_lossy(),
                    ),
                ],
                ..Sources::default()
            };
            let loaded =
                load(&sources, Machine::here()).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            let snapshot = loaded.snapshot();
            std::fs::write(&written, &snapshot).expect("room");
            let sources = Sources {
                snapshot: Some(written.clone()),
                ..Sources::default()
            };
            let again = load(&sources, Machine::here())
                .unwrap_or_else(|error| panic!("seed {seed}: {error}\n{snapshot}"));
            assert_eq!(again.settings, loaded.settings, "seed {seed}:\n{snapshot}");
        }
    }
}
