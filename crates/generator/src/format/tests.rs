use serde_json::{Value as Json, json};

use super::*;
use crate::model::{Field, FieldKind};

fn schema() -> Schema {
    let fields = [
        ("id", FieldKind::Text),
        ("note", FieldKind::Text),
        ("number", FieldKind::Integer),
        ("share", FieldKind::Decimal),
        ("yes", FieldKind::Text),
        ("at", FieldKind::Time),
        ("none", FieldKind::Text),
    ];
    Schema {
        fields: fields.map(|(name, kind)| Field::new(name, kind)).to_vec(),
        key: 0,
        id: 0,
        time: 5,
    }
}

fn row(note: &str) -> Row {
    let mut row = Row::default();
    row.push(Value::Static("a-1"));
    let note = row.hold(|out| out.extend_from_slice(note.as_bytes()));
    row.push(Value::Text(note));
    row.push(Value::Integer(-42));
    row.push(Value::decimal(-0.056, 2));
    row.push(Value::Boolean(true));
    row.push(Value::Time(1_767_225_600_085_999));
    row.push(Value::Null);
    row
}

fn encoded(format: Format, row: &Row) -> String {
    let mut out = Vec::new();
    Encoder::new(format, &schema()).value(row, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn json_is_written_without_white_space() {
    let mut row = row("hello");
    assert_eq!(
        encoded(Format::Json, &row),
        r#"{"id":"a-1","note":"hello","number":-42,"share":-0.06,"yes":true,"at":"2026-01-01T00:00:00.085Z","none":null}"#
    );
    row.set(0, Value::Missing);
    let raw = row.hold(|out| out.extend_from_slice(b"[1,2]"));
    row.set(5, Value::Raw(raw));
    row.extra = Some(("more", Value::Integer(1)));
    assert_eq!(
        encoded(Format::Json, &row),
        r#"{"note":"hello","number":-42,"share":-0.06,"yes":true,"at":[1,2],"none":null,"more":1}"#
    );
}

#[test]
fn any_text_comes_back_out_of_json() {
    let every: String = (0..0x250).filter_map(char::from_u32).collect();
    for note in [
        "",
        "\"",
        "\\",
        "a\tb\nc\r",
        "\u{0}\u{1f}\u{7f}",
        "grüße 🦀",
        &every,
    ] {
        let parsed: Json = serde_json::from_str(&encoded(Format::Json, &row(note))).unwrap();
        assert_eq!(parsed["note"], json!(note));
    }
}

#[test]
fn csv_quotes_what_it_must() {
    let line = |note| encoded(Format::Csv, &row(note));
    let rest = "-42,-0.06,true,2026-01-01T00:00:00.085Z,";
    assert_eq!(line("plain"), format!("a-1,plain,{rest}"));
    assert_eq!(line(""), format!("a-1,\"\",{rest}"));
    assert_eq!(
        line("say \"hi\", now"),
        format!("a-1,\"say \"\"hi\"\", now\",{rest}")
    );
    let mut agent = row("");
    agent.set(0, Value::Static("KHTML, like Gecko"));
    assert!(encoded(Format::Csv, &agent).starts_with("\"KHTML, like Gecko\","));
    assert_eq!(line("two\nlines"), format!("a-1,\"two\nlines\",{rest}"));
    let mut header = Vec::new();
    Encoder::new(Format::Csv, &schema()).header(&mut header);
    assert_eq!(header, b"id,note,number,share,yes,at,none");
}

#[test]
fn logfmt_quotes_what_it_must_and_leaves_out_what_is_not_there() {
    let line = |note| encoded(Format::Logfmt, &row(note));
    let rest = "number=-42 share=-0.06 yes=true at=2026-01-01T00:00:00.085Z";
    assert_eq!(line("/product/7"), format!("id=a-1 note=/product/7 {rest}"));
    assert_eq!(line(""), format!("id=a-1 note=\"\" {rest}"));
    assert_eq!(
        line("say \"hi\"\n"),
        format!("id=a-1 note=\"say \\\"hi\\\"\\n\" {rest}")
    );
    assert_eq!(line("a=b"), format!("id=a-1 note=\"a=b\" {rest}"));
}

#[test]
fn a_key_is_the_bare_value() {
    let encoder = Encoder::new(Format::Json, &schema());
    let mut key = Vec::new();
    encoder.key(&row(""), &mut key);
    assert_eq!(key, b"a-1");
}

#[test]
fn numbers_are_written_whole() {
    let mut out = Vec::new();
    for number in [0, 7, -7, i64::MAX, i64::MIN] {
        write_integer(number, &mut out);
        out.push(b' ');
    }
    for (unscaled, places) in [(5, 2), (-5, 2), (1_234, 1), (i64::MIN, 3), (9, 0)] {
        write_decimal(unscaled, places, &mut out);
        out.push(b' ');
    }
    for (number, width) in [(7, 3), (1_234, 3)] {
        write_padded(number, width, &mut out);
        out.push(b' ');
    }
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "0 7 -7 9223372036854775807 -9223372036854775808 0.05 -0.05 123.4 -9223372036854775.808 9 007 1234 "
    );
}
