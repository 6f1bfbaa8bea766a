//! `minicluster ledger`: what the ETL did with every event, beside what the generator sent.

use std::time::Duration;

use config::Settings;
use etl::{Counts, TableDeclaration};
use generator::{TopicTruth, Truth};
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
        let (sent, read) = (&self.sent.counts, &self.read);
        let pairs = [
            ("records", read.read, sent.records()),
            ("duplicates", read.duplicates, sent.duplicates),
            ("malformed", read.malformed, sent.malformed_records()),
        ];
        let mut wrong = Vec::new();
        for (what, read, sent) in pairs {
            let most = sent + self.sent.open;
            let must_agree = self.is_settled();
            if read > most || (must_agree && read != sent) {
                wrong.push(format!(
                    "{}: {read} {what} were read, {sent} were sent to `{}`",
                    self.table, self.topic
                ));
            }
        }
        wrong
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
            sent.counts.events.to_string(),
            sent.counts.duplicates.to_string(),
            sent.counts.malformed_records().to_string(),
            none(),
            none(),
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
                "events": sent.counts.events,
                "duplicates": sent.counts.duplicates,
                "malformed": sent.counts.malformed_records(),
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
    use generator::TopicTruth;

    use super::Account;

    fn account(read: Counts, events: u64, duplicates: u64, open: u64) -> Account {
        let counts = generator::Counts {
            events,
            duplicates,
            ..Default::default()
        };
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
            ["iot: 2 duplicates were read, 1 were sent to `iot`"]
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
