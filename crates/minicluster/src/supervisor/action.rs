//! What the plan wants done.

use std::time::Duration;

use run::{EventKind, Service};

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start the service's process.
    Start(Service),
    /// Ask it to stop (SIGTERM); it is killed if it takes longer than this.
    Terminate(Service, Duration),
    /// Make it stop (SIGKILL).
    Kill(Service),
    /// Create the topics.
    CreateTopics,
    /// Everything runs: tell the operator where.
    AnnounceReady,
    /// Tell the operator.
    Report(Report),
    /// It is over. All processes have ended.
    Finish(Outcome),
}

/// Something for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// Whom it concerns; all where there is none.
    pub(crate) service: Option<Service>,
    /// What kind of thing.
    pub(crate) kind: EventKind,
    /// One line.
    pub(crate) line: String,
}

impl Report {
    pub(crate) fn of(service: Service, kind: EventKind, line: String) -> Action {
        Action::Report(Self {
            service: Some(service),
            kind,
            line,
        })
    }

    pub(crate) fn of_all(kind: EventKind, line: &str) -> Action {
        Action::Report(Self {
            service: None,
            kind,
            line: line.to_owned(),
        })
    }
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything was stopped as asked for.
    Stopped,
    /// A service could not be started at all.
    Failed {
        /// What to tell the operator.
        message: String,
        /// The exit code of the service, where it had one.
        code: Option<u8>,
    },
    /// A service did not become ready in time.
    NotReady {
        /// What to tell the operator.
        message: String,
    },
}
