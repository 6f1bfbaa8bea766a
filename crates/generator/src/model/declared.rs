//! Streams that the operator declares, field by field.

mod pattern;

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use self::pattern::Pattern;
use super::{Field, LANES, Lane, Model, Row, Schema, Scope, Value, noise::wander};
use crate::{
    GeneratorError, StreamKind,
    format::{write_integer, write_uuid},
    model,
    random::{Purpose, Random, splitmix},
};

/// What the events of a declared stream are. Events come at random, evenly over time (Poisson).
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    fields: Vec<DeclaredField>,
    key: usize,
}

/// A field of a declared stream.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclaredField {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: DeclaredKind,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq)]
pub enum DeclaredKind {
    /// A UUID, for each event another.
    Id,
    /// The prefix and a number from 1 to `count`, small ones more often (Zipf's law).
    Entity {
        /// What stands before the number.
        prefix: String,
        /// How many there are.
        count: u64,
    },
    /// One of some words, by their weights.
    Choice(Vec<(String, f64)>),
    /// A number from `min` to `max`, rounded.
    Number {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
        /// Digits behind the point.
        digits: u8,
        /// It wanders, for each key by itself, and takes about so many seconds from one end to the other; `None`:
        /// each is drawn anew.
        drift_seconds: Option<f64>,
    },
    /// A text that a regular expression matches.
    Text(String),
    /// What a field of a built-in stream holds, as often as there.
    Reference {
        /// The stream.
        stream: StreamKind,
        /// Its rate: it decides how many users or devices there are.
        per_second: f64,
        /// The field.
        field: String,
    },
    /// When it happens.
    Time,
}

impl Declaration {
    /// Checks the fields; without a key the first one that isn't the time is it.
    ///
    /// # Errors
    /// Where there isn't exactly one time, the key is no field, or a pattern is no regular expression.
    pub fn new(fields: Vec<DeclaredField>, key: Option<&str>) -> Result<Self, GeneratorError> {
        let wrong = |what: String| Err(GeneratorError::Settings { what });
        let times = fields
            .iter()
            .filter(|field| field.kind == DeclaredKind::Time)
            .count();
        if times != 1 {
            return wrong(format!("a stream has {times} fields with the time, it needs one"));
        }
        for DeclaredField { name, kind } in &fields {
            if let DeclaredKind::Text(pattern) = kind
                && let Err(error) = Pattern::new(pattern)
            {
                return wrong(format!(
                    "the pattern of `{name}` is no regular expression: {error}"
                ));
            }
        }
        let found = match key {
            Some(key) => fields.iter().position(|field| field.name == key),
            None => Some(
                fields
                    .iter()
                    .position(|field| field.kind != DeclaredKind::Time)
                    .unwrap_or(0),
            ),
        };
        match found {
            Some(key) => Ok(Self { fields, key }),
            None => wrong(format!("`{}` is the key, but no field", key.unwrap_or_default())),
        }
    }
}

/// A declared stream of one run.
#[derive(Debug)]
pub(crate) struct Declared {
    scope: Scope,
    key: usize,
    sources: Vec<(Box<str>, Source)>,
}

/// Where the values of a field come from.
#[derive(Debug)]
enum Source {
    Id,
    Entity {
        prefix: String,
        count: u64,
    },
    /// Words with the sums of the weights up to them.
    Choice(Vec<(String, f64)>),
    Number {
        min: f64,
        max: f64,
        digits: u8,
    },
    Drift {
        min: f64,
        max: f64,
        digits: u8,
        cell_us: i64,
    },
    Text(Pattern),
    Reference {
        model: Model,
        field: usize,
    },
    Time,
}

impl Declared {
    pub(super) fn new(declaration: &Declaration, scope: Scope) -> Self {
        let source = |field: &DeclaredField| (field.name.as_str().into(), Source::new(&field.kind, scope));
        Self {
            scope,
            key: declaration.key,
            sources: declaration.fields.iter().map(source).collect(),
        }
    }

    pub(super) fn schema(&self) -> Schema {
        let position = |is: fn(&Source) -> bool| self.sources.iter().position(|(_, source)| is(source));
        Schema {
            fields: self
                .sources
                .iter()
                .map(|(name, source)| Field::new(name, source.kind()))
                .collect(),
            key: self.key,
            id: position(|source| matches!(source, Source::Id)).unwrap_or(self.key),
            time: position(|source| matches!(source, Source::Time)).unwrap_or_default(),
        }
    }
}

impl Source {
    fn new(kind: &DeclaredKind, scope: Scope) -> Self {
        match kind {
            DeclaredKind::Id => Self::Id,
            DeclaredKind::Entity { prefix, count } => Self::Entity {
                prefix: prefix.clone(),
                count: (*count).max(1),
            },
            DeclaredKind::Choice(words) => {
                let mut sum = 0.0;
                let words = words.iter().map(|(word, weight)| {
                    sum += weight.max(0.0);
                    (word.clone(), sum)
                });
                Self::Choice(words.collect())
            }
            &DeclaredKind::Number {
                min,
                max,
                digits,
                drift_seconds: None,
            } => Self::Number { min, max, digits },
            &DeclaredKind::Number {
                min,
                max,
                digits,
                drift_seconds: Some(seconds),
            } => Self::Drift {
                min,
                max,
                digits,
                // From one end to the other is some three cells.
                cell_us: ((seconds * 1e6 / 3.0) as i64).max(1),
            },
            // It was checked; where it wasn't, there is nothing that it matches.
            DeclaredKind::Text(pattern) => Self::Text(Pattern::new(pattern).unwrap_or_default()),
            DeclaredKind::Reference {
                stream,
                per_second,
                field,
            } => {
                let model = Model::new(
                    *stream,
                    Scope {
                        stream: stream.number(),
                        per_second: *per_second,
                        ..scope
                    },
                );
                let fields = model.schema().fields;
                let field = fields
                    .iter()
                    .position(|known| *known.name == **field)
                    .unwrap_or_default();
                Self::Reference { model, field }
            }
            DeclaredKind::Time => Self::Time,
        }
    }

    fn kind(&self) -> model::FieldKind {
        match self {
            Self::Number { .. } | Self::Drift { .. } => model::FieldKind::Decimal,
            Self::Time => model::FieldKind::Time,
            _ => model::FieldKind::Text,
        }
    }
}

/// A lane of a declared stream.
#[derive(Debug)]
pub(crate) struct DeclaredLane {
    declared: Arc<Declared>,
    random: Random,
    at_us: f64,
    /// By field: the lane that a reference takes its values from.
    referred: Vec<Option<(Box<Lane>, Row)>>,
}

impl DeclaredLane {
    pub(super) fn new(declared: Arc<Declared>, lane: u32) -> Self {
        let refer = |(_, source): &(Box<str>, Source)| match source {
            Source::Reference { model, .. } => Some((Box::new(model.lane(lane)), Row::default())),
            _ => None,
        };
        let mut this = Self {
            random: Random::new(declared.scope.run_root(), Purpose::Lane, u64::from(lane)),
            at_us: declared.scope.start_us as f64,
            referred: declared.sources.iter().map(refer).collect(),
            declared,
        };
        this.advance();
        this
    }

    pub(super) fn next_at_us(&self) -> i64 {
        self.at_us as i64
    }

    pub(super) fn make(&mut self, row: &mut Row) {
        let declared = Arc::clone(&self.declared);
        for (index, (_, source)) in declared.sources.iter().enumerate() {
            self.draw(index, source, row);
        }
        // What wanders does so for each key: that is known by now.
        let key = match row.values().get(declared.key) {
            Some(Value::Plain(range) | Value::Text(range)) => xxh3_64(row.held(range)),
            _ => 0,
        };
        for (index, (_, source)) in declared.sources.iter().enumerate() {
            if let Source::Drift {
                min,
                max,
                digits,
                cell_us,
            } = source
            {
                let of = splitmix(declared.scope.seed ^ splitmix(index as u64) ^ key);
                let place = (0.5 + 0.25 * wander(of, *cell_us, self.next_at_us())).clamp(0.0, 1.0);
                row.set(index, Value::decimal(min + (max - min) * place, *digits));
            }
        }
        self.advance();
    }

    fn draw(&mut self, index: usize, source: &Source, row: &mut Row) {
        let random = &mut self.random;
        match source {
            Source::Id => {
                let id = random.wide();
                row.push_plain(|out| write_uuid(id, out));
            }
            Source::Entity { prefix, count } => {
                let rank = random.zipf(*count).cast_signed();
                let range = row.hold(|out| {
                    out.extend_from_slice(prefix.as_bytes());
                    write_integer(rank, out);
                });
                row.push(Value::Text(range));
            }
            Source::Choice(words) => {
                let all = words.last().map_or(0.0, |(_, sum)| *sum);
                let drawn = random.unit() * all;
                let word = words.iter().find(|(_, sum)| drawn < *sum).or(words.last());
                let range = row.hold(|out| out.extend(word.iter().flat_map(|(word, _)| word.bytes())));
                row.push(Value::Text(range));
            }
            Source::Number { min, max, digits } => {
                let number = min + (max - min) * random.unit();
                row.push(Value::decimal(number, *digits));
            }
            Source::Drift { .. } => row.push(Value::Null),
            Source::Text(pattern) => {
                let range = row.hold(|out| pattern.write(random, out));
                row.push(Value::Text(range));
            }
            Source::Reference { field, .. } => {
                let mut text = Vec::new();
                if let Some((lane, other)) = self.referred.get_mut(index).and_then(Option::as_mut) {
                    lane.make(other);
                    match other.values().get(*field) {
                        Some(Value::Plain(range) | Value::Text(range)) => {
                            text.extend_from_slice(other.held(range))
                        }
                        Some(Value::Static(value)) => text.extend_from_slice(value.as_bytes()),
                        _ => {}
                    }
                }
                let range = row.hold(|out| out.extend_from_slice(&text));
                row.push(Value::Text(range));
            }
            Source::Time => row.push(Value::Time(self.at_us as i64)),
        }
    }

    fn advance(&mut self) {
        let mean_us = f64::from(LANES) * 1e6 / self.declared.scope.per_second;
        self.at_us += self.random.exponential() * mean_us;
    }
}

#[cfg(test)]
mod tests;
