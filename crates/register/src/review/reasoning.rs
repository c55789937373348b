//! A claimant's reasoning, hidden until the verdict: the claim carries a digest of it with a salt, and both come with
//! a later record. The salt is made from the key and the text, so that nothing but these has to be kept.

use super::key::{SecretKey, sha256};
use super::words::{Digest, Prose};

/// Signatures over records begin otherwise, so that none of them is ever a salt.
const PURPOSE: &[u8] = b"casebook review: salt of a reasoning\n";

/// A reasoning as its claimant has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    pub digest: Digest,
    pub salt: Digest,
}

/// The same for the same key and text. Who has not the key cannot try out what the text might be.
pub fn hide(key: &SecretKey, text: &Prose) -> Hidden {
    let salt = sha256(&key.sign(&[PURPOSE, text.as_str().as_bytes()].concat()));
    Hidden { digest: digest(&salt, text), salt }
}

pub(super) fn digest(salt: &Digest, text: &Prose) -> Digest {
    sha256(&[salt.as_str().as_bytes(), b"\n", text.as_str().as_bytes()].concat())
}
