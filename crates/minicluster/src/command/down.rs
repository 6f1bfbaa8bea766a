//! `minicluster down`: stops what `up` started, in order.

use std::time::Duration;

use config::Settings;
use run::RunFolder;
use rustix::process::Signal;

use crate::command::up::end_orphans;
use crate::failure::{Code, Failure, Outcome};
use crate::output;

/// The supervisor stops three groups of services, each with a deadline of 30 s.
const PATIENCE: Duration = Duration::from_secs(100);

/// Asks the supervisor to stop and waits; ends services that lost their supervisor.
pub(crate) async fn run(settings: &Settings) -> Outcome {
    let run = RunFolder::new(&settings.folders);
    if let Some(record) = run.running_supervisor()? {
        let supervisor = record.process;
        output::progress(&format!(
            "stopping everything (supervisor, pid {})",
            supervisor.pid
        ));
        supervisor.signal(Signal::TERM);
        supervisor.signal(Signal::CONT);
        if !supervisor.gone_within(PATIENCE).await {
            let message = format!(
                "pid {} did not stop within {} s",
                supervisor.pid,
                PATIENCE.as_secs()
            );
            return Err(Failure::new(Code::NotReady, message));
        }
        output::progress("stopped");
    } else if end_orphans(&run).await? > 0 {
        output::progress("stopped");
    } else {
        output::progress(&format!(
            "nothing is running in {}",
            settings.folders.data().display()
        ));
    }
    Ok(())
}
