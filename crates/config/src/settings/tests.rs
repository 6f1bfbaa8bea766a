use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Settings;
use crate::raw::Flag;
use crate::{KEYS, Key};

fn load(text: &str) -> Result<Settings, String> {
    let file = Some((Path::new("config.yml"), text));
    Settings::from_layers(file, [], Vec::new()).map_err(|error| error.to_string())
}

fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn flag(path: &str, text: &str) -> Flag {
    Flag {
        flag: "--set".to_owned(),
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

#[test]
fn defaults_need_no_file() {
    let settings = Settings::from_layers(None, [], Vec::new()).expect("defaults are good");
    assert_eq!(
        settings.bootstrap(),
        ["127.0.0.1:19092", "127.0.0.1:29092", "127.0.0.1:39092"]
    );
    let peer_ports: Vec<u16> = settings.kafka.brokers.iter().map(|b| b.peer_port).collect();
    assert_eq!(peer_ports, [19093, 29093, 39093]);
    assert_eq!(settings.kafka.partitions, 6);
    assert_eq!(settings.generator.clickstream_per_second, 200.0);
    assert_eq!(settings.generator.iot_per_second, 150.0);
    assert_eq!(settings.folders.lake(), Path::new("data/datalake"));
    assert_eq!(settings.folders.checkpoints(), Path::new("data/checkpoints"));
    assert_eq!(settings, load("# nothing\n\n").expect("comments only"));
    assert_eq!(settings, load("kafka:\n").expect("an empty section"));
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let file = "kafka:\n  partitions: 2\n  replication_factor: 1\netl:\n  trigger_ms: 100\n";
    let settings = Settings::from_layers(
        Some((Path::new("config.yml"), file)),
        environment(&[
            ("MINICLUSTER_KAFKA_PARTITIONS", "3"),
            ("MINICLUSTER_KAFKA_REPLICATION_FACTOR", "2"),
            ("MINICLUSTER_CONFIG", "config.yml"),
            ("PATH", "/bin"),
        ]),
        vec![flag("kafka.partitions", "4")],
    )
    .expect("good layers");
    assert_eq!(settings.kafka.partitions, 4);
    assert_eq!(settings.kafka.replication_factor, 2);
    assert_eq!(settings.etl.trigger, Duration::from_millis(100));
}

#[test]
fn a_relative_folder_counts_from_the_file_that_names_it() {
    let text = "storage:\n  datalake_root: lake\n";
    let settings = Settings::from_layers(
        Some((Path::new("/etc/mini/config.yml"), text)),
        environment(&[("MINICLUSTER_DATA_FOLDER", "here")]),
        Vec::new(),
    )
    .expect("good layers");
    assert_eq!(settings.folders.lake(), PathBuf::from("/etc/mini/lake"));
    assert_eq!(settings.folders.checkpoints(), PathBuf::from("here/checkpoints"));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let cases = [
        (
            "kafka:\n  partition: 6\n",
            "config.yml:2: `kafka.partition` is not a setting; did you mean `kafka.partitions`?\n      partition: 6",
        ),
        (
            "kafak:\n  partitions: 6\n",
            "config.yml:1: `kafak` is not a setting; did you mean `kafka`?\n    kafak:",
        ),
        (
            "kafka:\n  partitions: six\n",
            "config.yml:2: `kafka.partitions` is `six`, but it takes a whole number from 1 to 1000\n      partitions: six",
        ),
        (
            "kafka:\n  partitions: 1.5\n",
            "config.yml:2: `kafka.partitions` is `1.5`, but it takes a whole number from 1 to 1000\n      partitions: 1.5",
        ),
        (
            "kafka:\n  partitions: [1, 2]\n",
            "config.yml:2: `kafka.partitions` takes a whole number from 1 to 1000\n      partitions: [1, 2]",
        ),
        (
            "kafka:\n  partitions:\n",
            "config.yml:2: `kafka.partitions` has no value; it takes a whole number from 1 to 1000, or remove the line\n      partitions:",
        ),
        (
            "topics: clickstream\n",
            "config.yml:1: `topics` is a section; it holds clickstream, iot\n    topics: clickstream",
        ),
        (
            "kafka:\n  external_ports:\n    broker_2: 19093\n",
            "config.yml:3: `kafka.external_ports.broker_2` is port 19093, but so is `kafka.peer_ports.broker_1`; give each its own\n        broker_2: 19093",
        ),
        (
            "kafka:\n  external_ports:\n    broker_1: 70000\n",
            "config.yml:3: `kafka.external_ports.broker_1` is `70000`, but it takes a port from 1 to 65535\n        broker_1: 70000",
        ),
        (
            "kafka:\n  brokers: 1\n  replication_factor: 2\n",
            "config.yml:3: `kafka.replication_factor` is 2, but there are 1 brokers\n      replication_factor: 2",
        ),
        (
            "topics:\n  iot: clickstream\n",
            "config.yml:2: `topics.iot` is the same topic as `topics.clickstream`; give each its own\n      iot: clickstream",
        ),
        (
            "data_generator:\n  speed: 0\n",
            "config.yml:2: `data_generator.speed` is `0`, but it takes a number from 0.001 to 100000\n      speed: 0",
        ),
        (
            "data_generator:\n  faults: {duplicates: 0.6, malformed: 0.6}\n",
            "config.yml:2: `data_generator.faults.malformed` is 0.6 and `data_generator.faults.duplicates` 0.6: shares of the same events, at most 1 together\n      faults: {duplicates: 0.6, malformed: 0.6}",
        ),
        (
            "- kafka\n",
            "config.yml:1: the file must hold sections such as `kafka:`\n    - kafka",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(load(text), Err(message.to_owned()), "{text}");
    }
}

#[test]
fn broken_yaml_and_duplicate_keys_name_file_and_line() {
    for text in [
        "kafka:\n  partitions: 1\n  partitions: 2\n",
        "kafka:\n  partitions: 1\n bad\n",
        "kafka:\n  a: 'unclosed\n",
        "\u{0}",
        "&a [*a, *a]",
        "data_generator:\n  speed: .nan\n",
    ] {
        let error = load(text).expect_err(text);
        assert!(error.starts_with("config.yml:"), "{text}: {error}");
    }
}

#[test]
fn an_unknown_variable_or_flag_is_refused() {
    let error = Settings::from_layers(
        None,
        environment(&[("MINICLUSTER_KAFKA_PARTITION", "3")]),
        Vec::new(),
    )
    .expect_err("a typing error");
    assert_eq!(
        error.to_string(),
        "environment variable MINICLUSTER_KAFKA_PARTITION: it is not a setting; \
         did you mean MINICLUSTER_KAFKA_PARTITIONS?"
    );
    let error =
        Settings::from_layers(None, [], vec![flag("kafka.partitionss", "3")]).expect_err("a typing error");
    assert_eq!(
        error.to_string(),
        "flag --set: `kafka.partitionss` is not a setting; did you mean `kafka.partitions`?"
    );
}

#[test]
fn names_of_keys_and_variables_are_unique() {
    for (i, key) in KEYS.iter().enumerate() {
        for other in &KEYS[..i] {
            assert_ne!(key.path, other.path);
            assert_ne!(key.variable(), other.variable());
            assert!(!key.path.starts_with(&format!("{}.", other.path)));
        }
        assert_eq!(Key::of_path(key.path), Some(key));
    }
}

#[test]
fn text_from_outside_never_panics() {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let good = "kafka:\n  partitions: 6\n  external_ports: {broker_1: 1}\ntopics:\n  iot: a\n";
    for _ in 0..3000 {
        let mut bytes = good.as_bytes().to_vec();
        for _ in 0..3 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let at = (state >> 8) as usize % bytes.len();
            bytes[at] = b"\n :-{}[]&*!|>'\"#%a0\t"[(state >> 40) as usize % 20];
        }
        let _ = load(&String::from_utf8_lossy(&bytes));
    }
}
