//! A process as others can recognise it: its id alone is used again by the system.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::error::RunError;

/// One process of this machine, since its last start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// When it began, in clock ticks since the machine began.
    start_ticks: u64,
    /// The kernel's boot id: the other two begin anew with every boot.
    boot_id: String,
}

impl Process {
    /// The process that asks.
    ///
    /// # Errors
    /// Where `/proc` is not there.
    pub fn current() -> Result<Self, RunError> {
        Self::of(std::process::id())
    }

    /// The process that has this id now.
    ///
    /// # Errors
    /// If there is none.
    pub fn of(pid: u32) -> Result<Self, RunError> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).map_err(RunError::Proc)?;
        let start_ticks = Stat::parse(&stat)
            .map(|stat| stat.start_ticks)
            .ok_or_else(|| RunError::Proc(std::io::Error::other("/proc/<pid>/stat is not as expected")))?;
        Ok(Self {
            pid,
            start_ticks,
            boot_id: boot_id().map_err(RunError::Proc)?,
        })
    }

    /// Whether it still runs. A process that has ended but was not waited for does not run.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let same_boot = boot_id().is_ok_and(|boot_id| boot_id == self.boot_id);
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let running = |stat: Stat| stat.start_ticks == self.start_ticks && !matches!(stat.state, 'Z' | 'X');
        same_boot && Stat::parse(&stat).is_some_and(running)
    }

    /// Whether it is stopped by a signal (SIGSTOP), and does nothing until it is continued.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        Stat::parse(&stat).is_some_and(|stat| stat.start_ticks == self.start_ticks && stat.state == 'T')
    }

    /// A handle on it, if it still runs.
    #[must_use]
    pub fn handle(&self) -> Option<ProcessHandle> {
        let handle = ProcessHandle::open(self.pid).ok()?;
        // In this order: the handle stays with the process that had the id when it was looked at.
        self.is_alive().then_some(handle)
    }

    /// Sends a signal, if it still runs.
    pub fn signal(&self, signal: Signal) {
        if let Some(handle) = self.handle() {
            handle.signal(signal);
        }
    }

    /// Asks it to stop and waits; kills it after the deadline. Whether it went by itself.
    pub async fn stop(&self, patience: Duration) -> bool {
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

    /// Waits for its end, not longer than this. Whether it has ended.
    pub async fn gone_within(&self, patience: Duration) -> bool {
        let Some(handle) = self.handle() else { return true };
        handle.gone_within(Some(patience)).await || !self.is_alive()
    }

    /// Its resident memory in bytes.
    #[must_use]
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    }

    /// Processor time that it has used since it began.
    #[must_use]
    pub fn cpu_time(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?;
        let stat = Stat::parse(&stat).filter(|stat| stat.start_ticks == self.start_ticks)?;
        let per_second = rustix::param::clock_ticks_per_second();
        Some(Duration::from_secs_f64(stat.cpu_ticks as f64 / per_second as f64))
    }
}

/// A process by a descriptor of the kernel (pidfd): never another one that got its id.
#[derive(Debug)]
pub struct ProcessHandle {
    descriptor: OwnedFd,
}

impl ProcessHandle {
    /// A handle on the process that has this id now: one's own child that was not waited for yet, or see
    /// [`Process::handle`].
    ///
    /// # Errors
    /// If there is none.
    pub fn open(pid: u32) -> std::io::Result<Self> {
        let pid = i32::try_from(pid)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or(Errno::SRCH)?;
        Ok(Self {
            descriptor: pidfd_open(pid, PidfdFlags::NONBLOCK)?,
        })
    }

    /// Sends a signal. To one that has ended nothing happens.
    pub fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.descriptor, signal);
    }

    /// Waits for its end, in a thread of its own, not longer than this if a limit is given. Whether it has
    /// ended.
    pub async fn gone_within(self, patience: Option<Duration>) -> bool {
        let waited = tokio::task::spawn_blocking(move || self.wait(patience)).await;
        waited.is_ok_and(|waited| waited.unwrap_or(false))
    }

    fn wait(&self, patience: Option<Duration>) -> Result<bool, Errno> {
        let deadline = patience.map(|patience| Instant::now() + patience);
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let left = left.map(Timespec::try_from).transpose().unwrap_or_default();
            let mut ends = [PollFd::new(&self.descriptor, PollFlags::IN)];
            match poll(&mut ends, left.as_ref()) {
                Err(Errno::INTR) => {}
                polled => return polled.map(|ready| ready > 0),
            }
        }
    }
}

/// The name of a process, for messages.
#[must_use]
pub fn name_of(pid: u32) -> Option<String> {
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
    /// In user mode and in the kernel.
    cpu_ticks: u64,
    start_ticks: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name in parentheses may hold anything, also parentheses and spaces.
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        // The state is field 3, processor times are 14 and 15, the start is 22.
        let user: u64 = fields.nth(10)?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        let start_ticks = fields.nth(6)?.parse().ok()?;
        Some(Self {
            state,
            cpu_ticks: user.checked_add(system)?,
            start_ticks,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{Process, Signal, Stat};

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

    #[tokio::test]
    async fn a_child_gets_signals_and_its_end_is_noticed_before_anybody_waits_for_it() {
        let mut child = Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("a program of every system");
        let process = Process::of(child.id()).expect("it runs");
        assert!(!process.gone_within(Duration::ZERO).await);
        process.signal(Signal::KILL);
        assert!(process.gone_within(Duration::from_secs(10)).await);
        assert!(process.handle().is_none());
        child.wait().expect("our child");
    }

    #[test]
    fn a_name_with_parentheses_is_read() {
        let text = "12 (a) b (c) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        let stat = Stat::parse(text).expect("well-formed");
        assert_eq!(
            (stat.state, stat.cpu_ticks, stat.start_ticks),
            ('Z', 11 + 12, 4711)
        );
        assert!(Stat::parse("12 (a").is_none());
    }
}
