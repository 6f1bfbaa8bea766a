//! `minicluster ledger`: what the ETL did with every event, beside what the generator sent.

use std::time::Duration;

use config::Settings;
use etl::{Counts, TableDeclaration};
use generator::{TopicTruth, Truth, Verdict};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::accounts::Newest;
use crate::command;
use crate::failure::{Code, Failure, Outcome};
use crate::output::{self, Align, Format};

/// How to show it.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    /// Wait up to this many seconds until the ETL has read everything that the generator sent
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
}

/// Both sides of one source table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Account {
    table: String,
    topic: String,
    read: Counts,
    sent: TopicTruth,
}

/// Shows both ledgers; fails if they contradict each other.
pub(crate) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let deadline = Instant::now() + Duration::from_secs(options.wait);
    let (newest, accounts) = loop {
        let (newest, accounts) = read(settings)?;
        if accounts.iter().all(Account::has_arrived) || Instant::now() >= deadline {
            break (newest, accounts);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let mut wrong = newest.ledger.imbalances();
    wrong.extend(accounts.iter().flat_map(Account::contradictions));
    let behind: u64 = accounts.iter().map(Account::behind).sum();
    match options.output {
        Format::Table => show(&newest, &accounts),
        Format::Json => output::json(&to_json(&newest, &accounts, &wrong)),
    }
    if !wrong.is_empty() {
        return Err(Failure::plain(format!(
            "the ledger does not balance:\n  {}",
            wrong.join("\n  ")
        )));
    }
    for account in accounts.iter().filter(|account| account.surplus() > 0) {
        output::progress(&account.surplus_note());
    }
    let note = match (accounts.iter().all(Account::is_settled), behind) {
        (true, _) => "balanced: every event that was sent is accounted for".to_owned(),
        _ if accounts.iter().all(Account::has_arrived) => {
            "balanced: every record that was read is accounted for".to_owned()
        }
        (false, 0) => "balanced so far; events are on their way".to_owned(),
        (false, behind) => format!("balanced so far; the ETL still has to read {behind} records"),
    };
    output::progress(&note);
    Ok(())
}

fn read(settings: &Settings) -> Outcome<(Newest, Vec<Account>)> {
    let Some(newest) = Newest::read(settings)? else {
        let root = settings.folders.lake().display();
        let message = format!("there is no lake in {root} yet: `minicluster up` creates it");
        return Err(Failure::new(Code::NotRunning, message));
    };
    let truth = Truth::read(&settings.folders.generator())?;
    let sources = command::etl::tables(settings)
        .into_iter()
        .filter_map(|table| match table {
            TableDeclaration::Source(source) => Some(source),
            TableDeclaration::Derived(_) => None,
        });
    let accounts = sources
        .map(|source| Account {
            read: newest.ledger.table(&source.table),
            sent: truth.topics.get(&source.topic).cloned().unwrap_or_default(),
            table: source.table,
            topic: source.topic,
        })
        .collect();
    Ok((newest, accounts))
}

impl Account {
    /// Whether everything that was sent was read, and nothing is on its way.
    fn is_settled(&self) -> bool {
        self.sent.open == 0 && self.read.read == self.sent.counts.records()
    }

    /// Whether everything that was sent was read, as far as numbers can tell.
    fn has_arrived(&self) -> bool {
        self.sent.open == 0 && self.read.read >= self.sent.counts.records()
    }

    /// Records that the ETL has read and this generator doesn't know of.
    fn surplus(&self) -> u64 {
        let most = self.sent.counts.records() + self.sent.open;
        self.read.read.saturating_sub(most)
    }

    fn surplus_note(&self) -> String {
        let Self { table, topic, .. } = self;
        format!(
            "{table}: `{topic}` held {} records more than this generator sent: from other producers, or its counts \
             were reset; so the two sides can't be compared",
            self.surplus()
        )
    }

    /// Records that the ETL has not read.
    fn behind(&self) -> u64 {
        self.sent.counts.records().saturating_sub(self.read.read)
    }

    /// What cannot be true of both sides, even while events are on their way.
    fn contradictions(&self) -> Vec<String> {
        if self.surplus() > 0 {
            return Vec::new();
        }
        let any = self.sent.counts.expected(Verdict::Any);
        // What a partition that came back from idleness made late would have been something else.
        let unsure = self.sent.open + any + self.read.late_after_idle;
        let must_agree = self.is_settled() && any == 0 && self.read.late_after_idle == 0;
        let mut wrong = Vec::new();
        for (what, read, sent) in self.pairs() {
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
            (
                "late events",
                read.late - read.late_after_idle,
                expected(Verdict::Late),
            ),
            ("future events", read.future, expected(Verdict::Future)),
        ]
    }
}

fn show(newest: &Newest, accounts: &[Account]) {
    let header = [
        ("TABLE", Align::Left),
        ("", Align::Left),
        ("RECORDS", Align::Right),
        ("WRITTEN", Align::Right),
        ("DUPLICATES", Align::Right),
        ("MALFORMED", Align::Right),
        ("LATE", Align::Right),
        ("FUTURE", Align::Right),
        ("FILTERED", Align::Right),
        ("ON THE WAY", Align::Right),
    ];
    let mut rows = Vec::new();
    for Account {
        table, read, sent, ..
    } in accounts
    {
        let none = String::new;
        rows.push(vec![
            table.clone(),
            "sent".to_owned(),
            sent.counts.records().to_string(),
            sent.counts.expected(Verdict::Written).to_string(),
            sent.counts.expected(Verdict::Duplicate).to_string(),
            sent.counts.expected(Verdict::Malformed).to_string(),
            sent.counts.expected(Verdict::Late).to_string(),
            sent.counts.expected(Verdict::Future).to_string(),
            none(),
            sent.open.to_string(),
        ]);
        let numbers = [
            read.read,
            read.written,
            read.duplicates,
            read.malformed,
            read.late,
            read.future,
            read.filtered,
        ];
        let mut row = vec![none(), "read".to_owned()];
        row.extend(numbers.map(|number| number.to_string()));
        row.push(none());
        rows.push(row);
    }
    output::data(&format!("commit {} of {}", newest.commit, newest.at));
    output::data(&output::plain(&header, rows));
    for (table, windows) in &newest.ledger.windows {
        let (closed, open) = (windows.closed, windows.open);
        let source = &windows.source;
        output::data(&format!(
            " {table}: {closed} rows of {source} in closed windows, {open} in open ones"
        ));
    }
}

fn to_json(newest: &Newest, accounts: &[Account], wrong: &[String]) -> Value {
    let tables = accounts.iter().map(|account| {
        let Account {
            table,
            topic,
            read,
            sent,
        } = account;
        json!({
            "table": table,
            "topic": topic,
            "sent": {
                "records": sent.counts.records(),
                "written": sent.counts.expected(Verdict::Written),
                "duplicates": sent.counts.expected(Verdict::Duplicate),
                "malformed": sent.counts.expected(Verdict::Malformed),
                "late": sent.counts.expected(Verdict::Late),
                "future": sent.counts.expected(Verdict::Future),
                "any": sent.counts.expected(Verdict::Any),
                "kinds": &sent.counts,
                "on_the_way": sent.open,
            },
            "read": read,
            "from_others": account.surplus(),
        })
    });
    let windows = newest.ledger.windows.iter().map(|(table, windows)| {
        json!({ "table": table, "source": windows.source, "closed": windows.closed, "open": windows.open })
    });
    json!({
        "commit": newest.commit,
        "at": newest.at.to_string(),
        "balanced": wrong.is_empty(),
        "wrong": wrong,
        "settled": accounts.iter().all(Account::is_settled),
        "tables": tables.collect::<Vec<_>>(),
        "windows": windows.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use etl::Counts;
    use generator::{Kind, TopicTruth};

    use super::Account;

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
