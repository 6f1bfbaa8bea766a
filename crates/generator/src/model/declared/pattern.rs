//! Texts that a regular expression matches.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::random::Random;

/// Where an expression sets no bound, so many times more than it must, at most.
const UNBOUNDED: u32 = 8;

/// A regular expression to draw texts from.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Hir);

impl Default for Pattern {
    /// Matches nothing but the empty text.
    fn default() -> Self {
        Self(Hir::empty())
    }
}

impl Pattern {
    pub(super) fn new(pattern: &str) -> Result<Self, Box<regex_syntax::Error>> {
        regex_syntax::parse(pattern).map(Self).map_err(Box::new)
    }

    /// Appends a text. Alternatives, characters of a class, and counts come equally often.
    pub(super) fn write(&self, random: &mut Random, out: &mut Vec<u8>) {
        write(&self.0, random, out);
    }
}

fn write(hir: &Hir, random: &mut Random, out: &mut Vec<u8>) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.extend_from_slice(&literal.0),
        HirKind::Class(class) => {
            if let Some(character) = draw(class, random) {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(repetition.min.saturating_add(UNBOUNDED));
            let more = random.below(u64::from(most.saturating_sub(repetition.min)) + 1);
            for _ in 0..u64::from(repetition.min) + more {
                write(&repetition.sub, random, out);
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, random, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, random, out)),
        HirKind::Alternation(parts) => {
            if let Some(part) = random.choose(parts) {
                write(part, random, out);
            }
        }
    }
}

fn draw(class: &Class, random: &mut Random) -> Option<char> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => class
            .iter()
            .map(|range| (range.start().into(), range.end().into()))
            .collect(),
        Class::Bytes(class) => class
            .iter()
            .map(|range| (range.start().into(), range.end().into()))
            .collect(),
    };
    let all: u64 = ranges.iter().map(|(from, to)| u64::from(to - from) + 1).sum();
    let mut place = random.below(all);
    for (from, to) in ranges {
        let count = u64::from(to - from) + 1;
        if place < count {
            // A range may hold the surrogates, which are no characters.
            return char::from_u32(from + place as u32).or(char::from_u32(from));
        }
        place -= count;
    }
    None
}
