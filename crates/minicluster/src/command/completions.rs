//! `minicluster completions`: what a shell needs to complete commands and flags.

use std::io;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::Outcome;
use crate::output;

/// For which shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster completions bash > ~/.local/share/bash-completion/completions/minicluster
  minicluster completions zsh > ~/.zfunc/_minicluster          with `fpath+=~/.zfunc` before compinit in ~/.zshrc
  minicluster completions fish > ~/.config/fish/completions/minicluster.fish")]
pub(crate) struct Options {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(options: &Options) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "minicluster", &mut script);
    let script = String::from_utf8(script).map_err(io::Error::other)?;
    output::data(&script);
    Ok(())
}
