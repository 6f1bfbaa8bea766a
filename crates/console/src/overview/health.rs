use serde::{Deserialize, Serialize};

use super::{Overview, Service, State};

/// Whether all is well, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The worst of the reasons.
    pub level: Level,
    /// What is wrong, one sentence each, the worst first.
    pub reasons: Vec<String>,
}

/// How well it is, from the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All is well.
    Ok,
    /// Not everything was ready yet.
    Starting,
    /// It works, but not all of it.
    Degraded,
    /// Nothing runs.
    Down,
}

impl Level {
    /// As it stands in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Starting => "starting",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

impl Health {
    /// Nothing is known yet.
    #[must_use]
    pub fn starting() -> Self {
        Self {
            level: Level::Starting,
            reasons: vec!["the console has just begun to look".to_owned()],
        }
    }

    /// Judges everything else in the overview.
    #[must_use]
    pub fn of(overview: &Overview) -> Self {
        let mut found: Vec<(Level, String)> = Vec::new();
        found.extend(supervisor(overview));
        found.extend(overview.services.iter().filter_map(service));
        found.extend(topics(overview));
        if let Some(problem) = &overview.cluster.problem {
            found.push((Level::Degraded, format!("the brokers can't be asked: {problem}")));
        }
        if let Some(waiting) = overview.etl.if_fresh().and_then(|etl| etl.waiting.as_ref()) {
            found.push((Level::Degraded, format!("the ETL waits: {waiting}")));
        }
        if let Some(problem) = &overview.lake.problem {
            found.push((Level::Degraded, format!("the lake can't be read: {problem}")));
        }
        let wrong = overview.ledger.value().map(|ledger| ledger.wrong.as_slice());
        for line in wrong.unwrap_or_default() {
            found.push((Level::Degraded, format!("the ledger does not balance: {line}")));
        }
        if !overview.services.is_empty() && overview.services.iter().all(|s| s.state == State::Down) {
            found.push((Level::Down, "nothing runs: `minicluster up` starts it".to_owned()));
        }
        // The sort is stable: within a level the order of looking.
        found.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
        Self {
            level: found.first().map_or(Level::Ok, |(level, _)| *level),
            reasons: found.into_iter().map(|(_, reason)| reason).collect(),
        }
    }

    /// Whether it does what it should.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.level == Level::Ok
    }
}

fn supervisor(overview: &Overview) -> Option<(Level, String)> {
    match (&overview.supervisor.value, &overview.supervisor.problem) {
        (_, Some(problem)) => Some((Level::Degraded, problem.clone())),
        (Some(supervisor), None) if !supervisor.ready => {
            Some((Level::Starting, "not everything is ready yet".to_owned()))
        }
        _ => None,
    }
}

fn service(service: &Service) -> Option<(Level, String)> {
    let name = &service.name;
    let reason = match (service.state, &service.problem) {
        (State::Running, None) => return None,
        (State::Running, Some(problem)) => format!("{name}: {problem}"),
        (State::Starting, _) => return Some((Level::Starting, format!("{name} is starting"))),
        (State::Paused, _) => {
            format!("{name} is paused: `minicluster resume {name}` lets it go on")
        }
        (State::Down, _) => match &service.last_death {
            Some(death) => format!("{name} is down: {death}"),
            None => format!("{name} is down"),
        },
    };
    Some((Level::Degraded, reason))
}

fn topics(overview: &Overview) -> Vec<(Level, String)> {
    let mut found = Vec::new();
    let topics = overview.cluster.value().map(|cluster| cluster.topics.as_slice());
    for topic in topics.unwrap_or_default() {
        let counts = [
            (topic.leaderless, "without leader"),
            (topic.under_min_isr, "below min.insync.replicas"),
            (topic.under_replicated, "under-replicated"),
        ];
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            let (name, all) = (&topic.name, topic.partitions);
            let reason = format!("topic {name}: {count} of {all} partitions {what}");
            found.push((Level::Degraded, reason));
        }
    }
    found
}

#[cfg(test)]
mod tests;
