//! Tokens of every kind that must not count, beside those that do.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::*;
use crate::ClaimName;

const NOW_S: u64 = 1_800_000_000;

struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap())
    }

    fn jwk(&self, kid: &str) -> Value {
        let point = self.0.public_key().as_ref();
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": text(&point[1..33]), "y": text(&point[33..]) })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", text(header), text(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn keys(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example.org", "aud": "casebook", "sub": "248289761001", "nonce": "n",
        "iat": NOW_S, "exp": NOW_S + 300, "name": "Ada", "groups": ["sre"],
    })
}

fn judged(claims: &Value) -> Result<Identity, TokenFault> {
    let claim = ClaimName::parse("groups").unwrap();
    let expected =
        Expected { issuer: "https://id.example.org", client_id: "casebook", nonce: "n", claim: &claim };
    judge(claims.to_string().as_bytes(), expected, NOW_S)
}

#[test]
fn a_signature_counts_by_the_key_that_the_issuer_publishes_and_by_no_other() {
    let (ours, other) = (Signer::new(), Signer::new());
    let known = keys(&[ours.jwk("a"), other.jwk("b")]);
    let header = json!({ "alg": "ES256", "kid": "a" });
    let token = ours.sign(&header, &claims());
    assert_eq!(serde_json::from_slice::<Value>(&verify(&token, &known).unwrap()).unwrap(), claims());

    let stolen = other.sign(&header, &claims());
    assert_eq!(verify(&stolen, &known), Err(TokenFault::Signature));
    for (kid, fault) in [(json!("c"), TokenFault::UnknownKey), (json!(null), TokenFault::UnknownKey)] {
        let token = ours.sign(&json!({ "alg": "ES256", "kid": kid }), &claims());
        assert_eq!(verify(&token, &known), Err(fault));
    }
    let nameless = ours.sign(&json!({ "alg": "ES256" }), &claims());
    assert!(verify(&nameless, &keys(&[ours.jwk("a")])).is_ok());
    for alg in ["none", "None", "HS256", "ES384", "RS512", ""] {
        let token = ours.sign(&json!({ "alg": alg, "kid": "a" }), &claims());
        assert_eq!(verify(&token, &known), Err(TokenFault::Algorithm), "{alg}");
    }
    // A key of one kind is never used for the other's algorithm.
    let token = ours.sign(&json!({ "alg": "RS256", "kid": "a" }), &claims());
    assert_eq!(verify(&token, &known), Err(TokenFault::UnknownKey));
    let critical = ours.sign(&json!({ "alg": "ES256", "kid": "a", "crit": ["x"] }), &claims());
    assert_eq!(verify(&critical, &known), Err(TokenFault::Malformed));
}

#[test]
fn a_token_that_was_touched_anywhere_does_not_count() {
    let ours = Signer::new();
    let known = keys(&[ours.jwk("a")]);
    let token = ours.sign(&json!({ "alg": "ES256", "kid": "a" }), &claims());
    for at in 0..token.len() {
        let mut touched = token.clone().into_bytes();
        touched[at] = if touched[at] == b'A' { b'B' } else { b'A' };
        let touched = String::from_utf8(touched).unwrap();
        assert!(verify(&touched, &known).is_err(), "{at}");
        assert!(verify(&token[..at], &known).is_err(), "cut at {at}");
    }
    for odd in
        ["", ".", "..", "...", "a.b.c", &format!("{token}."), &format!("{token}="), &format!(" {token}")]
    {
        assert!(verify(odd, &known).is_err(), "{odd}");
    }
}

#[test]
fn keys_for_other_uses_are_passed_over() {
    let ours = Signer::new();
    let with = |name: &str, value: Value| {
        let mut key = ours.jwk("a");
        key[name] = value;
        KeySet::parse(json!({ "keys": [{ "kty": "oct", "k": "eA" }, 7, key] }).to_string().as_bytes()).is_ok()
    };
    assert!(with("use", json!("sig")) && with("alg", json!("ES256")) && with("key_ops", json!(["verify"])));
    for (name, value) in [
        ("use", json!("enc")),
        ("alg", json!("ES384")),
        ("key_ops", json!(["encrypt"])),
        ("crv", json!("P-384")),
        ("x", json!("AAAA")),
        ("kty", json!("OKP")),
    ] {
        assert!(!with(name, value.clone()), "{name} {value}");
    }
}

#[test]
fn what_a_token_says_has_to_fit_in_every_part() {
    let identity = judged(&claims()).unwrap();
    let expected = Identity {
        subject: "248289761001".to_owned(),
        shown: Some("Ada".to_owned()),
        values: vec!["sre".to_owned()],
    };
    assert_eq!(identity, expected);
    for (name, value, fault) in [
        ("iss", json!("https://evil.example.org"), TokenFault::Issuer),
        ("iss", json!(null), TokenFault::Issuer),
        ("aud", json!("other"), TokenFault::Audience),
        ("aud", json!([]), TokenFault::Audience),
        ("aud", json!(["casebook", "other"]), TokenFault::Audience),
        ("azp", json!("other"), TokenFault::Audience),
        ("azp", json!(7), TokenFault::Audience),
        ("exp", json!(NOW_S - 60), TokenFault::Expired),
        ("exp", json!(null), TokenFault::Malformed),
        ("exp", json!("soon"), TokenFault::Malformed),
        ("iat", json!(NOW_S + 61), TokenFault::Future),
        ("nbf", json!(NOW_S + 61), TokenFault::Future),
        ("nonce", json!("m"), TokenFault::Nonce),
        ("nonce", json!(null), TokenFault::Nonce),
        ("sub", json!(""), TokenFault::Subject),
        ("sub", json!(7), TokenFault::Subject),
        ("sub", json!("a b"), TokenFault::Subject),
        ("sub", json!("a\n"), TokenFault::Subject),
        ("sub", json!("x".repeat(256)), TokenFault::Subject),
    ] {
        let mut claims = claims();
        claims[name] = value.clone();
        assert_eq!(judged(&claims), Err(fault), "{name} {value}");
    }
    for (name, value) in [
        ("aud", json!(["casebook"])),
        ("azp", json!("casebook")),
        ("exp", json!(NOW_S - 59)),
        ("iat", json!(NOW_S + 59)),
        ("iat", json!(NOW_S as f64 + 0.5)),
    ] {
        let mut claims = claims();
        claims[name] = value.clone();
        assert!(judged(&claims).is_ok(), "{name} {value}");
    }
    let mut shared = claims();
    (shared["aud"], shared["azp"]) = (json!(["casebook", "other"]), json!("casebook"));
    assert!(judged(&shared).is_ok());
}
