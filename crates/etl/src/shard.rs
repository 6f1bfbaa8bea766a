//! Keys as 128-bit hashes, and the 64 shards that all keyed state is divided into.
//!
//! A shard is a property of the key alone, never of a Kafka partition or a core, so that both can
//! change under a state that lies on disk.

use xxhash_rust::xxh3::xxh3_128;

/// Shards of a keyed state. Stored state does not depend on it.
pub(crate) const SHARDS: usize = 64;

/// XXH3-128 of a key's parts, each preceded by its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct KeyHash(pub u128);

impl KeyHash {
    /// The shard of the key, from bits that the hash tables in it do not use.
    pub(crate) fn shard(self) -> usize {
        (self.0 >> 122) as usize
    }
}

/// Builds the bytes of a key and hashes them. Keeps its buffer from key to key.
#[derive(Debug, Default)]
pub(crate) struct KeyHasher(Vec<u8>);

impl KeyHasher {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn push(&mut self, part: &[u8]) {
        self.0.extend_from_slice(&(part.len() as u32).to_le_bytes());
        self.0.extend_from_slice(part);
    }

    pub(crate) fn push_null(&mut self) {
        self.0.extend_from_slice(&u32::MAX.to_le_bytes());
    }

    pub(crate) fn finish(&self) -> KeyHash {
        KeyHash(xxh3_128(&self.0))
    }
}

/// For tables whose keys are hashes already: passes the low half through.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AlreadyHashed;

impl std::hash::BuildHasher for AlreadyHashed {
    type Hasher = LowHalf;

    fn build_hasher(&self) -> LowHalf {
        LowHalf(0)
    }
}

/// The low half of a 128-bit hash, mixed with whatever else is in the key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LowHalf(u64);

impl std::hash::Hasher for LowHalf {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut eight = [0; 8];
            eight[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(eight));
        }
    }

    fn write_u128(&mut self, hash: u128) {
        self.write_u64(hash as u64);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = self.0.rotate_left(26) ^ value;
    }

    fn write_i64(&mut self, value: i64) {
        self.write_u64((value as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }
}
