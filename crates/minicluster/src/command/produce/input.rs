//! Lines, from stdin or a file, and what they mean.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use tokio::sync::mpsc;

use crate::failure::{Failure, Outcome};
use crate::record_line::{HeaderBytes, RecordLine};

/// Lines that were read and not yet taken.
const AHEAD: usize = 1_000;

/// What a line means.
#[derive(Debug)]
pub(super) enum Form {
    /// A value, with a key before it where there is a separator.
    Lines {
        key: Option<Vec<u8>>,
        separator: Option<Vec<u8>>,
        headers: Vec<HeaderBytes>,
        empty_is_null: bool,
    },
    /// A [`RecordLine`].
    Json,
}

/// A record to be written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) timestamp: Option<i64>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<HeaderBytes>,
}

impl Form {
    /// The record of a line; why it is none.
    pub(super) fn record(&self, line: &[u8]) -> Result<Line, String> {
        let Self::Lines {
            key,
            separator,
            headers,
            empty_is_null,
        } = self
        else {
            return of_json(line);
        };
        let (key, value) = match separator {
            None => (key.clone(), line),
            Some(separator) => {
                let place = line
                    .windows(separator.len())
                    .position(|window| window == separator);
                let place = place.ok_or_else(|| {
                    let separator = String::from_utf8_lossy(separator);
                    format!("there is no `{separator}` between key and value")
                })?;
                (Some(line[..place].to_vec()), &line[place + separator.len()..])
            }
        };
        let is_null = *empty_is_null && value.is_empty();
        Ok(Line {
            timestamp: None,
            key,
            value: (!is_null).then(|| value.to_vec()),
            headers: headers.clone(),
        })
    }
}

fn of_json(line: &[u8]) -> Result<Line, String> {
    let record: RecordLine = serde_json::from_slice(line)
        .map_err(|error| format!("this is no record as `consume -o json` prints it: {error}"))?;
    Ok(Line {
        timestamp: record.timestamp,
        key: record.key()?,
        value: record.value()?,
        headers: record.headers()?,
    })
}

/// Lines as they are read, by a thread of their own: a read of stdin can't be given up.
#[derive(Debug)]
pub(super) struct Reading(mpsc::Receiver<Result<Vec<u8>, String>>);

impl Reading {
    pub(super) fn begin(file: Option<&Path>) -> Outcome<Self> {
        let source: Box<dyn BufRead + Send> = match file {
            None => Box::new(BufReader::new(io::stdin())),
            Some(path) => {
                let opened = File::open(path);
                let file = opened.map_err(|error| Failure::plain(format!("{}: {error}", path.display())))?;
                Box::new(BufReader::new(file))
            }
        };
        let (give, lines) = mpsc::channel(AHEAD);
        std::thread::spawn(move || read(source, &give));
        Ok(Self(lines))
    }

    /// The next line without its end; none after the last.
    pub(super) async fn next(&mut self) -> Option<Result<Vec<u8>, String>> {
        self.0.recv().await
    }
}

fn read(mut source: impl BufRead, give: &mpsc::Sender<Result<Vec<u8>, String>>) {
    loop {
        let mut line = Vec::new();
        let read = match source.read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => {
                if line.last() == Some(&b'\n') {
                    line.pop();
                }
                Ok(line)
            }
            Err(error) => Err(format!("cannot be read: {error}")),
        };
        let is_last = read.is_err();
        // Whoever has left needs no more lines.
        if give.blocking_send(read).is_err() || is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, Line};

    fn lines(separator: Option<&str>, empty_is_null: bool) -> Form {
        Form::Lines {
            key: None,
            separator: separator.map(|text| text.as_bytes().to_vec()),
            headers: Vec::new(),
            empty_is_null,
        }
    }

    fn line(key: Option<&str>, value: Option<&str>) -> Result<Line, String> {
        let bytes = |text: &str| text.as_bytes().to_vec();
        Ok(Line {
            key: key.map(bytes),
            value: value.map(bytes),
            ..Line::default()
        })
    }

    #[test]
    fn a_line_is_a_value_or_a_key_and_a_value() {
        assert_eq!(lines(None, false).record(b"a:b"), line(None, Some("a:b")));
        assert_eq!(
            lines(Some(":"), false).record(b"a:b:c"),
            line(Some("a"), Some("b:c"))
        );
        assert_eq!(lines(Some("::"), false).record(b"a::"), line(Some("a"), Some("")));
        assert_eq!(lines(Some(":"), true).record(b"a:"), line(Some("a"), None));
        assert_eq!(
            lines(Some("::"), false).record(b"a:b"),
            Err("there is no `::` between key and value".to_owned())
        );
    }

    #[test]
    fn a_record_that_was_consumed_can_be_produced() {
        let text = r#"{"partition":1,"offset":2,"timestamp":3,"key":"k","value":null,"value_base64":"/wA=",
            "headers":[{"key":"h","value":"v"}]}"#;
        let wanted = Line {
            timestamp: Some(3),
            key: Some(b"k".to_vec()),
            value: Some(vec![0xff, 0]),
            headers: vec![(b"h".to_vec(), Some(b"v".to_vec()))],
        };
        assert_eq!(Form::Json.record(text.as_bytes()), Ok(wanted));
        let wrong = Form::Json.record(b"{\"val\":1}").expect_err("a wrong name");
        assert!(wrong.contains("unknown field `val`"), "{wrong}");
    }
}
