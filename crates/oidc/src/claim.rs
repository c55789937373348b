//! Where in an ID token a person's groups stand, and what stands there.

use serde_json::{Map, Value};

/// More groups than anybody is in.
const VALUES_MAX: usize = 4096;

/// The name of a claim, or the way to one within others, as in `/realm_access/roles` (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimName(String);

impl ClaimName {
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.is_empty() || text == "/" {
            true => Err("is the name of a claim such as groups, or a way to one such as /realm_access/roles"
                .to_owned()),
            false => Ok(Self(text.to_owned())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The texts that stand there: one, or a list of them. Anything else is no group; neither is an address of mail that
    /// the issuer has not verified, since anybody can give anybody's.
    pub(crate) fn values(&self, claims: &Map<String, Value>) -> Vec<String> {
        if self.0 == "email" && claims.get("email_verified") != Some(&Value::Bool(true)) {
            return Vec::new();
        }
        let found = match self.0.strip_prefix('/') {
            None => claims.get(&self.0),
            Some(way) => {
                let (first, rest) =
                    way.split_once('/').map_or((way, None), |(first, rest)| (first, Some(rest)));
                let outer = claims.get(&first.replace("~1", "/").replace("~0", "~"));
                rest.map_or(outer, |rest| outer?.pointer(&format!("/{rest}")))
            }
        };
        match found {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(many)) => {
                many.iter().take(VALUES_MAX).filter_map(|one| one.as_str().map(str::to_owned)).collect()
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn groups_stand_where_the_name_says() {
        let claims = json!({
            "groups": ["sre", 7, "dev"], "role": "sre", "flag": true,
            "realm_access": { "roles": ["admin"], "deep": { "er": "x" } },
            "https://example.org/roles": ["url"], "email": "ada@example.org",
        });
        let claims = claims.as_object().unwrap();
        let values = |name: &str| ClaimName::parse(name).unwrap().values(claims).join(" ");
        assert_eq!(values("groups"), "sre dev");
        assert_eq!(values("role"), "sre");
        assert_eq!(values("/role"), "sre");
        assert_eq!(values("/realm_access/roles"), "admin");
        assert_eq!(values("/realm_access/deep/er"), "x");
        assert_eq!(values("https://example.org/roles"), "url");
        for nothing in ["flag", "realm_access", "/realm_access/none", "none", "/none/x"] {
            assert_eq!(values(nothing), "", "{nothing}");
        }
        assert_eq!(values("email"), "");
        let verified = json!({ "email": "ada@example.org", "email_verified": true });
        let email = ClaimName::parse("email").unwrap();
        assert_eq!(email.values(verified.as_object().unwrap()), ["ada@example.org"]);
        assert!(ClaimName::parse("").is_err() && ClaimName::parse("/").is_err());
    }
}
