//! Which version of each request a broker serves.

use std::{collections::HashMap, fmt};

use kafka_protocol::{
    messages::ApiVersionsResponse,
    protocol::{Request, VersionRange},
};

/// The versions that one broker serves, by API key.
#[derive(Debug, Clone, Default)]
pub(crate) struct ApiVersions(HashMap<i16, VersionRange>);

impl ApiVersions {
    pub(crate) fn from_response(response: &ApiVersionsResponse) -> Self {
        let entries = response.api_keys.iter();
        Self(
            entries
                .map(|api| {
                    (
                        api.api_key,
                        VersionRange {
                            min: api.min_version,
                            max: api.max_version,
                        },
                    )
                })
                .collect(),
        )
    }

    /// The highest version within `ours` that the broker serves too.
    pub(crate) fn choose<R: Request>(&self, ours: VersionRange) -> Result<i16, NoCommonVersion> {
        let theirs = self.0.get(&R::KEY).copied();
        let common = theirs
            .map(|theirs| ours.intersect(&theirs))
            .filter(|common| !common.is_empty());
        common
            .map(|common| common.max)
            .ok_or(NoCommonVersion { ours, theirs })
    }
}

/// Broker and client share no version of a request.
#[derive(Debug)]
pub(crate) struct NoCommonVersion {
    ours: VersionRange,
    theirs: Option<VersionRange>,
}

impl NoCommonVersion {
    pub(crate) fn ours(&self) -> String {
        span(self.ours)
    }

    pub(crate) fn theirs(&self) -> String {
        self.theirs.map_or_else(|| "no version".to_owned(), span)
    }
}

impl fmt::Display for NoCommonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ours are {}, theirs {}", self.ours(), self.theirs())
    }
}

fn span(range: VersionRange) -> String {
    format!("versions {} to {}", range.min, range.max)
}
