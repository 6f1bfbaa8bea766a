//! The mistakes that can be made on purpose.

use cluster::Bug;

use crate::run;

/// The mistakes by their names, and within how many seeds each is found. CI tries those with [`FEW`].
pub(crate) const BUGS: [(&str, Bug, u64); 21] = [
    ("apply-uncommitted", Bug::ApplyUncommitted, 5),
    ("reuse-producer-ids", Bug::ReuseProducerIds, 20),
    ("answer-before-commit", Bug::AnswerBeforeCommit, 200),
    ("keep-leader-epoch", Bug::KeepLeaderEpoch, 5),
    ("delete-by-name", Bug::DeleteByName, 1000),
    ("stale-isr", Bug::StaleIsr, 2000),
    ("elect-anyone", Bug::ElectAnyone, 5),
    ("commit-alone", Bug::CommitAlone, 5),
    ("commit-below-minimum", Bug::CommitBelowMinimum, 5),
    ("ignore-proposed", Bug::IgnoreProposed, 100),
    ("trust-own-log", Bug::TrustOwnLog, 5),
    ("join-early", Bug::JoinEarly, 20),
    ("skip-truncation", Bug::SkipTruncation, 20),
    ("acknowledge-early", Bug::AcknowledgeEarly, 5),
    ("answer-when-deposed", Bug::AnswerWhenDeposed, 20),
    ("forget-producers", Bug::ForgetProducers, 20),
    ("read-uncommitted", Bug::ReadUncommitted, 5),
    ("answer-before-sync", Bug::AnswerBeforeSync, 200),
    ("trust-unclean", Bug::TrustUnclean, 50),
    ("forget-in-snapshot", Bug::ForgetInSnapshot, 5),
    ("forget-voters", Bug::ForgetVoters, 50),
];

/// So many seeds are quickly tried.
#[cfg(test)]
pub(crate) const FEW: u64 = 5;

/// The mistake of a name.
pub(crate) fn named(name: &str) -> Option<Bug> {
    let known = BUGS.iter().find(|(known, ..)| *known == name);
    known.map(|(_, bug, _)| *bug)
}

/// The name of a mistake.
pub(crate) fn name_of(bug: Bug) -> &'static str {
    let known = BUGS.iter().find(|(_, known, _)| *known == bug);
    known.map_or("?", |(name, ..)| name)
}

/// The first seed that shows a mistake, and how: it fails with the mistake, and passes without. `None` where none of
/// those within which it is to be found does.
pub(crate) fn found(bug: Bug, within: u64) -> Option<(u64, String)> {
    (0..within).find_map(|seed| {
        let reason = run(seed, Some(bug)).err()?.reason;
        run(seed, None).is_ok().then_some((seed, reason))
    })
}
