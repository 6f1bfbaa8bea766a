//! Services as they are named on the command line.

use config::nearest;
use run::Service;

/// What a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// One service.
    One(Service),
    /// Every service.
    All,
}

impl Which {
    pub(crate) fn includes(self, service: Service) -> bool {
        match self {
            Self::One(one) => one == service,
            Self::All => true,
        }
    }
}

/// Reads `broker-1`, `etl`, `generator`, `console` or `all`.
pub(crate) fn parse(text: &str) -> Result<Which, String> {
    if text == "all" {
        return Ok(Which::All);
    }
    text.parse().map(Which::One).map_err(|_| {
        let names: Vec<String> = Service::all().map(|service| service.to_string()).collect();
        let known = names.iter().map(String::as_str).chain(["all"]);
        match nearest(text, known) {
            Some(meant) => format!("no service has this name; did you mean `{meant}`?"),
            None => format!(
                "no service has this name; there are {} and `all`",
                names.join(", ")
            ),
        }
    })
}

#[cfg(test)]
mod tests {
    use run::Service;

    use super::{Which, parse};

    #[test]
    fn names_and_what_was_meant() {
        assert_eq!(parse("broker-2"), Ok(Which::One(Service::Broker(2))));
        assert_eq!(parse("all"), Ok(Which::All));
        let message = |text| parse(text).expect_err("no name");
        assert!(message("brokr-2").ends_with("did you mean `broker-2`?"));
        assert!(message("genrator").ends_with("did you mean `generator`?"));
        assert!(message("postgres").ends_with("etl, generator, console and `all`"));
    }
}
