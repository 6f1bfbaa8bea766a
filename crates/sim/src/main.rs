//! Runs many seeds of the simulator, or one of them with its story.

use std::process::ExitCode;

use minicluster_sim::{Settings, USAGE};

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]
fn main() -> ExitCode {
    let settings = match Settings::parse(std::env::args().skip(1)) {
        Ok(settings) => settings,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match settings.run(|line| println!("{line}")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("{failure}");
            println!(
                "again: cargo run -p minicluster-sim -- {}",
                settings.again(failure.seed)
            );
            ExitCode::FAILURE
        }
    }
}
