//! A few lines at the foot of a terminal that are redrawn in place, under everything else that is printed.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lines that stand there now.
#[derive(Debug, Default)]
struct Block {
    lines: Vec<String>,
    drawn: usize,
}

static BLOCK: Mutex<Block> = Mutex::new(Block {
    lines: Vec::new(),
    drawn: 0,
});

fn block() -> MutexGuard<'static, Block> {
    BLOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts these lines at the foot of the terminal, in place of those that stand there; none takes them away.
pub(crate) fn show(lines: Vec<String>) {
    let mut block = block();
    block.erase();
    block.lines = lines;
    block.draw();
}

/// Prints above the lines at the foot.
pub(super) fn above(print: impl FnOnce()) {
    let mut block = block();
    block.erase();
    print();
    block.draw();
}

impl Block {
    fn erase(&mut self) {
        if self.drawn > 0 {
            // So many lines up, and away with all below. There is no other place to tell a failure.
            let _ = write!(io::stderr().lock(), "\x1b[{}A\x1b[J", self.drawn);
        }
        self.drawn = 0;
    }

    fn draw(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        // A line that breaks would be two to erase.
        let width = terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| width.0.into());
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(&cut(line, width));
            text.push('\n');
        }
        let mut stderr = io::stderr().lock();
        if write!(stderr, "{text}").and_then(|()| stderr.flush()).is_ok() {
            self.drawn = self.lines.len();
        }
    }
}

/// The first columns of a line; colours take none.
fn cut(line: &str, width: usize) -> String {
    let mut columns = 0;
    let mut escape = false;
    let mut kept = String::new();
    for c in line.chars() {
        match (escape, c) {
            (true, 'm') => escape = false,
            (true, _) => {}
            (false, '\x1b') => escape = true,
            (false, _) if columns + 1 >= width => continue,
            (false, _) => columns += 1,
        }
        kept.push(c);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_line_is_cut_to_the_terminal_and_keeps_its_colours_whole() {
        assert_eq!(cut("abc", 80), "abc");
        assert_eq!(cut("abcdef", 4), "abc");
        assert_eq!(cut("\x1b[32mabcdef\x1b[0m", 4), "\x1b[32mabc\x1b[0m");
    }
}
