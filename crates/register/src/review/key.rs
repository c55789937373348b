//! Ed25519 keys of signers. Their bytes come from outside, as randomness does; no message shows a secret one.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::words::{Digest, Name};

const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;

/// What a signature is checked with, in base64.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(String);

/// What signs. It is wiped from memory where it ends.
pub struct SecretKey(SigningKey);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

impl SecretKey {
    pub fn from_seed(seed: &[u8; KEY_BYTES]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    pub fn from_text(text: &str) -> Result<Self, String> {
        let bytes: Option<[u8; KEY_BYTES]> = decode(text);
        bytes
            .map(|seed| Self::from_seed(&seed))
            .ok_or_else(|| "a private key is 32 bytes in base64".to_owned())
    }

    /// For its file, and nothing else.
    pub fn reveal(&self) -> String {
        STANDARD.encode(self.0.as_bytes())
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(STANDARD.encode(self.0.verifying_key().as_bytes()))
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.sign(message).to_bytes()
    }
}

impl PublicKey {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hint by which a signature names its key.
    pub fn id(&self) -> Digest {
        sha256(self.0.as_bytes())
    }

    /// Strict: one key and message have no second signature that is made out of the first.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        let key = decode(&self.0).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
        key.is_some_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
    }
}

impl TryFrom<String> for PublicKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let key = decode(&text).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
        // Under a weak key a signature says nothing.
        match key.is_some_and(|key| !key.is_weak()) {
            true => Ok(Self(text)),
            false => Err("a public key is a point of Ed25519: 32 bytes in base64".to_owned()),
        }
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.0
    }
}

pub(super) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    // Nothing longer is decoded; base64 has four characters for three bytes.
    let bytes = if text.len() <= N * 2 + 4 { STANDARD.decode(text).ok()? } else { return None };
    bytes.try_into().ok()
}

pub(super) fn sha256(bytes: &[u8]) -> Digest {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Digest::try_from(hex).expect("a SHA-256 is 32 bytes, which are 64 hex digits")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    name: Name,
    secret: String,
}

/// A private key's file. What is wrong with it is told without what it holds.
pub fn key_from_file(text: &str) -> Result<(Name, SecretKey), String> {
    let wrong =
        || "it is no key file: that has name and secret, as casebook review key new writes it".to_owned();
    let KeyFile { name, secret } = toml::from_str(text).map_err(|_| wrong())?;
    Ok((name, SecretKey::from_text(&secret).map_err(|_| wrong())?))
}

pub fn key_to_file(name: &Name, key: &SecretKey) -> String {
    format!(
        "# The private key of {name} for casebook review. Whoever has it signs as {name}: keep it out\n\
         # of every repository.\nname = \"{name}\"\nsecret = \"{}\"\n",
        key.reveal()
    )
}
