//! `minicluster doctor`: what could stand in the way, and what to do about it.

mod addresses;
mod finding;
mod folders;
mod machine;
mod platform;

use config::Settings;
use console::Newest;
use run::RunFolder;

use self::finding::{Finding, Level};
use self::platform::Running;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Format};

/// How to show it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster doctor                                    whether the machine is fit, or what ails the platform
  minicluster doctor -o json | jq 'select(.level != \"ok\")'

It needs nothing to be running. Exit code 1 if a check fails; warnings are no failure.")]
pub(crate) struct Options {
    /// How to print; JSON has one object a check
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Looks at everything; fails if something fails.
pub(crate) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let run = RunFolder::new(&settings.folders);
    let running = Running::read(&run)?;
    let newest = Newest::read(settings.folders.lake());
    let mut findings = vec![machine::memory()];
    findings.extend(machine::limits());
    let made = newest
        .as_ref()
        .ok()
        .and_then(|newest| newest.as_ref().map(|newest| newest.at));
    findings.push(machine::clock(made).await);
    findings.extend(folders::check(settings));
    findings.extend(platform::ports(settings, &running));
    findings.extend(platform::services(settings, &running));
    if !running.is_nothing() {
        let told = running.supervisor.as_ref().map(|record| record.bootstrap.clone());
        let bootstrap = told.unwrap_or_else(|| settings.bootstrap());
        let identity = run.identity().ok().flatten();
        let cluster_id = identity.as_ref().map(|identity| identity.cluster_id.as_str());
        findings.extend(addresses::check(settings, &bootstrap, cluster_id).await);
    }
    findings.extend(platform::lake(settings, &run, &newest));
    findings.extend(platform::logs(settings, &run));
    show(&findings, options.output)?;
    conclude(&findings)
}

fn show(findings: &[Finding], format: Format) -> Outcome {
    for finding in findings {
        if format == Format::Json {
            output::data(&serde_json::to_string(finding)?);
            continue;
        }
        let level = output::colored(finding.level.name(), color(finding.level));
        let pad = " ".repeat(4 - finding.level.name().len());
        let mut line = format!(" {level}{pad}  {}: {}", finding.check, finding.says);
        if let Some(remedy) = &finding.remedy {
            line.push_str(&format!("\n       -> {remedy}"));
        }
        output::data(&line);
    }
    Ok(())
}

fn color(level: Level) -> output::Color {
    match level {
        Level::Ok => output::Color::Green,
        Level::Warn => output::Color::Yellow,
        Level::Fail => output::Color::Red,
    }
}

fn conclude(findings: &[Finding]) -> Outcome {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (warnings, failures) = (count(Level::Warn), count(Level::Fail));
    match (failures, warnings) {
        (0, 0) => output::progress(&format!("all {} checks are well", findings.len())),
        (0, warnings) => output::progress(&format!("{warnings} of {} checks warn", findings.len())),
        (failures, _) => {
            return Err(Failure::plain(format!(
                "{failures} of {} checks fail, {warnings} warn",
                findings.len()
            )));
        }
    }
    Ok(())
}
