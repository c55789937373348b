//! Who a person is, by the word of an OpenID issuer: the authorization code flow with PKCE, and ID tokens judged against
//! the issuer's keys. It keeps no session, and it must never know what a person may do.

mod address;
mod claim;
mod client;
mod issuer;
mod provider;
mod token;

pub use address::{Address, origin};
pub use claim::ClaimName;
pub use client::ClientError;
pub use issuer::{Issuer, IssuerError, LoginError};
pub use provider::{ClientSecret, Provider};
pub use token::{Attempt, Identity, TokenFault};
