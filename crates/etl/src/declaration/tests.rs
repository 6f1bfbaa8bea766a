use super::*;

fn first_source(tables: &mut [TableDeclaration]) -> &mut SourceDeclaration {
    match &mut tables[0] {
        TableDeclaration::Source(source) => source,
        TableDeclaration::Derived(_) => panic!("the first default table reads a topic"),
    }
}

#[test]
fn the_defaults_are_sound() {
    check_tables(&default_tables()).unwrap();
}

#[test]
fn mistakes_are_named() {
    type Change = fn(&mut SourceDeclaration);
    let cases: [(Change, &str); 6] = [
        (|s| s.table = "iot".into(), "the name is taken"),
        (|s| s.table = "A b".into(), "lower-case"),
        (
            |s| s.event_time = "when".into(),
            "`when` is not among the columns",
        ),
        (
            |s| s.columns[0].name = "event_ts".into(),
            "`event_ts` is empty or taken",
        ),
        (
            |s| s.dedup_keys = vec![DedupKey::Column("id".into())],
            "`id` is not among the columns",
        ),
        (|s| s.watermark_delay = Duration::ZERO, "watermark delay"),
    ];
    for (change, expected) in cases {
        let mut tables = default_tables();
        change(first_source(&mut tables));
        let message = check_tables(&tables).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_derived_table_needs_its_source() {
    let mut tables = default_tables();
    tables.remove(0);
    let message = check_tables(&tables).unwrap_err().to_string();
    assert!(
        message.contains("its source `clickstream` is not a declared table"),
        "{message}"
    );
}

#[test]
fn what_may_change_between_two_runs() {
    let mut tables = default_tables();
    let older = first_source(&mut tables).clone();
    let newer = SourceDeclaration {
        watermark_delay: Duration::from_secs(1),
        ..older.clone()
    };
    assert_eq!(newer.continues(&older), Ok(()));
    let newer = SourceDeclaration {
        dedup_keys: vec![],
        ..older.clone()
    };
    assert_eq!(newer.continues(&older), Err("its deduplication keys"));
}
