//! The configuration keys of topics.

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigType {
    /// `true` or `false`.
    Boolean,
    /// A 32-bit number.
    Int,
    /// A 64-bit number.
    Long,
    /// A number with a fraction.
    Double,
    /// Text.
    String,
    /// Texts, separated by commas.
    List,
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfigDefinition {
    /// Kafka's name.
    pub name: &'static str,
    /// How its values are written.
    pub kind: ConfigType,
    /// What holds where nothing was set.
    pub default: &'static str,
    /// What it does, in a sentence.
    pub doc: &'static str,
}
