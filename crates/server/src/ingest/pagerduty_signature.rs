//! Whether a webhook comes from PagerDuty: an HMAC with a secret that PagerDuty showed when the subscription was made.
//! A header may hold several signatures while a secret is changed; one that fits is enough.

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha256;

const HEADER: &str = "x-pagerduty-signature";
/// Signatures of a request that are looked at.
const SIGNATURES_MAX: usize = 8;

/// What is known of a request's sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// No secret is configured, so nobody asks.
    Unchecked,
    Signed,
    Unsigned,
}

/// The secrets of PagerDuty's subscriptions; none where signatures are not checked.
#[derive(Clone, Default)]
pub(crate) struct PagerdutySecrets(Vec<String>);

/// Secrets do not get into logs.
impl std::fmt::Debug for PagerdutySecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PagerdutySecrets({})", self.0.len())
    }
}

impl PagerdutySecrets {
    pub(crate) fn new(secrets: Vec<String>) -> Self {
        Self(secrets)
    }

    /// `body` as it was sent, before any decompression.
    pub(super) fn trust(&self, headers: &HeaderMap, body: &[u8]) -> Trust {
        if self.0.is_empty() {
            return Trust::Unchecked;
        }
        let texts = headers.get_all(HEADER).iter().filter_map(|value| value.to_str().ok());
        let signatures = texts.flat_map(|text| text.split(',')).filter_map(|one| bytes_of(one.trim()));
        let is_signed = signatures.take(SIGNATURES_MAX).any(|signature| self.fits(&signature, body));
        if is_signed { Trust::Signed } else { Trust::Unsigned }
    }

    fn fits(&self, signature: &[u8; 32], body: &[u8]) -> bool {
        self.0.iter().any(|secret| {
            Hmac::<Sha256>::new_from_slice(secret.as_bytes())
                .is_ok_and(|mac| mac.chain_update(body).verify_slice(signature).is_ok())
        })
    }
}

/// The 32 bytes behind `v1=` and 64 hex digits.
fn bytes_of(signature: &str) -> Option<[u8; 32]> {
    let digits = signature.strip_prefix("v1=")?.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// Computed with `openssl dgst -sha256 -hmac secret`.
    const OF_BODY: &str = "v1=33eb44c7ba8d47c65801b2a7981b912330d4a3d210098efd16bd579d3e893299";

    fn trust(secrets: &[&str], header: Option<&str>, body: &[u8]) -> Trust {
        let headers =
            header.map(|text| (http::HeaderName::from_static(HEADER), HeaderValue::from_str(text).unwrap()));
        let secrets = PagerdutySecrets::new(secrets.iter().map(|secret| (*secret).to_owned()).collect());
        secrets.trust(&HeaderMap::from_iter(headers), body)
    }

    #[test]
    fn a_signature_of_these_bytes_with_a_known_secret_is_needed_once_there_is_a_secret() {
        let body = b"{\"event\": {}}";
        let two = &format!("v1={}, {OF_BODY}", "0".repeat(64));
        for (secrets, header, body, expected) in [
            (&["secret"][..], Some(OF_BODY), &body[..], Trust::Signed),
            (&["older", "secret"], Some(OF_BODY), body, Trust::Signed),
            (&["secret"], Some(two), body, Trust::Signed),
            (&["other"], Some(OF_BODY), body, Trust::Unsigned),
            (&["secret"], Some(OF_BODY), b"{\"event\": {} }", Trust::Unsigned),
            (&["secret"], Some("v1=00"), body, Trust::Unsigned),
            (&["secret"], Some("v2=x"), body, Trust::Unsigned),
            (&["secret"], None, body, Trust::Unsigned),
            (&[], None, body, Trust::Unchecked),
            (&[], Some(OF_BODY), body, Trust::Unchecked),
        ] {
            assert_eq!(trust(secrets, header, body), expected, "{secrets:?} {header:?}");
        }
    }
}
