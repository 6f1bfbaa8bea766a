//! A story of a source table with a watermark delay of 120 s, a future limit of 300 s and partitions
//! that are idle after 60 s, in lines of text. Times are seconds. What happens begins with `>`:
//!
//!     > 0: 130 200 filtered       partition 0 gets an event of 130, with the record's timestamp 200
//!     > end at 40: 0 read; 1 at end; 2 unknown     the epoch ends at wall clock 40
//!
//! and is answered by a line with `=`.

use record::{Offset, PartitionIndex, Timestamp};

use super::*;
use crate::ledger::Counts;
use crate::watermark::{Activity, TableWatermark};

const SECOND: i64 = 1_000_000;

#[derive(Default)]
struct Story {
    table: TableWatermark,
}

impl Story {
    fn happens(&mut self, line: &str) -> String {
        match line.strip_prefix("end at ") {
            Some(rest) => self.end(rest),
            None => self.event(line),
        }
    }

    fn event(&mut self, line: &str) -> String {
        let (partition, rest) = line.split_once(": ").unwrap();
        let mut words = rest.split(' ');
        let mut number = || words.next().unwrap().parse::<i64>().unwrap() * SECOND;
        let candidate = Candidate {
            event_time: EventTime(number()),
            record_time: number(),
            kept_by_filter: words.next() != Some("filtered"),
        };
        let limits = Limits {
            watermark_delay: 120 * SECOND,
            future_limit: 300 * SECOND,
            table_watermark: self.table.value,
        };
        let progress = self
            .table
            .add(PartitionIndex(partition.parse().unwrap()), Timestamp(0));
        match judge(candidate, &limits, &mut progress.watermark) {
            None => "written, unless known".to_owned(),
            Some(verdict) => format!("{verdict:?}"),
        }
    }

    fn end(&mut self, line: &str) -> String {
        let (now, partitions) = line.split_once(": ").unwrap();
        let now = Timestamp(now.parse::<i64>().unwrap() * 1000);
        for partition in partitions.split("; ") {
            let (index, activity) = partition.split_once(' ').unwrap();
            // Records at offsets 0 to 9, and where the plan says that the partition ends.
            let (given, end): (&[Verdict], _) = match activity {
                "read" => (&[Verdict::Malformed, Verdict::Written], Some(10)),
                "late" => (&[Verdict::Late], Some(10)),
                "at end" => (&[], Some(10)),
                "malformed" => (&[Verdict::Malformed], Some(10)),
                "malformed and future, behind" => (&[Verdict::Malformed, Verdict::Future], Some(11)),
                "unknown" => (&[], None),
                other => panic!("{other}"),
            };
            let mut counts = Counts::default();
            given.iter().for_each(|&verdict| counts.count(verdict));
            let activity = Activity::of(&counts, Offset(10), end.map(Offset));
            self.table
                .saw(PartitionIndex(index.parse().unwrap()), activity, 60_000, now);
        }
        let watermark = self.table.advance(120 * SECOND);
        let idle = self
            .table
            .partitions
            .iter()
            .filter(|(_, p)| p.idle)
            .map(|(index, _)| index.to_string());
        let idle: Vec<String> = idle.collect();
        let watermark = watermark.map_or("none".to_owned(), |w| (w.0 / SECOND).to_string());
        format!(
            "watermark {watermark}, idle: {}",
            if idle.is_empty() {
                "none".into()
            } else {
                idle.join(" ")
            }
        )
    }
}

#[test]
fn golden() {
    let golden = include_str!("../../testdata/verdicts.txt");
    let mut story = Story::default();
    let mut told = String::new();
    for line in golden.lines().filter(|line| !line.starts_with("= ")) {
        if line.starts_with("# ---") {
            story = Story::default();
        }
        told += &format!("{line}\n");
        if let Some(happens) = line.strip_prefix("> ") {
            told += &format!("= {}\n", story.happens(happens));
        }
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(
            concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/verdicts.txt"),
            &told,
        )
        .unwrap();
    }
    assert_eq!(told, golden, "run with UPDATE_GOLDEN=1 and read the difference");
}
