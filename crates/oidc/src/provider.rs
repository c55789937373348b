//! What is configured of an issuer.

use std::fmt;

use crate::{Address, ClaimName};

#[derive(Debug, Clone)]
pub struct Provider {
    pub issuer: Address,
    pub client_id: String,
    /// Without one the client is a public one, which PKCE alone protects.
    pub client_secret: Option<ClientSecret>,
    /// Where the issuer sends people back to.
    pub redirect: String,
    /// Separated by blanks; `openid` is among them.
    pub scopes: String,
    /// Where the ID token has what people's roles follow from.
    pub claim: ClaimName,
}

/// A text that nobody may read: no log, no error, no page shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret(String);

impl ClientSecret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(..)")
    }
}
