//! What an ID token says, judged: by whom, for whom, when, for which login, and of whom (OpenID Connect Core 3.1.3.7).

use serde_json::{Map, Value};

use super::TokenFault;
use crate::ClaimName;

/// How far the clocks of issuer and server may be apart.
const SKEW_S: i64 = 60;
/// The specification allows 255.
const SUBJECT_BYTES_MAX: usize = 255;

/// What belongs to one login and to no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub state: String,
    pub nonce: String,
    /// Of PKCE.
    pub verifier: String,
}

/// A person, as the issuer knows it. Text from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub subject: String,
    /// What people are shown; not unique, and the person may have chosen it.
    pub shown: Option<String>,
    /// What stands in the claim that roles follow from.
    pub values: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    pub claim: &'a ClaimName,
}

pub(crate) fn judge(payload: &[u8], expected: Expected<'_>, now_s: u64) -> Result<Identity, TokenFault> {
    let claims: Map<String, Value> = serde_json::from_slice(payload).map_err(|_| TokenFault::Malformed)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(TokenFault::Issuer);
    }
    if !is_for(&claims, expected.client_id) {
        return Err(TokenFault::Audience);
    }
    check_times(&claims, i64::try_from(now_s).unwrap_or(i64::MAX))?;
    if text("nonce") != Some(expected.nonce) {
        return Err(TokenFault::Nonce);
    }
    let subject = text("sub").ok_or(TokenFault::Subject)?;
    let is_plain = subject.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plain || !(1..=SUBJECT_BYTES_MAX).contains(&subject.len()) {
        return Err(TokenFault::Subject);
    }
    let mut names = ["name", "preferred_username", "email"].into_iter();
    let shown = names.find_map(|name| text(name).filter(|shown| !shown.trim().is_empty()));
    Ok(Identity {
        subject: subject.to_owned(),
        shown: shown.map(str::to_owned),
        values: expected.claim.values(&claims),
    })
}

/// We are meant, and where others are as well, the token was handed to us.
fn is_for(claims: &Map<String, Value>, client_id: &str) -> bool {
    let (names_us, names_others) = match claims.get("aud") {
        Some(Value::String(one)) => (one == client_id, false),
        Some(Value::Array(many)) => (
            many.iter().any(|one| one.as_str() == Some(client_id)),
            many.iter().any(|one| one.as_str() != Some(client_id)),
        ),
        _ => (false, false),
    };
    let handed_to = claims.get("azp");
    let is_handed_to_us = handed_to.is_some_and(|azp| azp.as_str() == Some(client_id));
    names_us && (is_handed_to_us || handed_to.is_none() && !names_others)
}

fn check_times(claims: &Map<String, Value>, now_s: i64) -> Result<(), TokenFault> {
    let seconds = |name: &str| match claims.get(name) {
        None => Ok(None),
        // Some issuers write parts of a second.
        Some(value) => value.as_f64().map(|seconds| Some(seconds as i64)).ok_or(TokenFault::Malformed),
    };
    let expires = seconds("exp")?.ok_or(TokenFault::Malformed)?;
    let issued = seconds("iat")?.ok_or(TokenFault::Malformed)?;
    if expires.saturating_add(SKEW_S) <= now_s {
        return Err(TokenFault::Expired);
    }
    let not_before = seconds("nbf")?.unwrap_or(issued);
    if issued.max(not_before).saturating_sub(SKEW_S) > now_s {
        return Err(TokenFault::Future);
    }
    Ok(())
}
