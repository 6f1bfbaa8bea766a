use super::*;

#[test]
fn every_shape_of_the_text() {
    let cases = [
        ("1970-01-01T00:00:00Z", Some(0)),
        ("2025-06-01T01:02:03Z", Some(1_748_739_723_000_000)),
        ("2025-06-01T01:02:03.5Z", Some(1_748_739_723_500_000)),
        ("2025-06-01T01:02:03.123456Z", Some(1_748_739_723_123_456)),
        ("2025-06-01T01:02:03.123456789Z", Some(1_748_739_723_123_456)),
        ("2025-06-01T01:02:03", Some(1_748_739_723_000_000)),
        ("2025-06-01 01:02:03", Some(1_748_739_723_000_000)),
        ("2025-6-1T1:2:3Z", Some(1_748_739_723_000_000)),
        ("2025-06-01T03:02:03+02:00", Some(1_748_739_723_000_000)),
        ("2025-06-01T03:02:03+0200", Some(1_748_739_723_000_000)),
        ("2025-06-01T03:02:03+2", Some(1_748_739_723_000_000)),
        ("2025-05-31T23:32:03.25-01:30", Some(1_748_739_723_250_000)),
        ("2025-06-01T01:02Z", Some(1_748_739_720_000_000)),
        ("2025-06-01", Some(1_748_736_000_000_000)),
        ("2024-02-29T00:00:00Z", Some(1_709_164_800_000_000)),
        ("1969-12-31T23:59:59.999999Z", Some(-1)),
        ("0001-01-01T00:00:00Z", Some(-62_135_596_800_000_000)),
        ("9999-12-31T23:59:59Z", Some(253_402_300_799_000_000)),
        ("9999-12-31T23:59:59.999999Z", Some(253_402_300_799_999_999)),
        ("9999-12-31T23:59:59-00:01", None),
        ("0001-01-01T00:00:00+00:01", None),
        ("", None),
        ("2025", None),
        ("2025-06", None),
        ("2025-02-29T00:00:00Z", None),
        ("2025-13-01T00:00:00Z", None),
        ("2025-06-00T00:00:00Z", None),
        ("2025-06-31T00:00:00Z", None),
        ("2025-06-01T24:00:00Z", None),
        ("2025-06-01T23:60:00Z", None),
        ("2025-06-01T23:59:60Z", None),
        ("2025-06-01T01:02:03.Z", Some(1_748_739_723_000_000)),
        ("2025-06-01T01:02:03.12x4Z", None),
        ("2025-06-01T01:02:03 Europe/Berlin", None),
        ("2025-06-01T01:02:03+19:00", None),
        ("2025-06-01T", None),
        ("12025-06-01T00:00:00Z", None),
        ("0000-01-01T00:00:00Z", None),
        ("1748739723", None),
        ("yesterday", None),
        ("२०२५-०६-०१T00:00:00Z", None),
    ];
    let parsed = cases.map(|(text, _)| (text, EventTime::parse(text).map(|t| t.0)));
    assert_eq!(parsed, cases);
}

#[test]
fn agrees_with_jiff_through_four_centuries() {
    let mut at: i64 = -11_644_473_600_000_000;
    while at < 16_725_225_600_000_000 {
        let text = EventTime(at).to_string();
        assert_eq!(EventTime::parse(&text), Some(EventTime(at)), "{text}");
        assert_eq!(lenient(text.as_bytes()), Some(EventTime(at)), "{text}");
        at += 86_400_000_000 * 13 + 3_723_000_001;
    }
}

#[test]
fn days_before_1970_count_downwards() {
    assert_eq!(EventTime(-1).day(), -1);
    assert_eq!(EventTime(0).day(), 0);
    assert_eq!(EventTime(-1).floor(60_000_000), -60_000_000);
}

#[test]
fn every_time_that_is_parsed_has_a_date() {
    let shown = |text: &str| {
        let time = EventTime::parse(text).unwrap();
        (time.date().unwrap().to_string(), time.to_string())
    };
    for text in [
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "2024-02-29T12:00:00Z",
        "9999-12-31T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
    ] {
        assert_eq!(shown(text), (text[..10].to_owned(), text.to_owned()));
    }
    assert_eq!(EventTime(i64::MAX).date(), None);
}
