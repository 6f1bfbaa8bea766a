//! The only place that writes to the terminal: data to stdout, everything else to stderr.

pub(crate) mod live;

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use comfy_table::presets::{NOTHING, UTF8_FULL_CONDENSED};
use comfy_table::{CellAlignment, ContentArrangement, Table};
pub(crate) use console::figures::bytes;
use jiff::Timestamp;

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, to read.
    #[default]
    Table,
    /// JSON; where there are rows, one object a line.
    Json,
}

/// Prints data. Ends the process if it can't: quietly where nobody reads any more (`| head`), else
/// as a failure, for what is missing may be what somebody wanted to keep.
pub(crate) fn data(text: &str) {
    end_if_lost(write(&mut io::stdout().lock(), text));
}

/// The same for bytes that may not be text, as they are.
pub(crate) fn bytes_of_data(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    end_if_lost(stdout.write_all(bytes).and_then(|()| stdout.flush()));
}

fn end_if_lost(written: io::Result<()>) {
    let Err(failed) = written else {
        return;
    };
    let message = lost(&failed);
    if let Some(message) = &message {
        error(message);
    }
    std::process::exit(i32::from(message.is_some()));
}

/// Prints data for a command that has more to do than print.
///
/// # Errors
/// Where it can't be written; of the kind `BrokenPipe` where nobody reads any more.
pub(crate) fn try_data(text: &str) -> io::Result<()> {
    write(&mut io::stdout().lock(), text)
}

/// Prints data for a process that must go on: where stdout takes nothing, to stderr.
pub(crate) fn announce(text: &str) {
    let mut written = Ok(());
    live::above(|| written = write(&mut io::stdout().lock(), text));
    if written.is_err() {
        progress(text);
    }
}

fn write(to: &mut impl Write, text: &str) -> io::Result<()> {
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    write!(to, "{text}{newline}")?;
    to.flush()
}

/// What to tell about data that could not be written; nothing where its reader has left.
fn lost(failed: &io::Error) -> Option<String> {
    let has_left = failed.kind() == io::ErrorKind::BrokenPipe;
    (!has_left).then(|| format!("the output is not complete: {failed}"))
}

/// Whether to write in colours there: on a terminal, unless `NO_COLOR` is set (no-color.org).
pub(crate) fn may_colour(to: &impl IsTerminal) -> bool {
    to.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether lines of progress begin with the time, as in a log file.
static WITH_TIME: AtomicBool = AtomicBool::new(false);

/// From now on lines of progress go to a log file.
pub(crate) fn progress_is_logged() {
    WITH_TIME.store(true, Ordering::Relaxed);
}

/// Tells what is going on.
pub(crate) fn progress(text: &str) {
    if WITH_TIME.load(Ordering::Relaxed) {
        let now = Timestamp::now();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let _ = writeln!(io::stderr().lock(), "{now:.6} {line}");
        }
        return;
    }
    // There is no other place to tell that stderr is gone.
    live::above(|| drop(writeln!(io::stderr().lock(), "{text}")));
}

/// Tells why a command fails.
pub(crate) fn error(text: &str) {
    let label = match io::stderr().is_terminal() {
        true => painted("error", Color::Red),
        false => "error".to_owned(),
    };
    progress(&format!("{label}: {text}"));
}

/// Prints a value as JSON.
pub(crate) fn json(value: &serde_json::Value) {
    let text = match io::stdout().is_terminal() {
        true => format!("{value:#}"),
        false => value.to_string(),
    };
    data(&text);
}

/// Colours of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Color {
    Green,
    Yellow,
    Red,
}

/// Text for stdout in a colour, where that is a terminal.
pub(crate) fn colored(text: &str, color: Color) -> String {
    match io::stdout().is_terminal() {
        true => painted(text, color),
        false => text.to_owned(),
    }
}

/// Text for a terminal in a colour, unless `NO_COLOR` is set (no-color.org).
fn painted(text: &str, color: Color) -> String {
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return text.to_owned();
    }
    let code = match color {
        Color::Green => 32,
        Color::Yellow => 33,
        Color::Red => 31,
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// How the columns of a table are aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table with lines, for results.
pub(crate) fn framed(header: &[(String, Align)], rows: Vec<Vec<String>>) -> String {
    table(UTF8_FULL_CONDENSED, header, rows)
}

/// A table without lines, for overviews.
pub(crate) fn plain(header: &[(&str, Align)], rows: Vec<Vec<String>>) -> String {
    let header: Vec<_> = header
        .iter()
        .map(|(name, align)| ((*name).to_owned(), *align))
        .collect();
    let text = table(NOTHING, &header, rows);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

fn table(preset: &str, header: &[(String, Align)], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_preset(preset)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(|(name, _)| name));
    for row in rows {
        table.add_row(row);
    }
    for (column, (_, align)) in table.column_iter_mut().zip(header) {
        column.set_cell_alignment(match align {
            Align::Left => CellAlignment::Left,
            Align::Right => CellAlignment::Right,
        });
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{self, ErrorKind};

    use super::{Align, lost, plain, write};

    #[test]
    fn data_that_could_not_be_written_is_told() {
        let mut full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it");
        let failed = write(&mut full, "1,2,3").expect_err("it is full");
        let message = lost(&failed).expect("a failure");
        assert!(
            message.starts_with("the output is not complete: No space left"),
            "{message}"
        );
        assert_eq!(lost(&io::Error::from(ErrorKind::BrokenPipe)), None);
    }

    #[test]
    fn columns_are_aligned_without_trailing_spaces() {
        let rows = vec![
            vec!["a".to_owned(), "1".to_owned()],
            vec!["bcd".to_owned(), "200".to_owned()],
        ];
        let text = plain(&[("name", Align::Left), ("rows", Align::Right)], rows);
        assert_eq!(text, " name  rows\n a        1\n bcd    200");
    }
}
