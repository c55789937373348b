//! ID tokens: whose word counts, and for how long. Pure: time is an argument.

mod claims;
mod jws;
mod keys;

pub use claims::{Attempt, Identity};
pub(crate) use claims::{Expected, judge};
pub(crate) use jws::verify;
pub(crate) use keys::KeySet;

/// Why an ID token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    #[error("the ID token is no signed JSON Web Token")]
    Malformed,
    #[error("the ID token is not signed with RS256 or ES256")]
    Algorithm,
    #[error("the ID token is signed with a key that the issuer does not publish")]
    UnknownKey,
    #[error("the signature of the ID token is wrong")]
    Signature,
    #[error("the ID token is another issuer's")]
    Issuer,
    #[error("the ID token is for another client")]
    Audience,
    #[error("the ID token has expired")]
    Expired,
    #[error("the ID token was issued in the future; compare the clocks of issuer and server")]
    Future,
    #[error("the ID token belongs to another login")]
    Nonce,
    #[error("the ID token names nobody: its subject is missing, too long or no plain text")]
    Subject,
}

impl TokenFault {
    /// For metrics and the audit.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "token_malformed",
            Self::Algorithm => "token_algorithm",
            Self::UnknownKey => "token_unknown_key",
            Self::Signature => "token_signature",
            Self::Issuer => "token_issuer",
            Self::Audience => "token_audience",
            Self::Expired => "token_expired",
            Self::Future => "token_future",
            Self::Nonce => "token_nonce",
            Self::Subject => "token_subject",
        }
    }
}

#[cfg(test)]
mod tests;
