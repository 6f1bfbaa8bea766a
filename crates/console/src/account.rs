//! Both sides of the ledger: what the generator sent, and what the ETL made of what it read.

use std::collections::BTreeMap;
use std::path::Path;

use disk::RealDisk;
use etl::{Counts, EtlError, Standing};
use generator::{TopicTruth, Verdict};
use jiff::Timestamp;
use lake::{LakeError, Payload, Snapshot};

use crate::in_topic::InTopic;
use crate::overview::{LedgerTable, Sent, Table};

/// The newest commit of the lake, as far as operators want to know it.
#[derive(Debug, Clone, PartialEq)]
pub struct Newest {
    /// Its number.
    pub commit: u64,
    /// When it was made.
    pub at: Timestamp,
    /// What became of every event.
    pub ledger: etl::Ledger,
    /// Where the ETL stands; without tables before its first micro-batch.
    pub standing: Standing,
    /// The tables, by name, without rates.
    pub tables: Vec<Table>,
    /// Bytes of the state files that it rests on.
    pub state_bytes: u64,
}

/// Why the newest commit can't be read.
#[derive(Debug, thiserror::Error)]
pub enum NewestError {
    /// The lake can't be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// What the ETL stored with the commit can't.
    #[error(transparent)]
    Etl(#[from] EtlError),
}

impl Newest {
    /// Reads the newest commit of the lake in this folder; none where there is no lake yet.
    ///
    /// # Errors
    /// Where the lake, or what the ETL stored with the commit, can't be read.
    pub fn read(root: &Path) -> Result<Option<Self>, NewestError> {
        let snapshot = match Snapshot::open(RealDisk, root) {
            Err(LakeError::NoLake { .. }) => return Ok(None),
            opened => opened?,
        };
        let commit = snapshot.commit();
        let (ledger, standing) = payload(snapshot.application())?;
        let tables = snapshot.tables().map(|table| {
            let mut sums = Table {
                name: table.to_string(),
                ..Table::default()
            };
            let mut day = None;
            for file in snapshot.files(table) {
                sums.rows += file.rows;
                sums.bytes += file.bytes;
                sums.files += 1;
                // Files come by partition.
                sums.days += u64::from(day.replace(file.dt) != Some(file.dt));
            }
            sums
        });
        Ok(Some(Self {
            commit: commit.number.0,
            at: commit.at,
            ledger,
            standing,
            tables: tables.collect(),
            state_bytes: commit.state.iter().map(|file| file.bytes).sum(),
        }))
    }
}

/// The first commit, before any ETL, has no payload.
fn payload(application: &Payload) -> Result<(etl::Ledger, Standing), EtlError> {
    match application.is_null() {
        true => Ok(Default::default()),
        false => Ok((
            etl::Ledger::from_payload(application.as_str())?,
            Standing::from_payload(application.as_str())?,
        )),
    }
}

/// Events whose window has passed, in words.
const LATE: &str = "late events";

/// Both sides of one source table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The table.
    pub table: String,
    /// The topic that it reads.
    pub topic: String,
    /// What the ETL made of what it read.
    pub read: Counts,
    /// What the generator sent.
    pub sent: TopicTruth,
    /// Records in the topic that the generator doesn't know of, as far as somebody has counted them there:
    /// the ETL may have read some of them, and not yet all that was sent.
    pub others: u64,
    /// What the topic holds; none while its brokers don't say.
    pub in_topic: Option<InTopic>,
}

impl Account {
    /// The accounts of these source tables, given as table and topic.
    ///
    /// What was sent must have been looked at after what was read: else the ETL may have read more
    /// than was sent.
    #[must_use]
    pub fn all(
        sources: &[(String, String)],
        ledger: &etl::Ledger,
        sent: &BTreeMap<String, TopicTruth>,
    ) -> Vec<Self> {
        let account = |(table, topic): &(String, String)| Self {
            table: table.clone(),
            topic: topic.clone(),
            read: ledger.table(table),
            sent: sent.get(topic).cloned().unwrap_or_default(),
            others: 0,
            in_topic: None,
        };
        sources.iter().map(account).collect()
    }

    /// Whether everything that was sent was read, and nothing is on its way.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.sent.open == 0 && self.read.read == self.sent.counts.records()
    }

    /// Whether everything that was sent was read, as far as numbers can tell.
    #[must_use]
    pub fn has_arrived(&self) -> bool {
        self.sent.open == 0 && self.read.read >= self.sent.counts.records()
    }

    /// Records that the generator may have sent.
    #[must_use]
    pub fn sent_at_most(&self) -> u64 {
        self.sent.counts.records() + self.sent.open
    }

    /// Records that were read or counted in the topic and that this generator doesn't know of.
    #[must_use]
    pub fn surplus(&self) -> u64 {
        self.others
            .max(self.read.read.saturating_sub(self.sent_at_most()))
    }

    /// What follows where there is a surplus.
    #[must_use]
    pub fn surplus_note(&self) -> String {
        let Self { table, topic, .. } = self;
        let so = match self.in_topic {
            Some(_) => "compared with what was read only up to that many",
            None => "compared with what was read only while the brokers run, who can tell how many they are",
        };
        format!(
            "{table}: `{topic}` held {} records more than this generator sent: from other producers, or its counts \
             were reset; so what was sent can be {so}",
            self.surplus()
        )
    }

    /// Records that the ETL has not read, as far as numbers can tell.
    #[must_use]
    pub fn behind(&self) -> u64 {
        let unread = || self.sent.counts.records().saturating_sub(self.read.read);
        self.in_topic.map_or_else(unread, |topic| topic.left)
    }

    /// Records that brokers acknowledged, that the ETL has not read, and that it never will: the topic does not
    /// hold them.
    fn lost(&self) -> u64 {
        let lost = |topic: InTopic| topic.acknowledged.saturating_sub(self.read.read + topic.left);
        self.in_topic.map_or(0, lost)
    }

    /// What cannot be true of both sides, even while events are on their way.
    #[must_use]
    pub fn contradictions(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.lost() > 0 {
            let Self { table, topic, .. } = self;
            wrong.push(format!(
                "{table}: {} records were acknowledged, but `{topic}` does not hold them and they were not read",
                self.lost()
            ));
        }
        let has_others = self.surplus() > 0;
        let unknown = match self.in_topic {
            Some(topic) => topic.unknown().max(self.sent.open),
            // They may be any number.
            None if has_others => return wrong,
            None => self.sent.open,
        };
        let any = self.sent.counts.expected(Verdict::Any);
        // What a partition that came back from idleness made late would have been something else.
        let unsure = unknown + any + self.read.late_after_idle;
        let is_read = self.in_topic.is_none_or(|topic| topic.left == 0) && !has_others;
        let must_agree = is_read && self.is_settled() && any == 0 && self.read.late_after_idle == 0;
        for (what, read, sent) in self.pairs() {
            // One event of others that is ahead of its time makes any number of events late.
            if has_others && what == LATE {
                continue;
            }
            let too_much = read > sent + unsure;
            if too_much || (must_agree && read != sent) {
                wrong.push(format!(
                    "{}: {read} {what} were read, {sent} were sent to `{}`",
                    self.table, self.topic
                ));
            }
        }
        wrong
    }

    /// What was read and what was sent of each verdict.
    fn pairs(&self) -> [(&'static str, u64, u64); 6] {
        let (read, sent) = (&self.read, &self.sent.counts);
        let expected = |verdict| sent.expected(verdict);
        [
            ("records", read.read, sent.records()),
            (
                "events to be kept",
                read.written + read.filtered,
                expected(Verdict::Written),
            ),
            ("duplicates", read.duplicates, expected(Verdict::Duplicate)),
            ("malformed records", read.malformed, expected(Verdict::Malformed)),
            (LATE, read.late - read.late_after_idle, expected(Verdict::Late)),
            ("future events", read.future, expected(Verdict::Future)),
        ]
    }

    pub(crate) fn shown(&self) -> LedgerTable {
        let counts = &self.sent.counts;
        LedgerTable {
            table: self.table.clone(),
            topic: self.topic.clone(),
            sent: Sent {
                records: counts.records(),
                written: counts.expected(Verdict::Written),
                duplicates: counts.expected(Verdict::Duplicate),
                malformed: counts.expected(Verdict::Malformed),
                late: counts.expected(Verdict::Late),
                future: counts.expected(Verdict::Future),
                on_the_way: self.sent.open,
            },
            read: self.read,
            from_others: self.surplus(),
        }
    }
}

#[cfg(test)]
mod tests {
    use etl::Counts;
    use generator::{Kind, TopicTruth};

    use super::{Account, InTopic};

    fn account(read: Counts, events: u64, duplicates: u64, open: u64) -> Account {
        let counts = [(Kind::Event, events), (Kind::Duplicate, duplicates)]
            .into_iter()
            .collect();
        let sent = TopicTruth { counts, open };
        Account {
            table: "iot".to_owned(),
            topic: "iot".to_owned(),
            read,
            sent,
            others: 0,
            in_topic: None,
        }
    }

    #[test]
    fn both_sides_must_agree_once_everything_was_read() {
        let read = Counts {
            read: 10,
            written: 8,
            duplicates: 2,
            ..Counts::default()
        };
        assert!(account(read, 8, 2, 0).contradictions().is_empty());
        assert_eq!(
            account(read, 9, 1, 0).contradictions(),
            [
                "iot: 8 events to be kept were read, 9 were sent to `iot`",
                "iot: 2 duplicates were read, 1 were sent to `iot`"
            ]
        );
    }

    #[test]
    fn what_was_acknowledged_and_can_not_be_read_any_more_is_wrong() {
        let read = Counts {
            read: 95,
            written: 95,
            ..Counts::default()
        };
        let topic = |written, left| InTopic {
            acknowledged: 100,
            written,
            left,
        };
        let with = |in_topic, open| Account {
            in_topic,
            ..account(read, 100, 0, open)
        };
        // Nobody can tell while the brokers are away; the ETL may still read what is left.
        assert_eq!(with(None, 0).contradictions(), Vec::<String>::new());
        assert_eq!(
            with(Some(topic(100, 5)), 0).contradictions(),
            Vec::<String>::new()
        );
        assert_eq!(with(Some(topic(100, 5)), 0).behind(), 5);
        let wrong = |lost| {
            [format!(
                "iot: {lost} records were acknowledged, but `iot` does not hold them and they were not read"
            )]
        };
        assert_eq!(with(Some(topic(95, 0)), 0).contradictions(), wrong(5));
        assert_eq!(with(Some(topic(97, 2)), 0).contradictions(), wrong(3));
        // Retention may have been faster than the ETL; and others may be on their way.
        assert_eq!(with(Some(topic(100, 0)), 7).contradictions(), wrong(5));
    }

    #[test]
    fn on_the_way_only_too_much_is_wrong() {
        let read = Counts {
            read: 10,
            written: 9,
            duplicates: 1,
            ..Counts::default()
        };
        assert!(account(read, 20, 5, 0).contradictions().is_empty());
        assert_eq!(account(read, 20, 5, 0).behind(), 15);
        assert!(account(read, 8, 1, 1).contradictions().is_empty());
        let wrong = ["iot: 1 duplicates were read, 0 were sent to `iot`"];
        assert_eq!(account(read, 20, 0, 0).contradictions(), wrong);
        // It may be one of another producer, of whom the topic tells.
        let with_others = Account {
            others: 1,
            ..account(read, 20, 0, 0)
        };
        assert_eq!(with_others.contradictions(), Vec::<String>::new());
    }

    #[test]
    fn each_kind_of_fault_has_its_verdict() {
        let counts = Kind::ALL
            .into_iter()
            .map(|kind| (kind, 10))
            .filter(|(kind, _)| *kind != Kind::Replayed);
        let sent = TopicTruth {
            counts: counts.collect(),
            open: 0,
        };
        let read = Counts {
            read: 260,
            written: 70,
            filtered: 30,
            duplicates: 10,
            late: 20,
            future: 10,
            malformed: 120,
            ..Counts::default()
        };
        let mut account = Account {
            read,
            sent,
            ..account(read, 0, 0, 0)
        };
        assert_eq!(account.contradictions(), Vec::<String>::new());
        (account.read.late, account.read.malformed) = (19, 121);
        assert_eq!(
            account.contradictions(),
            [
                "iot: 121 malformed records were read, 120 were sent to `iot`",
                "iot: 19 late events were read, 20 were sent to `iot`"
            ]
        );
        // One of them was late only because its partition had been idle.
        account.read = Counts {
            written: 69,
            late: 21,
            late_after_idle: 1,
            ..read
        };
        assert_eq!(account.contradictions(), Vec::<String>::new());
    }

    #[test]
    fn a_record_of_others_hides_no_more_than_itself() {
        let read = Counts {
            read: 101,
            written: 90,
            duplicates: 11,
            ..Counts::default()
        };
        let in_topic = InTopic {
            acknowledged: 100,
            written: 101,
            left: 0,
        };
        let with_topic = |read| Account {
            others: 1,
            in_topic: Some(in_topic),
            ..account(read, 90, 10, 0)
        };
        assert_eq!(with_topic(read).contradictions(), Vec::<String>::new());
        let read = Counts {
            written: 89,
            duplicates: 12,
            ..read
        };
        assert_eq!(
            with_topic(read).contradictions(),
            ["iot: 12 duplicates were read, 10 were sent to `iot`"]
        );
        // It may have been ahead of its time, and the others late for that.
        let read = Counts {
            written: 51,
            duplicates: 0,
            late: 50,
            ..read
        };
        assert_eq!(with_topic(read).contradictions(), Vec::<String>::new());
    }

    #[test]
    fn records_of_others_are_named_and_are_no_contradiction() {
        let read = Counts {
            read: 10,
            written: 9,
            duplicates: 1,
            ..Counts::default()
        };
        let account = account(read, 8, 0, 0);
        assert_eq!(account.contradictions(), Vec::<String>::new());
        assert_eq!(
            (account.surplus(), account.has_arrived(), account.is_settled()),
            (2, true, false)
        );
        let note = account.surplus_note();
        assert!(
            note.starts_with("iot: `iot` held 2 records more than this generator sent"),
            "{note}"
        );
    }
}
