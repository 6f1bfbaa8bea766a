use std::path::{Path, PathBuf};

use super::Settings;
use crate::golden::MACHINE;
use crate::layers::{ConfigFile, Layers};
use crate::loaded::Loaded;
use crate::raw::Flag;
use crate::{KEYS, Key, Machine};

fn layers(path: &str, text: &str) -> Layers {
    Layers {
        file: ConfigFile::Read(PathBuf::from(path), text.to_owned()),
        ..Layers::default()
    }
}

fn settings(layers: Layers) -> Settings {
    let loaded = Loaded::of(layers, MACHINE);
    loaded.unwrap_or_else(|error| panic!("{error}")).settings
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
    let defaults = Loaded::of(Layers::default(), MACHINE).expect("defaults are good");
    assert_eq!(defaults.notes, Vec::<String>::new());
    let found = defaults.settings;
    assert_eq!(
        found.bootstrap(),
        ["127.0.0.1:19092", "127.0.0.1:29092", "127.0.0.1:39092"]
    );
    let peer_ports: Vec<u16> = found.kafka.brokers.iter().map(|b| b.peer_port).collect();
    assert_eq!(peer_ports, [19093, 29093, 39093]);
    assert_eq!(found.kafka.partitions, 6);
    assert_eq!(
        (found.kafka.replication_factor, found.kafka.min_insync_replicas),
        (3, 2)
    );
    assert_eq!(found.generator.clickstream_per_second, 200.0);
    assert_eq!(found.generator.iot_per_second, 150.0);
    assert_eq!(found.folders.lake(), Path::new("data/datalake"));
    assert_eq!(found.folders.checkpoints(), Path::new("data/checkpoints"));
    assert_eq!((found.ui.console_port, found.ui.jobs_port), (8080, 8081));
    assert_eq!((found.etl.threads, found.etl.memory_bytes), (4, 2 << 30));
    assert_eq!(found, settings(layers("config.yml", "# nothing\n\n")));
    assert_eq!(found, settings(layers("config.yml", "kafka:\n")));
}

#[test]
fn copies_follow_the_number_of_brokers() {
    for (brokers, copies) in [(1, (1, 1)), (2, (2, 2)), (3, (3, 2))] {
        let kafka = settings(layers("config.yml", &format!("kafka: {{brokers: {brokers}}}"))).kafka;
        assert_eq!((kafka.replication_factor, kafka.min_insync_replicas), copies);
    }
}

#[test]
fn the_machine_limits_the_etl() {
    let machine = |cores, memory_bytes| Machine { cores, memory_bytes };
    let text = "spark: {worker_cores: 2, worker_memory: 2g}";
    for (machine, threads, memory_bytes, notes) in [
        (machine(8, 16 << 30), 4, 4 << 30, 0),
        (machine(4, 16 << 30), 4, 4 << 30, 0),
        (machine(3, 16 << 30), 3, 4 << 30, 0),
        (machine(2, 16 << 30), 2, 4 << 30, 1),
        (machine(2, 4 << 30), 2, 3 << 30, 2),
    ] {
        let loaded = Loaded::of(layers("config.yml", text), machine).expect("good");
        let etl = loaded.settings.etl;
        assert_eq!(
            (etl.threads, etl.memory_bytes),
            (threads, memory_bytes),
            "{machine:?}"
        );
        assert_eq!(loaded.notes.len(), notes, "{:?}", loaded.notes);
    }
    for cores in 1..9 {
        let loaded = Loaded::of(Layers::default(), machine(cores, 1 << 30)).expect("good");
        assert_eq!(
            loaded.settings.etl.threads, cores,
            "without settings all of the machine"
        );
        assert_eq!(loaded.notes, Vec::<String>::new(), "nobody asked for more");
    }
}

#[test]
fn a_relative_folder_counts_from_the_file_that_names_it() {
    let found = settings(Layers {
        dot_env: Some((
            PathBuf::from("/etc/mini/.env"),
            "MINICLUSTER_STORAGE_CHECKPOINT_ROOT=state\n".to_owned(),
        )),
        environment: environment(&[("MINICLUSTER_DATA_FOLDER", "here")]),
        ..layers("/etc/mini/config.yml", "storage:\n  datalake_root: lake\n")
    });
    assert_eq!(found.folders.lake(), Path::new("/etc/mini/lake"));
    assert_eq!(found.folders.checkpoints(), Path::new("/etc/mini/state"));
    assert_eq!(found.folders.brokers(), Path::new("here/brokers"));
}

#[test]
fn a_folder_that_cannot_be_created_is_told_with_its_key() {
    let room = tempfile::tempdir().expect("a folder");
    let file = room.path().join("file");
    std::fs::write(&file, "not a folder").expect("room");
    let data = room.path().join("data");
    let text = format!("storage:\n  datalake_root: {}/lake\n", file.display());
    let loaded = Loaded::of(
        Layers {
            flags: vec![flag("data_folder", &data.display().to_string())],
            ..layers("config.yml", &text)
        },
        MACHINE,
    )
    .expect("it looks good");
    let error = loaded
        .create_folders()
        .expect_err("a file is no folder")
        .to_string();
    let start = format!(
        "config.yml:2: `storage.datalake_root` is {}/lake, which cannot be created: ",
        file.display()
    );
    assert!(error.starts_with(&start), "{error}");
    assert!(
        data.is_dir() && data.join("checkpoints").is_dir(),
        "the others are there"
    );
}

#[test]
fn an_unreadable_file_is_an_error_where_nothing_stands_in_for_it() {
    let unreadable = || Layers {
        file: ConfigFile::Unreadable("config.yml".into(), std::io::ErrorKind::PermissionDenied.into()),
        ..Layers::default()
    };
    let error = Loaded::of(unreadable(), MACHINE).expect_err("nothing to go by");
    assert_eq!(
        error.to_string(),
        "cannot read the configuration config.yml: permission denied"
    );
    let loaded = Loaded::of(
        Layers {
            environment: environment(&[("KAFKA_PARTITIONS", "3")]),
            ..unreadable()
        },
        MACHINE,
    )
    .expect("the environment is enough");
    assert_eq!(loaded.settings.kafka.partitions, 3);
    assert_eq!(
        loaded.notes,
        ["cannot read config.yml: permission denied; settings come from the environment"]
    );
}

#[test]
fn names_of_keys_and_variables_are_unique() {
    for (i, key) in KEYS.iter().enumerate() {
        for other in &KEYS[..i] {
            assert_ne!(key.path, other.path);
            assert_ne!(key.variable(), other.variable());
            assert!(key.legacy.iter().all(|name| !other.legacy.contains(name)));
            assert!(!key.path.starts_with(&format!("{}.", other.path)));
        }
        assert_eq!(Key::of_path(key.path), Some(key));
    }
}

#[test]
fn sections_stand_together() {
    let mut sections: Vec<&str> = KEYS
        .iter()
        .filter_map(|key| Some(key.path.rsplit_once('.')?.0))
        .collect();
    sections.dedup();
    let mut once = sections.clone();
    once.sort_unstable();
    once.dedup();
    // `data_generator` goes on after its sections.
    assert!(sections.len() <= once.len() + 3, "{sections:?}");
}

#[test]
fn text_from_outside_never_panics() {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let yaml = "kafka:\n  partitions: 6\n  external_ports: {broker_1: 1}\ntopics:\n  iot: a\n";
    let env = "KAFKA_PARTITIONS='6' # six\nexport EPS_IOT=\"1\"\nMINICLUSTER_LOG_LEVEL=a\n";
    let mut mutated = |good: &str| {
        let mut bytes = good.as_bytes().to_vec();
        for _ in 0..3 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let at = (state >> 8) as usize % bytes.len();
            bytes[at] = b"\n :-{}[]&*!|>'\"#%a0\t\\=\xff"[(state >> 40) as usize % 23];
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    for _ in 0..1000 {
        let all = Layers {
            dot_env: Some((PathBuf::from(".env"), mutated(env))),
            ..layers("config.yml", &mutated(yaml))
        };
        if let Err(error) = Loaded::of(all, MACHINE) {
            assert!(!error.to_string().is_empty());
        }
    }
}

#[test]
fn the_data_folder_is_found_while_somebody_edits_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("config.yml");
    let found = |text: &str| {
        std::fs::write(&file, text).expect("room");
        crate::data_folder(&crate::Sources {
            file: Some(file.clone()),
            ..crate::Sources::default()
        })
    };
    let there = Some(folder.path().join("there"));
    assert_eq!(
        found("data_folder: there\nkafka: {partitions: 0}\nnonsense: 1\n"),
        there
    );
    assert_eq!(found("kafka:\n\tpartitions: [\ndata_folder: \"there\"\n"), there);
    assert_eq!(found("kafka: [\n"), Some("data".into()));
}
