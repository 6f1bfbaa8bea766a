//! How large the machine is: what the ETL may take at most.

/// The size of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Cores that a process may use, at least 1.
    pub cores: usize,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

impl Machine {
    /// This machine, or the container around this process if that has less. What cannot be found out
    /// limits nothing.
    #[must_use]
    pub fn here() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let read = |path| std::fs::read_to_string(path).ok();
        let installed = read("/proc/meminfo").and_then(|text| total(&text));
        let allowed = read("/sys/fs/cgroup/memory.max").and_then(|text| text.trim().parse().ok());
        Self {
            cores,
            memory_bytes: installed.unwrap_or(u64::MAX).min(allowed.unwrap_or(u64::MAX)),
        }
    }

    /// What one process may plan with: the brokers and everything else need room, too.
    pub(crate) fn usable_memory(self) -> u64 {
        self.memory_bytes / 4 * 3
    }
}

/// The bytes of `MemTotal: 16316412 kB`.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::{Machine, total};

    #[test]
    fn the_size_is_read_as_the_kernel_writes_it() {
        let text = "MemTotal:       16316412 kB\nMemFree:          500000 kB\n";
        assert_eq!(total(text), Some(16_316_412 * 1024));
        assert_eq!(total("MemFree: 1 kB\n"), None);
        assert!(Machine::here().cores >= 1);
    }
}
