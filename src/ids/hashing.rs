//! Hashes that are the same on every machine, in every version: SipHash-2-4 with the key zero.
//!
//! Source: J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;
use siphasher::sip128::{Hasher128, SipHasher24 as SipHasher128};

/// No id holds this byte: it is not of UTF-8.
const SEPARATOR: u8 = 0xff;

/// The number by which states know an establishment or a group, whatever the order of the tables.
pub fn key_of(id: &str) -> u64 {
    let mut hasher = SipHasher24::new();
    hasher.write(id.as_bytes());
    hasher.finish()
}

/// A number of `0..1` that belongs to the user.
pub fn lot_of(user: &str) -> f64 {
    let mut hasher = SipHasher24::new();
    hasher.write(b"holdout");
    hasher.write(&[SEPARATOR]);
    hasher.write(user.as_bytes());
    hasher.finish() as f64 / 2.0_f64.powi(64)
}

/// The id of a suggestion: what it was made for and when.
pub fn suggestion_id(user: &str, establishment: &str, timestamp_us: i64) -> String {
    let mut hasher = SipHasher128::new();
    hasher.write(user.as_bytes());
    hasher.write(&[SEPARATOR]);
    hasher.write(establishment.as_bytes());
    hasher.write(&[SEPARATOR]);
    hasher.write(&timestamp_us.to_le_bytes());
    let hash = hasher.finish128();
    format!("{:016x}{:016x}", hash.h1, hash.h2)
}

/// Keys are hashes already.
#[derive(Debug, Default)]
pub struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}
