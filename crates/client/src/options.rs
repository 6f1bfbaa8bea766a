//! How to reach a cluster.

use std::time::Duration;

/// How to reach a cluster. The defaults are those of Kafka's Java clients where they have one.
#[derive(Debug, Clone)]
pub struct Options {
    /// `host:port` of some brokers; one that answers is enough.
    pub bootstrap: Vec<String>,
    /// The name that the brokers' logs and quotas know this client by.
    pub client_id: String,
    /// How long a TCP connection, with the exchange of versions, may take.
    pub connect_timeout: Duration,
    /// How long an answer may take before the connection is given up.
    pub request_timeout: Duration,
    /// The longest answer that is accepted, in bytes. A broker's claim beyond it closes the connection.
    pub max_response_bytes: usize,
    /// What protects the connection.
    pub security: Security,
    /// Addresses that are reached elsewhere, as (advertised, actual): through a tunnel or a proxy.
    pub detours: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bootstrap: Vec::new(),
            client_id: "minicluster".to_owned(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            max_response_bytes: 128 << 20,
            security: Security::Plaintext,
            detours: Vec::new(),
        }
    }
}

impl Options {
    /// Where an address is reached.
    pub(crate) fn actual<'a>(&'a self, address: &'a str) -> &'a str {
        let detour = self.detours.iter().find(|(advertised, _)| advertised == address);
        detour.map_or(address, |(_, actual)| actual)
    }

    /// Options for the brokers at these addresses.
    pub fn new<I, S>(bootstrap: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        Self {
            bootstrap: bootstrap.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}

/// What protects a connection (`security.protocol`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Security {
    /// Nothing. For loopback.
    #[default]
    Plaintext,
    /// TLS. Not there yet: [`Client::connect`](crate::Client::connect) refuses it.
    Tls,
    /// SASL over plaintext. Not there yet: refused.
    SaslPlaintext,
    /// SASL over TLS. Not there yet: refused.
    SaslTls,
}
