//! Named steps at which a process of a crash test ends itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::EtlError;

/// The ETL's own steps. The lake's steps in between have names of their own.
pub(crate) const POINTS: [&str; 10] = [
    "etl.planned",
    "etl.fetched",
    "etl.judged",
    "etl.data_file",
    "etl.data_staged",
    "etl.state_staged",
    "etl.before_commit",
    "etl.committed",
    "etl.published",
    "etl.collected",
];

/// Where the process ends itself. `config` cannot set it; without the feature `fail-points` it can
/// only be [`FailPoints::none`] outside of this crate's tests.
#[derive(Debug, Clone, Default)]
pub struct FailPoints(Option<Arc<Armed>>);

#[derive(Debug)]
struct Armed {
    point: String,
    /// Passages left until the end.
    left: AtomicU64,
    end: End,
}

#[derive(Debug, Clone, Copy)]
enum End {
    #[cfg(feature = "fail-points")]
    Kill,
    #[cfg(test)]
    Error,
}

impl FailPoints {
    /// No fail point.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The process sends itself SIGKILL at the `passage`-th passage (from 1) of `point`.
    #[cfg(feature = "fail-points")]
    #[must_use]
    pub fn kill_at(point: &str, passage: u64) -> Self {
        Self::armed(point, passage, End::Kill)
    }

    /// The epoch fails with [`EtlError::FailPoint`], as if the process had ended there.
    #[cfg(test)]
    pub(crate) fn fail_at(point: &str, passage: u64) -> Self {
        Self::armed(point, passage, End::Error)
    }

    #[cfg_attr(
        not(any(test, feature = "fail-points")),
        expect(dead_code, reason = "nothing arms a point then")
    )]
    fn armed(point: &str, passage: u64, end: End) -> Self {
        Self(Some(Arc::new(Armed {
            point: point.into(),
            left: AtomicU64::new(passage),
            end,
        })))
    }

    /// The names of all points of ETL and lake.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        let lake = lake::FailPoint::ALL.iter().map(|point| point.name());
        POINTS.into_iter().chain(lake).collect()
    }

    /// Lets the lake's steps be passed, too.
    pub(crate) fn in_lake(&self, options: lake::Options) -> lake::Options {
        #[cfg(any(test, feature = "fail-points"))]
        if self.0.is_some() {
            let points = self.clone();
            // The lake cannot be told to fail: in tests of this crate the epoch ends by a panic there.
            return options.with_fail_points(move |point| {
                if let Err(error) = points.pass(point.name()) {
                    std::panic::panic_any(error.to_string());
                }
            });
        }
        options
    }

    /// Passes a point.
    pub(crate) fn pass(&self, point: &'static str) -> Result<(), EtlError> {
        let Some(armed) = &self.0 else { return Ok(()) };
        tracing::trace!(point, "passing");
        if armed.point != point || armed.left.fetch_sub(1, Ordering::Relaxed) != 1 {
            return Ok(());
        }
        match armed.end {
            #[cfg(feature = "fail-points")]
            End::Kill => kill_self(),
            #[cfg(test)]
            End::Error => Err(EtlError::FailPoint(point)),
        }
    }
}

#[cfg(feature = "fail-points")]
fn kill_self() -> ! {
    loop {
        // The signal cannot be caught; the loop only satisfies the type.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        std::thread::yield_now();
    }
}
