//! What a process uses, as the kernel tells it (proc(5)).

use std::collections::BTreeMap;
use std::time::Instant;

/// What one process has used up to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Usage {
    pub(super) threads: Option<u64>,
    /// Bytes fetched from disks; none where this user may not know.
    pub(super) disk_read: Option<u64>,
    /// Bytes given to disks.
    pub(super) disk_written: Option<u64>,
}

impl Usage {
    pub(super) fn of(pid: u32) -> Self {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let io = read("io");
        Self {
            threads: field(&read("status"), "Threads:"),
            disk_read: field(&io, "read_bytes:"),
            disk_written: field(&io, "write_bytes:"),
        }
    }
}

fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.trim().parse().ok()
}

/// How fast processes read and write.
#[derive(Debug, Default)]
pub(super) struct Rates(BTreeMap<u32, (Instant, Usage)>);

impl Rates {
    /// Bytes a second that the process read and wrote since the last time.
    pub(super) fn look(&mut self, pid: u32, now: Instant, usage: Usage) -> (Option<f64>, Option<f64>) {
        let Some((at, before)) = self.0.insert(pid, (now, usage)) else {
            return (None, None);
        };
        let seconds = now.duration_since(at).as_secs_f64();
        let rate = |before: Option<u64>, now: Option<u64>| {
            let grown = now?.checked_sub(before?)?;
            (seconds > 0.0).then(|| grown as f64 / seconds)
        };
        (
            rate(before.disk_read, usage.disk_read),
            rate(before.disk_written, usage.disk_written),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Rates, Usage, field};

    #[test]
    fn a_process_has_threads() {
        assert!(
            Usage::of(std::process::id())
                .threads
                .is_some_and(|threads| threads > 0)
        );
        assert_eq!(field("a: 1\nread_bytes: 4096\n", "read_bytes:"), Some(4096));
        assert_eq!(Usage::of(u32::MAX), Usage::default());
    }

    #[test]
    fn a_rate_needs_two_looks_at_one_process() {
        let used = |disk_written| Usage {
            disk_written,
            ..Usage::default()
        };
        let (mut rates, begin) = (Rates::default(), Instant::now());
        let later = begin + Duration::from_secs(2);
        assert_eq!(rates.look(1, begin, used(Some(100))), (None, None));
        assert_eq!(rates.look(1, later, used(Some(300))), (None, Some(100.0)));
        assert_eq!(rates.look(2, later, used(Some(300))), (None, None));
        // Another process of the same id.
        assert_eq!(
            rates.look(1, later + Duration::from_secs(1), used(Some(5))),
            (None, None)
        );
    }
}
