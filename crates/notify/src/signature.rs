//! The signature of a webhook, as Standard Webhooks has it: HMAC-SHA256 over `id.timestamp.body`, in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// What stands before a key that is written in base64.
const BASE64_KEY: &str = "whsec_";

/// `v1,` and the signature. The key is the secret's own bytes, or what follows `whsec_` in base64.
pub(crate) fn sign(secret: &Secret, id: &str, timestamp_s: u64, body: &[u8]) -> String {
    // A key of any length will do, so this is never an error.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key(secret)) else { return String::new() };
    mac.update(format!("{id}.{timestamp_s}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn key(secret: &Secret) -> Vec<u8> {
    let text = secret.expose();
    let decoded = text.strip_prefix(BASE64_KEY).and_then(|key| STANDARD.decode(key).ok());
    decoded.unwrap_or_else(|| text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the specification of Standard Webhooks gives.
    #[test]
    fn the_published_example_is_met() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = br#"{"test": 2432232314}"#;
        let signed = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_plain_secret_is_its_own_bytes() {
        let (plain, coded) = (Secret::new("geheim"), Secret::new("whsec_Z2VoZWlt"));
        assert_eq!(sign(&plain, "a", 1, b"b"), sign(&coded, "a", 1, b"b"));
        assert_ne!(sign(&plain, "a", 1, b"b"), sign(&plain, "a", 2, b"b"));
    }
}
