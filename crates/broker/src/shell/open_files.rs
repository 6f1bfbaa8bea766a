//! How many files this process may have open: every connection is one, and every partition.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[cfg(test)]
mod tests;

/// Raises the limit as far as this process may, and gives how many connections fit: half of it, so that
/// clients can't take from partitions what these need.
pub(crate) fn room_for(connections: usize) -> usize {
    let fit = most_connections(raise(), connections);
    if fit < connections {
        tracing::warn!(
            "at most {fit} clients can connect at once: this process may open few files; \
             raise the hard limit (ulimit -Hn) for more"
        );
    }
    fit
}

/// `None` stands for no limit.
fn raise() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(e) => {
            tracing::warn!("the limit of open files could not be raised: {e}");
            current
        }
    }
}

fn most_connections(files: Option<u64>, wanted: usize) -> usize {
    let half = files.map_or(usize::MAX, |files| {
        usize::try_from(files / 2).unwrap_or(usize::MAX)
    });
    wanted.min(half)
}
