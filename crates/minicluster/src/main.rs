//! `minicluster`: the command line, the supervisor, and one command a service.
//!
//! There is no logic of a service here: this crate reads the settings, maps them to the options of
//! the crates below, starts processes and prints.

mod cli;
mod command;
mod confirmation;
mod failure;
mod live_line;
mod log_file;
mod output;
mod ports;
mod record_line;
mod service;
mod service_name;
mod supervisor;
mod topics;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::failure::Outcome;

/// Frames from the network must not make the allocator abort.
#[global_allocator]
static ALLOCATOR: reserve::Reserve = reserve::Reserve;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::error(&failure.to_string());
            failure.exit_code()
        }
    }
}

/// What the crates below warn of, for whoever runs a command. Services log by their settings.
fn log_warnings() {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_target(false)
        .with_writer(std::io::stderr);
    // There is no other one yet.
    let _ = subscriber.try_init();
}

fn run(cli: Cli) -> Outcome {
    if !cli.command.is_service() {
        log_warnings();
    }
    // Not every command needs good settings.
    let settings = || cli.shared.settings();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = match cli.command {
        Command::Up(options) => runtime.block_on(command::up::run(&cli.shared, &options)),
        Command::Down => runtime.block_on(command::down::run(&settings()?)),
        Command::Status(options) => runtime.block_on(command::status::run(&settings()?, &options)),
        Command::Logs(options) => runtime.block_on(command::logs::run(&settings()?, &options)),
        Command::Restart(options) => runtime.block_on(command::restart::run(&settings()?, &options)),
        Command::Kill(options) => runtime.block_on(command::signals::kill(&settings()?, &options)),
        Command::Pause(options) => runtime.block_on(command::signals::pause(&settings()?, &options)),
        Command::Resume(options) => runtime.block_on(command::signals::resume(&settings()?, &options)),
        Command::Stats(options) => runtime.block_on(command::stats::run(&settings()?, &options)),
        Command::Sql(options) => runtime.block_on(command::sql::run(&settings()?, &options)),
        Command::Brokers(options) => runtime.block_on(command::brokers::run(&settings()?, &options)),
        Command::Topics(options) => runtime.block_on(command::topics::run(&settings()?, &options)),
        Command::Produce(options) => runtime.block_on(command::produce::run(&settings()?, &options)),
        Command::Consume(options) => runtime.block_on(command::consume::run(&settings()?, &options)),
        Command::Ledger(options) => runtime.block_on(command::ledger::run(&settings()?, &options)),
        Command::Completions(options) => command::completions::run(&options),
        Command::Doctor(options) => runtime.block_on(command::doctor::run(&settings()?, &options)),
        Command::Config(options) => command::config::run(&options, &cli.shared),
        Command::Clean(options) => runtime.block_on(command::clean::run(&settings()?, &options)),
        Command::Broker { id, service } => runtime.block_on(command::broker::run(&settings()?, id, service)),
        Command::Etl(service) => runtime.block_on(command::etl::run(&settings()?, service)),
        Command::Generate(options) => runtime.block_on(command::generate::run(&settings()?, *options)),
        Command::Console(service) => runtime.block_on(command::console::run(&settings()?, service)),
    };
    // A query that was given up may still hold a thread.
    runtime.shutdown_background();
    done
}
