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
    // What panics is told with the story.
    std::panic::set_hook(Box::new(|_| {}));
    match settings.run(|line| println!("{line}")) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
