//! Golden tests: configurations as text files in `testdata`, each with what minicluster says to it.
//!
//! `broken` holds those that are refused, `accepted` those that load, with their notes. A file names its
//! sources by lines such as `--- config.yml` and ends with `--- says`. `REWRITE=1 cargo test` writes the last
//! part anew; read the difference before you commit it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::layers::{ConfigFile, Layers};
use crate::loaded::Loaded;
use crate::machine::Machine;
use crate::raw::Flag;
use crate::{ConfigError, Settings};

pub(crate) const MACHINE: Machine = Machine {
    cores: 4,
    memory_bytes: 16 << 30,
};

const SAYS: &str = "--- says\n";

/// The sources of a test: `(name, text)`.
fn sources(text: &str) -> Vec<(&str, &str)> {
    let mut sources = Vec::new();
    for part in text.split("--- ").skip(1) {
        let (name, text) = part.split_once('\n').expect("a name ends its line");
        sources.push((name, text));
    }
    sources
}

fn load(input: &str) -> Result<Loaded, ConfigError> {
    let mut layers = Layers::default();
    for (name, text) in sources(input) {
        let pairs = || text.lines().filter_map(|line| line.split_once('='));
        match name {
            "config.yml" => layers.file = ConfigFile::Read(PathBuf::from(name), text.to_owned()),
            "unreadable config.yml" => {
                let error = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
                layers.file = ConfigFile::Unreadable(PathBuf::from("config.yml"), error);
            }
            ".env" => layers.dot_env = Some((PathBuf::from(name), text.to_owned())),
            "own folders" => layers.owns_folders = true,
            "environment" => {
                layers.environment = pairs().map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
            }
            "flags" => {
                layers.flags = pairs()
                    .map(|(path, text)| Flag {
                        flag: format!("--set {path}={text}"),
                        path: path.to_owned(),
                        text: text.to_owned(),
                    })
                    .collect();
            }
            other => panic!("there is no source {other}"),
        }
    }
    Loaded::of(layers, MACHINE)
}

fn says(result: &Result<Loaded, ConfigError>) -> String {
    let mut text = String::new();
    match result {
        Ok(loaded) => {
            for note in &loaded.notes {
                writeln!(text, "note: {note}").expect("a String takes all");
            }
            text.push_str(&loaded.yaml(true));
        }
        Err(error) => writeln!(text, "error: {error}").expect("a String takes all"),
    }
    text
}

/// Runs all files of a folder and gives back how many there are.
fn run(folder: &str, wanted: fn(&Result<Loaded, ConfigError>) -> bool) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(folder);
    let entries = std::fs::read_dir(&folder).expect("the folder is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    let rewrite = std::env::var_os("REWRITE").is_some();
    let mut differ = Vec::new();
    for path in &paths {
        let text = std::fs::read_to_string(path).expect("a text");
        let (input, expected) = text.split_once(SAYS).unwrap_or((&text, ""));
        let result = load(input);
        let said = says(&result);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        assert!(wanted(&result), "{name} is in the wrong folder: it says\n{said}");
        if said == expected {
            continue;
        }
        if rewrite {
            std::fs::write(path, format!("{input}{SAYS}{said}")).expect("writable");
        } else {
            differ.push(format!("{name} says\n{said}\ninstead of\n{expected}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    paths.len()
}

#[test]
fn broken_configurations_are_told_with_place_and_remedy() {
    let count = run("broken", |result| matches!(result, Err(ConfigError::Problems(_))));
    assert!(count >= 30, "only {count}");
}

#[test]
fn accepted_configurations_load_with_their_notes() {
    assert!(run("accepted", Result::is_ok) > 0);
}

#[test]
fn the_schema_is_the_list_of_settings() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/schema.json");
    let schema = crate::schema();
    serde_json::from_str::<serde_json::Value>(&schema).expect("JSON");
    if std::env::var_os("REWRITE").is_some() {
        std::fs::write(&path, &schema).expect("writable");
    }
    assert_eq!(std::fs::read_to_string(&path).expect("a text"), schema);
}

/// What the rendered `.env` of some sources says when nothing else is there.
fn through_dot_env(loaded: &Loaded) -> (String, Settings) {
    let path = PathBuf::from(".env");
    let text = crate::render::text(loaded, &path);
    let layers = Layers {
        dot_env: Some((path, text.clone())),
        ..Layers::default()
    };
    let again = Loaded::of(layers, MACHINE).unwrap_or_else(|error| panic!("{error}\n{text}"));
    (text, again.settings)
}

#[test]
fn rendered_settings_load_as_the_same_settings() {
    let inputs = [
        "",
        "--- config.yml\nkafka:\n  brokers: 2\n",
        "--- config.yml\ndata_folder: it's \"here\" $HOME # no comment\nlog: {level: 'info,broker=trace'}\n",
        "--- config.yml\ntopics: {clickstream: a, iot: b}\nspark: {worker_cores: 1, worker_memory: 512m}\n",
        "--- config.yml\nstorage: {datalake_root: /datalake, checkpoint_root: \"a\\tb\"}\netl: {trigger_ms: 7}\n",
        "--- flags\nkafka.kraft_cluster_id=MkU3OEVBNTcwNTJENDM2Qk\ndata_folder=some where\n",
        "--- environment\nEPS_CLICK=0.5\nMINICLUSTER_KAFKA_PEER_PORTS_BROKER_3=5\nKAFKA_MIN_INSYNC=3\n",
        "--- config.yml\nkafka:\n  bootstrap_servers: kafka-1:9092\n  host: '::1'\n",
    ];
    for input in inputs {
        let loaded = load(input).unwrap_or_else(|error| panic!("{error}\n{input}"));
        let (text, again) = through_dot_env(&loaded);
        assert_eq!(again, loaded.settings, "{text}");
        let (twice, _) = through_dot_env(&loaded);
        assert_eq!(twice, text);
    }
}

#[test]
fn what_is_shown_loads_as_the_same_settings() {
    for input in [
        "",
        "--- config.yml\ndata_folder: it's \"here\" $HOME\ntopics: {iot: '7'}\nkafka: {host: '::1', brokers: 1}\n",
        "--- config.yml\nstorage: {datalake_root: \"a: b\", checkpoint_root: \"true\"}\n",
    ] {
        let loaded = load(input).unwrap_or_else(|error| panic!("{error}\n{input}"));
        for with_origin in [false, true] {
            let text = format!("--- config.yml\n{}", loaded.yaml(with_origin));
            let again = load(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(again.settings, loaded.settings, "{text}");
        }
    }
}

#[test]
fn a_rendered_file_has_every_name_of_the_docker_version() {
    let loaded = load("").expect("defaults are good");
    let (text, _) = through_dot_env(&loaded);
    assert_eq!(
        text,
        "# Generated by `minicluster config render`: change config.yml and render again, not this file.\n\
         # An empty value counts as not set.\n\
         KAFKA_1_EXTERNAL=19092\n\
         KAFKA_2_EXTERNAL=29092\n\
         KAFKA_3_EXTERNAL=39092\n\
         KAFKA_PARTITIONS=6\n\
         KAFKA_REPLICATION_FACTOR=3\n\
         KAFKA_MIN_INSYNC=2\n\
         KAFKA_KRAFT_CLUSTER_ID=\n\
         EVENTS_PER_SEC_CLICK=200\n\
         EVENTS_PER_SEC_IOT=150\n\
         SPARK_WORKER_CORES=2\n\
         SPARK_WORKER_MEMORY=1g\n"
    );
}
