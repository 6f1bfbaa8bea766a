//! The first frames between two brokers: each proves that it knows the cluster's secret.
//!
//! ```text
//! dialer   -> acceptor   "MCP1", dialer's id, acceptor's id, cluster id, 32 random bytes
//! acceptor -> dialer     "MCP1", 32 random bytes, HMAC("acceptor", both frames so far)
//! dialer   -> acceptor   "MCP1", HMAC("dialer", both frames so far)
//! ```
//!
//! The secret never travels, a proof can't be used for another connection or for the other role.

use bytes::{BufMut, Bytes, BytesMut};
use hmac::{Hmac, KeyInit, Mac};
use record::BrokerId;
use sha2::Sha256;

use crate::BrokerError;

#[cfg(test)]
mod tests;

const MAGIC: &[u8; 4] = b"MCP1";
const NONCE: usize = 32;
const PROOF: usize = 32;
/// Nothing in the handshake is longer.
pub(crate) const MAX_FRAME: usize = 512;

/// Fewer bytes could be guessed.
const LEAST_SECRET: usize = 16;

/// What all brokers of a cluster share and nobody else knows.
#[derive(Clone)]
pub struct ClusterSecret(Vec<u8>);

impl ClusterSecret {
    /// Bytes that nobody can guess.
    ///
    /// # Errors
    /// [`BrokerError::ShortSecret`] for fewer than 16.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, BrokerError> {
        let bytes = bytes.into();
        if bytes.len() < LEAST_SECRET {
            return Err(BrokerError::ShortSecret { least: LEAST_SECRET });
        }
        Ok(Self(bytes))
    }

    fn mac(&self, role: &str, hello: &[u8], nonce: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(role.as_bytes());
        mac.update(hello);
        mac.update(nonce);
        mac
    }
}

impl std::fmt::Debug for ClusterSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClusterSecret(..)")
    }
}

/// Why the other side is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("it doesn't speak between brokers; clients belong on the client port")]
    NoPeer,
    #[error("it belongs to cluster {theirs:?}, this broker to {ours:?}")]
    OtherCluster { ours: String, theirs: String },
    #[error("it looks for broker {wanted}, this is broker {here}: check the ports between brokers")]
    OtherBroker { wanted: BrokerId, here: BrokerId },
    #[error("it doesn't know the cluster's secret")]
    WrongSecret,
}

/// The dialing side, before anything was sent.
pub(crate) struct Dialer {
    secret: ClusterSecret,
    hello: Bytes,
}

impl Dialer {
    /// The first frame is [`Dialer::hello`].
    pub(crate) fn new(
        secret: ClusterSecret,
        me: BrokerId,
        other: BrokerId,
        cluster_id: &str,
        random: [u8; NONCE],
    ) -> Self {
        let mut hello = BytesMut::new();
        hello.put_slice(MAGIC);
        hello.put_i32(me.0);
        hello.put_i32(other.0);
        hello.put_u8(u8::try_from(cluster_id.len()).unwrap_or(u8::MAX));
        hello.put_slice(&cluster_id.as_bytes()[..cluster_id.len().min(usize::from(u8::MAX))]);
        hello.put_slice(&random);
        Self {
            secret,
            hello: hello.freeze(),
        }
    }

    pub(crate) fn hello(&self) -> Bytes {
        self.hello.clone()
    }

    /// Checks the acceptor's frame and gives the last one.
    pub(crate) fn on_challenge(&self, frame: &[u8]) -> Result<Bytes, Refused> {
        let rest = frame.strip_prefix(MAGIC).ok_or(Refused::NoPeer)?;
        if rest.len() != NONCE + PROOF {
            return Err(Refused::NoPeer);
        }
        let (nonce, proof) = rest.split_at(NONCE);
        let mac = self.secret.mac("acceptor", &self.hello, nonce);
        mac.verify_slice(proof).map_err(|_| Refused::WrongSecret)?;
        let mut last = BytesMut::from(&MAGIC[..]);
        last.put_slice(
            &self
                .secret
                .mac("dialer", &self.hello, nonce)
                .finalize()
                .into_bytes(),
        );
        Ok(last.freeze())
    }
}

/// The accepting side, after the dialer's first frame.
#[derive(Debug)]
pub(crate) struct Acceptor {
    secret: ClusterSecret,
    from: BrokerId,
    hello: Bytes,
    nonce: [u8; NONCE],
}

impl Acceptor {
    /// Checks what can be checked without a proof.
    pub(crate) fn on_hello(
        secret: ClusterSecret,
        me: BrokerId,
        cluster_id: &str,
        random: [u8; NONCE],
        hello: Bytes,
    ) -> Result<Self, Refused> {
        let fields = hello
            .strip_prefix(MAGIC)
            .and_then(split_hello)
            .ok_or(Refused::NoPeer)?;
        let (from, wanted, theirs) = fields;
        if theirs != cluster_id.as_bytes() {
            let theirs = String::from_utf8_lossy(theirs).into_owned();
            return Err(Refused::OtherCluster {
                ours: cluster_id.to_owned(),
                theirs,
            });
        }
        if wanted != me {
            return Err(Refused::OtherBroker { wanted, here: me });
        }
        Ok(Self {
            secret,
            from,
            hello,
            nonce: random,
        })
    }

    /// The frame that answers the dialer's first one.
    pub(crate) fn challenge(&self) -> Bytes {
        let mut frame = BytesMut::from(&MAGIC[..]);
        frame.put_slice(&self.nonce);
        frame.put_slice(
            &self
                .secret
                .mac("acceptor", &self.hello, &self.nonce)
                .finalize()
                .into_bytes(),
        );
        frame.freeze()
    }

    /// Checks the dialer's proof and says who it is.
    pub(crate) fn on_proof(&self, frame: &[u8]) -> Result<BrokerId, Refused> {
        let proof = frame.strip_prefix(MAGIC).ok_or(Refused::NoPeer)?;
        let mac = self.secret.mac("dialer", &self.hello, &self.nonce);
        mac.verify_slice(proof).map_err(|_| Refused::WrongSecret)?;
        Ok(self.from)
    }
}

fn split_hello(rest: &[u8]) -> Option<(BrokerId, BrokerId, &[u8])> {
    let (from, rest) = rest.split_first_chunk::<4>()?;
    let (wanted, rest) = rest.split_first_chunk::<4>()?;
    let (len, rest) = rest.split_first()?;
    let cluster_id = rest.get(..usize::from(*len))?;
    (rest.len() == cluster_id.len() + NONCE).then_some((
        BrokerId(i32::from_be_bytes(*from)),
        BrokerId(i32::from_be_bytes(*wanted)),
        cluster_id,
    ))
}
