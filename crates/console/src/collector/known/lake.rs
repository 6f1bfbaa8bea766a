//! What is known of the lake and of the ledger.

use jiff::Timestamp;

use super::{Known, Metered};
use crate::account::{Account, Newest};
use crate::in_topic::InTopic;
use crate::overview::{Lake, Ledger, Part, Table, Windows};

impl Known {
    pub(super) fn lake(&self, now: Timestamp) -> Part<Lake> {
        let lake = |newest: &Newest| Lake {
            root: self.options.lake.display().to_string(),
            commit: newest.commit,
            committed_at: newest.at,
            state_bytes: newest.state_bytes,
            tables: newest
                .tables
                .iter()
                .map(|table| Table {
                    rows_per_second: self.per_second(&Metered::Table(table.name.clone()), now),
                    ..table.clone()
                })
                .collect(),
        };
        let value = self.newest.value().and_then(Option::as_ref).map(lake);
        let at = value.as_ref().and(self.newest.at);
        Part {
            value,
            at,
            problem: self.newest.problem.clone(),
        }
    }

    pub(super) fn ledger(&self) -> Part<Ledger> {
        let problem = self
            .newest
            .problem
            .as_ref()
            .or(self.sent.problem.as_ref())
            .cloned();
        let (Some(Some(newest)), Some(sent)) = (self.newest.value(), self.sent.value()) else {
            return Part {
                problem,
                ..Part::default()
            };
        };
        let mut accounts = Account::all(&self.options.sources, &newest.ledger, sent);
        for account in &mut accounts {
            let standing = newest.standing.tables.get(&account.table);
            let held = self.held.get(&account.topic);
            account.in_topic =
                held.map(|held| InTopic::of(held.acknowledged, held.ends.iter().copied(), standing));
        }
        let mut wrong = newest.ledger.imbalances();
        wrong.extend(accounts.iter().flat_map(Account::contradictions));
        let windows = newest.ledger.windows.iter().map(|(table, windows)| Windows {
            table: table.clone(),
            source: windows.source.clone(),
            closed: windows.closed,
            open: windows.open,
        });
        let value = Ledger {
            tables: accounts.iter().map(Account::shown).collect(),
            windows: windows.collect(),
            wrong,
            settled: accounts.iter().all(Account::is_settled),
        };
        Part {
            value: Some(value),
            at: self.newest.at,
            problem,
        }
    }
}
