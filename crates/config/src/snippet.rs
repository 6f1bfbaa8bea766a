//! One line of a file with a part of it underlined.

use std::fmt;

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snippet {
    line: u64,
    text: String,
    /// Characters before the part.
    before: usize,
    /// Characters of the part, at least 1.
    width: usize,
}

/// Longer lines are cut: nobody reads on, and a file may be anything.
const LONGEST: usize = 160;

impl Snippet {
    /// The part of `text` that begins at a line and a column, both counted from 1, and is `width`
    /// characters long; what goes beyond the line is left out. `None` if there is no such line.
    pub(crate) fn of(text: &str, line: u64, column: u64, width: u64) -> Option<Self> {
        let index = usize::try_from(line.checked_sub(1)?).ok()?;
        let whole = text.lines().nth(index)?.trim_end();
        // A tab would move what is underlined, and control characters the cursor.
        let shown: String = whole
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(LONGEST)
            .collect();
        let length = shown.chars().count();
        let before = usize::try_from(column.saturating_sub(1)).map_or(length, |n| n.min(length));
        let width = usize::try_from(width).unwrap_or(LONGEST);
        Some(Self {
            line,
            text: shown,
            before,
            width: width.min(length - before).max(1),
        })
    }

    /// A whole line without the blanks around it.
    pub(crate) fn of_line(text: &str, line: u64) -> Option<Self> {
        let index = usize::try_from(line.checked_sub(1)?).ok()?;
        let whole = text.lines().nth(index)?;
        let blank = whole.chars().take_while(|c| c.is_whitespace()).count() as u64;
        Self::of(text, line, blank + 1, whole.trim().chars().count() as u64)
    }
}

impl fmt::Display for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        writeln!(f, "  {margin} |")?;
        writeln!(f, "  {number} | {}", self.text)?;
        write!(
            f,
            "  {margin} | {}{}",
            " ".repeat(self.before),
            "^".repeat(self.width)
        )
    }
}
