//! What happened in a run, for whoever must understand why it failed.

use cluster::Millis;

/// Lines that are kept; earlier ones are dropped in blocks.
const KEPT: usize = 4_000;

/// The events of a run, in words.
#[derive(Debug, Default)]
pub(crate) struct Story {
    lines: Vec<String>,
    dropped: usize,
    /// A running digest of all lines: equal for equal runs.
    digest: u64,
}

impl Story {
    pub(crate) fn tell(&mut self, at: Millis, line: impl AsRef<str>) {
        let line = format!("{:>7} {}", at.0, line.as_ref());
        for byte in line.bytes() {
            // FNV-1a.
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        if self.lines.len() >= 2 * KEPT {
            self.lines.drain(..KEPT);
            self.dropped += KEPT;
        }
        self.lines.push(line);
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    pub(crate) fn into_text(self) -> String {
        let mut text = String::new();
        if self.dropped > 0 {
            text.push_str(&format!("        ({} earlier lines left out)\n", self.dropped));
        }
        for line in self.lines {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }
}
