//! The keys that an issuer publishes (RFC 7517). Keys of other kinds and for other uses are passed over: an issuer may
//! have them. It must never take a key for another algorithm than its own.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

const KEYS_MAX: usize = 64;
/// Of a coordinate on P-256.
const COORDINATE_BYTES: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Rs256,
    Es256,
}

#[derive(Debug)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug)]
pub(crate) struct Key {
    id: Option<String>,
    pub(crate) public: Public,
}

#[derive(Debug)]
pub(crate) enum Public {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// A point, uncompressed.
    P256(Vec<u8>),
}

#[derive(Debug, Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Said {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    used_for: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Algorithm {
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

impl KeySet {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(text)
            .map_err(|error| format!("its keys are no JSON Web Key Set: {error}"))?;
        let said = document.keys.into_iter().take(KEYS_MAX);
        let keys: Vec<_> = said.filter_map(|one| Key::read(serde_json::from_value(one).ok()?)).collect();
        match keys.is_empty() {
            true => Err("it publishes no key for RS256 or ES256".to_owned()),
            false => Ok(Self { keys }),
        }
    }

    /// The key of this id; where a token names none, the only one of its kind.
    pub(crate) fn find(&self, algorithm: Algorithm, id: Option<&str>) -> Option<&Key> {
        let fits =
            |key: &&Key| key.public.algorithm() == algorithm && (id.is_none() || key.id.as_deref() == id);
        let mut found = self.keys.iter().filter(fits);
        match (found.next(), found.next()) {
            (Some(key), None) => Some(key),
            // Two keys of one id are a fault of the issuer; the first is as good as the other.
            (Some(key), Some(_)) if id.is_some() => Some(key),
            _ => None,
        }
    }
}

impl Key {
    fn read(said: Said) -> Option<Self> {
        let Said { kty, kid, used_for, key_ops, alg, n, e, crv, x, y } = said;
        let signs = used_for.is_none_or(|used_for| used_for == "sig")
            && key_ops.is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        let public = match (&*kty, crv.as_deref()) {
            ("RSA", _) => Public::Rsa { n: number(&n?)?, e: number(&e?)? },
            ("EC", Some("P-256")) => Public::P256(point(&x?, &y?)?),
            _ => return None,
        };
        let is_its_algorithm = alg.is_none_or(|alg| Algorithm::of(&alg) == Some(public.algorithm()));
        (signs && is_its_algorithm).then_some(Self { id: kid, public })
    }
}

impl Public {
    const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa { .. } => Algorithm::Rs256,
            Self::P256(_) => Algorithm::Es256,
        }
    }
}

/// Without zeros at its head, which some issuers write.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let from = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[from..].to_vec())
}

fn point(x: &str, y: &str) -> Option<Vec<u8>> {
    let coordinate =
        |text: &str| URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == COORDINATE_BYTES);
    Some([vec![4], coordinate(x)?, coordinate(y)?].concat())
}
