//! `minicluster logs`: what the services log, all together in the order of time.

mod tail;

use std::time::Duration;

use config::Settings;
use run::{RunFolder, Service};

use crate::failure::{Code, Failure, Outcome};
use crate::output;
use crate::service_name::{self, Which};
use tail::{Line, Tail};

/// How often the files are looked at when they are followed.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// What to show.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster logs                         the last lines of all services
  minicluster logs -f etl                  and what the ETL logs from now on
  minicluster logs broker-1 --lines 1000 | grep WARN")]
pub(crate) struct Options {
    /// broker-1, broker-2, ..., etl, generator, console; several are fine [default: all, and the
    /// supervisor where it runs in the background]
    #[arg(value_name = "SERVICE", value_parser = service_name::parse)]
    which: Vec<Which>,
    /// Go on with what is logged from now on, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Lines to begin with, over all services
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    lines: usize,
}

/// Prints the logs.
pub(crate) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let run = RunFolder::new(&settings.folders);
    let mut tails = tails(&run, &options.which);
    if !options.follow && !tails.iter().any(Tail::exists) {
        let data = settings.folders.data().display();
        let message = format!("nothing was logged in {data}: `minicluster up` starts the services");
        return Err(Failure::new(Code::NotRunning, message));
    }
    let mut lines = read(&mut tails, |tail| tail.last(options.lines))?;
    let surplus = lines.len().saturating_sub(options.lines);
    lines.drain(..surplus);
    let printer = Printer::new(&tails);
    loop {
        for line in &lines {
            printer.print(line);
        }
        if !options.follow {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
        lines = read(&mut tails, Tail::new_lines)?;
    }
}

fn tails(run: &RunFolder, which: &[Which]) -> Vec<Tail> {
    let chosen = |service: &Service| which.is_empty() || which.iter().any(|which| which.includes(*service));
    let of_services = Service::all()
        .filter(chosen)
        .map(|service| Tail::new(service.to_string(), run.log_file(service)));
    let mut tails: Vec<Tail> = of_services.collect();
    if which.is_empty() || which.contains(&Which::All) {
        tails.push(Tail::new("supervisor".to_owned(), run.supervisor_log()));
    }
    tails
}

/// The lines of all files in the order of time.
fn read(tails: &mut [Tail], lines: impl Fn(&mut Tail) -> std::io::Result<Vec<Line>>) -> Outcome<Vec<Line>> {
    let mut all = Vec::new();
    for tail in tails {
        let of_one = lines(tail);
        all.extend(of_one.map_err(|error| Failure::plain(format!("{}: {error}", tail.path().display())))?);
    }
    // The sort is stable: lines of one moment stay in the order of their file.
    all.sort_by(|one, other| one.time.cmp(&other.time));
    Ok(all)
}

/// Colours of the names, one a service.
const COLOURS: [u8; 6] = [36, 33, 32, 35, 34, 96];

struct Printer {
    names: Vec<String>,
    coloured: bool,
}

impl Printer {
    fn new(tails: &[Tail]) -> Self {
        Self {
            names: tails.iter().map(|tail| tail.name().to_owned()).collect(),
            coloured: output::may_colour(&std::io::stdout()),
        }
    }

    fn print(&self, line: &Line) {
        let Line { name, text, .. } = line;
        if self.names.len() == 1 {
            return output::data(text);
        }
        let index = self
            .names
            .iter()
            .position(|other| other == name)
            .unwrap_or_default();
        let colour = COLOURS[index % COLOURS.len()];
        match self.coloured {
            true => output::data(&format!("\x1b[{colour}m{name:<10} |\x1b[0m {text}")),
            false => output::data(&format!("{name:<10} | {text}")),
        }
    }
}
