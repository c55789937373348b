//! What an issuer says of itself (OpenID Connect Discovery 1.0), judged before any of it is used.

use serde::Deserialize;

use crate::Address;

#[derive(Debug)]
pub(super) struct Metadata {
    pub authorization_endpoint: Address,
    pub token_endpoint: Address,
    pub jwks_uri: Address,
    token_endpoint_auth_methods: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Said {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
}

impl Metadata {
    /// An issuer over https has all its end points there; one on this machine may have them anywhere.
    pub(super) fn parse(text: &[u8], issuer: &Address) -> Result<Self, String> {
        let said: Said = serde_json::from_slice(text)
            .map_err(|error| format!("its configuration cannot be understood: {error}"))?;
        if said.issuer != issuer.as_str() {
            return Err(format!("it calls itself {:?}; --oidc-issuer has to say the same", said.issuer));
        }
        let signs = |with: &Vec<String>| with.iter().any(|one| one == "RS256" || one == "ES256");
        if !said.id_token_signing_alg_values_supported.as_ref().is_none_or(signs) {
            return Err("it signs ID tokens with neither RS256 nor ES256".to_owned());
        }
        let address = |what: &str, text: &str| match Address::parse(text) {
            Ok(address) if address.is_https() || !issuer.is_https() => Ok(address),
            Ok(_) => Err(format!("its {what} is not on https")),
            Err(fault) => Err(format!("its {what}: {fault}")),
        };
        Ok(Self {
            authorization_endpoint: address("authorization_endpoint", &said.authorization_endpoint)?,
            token_endpoint: address("token_endpoint", &said.token_endpoint)?,
            jwks_uri: address("jwks_uri", &said.jwks_uri)?,
            token_endpoint_auth_methods: said.token_endpoint_auth_methods_supported,
        })
    }

    /// The one that issuers take who do not say which.
    pub(super) fn takes_basic(&self) -> bool {
        let has = |name: &str| {
            self.token_endpoint_auth_methods.as_ref().is_some_and(|all| all.iter().any(|one| one == name))
        };
        has("client_secret_basic") || !has("client_secret_post")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_the_issuer_says_of_itself_and_over_https_counts() {
        let issuer = Address::parse("https://id.example.org").unwrap();
        let whole = json!({
            "issuer": "https://id.example.org",
            "authorization_endpoint": "https://id.example.org/authorize",
            "token_endpoint": "https://id.example.org/token",
            "jwks_uri": "https://keys.example.org/jwks",
        });
        let parse = |name: &str, value: serde_json::Value| {
            let mut document = whole.clone();
            document[name] = value;
            Metadata::parse(document.to_string().as_bytes(), &issuer)
        };
        assert!(parse("x", json!(1)).unwrap().takes_basic());
        let posts = parse("token_endpoint_auth_methods_supported", json!(["client_secret_post"])).unwrap();
        assert!(!posts.takes_basic());
        for (name, value) in [
            ("issuer", json!("https://id.example.org/")),
            ("issuer", json!("https://evil.example.org")),
            ("token_endpoint", json!("http://id.example.org/token")),
            ("jwks_uri", json!("http://127.0.0.1/jwks")),
            ("authorization_endpoint", json!("javascript:alert(1)")),
            ("jwks_uri", json!(null)),
            ("id_token_signing_alg_values_supported", json!(["HS256", "none"])),
        ] {
            assert!(parse(name, value.clone()).is_err(), "{name} {value}");
        }
    }
}
