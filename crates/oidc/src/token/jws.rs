//! Compact signed tokens (RFC 7515): taken apart, and their signature checked by the key that they name. The algorithm is
//! the key's: what a token says of itself only chooses among keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

use super::TokenFault;
use super::keys::{Algorithm, KeySet, Public};

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood; none is.
    crit: Option<serde_json::Value>,
}

/// What the token says, once its signature is known to be right.
pub(crate) fn verify(token: &str, keys: &KeySet) -> Result<Vec<u8>, TokenFault> {
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenFault::Malformed);
    };
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenFault::Malformed);
    let said: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| TokenFault::Malformed)?;
    if said.crit.is_some() {
        return Err(TokenFault::Malformed);
    }
    let algorithm = Algorithm::of(&said.alg).ok_or(TokenFault::Algorithm)?;
    let key = keys.find(algorithm, said.kid.as_deref()).ok_or(TokenFault::UnknownKey)?;
    let signed = &token.as_bytes()[..header.len() + 1 + payload.len()];
    let signature = decoded(signature)?;
    let checked = match &key.public {
        Public::Rsa { n, e } => {
            RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, signed, &signature)
        }
        Public::P256(point) => {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, &signature)
        }
    };
    checked.map_err(|_| TokenFault::Signature)?;
    decoded(payload)
}
