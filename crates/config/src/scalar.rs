//! Texts in YAML: bare where they mean themselves, else in quotes.

use crate::file::means_itself;

/// A text as a name or a value on a line of its own.
pub(crate) fn block(text: &str) -> String {
    match means_itself(text) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// A text as a value between braces.
pub(crate) fn flow(text: &str) -> String {
    match means_itself(text) && !text.contains([',', '[', ']', '{', '}']) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// A text in single quotes, between which a backslash is a backslash, if they can hold it.
pub(crate) fn literal(text: &str) -> String {
    match text.contains(needs_escape) {
        true => quoted(text),
        false => format!("'{}'", text.replace('\'', "''")),
    }
}

/// A text in double quotes, whose escapes are those of JSON.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if needs_escape(c) => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Control characters, and what else may end a line or the text.
fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_means_itself_stands_bare() {
        for text in [
            "info",
            "/data/lake",
            "127.0.0.1:19092,127.0.0.1:29092",
            "::1",
            "512m",
            "now",
            "a.b_c-d",
        ] {
            assert_eq!(block(text), text);
        }
        for text in [
            "off", "y", "null", "7", "0x10", "x: y", "#a", "*a", "@a", "", " a", "a\nb", "-", "true",
        ] {
            assert_eq!(block(text), quoted(text));
        }
        assert_eq!(flow("a,b"), "\"a,b\"");
        assert_eq!(literal("[a-z]'\\d"), "'[a-z]''\\d'");
        assert_eq!(literal("a\n\u{feff}"), "\"a\\u000a\\ufeff\"");
    }
}
