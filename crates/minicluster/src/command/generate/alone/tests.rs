use config::{Loaded, Machine, Sources};

use super::*;

fn settings(yaml: &str) -> Settings {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yml");
    std::fs::write(&file, yaml).unwrap();
    let sources = Sources {
        file: Some(file),
        ..Sources::default()
    };
    let loaded: Loaded = config::load(&sources, Machine::here()).unwrap();
    loaded.settings
}

fn applied(yaml: &str, options: &Options) -> generator::Settings {
    options
        .applied(&settings(yaml), "2026-01-08T00:00:00Z".parse().unwrap())
        .unwrap()
}

const DECLARED: &str = "
generator:
  streams:
    orders:
      per_second: 50
      fields: {id: {kind: id}, user: {kind: reference, to: clickstream.user_id}, ts: {kind: timestamp}}
";

#[test]
fn a_rate_is_shared_out_and_steady() {
    let options = Options {
        rate: Some(8_000.0),
        ..Options::default()
    };
    let wanted = applied(DECLARED, &options);
    let rates: Vec<f64> = wanted.streams.iter().map(|stream| stream.per_second).collect();
    assert_eq!(rates, [4_000.0, 3_000.0, 1_000.0]);
    assert_eq!((wanted.curve, wanted.speed), (Curve::Flat, Some(1.0)));
    let options = Options {
        speed: Some(Speed::Times(10.0)),
        stream: vec!["orders".to_owned()],
        ..options
    };
    let wanted = applied(DECLARED, &options);
    assert_eq!(wanted.streams.len(), 1);
    assert_eq!(wanted.streams[0].per_second, 800.0);
}

#[test]
fn a_count_goes_as_fast_as_it_can_and_a_backfill_ends_now() {
    let options = Options {
        count: Some(7),
        ..Options::default()
    };
    assert_eq!(applied("", &options).speed, None);
    let options = Options {
        backfill: Some(Duration::from_secs(7 * 86_400)),
        format: vec![("iot".to_owned(), Format::Csv)],
        ..Options::default()
    };
    let wanted = applied("", &options);
    assert_eq!(wanted.end.until, Some("2026-01-08T00:00:00Z".parse().unwrap()));
    assert_eq!(wanted.speed, Some(1.0));
    let formats: Vec<Format> = wanted.streams.iter().map(|stream| stream.format).collect();
    assert_eq!(formats, [Format::Json, Format::Csv]);
}

#[test]
fn without_options_it_is_the_platforms_own() {
    assert!(!Options::default().is_asked_for());
    let asked = Options {
        seed: Some(1),
        ..Options::default()
    };
    assert!(asked.is_asked_for());
}

#[test]
fn words_that_make_no_sense_are_told() {
    assert_eq!(speed("60x"), Ok(Speed::Times(60.0)));
    assert_eq!(speed("max"), Ok(Speed::Max));
    for wrong in ["0x", "-1", "fast", "inf"] {
        assert!(speed(wrong).is_err(), "{wrong}");
    }
    assert!(format("iot").is_err() && format("iot=xml").is_err());
    let options = Options {
        stream: vec!["click".to_owned()],
        ..Options::default()
    };
    let error = options.applied(&settings(""), Timestamp::now()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no stream `click`: there are clickstream, iot"
    );
}
