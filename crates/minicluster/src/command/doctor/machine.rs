//! The machine: limits, memory, clock.

use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use rustix::process::{Resource, getrlimit};

use super::finding::Finding;
use crate::output;

/// What three brokers with a few hundred partitions open: two files and an index each, and connections.
const FILES: u64 = 4_096;
/// What all services take with default settings, with room for queries.
const MEMORY: u64 = 512 << 20;
/// How long the two clocks are compared.
const CLOCK_WATCH: Duration = Duration::from_millis(500);
/// What a clock that is slewed (500 ppm by NTP) or a busy machine may differ meanwhile.
const CLOCK_JUMP: Duration = Duration::from_millis(50);

pub(super) fn limits() -> Vec<Finding> {
    let limit = getrlimit(Resource::Nofile);
    let files = limit.current.map_or(u64::MAX, |files| files);
    let may_rise = limit.maximum.is_none_or(|most| most >= FILES);
    let shown = |files: u64| match files {
        u64::MAX => "unlimited".to_owned(),
        files => files.to_string(),
    };
    let open_files = match (files >= FILES, may_rise) {
        (true, _) => Finding::ok("open files", format!("{} a process", shown(files))),
        (false, true) => Finding::warn("open files", format!("only {} a process", shown(files)))
            .remedy(format!("`ulimit -n {FILES}` in the shell that starts `up`")),
        (false, false) => Finding::warn(
            "open files",
            format!("only {} a process, and no more may be asked for", shown(files)),
        )
        .remedy(format!(
            "raise the hard limit to {FILES} (LimitNOFILE= of systemd, limits.conf, docker --ulimit nofile)"
        )),
    };
    let address_space = match reserve::probe_reservation() {
        true => Finding::ok("address space", "large blocks can be reserved"),
        false => Finding::warn(
            "address space",
            "large blocks can't be reserved: a hostile frame may end a broker",
        )
        .remedy("`ulimit -v unlimited`, and vm.overcommit_memory other than 2"),
    };
    vec![open_files, address_space]
}

pub(super) fn memory() -> Finding {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = text.lines().find_map(|line| {
        let rest = line.strip_prefix("MemAvailable:")?;
        rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
    });
    match available.map(|kib| kib * 1024) {
        None => Finding::warn("memory", "/proc/meminfo doesn't say how much is available"),
        Some(bytes) if bytes < MEMORY => {
            Finding::warn("memory", format!("only {} are available", output::bytes(bytes))).remedy(
                "end other programs, or lower `spark.worker_memory`, `sql.memory_mib` and `kafka.brokers`",
            )
        }
        Some(bytes) => Finding::ok("memory", format!("{} are available", output::bytes(bytes))),
    }
}

/// The year, and whether the wall clock jumps. `newest` is a time that a service of this machine has written
/// down.
pub(super) async fn clock(newest: Option<Timestamp>) -> Finding {
    let (wall, steady) = (SystemTime::now(), Instant::now());
    tokio::time::sleep(CLOCK_WATCH).await;
    let jump = signed_nanos(wall) - steady.elapsed().as_nanos().cast_signed();
    let now = Timestamp::now();
    let set = "set the clock (`timedatectl set-ntp true`): event times, watermarks and retention go by it";
    judge(now, jump, newest).map_or_else(
        || Finding::ok("clock", format!("{now:.0}, steady")),
        |says| Finding::fail("clock", says).remedy(set),
    )
}

/// What is wrong with the clock.
fn judge(now: Timestamp, jump: i128, newest: Option<Timestamp>) -> Option<String> {
    let year = now.strftime("%Y").to_string().parse::<i16>().unwrap_or_default();
    let ahead = newest.map(|newest| newest.duration_since(now));
    if !(2024..2100).contains(&year) {
        return Some(format!("it says {now:.0}: the year can't be right"));
    }
    if jump.unsigned_abs() > CLOCK_JUMP.as_nanos() {
        let (ms, watched) = (jump / 1_000_000, CLOCK_WATCH.as_millis());
        return Some(format!(
            "it jumped by {ms} ms while it was watched for {watched} ms"
        ));
    }
    match ahead {
        Some(ahead) if ahead.as_secs() > 60 => Some(format!(
            "it says {now:.0}, but the lake's newest commit was made at {:.0}: it was set back",
            newest.unwrap_or(now)
        )),
        _ => None,
    }
}

/// What the wall clock says has passed since then, which may be less than nothing.
fn signed_nanos(since: SystemTime) -> i128 {
    match since.elapsed() {
        Ok(elapsed) => elapsed.as_nanos().cast_signed(),
        Err(back) => -back.duration().as_nanos().cast_signed(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::judge;

    #[test]
    fn a_clock_that_cannot_be_right_is_told() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let now = at("2026-01-01T00:00:00Z");
        assert_eq!(judge(now, 1_000_000, None), None);
        assert_eq!(judge(now, 0, Some(at("2025-12-31T23:00:00Z"))), None);
        let wrong = |now, jump, newest| judge(now, jump, newest).unwrap_or_default();
        assert!(wrong(at("1970-01-01T00:00:00Z"), 0, None).contains("the year can't be right"));
        assert!(wrong(now, -3_600_000_000_000, None).starts_with("it jumped by -3600000 ms"));
        assert!(wrong(now, 0, Some(at("2026-01-02T00:00:00Z"))).ends_with("it was set back"));
    }
}
