//! A process as others can recognise it: its id alone is used again by the system.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// One process of this machine, since its last start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    /// Its id.
    pub(crate) pid: u32,
    /// When it began, in clock ticks since the machine began.
    start_ticks: u64,
    /// The kernel's boot id: the other two begin anew with every boot.
    boot_id: String,
}

impl Process {
    /// The process that asks.
    pub(crate) fn current() -> std::io::Result<Self> {
        let pid = std::process::id();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let start_ticks = Stat::parse(&stat)
            .map(|stat| stat.start_ticks)
            .ok_or_else(|| std::io::Error::other("/proc/self/stat is not as expected"))?;
        Ok(Self {
            pid,
            start_ticks,
            boot_id: boot_id()?,
        })
    }

    /// Whether it still runs. A process that has ended but was not waited for does not run.
    pub(crate) fn is_alive(&self) -> bool {
        let same_boot = boot_id().is_ok_and(|boot_id| boot_id == self.boot_id);
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let running = |stat: Stat| stat.start_ticks == self.start_ticks && !matches!(stat.state, 'Z' | 'X');
        same_boot && Stat::parse(&stat).is_some_and(running)
    }

    /// Whether it is stopped by a signal (SIGSTOP), and does nothing until it is continued.
    pub(crate) fn is_paused(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        Stat::parse(&stat).is_some_and(|stat| stat.start_ticks == self.start_ticks && stat.state == 'T')
    }

    /// Sends a signal, if it still runs.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.is_alive() {
            signal_pid(self.pid, signal);
        }
    }

    /// Asks it to stop and waits; kills it after the deadline. Whether it went by itself.
    pub(crate) async fn stop(&self, patience: Duration) -> bool {
        self.signal(Signal::TERM);
        // A paused process takes no other signal.
        self.signal(Signal::CONT);
        if self.gone_within(patience).await {
            return true;
        }
        self.signal(Signal::KILL);
        self.gone_within(Duration::from_secs(5)).await;
        false
    }

    /// Waits for its end.
    pub(crate) async fn gone_within(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.is_alive() {
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// Its resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    }
}

/// Sends a signal to a child that was not waited for yet, so that its id is still its own.
pub(crate) fn signal_pid(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may be gone by now, and then there is nothing to do.
        let _ = kill_process(pid, signal);
    }
}

/// The name of a process, for messages.
pub(crate) fn name_of(pid: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

fn boot_id() -> std::io::Result<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(id.trim_end().to_owned())
}

/// What we use of `/proc/<pid>/stat` (proc(5)).
struct Stat {
    state: char,
    start_ticks: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name in parentheses may hold anything, also parentheses and spaces.
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        // The state is field 3, the start is field 22.
        let start_ticks = fields.nth(18)?.parse().ok()?;
        Some(Self { state, start_ticks })
    }
}

#[cfg(test)]
mod tests {
    use super::{Process, Stat};

    #[test]
    fn a_process_knows_itself_from_another_of_the_same_id() {
        let me = Process::current().expect("/proc is there");
        assert!(me.is_alive());
        assert!(me.resident_bytes().is_some_and(|bytes| bytes > 100_000));
        let earlier = Process {
            start_ticks: me.start_ticks - 1,
            ..me.clone()
        };
        assert!(!earlier.is_alive());
        let other_boot = Process {
            boot_id: "another".to_owned(),
            ..me
        };
        assert!(!other_boot.is_alive());
    }

    #[test]
    fn a_name_with_parentheses_is_read() {
        let text = "12 (a) b (c) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        let stat = Stat::parse(text).expect("well-formed");
        assert_eq!((stat.state, stat.start_ticks), ('Z', 4711));
        assert!(Stat::parse("12 (a").is_none());
    }
}
