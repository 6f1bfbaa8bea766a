//! `minicluster ledger`: what the ETL did with every event, beside what the generator sent.

use std::time::Duration;

use client::{ClientError, Isolation, OffsetSpec};
use config::Settings;
use console::{Account, InTopic, Newest};
use generator::{Truth, Verdict};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::command;
use crate::failure::{Code, Failure, Outcome};
use crate::output::{self, Align, Format};
use crate::topics;

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

/// Shows both ledgers; fails if they contradict each other.
pub(crate) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let deadline = Instant::now() + Duration::from_secs(options.wait);
    let (newest, mut accounts) = loop {
        let (newest, accounts) = read(settings)?;
        if accounts.iter().all(Account::has_arrived) || Instant::now() >= deadline {
            break (newest, accounts);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let is_plain = |one: &Account| one.is_settled() && one.contradictions().is_empty();
    let is_known =
        accounts.iter().all(is_plain) || look_into_topics(settings, &newest, &mut accounts).await?;
    let mut wrong = newest.ledger.imbalances();
    wrong.extend(accounts.iter().flat_map(Account::contradictions));
    match options.output {
        Format::Table => show(&newest, &accounts),
        Format::Json => output::json(&to_json(&newest, &accounts, &wrong)),
    }
    if !wrong.is_empty() {
        let hint = match is_known {
            true => "",
            false => {
                "\nIf other programs write to these topics: ask again while the brokers run, who can tell."
            }
        };
        let wrong = wrong.join("\n  ");
        return Err(Failure::plain(format!(
            "the ledger does not balance:\n  {wrong}{hint}"
        )));
    }
    for account in accounts.iter().filter(|account| account.surplus() > 0) {
        output::progress(&account.surplus_note());
    }
    output::progress(&verdict(&accounts, is_known));
    Ok(())
}

/// What accounts say that contradict each other in nothing.
fn verdict(accounts: &[Account], is_known: bool) -> String {
    if accounts.iter().all(Account::is_settled) {
        return "balanced: every event that was sent is accounted for".to_owned();
    }
    let behind: u64 = accounts.iter().map(Account::behind).sum();
    match (behind, is_known) {
        (0, _) if accounts.iter().all(Account::has_arrived) => {
            "balanced: every record that was read is accounted for".to_owned()
        }
        (0, _) => "balanced so far; events are on their way".to_owned(),
        (behind, true) => format!("balanced so far; the ETL still has to read {behind} records"),
        (behind, false) => format!(
            "balanced so far; the ETL has not read {behind} records, and whether the topics hold them only running \
             brokers can tell"
        ),
    }
}

fn read(settings: &Settings) -> Outcome<(Newest, Vec<Account>)> {
    let root = settings.folders.lake();
    let Some(newest) = Newest::read(root)? else {
        let message = format!(
            "there is no lake in {} yet: `minicluster up` creates it",
            root.display()
        );
        return Err(Failure::new(Code::NotRunning, message));
    };
    // In this order: what was read was sent before.
    let truth = Truth::read(&settings.folders.generator())?;
    let sources = command::etl::sources(settings);
    let accounts = Account::all(&sources, &newest.ledger, &truth.topics);
    Ok((newest, accounts))
}

/// Asks the brokers what the topics hold, as far as they answer: what others wrote contradicts nothing, but
/// looks as if it did while the ETL is behind; and what a topic has lost, the ETL will never read. Whether
/// all was answered.
async fn look_into_topics(settings: &Settings, newest: &Newest, accounts: &mut [Account]) -> Outcome<bool> {
    let Ok(client) = topics::connect(settings).await else {
        return Ok(false);
    };
    let Ok(metadata) = client.metadata(None).await else {
        return Ok(false);
    };
    let mut all = true;
    for account in accounts {
        let Some(topic) = metadata.topic(&account.topic) else {
            all = false;
            continue;
        };
        let partitions = topic.partitions.iter().map(|partition| partition.index);
        let asked: Vec<_> = partitions
            .map(|index| (&*topic.name, index, OffsetSpec::Latest))
            .collect();
        let listed = client.list_offsets(&asked, Isolation::ReadUncommitted).await;
        let ends = asked.iter().zip(listed);
        let ends: Result<Vec<_>, _> = ends
            .map(|((_, index, _), listed)| Ok::<_, ClientError>((*index, listed?.offset.0)))
            .collect();
        let Ok(ends) = ends else {
            all = false;
            continue;
        };
        let standing = newest.standing.tables.get(&account.table);
        let in_topic = InTopic::of(account.sent.counts.records(), ends, standing);
        account.in_topic = Some(in_topic);
        // Looked at after the topic: what the generator wrote into it is known by now.
        let truth = Truth::read(&settings.folders.generator())?;
        account.sent = truth.topics.get(&account.topic).cloned().unwrap_or_default();
        account.others = in_topic.written.saturating_sub(account.sent_at_most());
    }
    Ok(all)
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
            ..
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
