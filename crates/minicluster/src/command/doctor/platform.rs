//! The platform itself: ports, services, lake, logs.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use config::Settings;
use console::{Newest, NewestError};
use run::{RunFolder, Service, ServiceRecord, ServiceState, SupervisorRecord};

use super::finding::Finding;
use crate::failure::Outcome;
use crate::ports;

/// So much of the end of a log is read.
const TAIL: u64 = 256 << 10;

/// What runs, as the run folder has it.
pub(super) struct Running {
    pub(super) supervisor: Option<SupervisorRecord>,
    pub(super) services: Vec<(Service, ServiceRecord)>,
}

impl Running {
    pub(super) fn read(run: &RunFolder) -> Outcome<Self> {
        Ok(Self {
            supervisor: run.running_supervisor()?,
            services: run.running_services()?,
        })
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.supervisor.is_none() && self.services.is_empty()
    }

    fn holds(&self, pid: u32) -> bool {
        let supervisor = self.supervisor.iter().map(|record| record.process.pid);
        let services = self.services.iter().map(|(_, record)| record.process.pid);
        supervisor.chain(services).any(|ours| ours == pid)
    }
}

/// One finding for all ports that are free or ours, and one for each that isn't.
pub(super) fn ports(settings: &Settings, running: &Running) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut ours, mut free) = (0, 0);
    for wanted in ports::wanted(settings) {
        let is_ours = ports::holder(wanted.port).is_some_and(|pid| running.holds(pid));
        if is_ours {
            ours += 1;
            continue;
        }
        match ports::check_one(settings.kafka.host, &wanted) {
            Ok(()) => free += 1,
            Err(failure) => {
                let (says, remedy) = split(&failure.to_string());
                findings.push(Finding::fail(format!("port {}", wanted.port), says).remedy(remedy));
            }
        }
    }
    if ours + free > 0 {
        let says = match (ours, free) {
            (0, free) => format!("{free} of the settings are free"),
            (ours, 0) => format!("{ours} are held by this platform"),
            (ours, free) => format!("{ours} are held by this platform, {free} are free"),
        };
        findings.insert(0, Finding::ok("ports", says));
    }
    findings
}

/// A message into what is and what to do.
fn split(message: &str) -> (String, String) {
    let (says, remedy) = message.split_once(": ").unwrap_or((message, "see the message"));
    (says.to_owned(), remedy.to_owned())
}

/// What the supervisor says about its services, and who has none.
pub(super) fn services(settings: &Settings, running: &Running) -> Vec<Finding> {
    let Some(supervisor) = &running.supervisor else {
        if running.is_nothing() {
            let says = format!("nothing runs in {}", settings.folders.data().display());
            return vec![Finding::ok("services", says)];
        }
        let names: Vec<String> = running
            .services
            .iter()
            .map(|(service, _)| service.to_string())
            .collect();
        let says = format!("{} run without a supervisor", names.join(", "));
        return vec![
            Finding::warn("services", says)
                .remedy("`minicluster up` takes over, `minicluster down` ends them"),
        ];
    };
    let mut findings = Vec::new();
    let mut well = 0;
    for (service, supervised) in &supervisor.services {
        let record = running.services.iter().find(|(other, _)| other == service);
        let is_paused = record.is_some_and(|(_, record)| record.process.is_paused());
        let died = supervised
            .last_death
            .as_ref()
            .map(|death| format!("; it died at {:.0}: {}", death.at, death.reason));
        let died = died.unwrap_or_default();
        let restarts = supervised.restarts;
        let check = service.to_string();
        match supervised.state {
            _ if is_paused => findings.push(
                Finding::warn(check, "is paused")
                    .remedy(format!("`minicluster resume {service}`, or kill -CONT its pid")),
            ),
            ServiceState::GivenUp => findings.push(
                Finding::fail(check, format!("was given up after {restarts} restarts{died}")).remedy(
                    format!(
                        "mend the cause (`minicluster logs {service}`), then `minicluster restart {service}`"
                    ),
                ),
            ),
            ServiceState::Down => findings.push(
                Finding::fail(check, format!("is down{died}"))
                    .remedy("the supervisor starts it again in a moment: ask again, or read its log"),
            ),
            ServiceState::Running if restarts > 0 => {
                findings.push(
                    Finding::warn(check, format!("runs, after {restarts} restarts{died}"))
                        .remedy(format!("`minicluster logs {service}` if it goes on")),
                );
            }
            ServiceState::Running => well += 1,
            other => findings.push(
                Finding::warn(check, format!("is {other:?}").to_lowercase()).remedy("ask again in a moment"),
            ),
        }
    }
    if well > 0 {
        findings.insert(0, Finding::ok("services", format!("{well} run as they should")));
    }
    findings
}

/// Whether the lake can be read and agrees with itself, and the versions of the folders.
pub(super) fn lake(
    settings: &Settings,
    run: &RunFolder,
    newest: &Result<Option<Newest>, NewestError>,
) -> Vec<Finding> {
    let root = settings.folders.lake().display();
    let lake = match newest {
        Ok(None) => Finding::ok("lake", format!("there is none yet in {root}")),
        Err(error) => Finding::fail("lake", error.to_string())
            .remedy("if it can't be mended: `minicluster clean --lake --checkpoints`; the topics stay"),
        Ok(Some(newest)) => {
            let rows: u64 = newest.tables.iter().map(|table| table.rows).sum();
            match newest.ledger.imbalances().as_slice() {
                [] => Finding::ok("lake", format!("commit {}, {rows} rows, balanced", newest.commit)),
                wrong => Finding::fail("lake", wrong.join("; "))
                    .remedy("`minicluster ledger` shows all of it; please report it"),
            }
        }
    };
    let formats = match run.identity() {
        Ok(None) => Finding::ok("formats", "nothing is stored yet"),
        Ok(Some(identity)) => Finding::ok(
            "formats",
            format!(
                "this version can read {}, of cluster {}",
                settings.folders.data().display(),
                identity.cluster_id
            ),
        ),
        Err(error) => Finding::fail("formats", error.to_string()),
    };
    vec![lake, formats]
}

/// Lines that name their own remedy badly, with what to do.
const KNOWN: [(&str, &str); 4] = [
    (
        "No space left on device",
        "make room; everything goes on by itself then",
    ),
    (
        "Too many open files",
        "`ulimit -n 4096` in the shell that starts `up`",
    ),
    (
        "Permission denied",
        "give this user the right, or start `up` as the user who began",
    ),
    ("panicked at", "please report it with the log"),
];

/// Errors at the end of the log files, of the process that runs now or ran last.
pub(super) fn logs(settings: &Settings, run: &RunFolder) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut read = 0;
    for service in crate::supervisor::services(settings) {
        let path = run.log_file(service);
        let Ok(text) = tail(&path) else { continue };
        read += 1;
        findings.extend(trouble(&path, since_start(&text)));
    }
    match (read, findings.is_empty()) {
        (0, _) => vec![Finding::ok("logs", "there are none yet")],
        (read, true) => vec![Finding::ok(
            "logs",
            format!("no error in {read} files since the last start"),
        )],
        _ => findings,
    }
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What was logged since the service began the last time.
fn since_start(text: &str) -> &str {
    let begins = |line: &&str| line.contains(" INFO ") && line.contains(" begins pid=");
    let last = text.lines().rfind(begins);
    last.and_then(|line| text.find(line))
        .map_or(text, |place| &text[place..])
}

fn trouble(path: &Path, text: &str) -> Option<Finding> {
    let is_error =
        |line: &&str| line.contains(" ERROR ") || line.starts_with("error: ") || line.contains("panicked at");
    let errors: Vec<&str> = text.lines().filter(is_error).collect();
    let last = errors.last()?;
    let known = KNOWN.iter().find(|(words, _)| last.contains(words));
    let remedy = known.map_or_else(
        || format!("read {}", path.display()),
        |(_, remedy)| (*remedy).to_owned(),
    );
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let says = format!("{} errors, the last: {}", errors.len(), last.trim());
    Some(Finding::warn(format!("log {name}"), says).remedy(remedy))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{since_start, trouble};

    #[test]
    fn errors_of_earlier_starts_do_not_count() {
        let text = "t ERROR old\nt  INFO minicluster: etl begins pid=1\nt  INFO fine\n";
        assert_eq!(trouble(Path::new("etl.log"), since_start(text)), None);
        let text = format!("{text}t ERROR etl: No space left on device\n");
        let finding = trouble(Path::new("logs/etl.log"), since_start(&text)).expect("an error");
        assert_eq!(finding.check, "log etl.log");
        assert!(
            finding.says.starts_with("1 errors, the last: t ERROR etl"),
            "{finding:?}"
        );
        assert!(
            finding
                .remedy
                .is_some_and(|remedy| remedy.starts_with("make room"))
        );
    }
}
