//! Keys as people handle them: `casebook_SCOPE_` so that scanners find a leaked one, 43 letters and digits from the
//! system's source of randomness (256 bits), and 6 that are a checksum, so that a mistyped key is told from a wrong one
//! without looking anywhere. Only the SHA-256 is ever kept.

use std::fmt::{self, Write};

use api::Scope;
use sha2::{Digest, Sha256};

const SECRET_CHARS: usize = 43;
const CHECK_CHARS: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// A random byte from here on would make the first digits likelier than the last.
const UNBIASED: u8 = 248;

/// A key just made. Its text is shown once and kept by nobody.
pub struct NewKey {
    scope: Scope,
    text: String,
}

#[derive(Debug, thiserror::Error)]
pub enum NewKeyError {
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
}

impl NewKey {
    pub fn generate(scope: Scope) -> Result<Self, NewKeyError> {
        let mut text = format!("casebook_{scope}_");
        let whole = text.len() + SECRET_CHARS;
        let mut bytes = [0; 64];
        while text.len() < whole {
            getrandom::fill(&mut bytes).map_err(NewKeyError::Random)?;
            let fair = bytes.iter().filter(|byte| **byte < UNBIASED);
            let digits = fair.map(|byte| char::from(DIGITS[usize::from(*byte % 62)]));
            text.extend(digits.take(whole - text.len()));
        }
        text.push_str(&checksum(&text));
        Ok(Self { scope, text })
    }

    /// The only way to the text.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The lines that the keys file needs. `name` fits, see `Keyring`.
    pub fn file_entry(&self, name: &str, expires: Option<&str>) -> String {
        let mut lines = format!("[[keys]]\nname = {name:?}\nscope = \"{}\"\n", self.scope);
        let _ = writeln!(lines, "sha256 = \"{}\"", engine::sha256_hex(self.text.as_bytes()));
        if let Some(expires) = expires {
            let _ = writeln!(lines, "expires = \"{expires}\"");
        }
        lines
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewKey({}, ..)", self.scope)
    }
}

/// What a key is looked up by, if the text has the form of one. Texts without it have no entropy that could be
/// relied on, so a file with the hash of one does not let it in.
pub(super) fn digest(text: &str) -> Option<[u8; 32]> {
    let (body, check) = text.split_at_checked(text.len().checked_sub(CHECK_CHARS)?)?;
    let scopes = Scope::ALL.iter();
    let secret =
        scopes.filter_map(|scope| body.strip_prefix("casebook_")?.strip_prefix(scope.as_str())).next()?;
    let secret = secret.strip_prefix('_')?;
    let is_whole = secret.len() == SECRET_CHARS && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_whole && checksum(body) == check).then(|| Sha256::digest(text.as_bytes()).into())
}

fn checksum(text: &str) -> String {
    let mut rest = crc32c::crc32c(text.as_bytes()) as usize;
    let mut digits = [b'0'; CHECK_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[rest % 62];
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_form_and_no_two_are_alike() {
        let key = NewKey::generate(Scope::Write).unwrap();
        let text = key.reveal();
        assert!(text.starts_with("casebook_write_") && text.len() == 15 + 49, "{text}");
        assert!(digest(text).is_some());
        assert_ne!(text, NewKey::generate(Scope::Write).unwrap().reveal());
        assert!(!format!("{key:?}").contains(&text[15..]));
    }

    #[test]
    fn every_digit_comes_up() {
        let text: String =
            (0..40).map(|_| NewKey::generate(Scope::Read).unwrap().reveal()[14..57].to_owned()).collect();
        assert!(DIGITS.iter().all(|digit| text.contains(char::from(*digit))));
    }

    #[test]
    fn one_wrong_character_is_noticed() {
        let key = NewKey::generate(Scope::Admin).unwrap();
        let text = key.reveal();
        for at in 0..text.len() {
            let mut other = text.as_bytes().to_vec();
            other[at] = if other[at] == b'x' { b'y' } else { b'x' };
            assert_eq!(digest(std::str::from_utf8(&other).unwrap()), None, "at {at}");
        }
        for odd in ["", "casebook", "é", "casebook_write_", &text[1..], &format!("{text} "), "Bearer"] {
            assert_eq!(digest(odd), None, "{odd:?}");
        }
    }
}
