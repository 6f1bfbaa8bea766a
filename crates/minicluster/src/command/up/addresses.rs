//! Where a running platform is reached: for people, and for programs.

use std::fmt::Write;

use config::Settings;
use run::MembershipFile;
use serde_json::{Value, json};

use super::absolute;
use crate::cli::Shared;

/// Where everything is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Addresses {
    bootstrap: String,
    console: String,
    jobs: String,
    data: String,
    lake: String,
    logs: String,
    pid: u32,
    /// What a cluster of so few brokers can't do.
    limits: Option<&'static str>,
}

impl Addresses {
    pub(super) fn of(settings: &Settings, supervisor: u32) -> Self {
        let page = |port: u16| format!("http://127.0.0.1:{port}");
        Self {
            bootstrap: settings.bootstrap().join(","),
            console: page(settings.ui.console_port),
            jobs: page(settings.ui.jobs_port),
            data: absolute(settings.folders.data()),
            lake: absolute(settings.folders.lake()),
            logs: absolute(&settings.folders.logs()),
            pid: supervisor,
            limits: MembershipFile::new(&settings.folders)
                .read()
                .ok()
                .flatten()
                .and_then(|membership| membership.limits()),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "bootstrap": self.bootstrap,
            "console": self.console,
            "jobs": self.jobs,
            "data": self.data,
            "lake": self.lake,
            "logs": self.logs,
            "pid": self.pid,
            "limits": self.limits,
        })
    }

    /// What is printed once everything is ready.
    pub(super) fn summary(&self, settings: &Settings, shared: &Shared, foreground: bool) -> String {
        let command = this_command(shared);
        let stop = match foreground {
            true => "Ctrl-C stops it in order.".to_owned(),
            false => format!("`{command} down` stops it in order."),
        };
        let mut text = format!("\nMinicluster is running. {stop}\n\n");
        let topics = format!("{}, {}", settings.topics.clickstream, settings.topics.iot);
        let lines = [
            ("console", &self.console),
            ("jobs", &self.jobs),
            ("Kafka", &self.bootstrap),
            ("topics", &topics),
            ("tables", &format!("{}/tables/<table>/dt=YYYY-MM-DD/", self.lake)),
            ("data", &self.data),
            ("logs", &self.logs),
            (
                "persists",
                &"topics, tables, the ETL's state and all counts; the next `up` carries on".to_owned(),
            ),
        ];
        let limits = self.limits.map(|limits| ("limits", limits));
        let lines = lines.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in lines.chain(limits) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<13}{value}");
        }
        let topic = &settings.topics.clickstream;
        let next = match foreground {
            true => "\nNext, in another terminal:\n\n",
            false => "\nNext:\n\n",
        };
        text.push_str(next);
        for arguments in [
            "sql \"select count(*) from clickstream\"",
            "status",
            &format!("consume {topic} --max 3"),
        ] {
            let _ = writeln!(text, "  {command} {arguments}");
        }
        text
    }
}

/// How this program was called, so that what is printed can be copied.
fn this_command(shared: &Shared) -> String {
    let program = std::env::args().next();
    let mut words = vec![program.unwrap_or_else(|| "minicluster".to_owned())];
    let place = shared.place().into_iter();
    words.extend(place.map(|word| word.to_string_lossy().into_owned()));
    let plain = |word: &str| {
        word.chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._-=:,".contains(c))
    };
    let quoted = |word: String| match plain(&word) {
        true => word,
        false => format!("'{}'", word.replace('\'', "'\\''")),
    };
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}
