//! Asking before something is done that can't be undone.

use std::io::{IsTerminal, Write};

use crate::failure::{Code, Failure, Outcome};

/// Asks on the terminal; only a clear yes counts.
///
/// # Errors
/// Where there is nobody to ask: then the operator must say `--yes`.
pub(crate) fn confirmed(question: &str) -> Outcome<bool> {
    if !std::io::stdin().is_terminal() {
        let message = "there is no terminal to ask on: say `--yes` if all this is to be deleted";
        return Err(Failure::new(Code::Usage, message));
    }
    let mut stderr = std::io::stderr().lock();
    write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush())?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
