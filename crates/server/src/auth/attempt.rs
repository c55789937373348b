//! A login under way: kept by the browser alone, in a cookie whose text the secrets of this one login follow from. So
//! whoever begins logins by the million takes up no memory, and what another browser brings back fits nothing.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use oidc::Attempt;
use sha2::Sha256;

/// How long a person may take at the issuer.
pub(crate) const ATTEMPT_LIFETIME: Duration = Duration::from_secs(600);
const WAY_BACK_BYTES_MAX: usize = 512;

/// Made at each start; logins that were under way begin anew.
pub(crate) struct AttemptKey([u8; 32]);

/// What the cookie says, once it is known to be ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Begun {
    pub attempt: Attempt,
    pub to: WayBack,
}

/// A path of this server, to go to after the login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WayBack(String);

impl WayBack {
    /// Nothing that a browser could take for another server's address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let is_path = text.starts_with('/') && !text.starts_with("//");
        (is_plain && is_path && text.len() <= WAY_BACK_BYTES_MAX).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl AttemptKey {
    pub(crate) fn generate() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }

    /// A new login, and the cookie for it.
    pub(crate) fn begin(&self, to: &WayBack, now_s: u64) -> Result<(String, Attempt), getrandom::Error> {
        let mut random = [0; 32];
        getrandom::fill(&mut random)?;
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let cookie = format!("{}.{now_s}.{}", text(&random), text(to.as_str().as_bytes()));
        let attempt = self.attempt(&cookie);
        Ok((cookie, attempt))
    }

    /// The login that this cookie belongs to, if the issuer brought its state back in time.
    pub(crate) fn take_up(&self, cookie: &str, state: &str, now_s: u64) -> Option<Begun> {
        let expected = URL_SAFE_NO_PAD.decode(state).ok()?;
        self.mac("state", cookie).verify_slice(&expected).ok()?;
        let mut parts = cookie.split('.');
        let (_, began_s, to) = (parts.next()?, parts.next()?.parse::<u64>().ok()?, parts.next()?);
        let is_fresh = now_s.saturating_sub(began_s) <= ATTEMPT_LIFETIME.as_secs();
        let to = WayBack::parse(&String::from_utf8(URL_SAFE_NO_PAD.decode(to).ok()?).ok()?)?;
        is_fresh.then(|| Begun { attempt: self.attempt(cookie), to })
    }

    fn attempt(&self, cookie: &str) -> Attempt {
        let of = |use_: &str| URL_SAFE_NO_PAD.encode(self.mac(use_, cookie).finalize().into_bytes());
        Attempt { state: of("state"), nonce: of("nonce"), verifier: of("verifier") }
    }

    fn mac(&self, use_: &str, cookie: &str) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.chain_update(use_).chain_update(":").chain_update(cookie)
    }
}

impl std::fmt::Debug for AttemptKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AttemptKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_browser_that_began_a_login_ends_it_and_only_in_time() {
        let key = AttemptKey::generate().unwrap();
        let to = WayBack::parse("/v1/incidents?state=all").unwrap();
        let (cookie, attempt) = key.begin(&to, 1000).unwrap();
        assert_eq!(
            key.take_up(&cookie, &attempt.state, 1600).unwrap(),
            Begun { attempt: attempt.clone(), to: to.clone() }
        );
        assert!(key.take_up(&cookie, &attempt.state, 1601).is_none());
        let (other_cookie, other) = key.begin(&to, 1000).unwrap();
        assert!(key.take_up(&cookie, &other.state, 1000).is_none());
        assert!(key.take_up(&other_cookie, &attempt.state, 1000).is_none());
        assert!(key.take_up(&cookie, "", 1000).is_none() && key.take_up("", &attempt.state, 1000).is_none());
        let later = cookie.replace(".1000.", ".9000.");
        assert!(key.take_up(&later, &attempt.state, 1000).is_none());
        assert!(AttemptKey::generate().unwrap().take_up(&cookie, &attempt.state, 1000).is_none());
        assert!(
            attempt.verifier.len() == 43
                && attempt.nonce != attempt.state
                && attempt.nonce != attempt.verifier
        );
    }

    #[test]
    fn the_way_back_leads_to_this_server() {
        for right in ["/", "/v1/incidents?state=all&x=%2F", "/a//b"] {
            assert!(WayBack::parse(right).is_some(), "{right}");
        }
        for wrong in
            ["", "v1", "//evil.example.org", "/\\evil.example.org", "https://e", "/a\nb", "/é", "/a b"]
        {
            assert!(WayBack::parse(wrong).is_none(), "{wrong}");
        }
        assert!(WayBack::parse(&format!("/{}", "x".repeat(512))).is_none());
    }
}
