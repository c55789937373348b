//! A small OpenID issuer: signs with real keys, gives a code away once, checks PKCE and the client's secret. What it
//! signs can be spoiled, one thing at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) const CLIENT_ID: &str = "casebook";
pub(crate) const CLIENT_SECRET: &str = "s&cret: of the client";

/// A key that signs; the RSA one is made for these tests and used nowhere else.
pub(crate) enum Key {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

/// What a person gets signed, and what is wrong with it.
pub(crate) type Spoil = Box<dyn Fn(&mut Value, &mut Value) + Send>;

pub(crate) struct Issuing {
    pub(crate) address: String,
    pub(crate) key: Key,
    pub(crate) kid: String,
    pub(crate) published: Vec<Value>,
    pub(crate) claims: Value,
    pub(crate) spoil: Option<Spoil>,
    /// Cut off after the header and the claims.
    pub(crate) unsigned: bool,
    pub(crate) refuses: bool,
    pub(crate) keys_asked: usize,
    codes: HashMap<String, HashMap<String, String>>,
}

#[derive(Clone)]
pub(crate) struct Issuer(pub(crate) Arc<Mutex<Issuing>>);

impl Key {
    pub(crate) fn es256() -> Self {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self::Es256(
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap(),
        )
    }

    pub(crate) fn rs256() -> Self {
        Self::Rs256(RsaKeyPair::from_der(include_bytes!("issuer-rsa.der")).unwrap())
    }

    pub(crate) fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Es256(key) => {
                let point = key.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": text(&point[1..33]), "y": text(&point[33..]) })
            }
            Self::Rs256(key) => {
                let RsaPublicKeyComponents { n, e } =
                    RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
                json!({ "kty": "RSA", "kid": kid, "alg": "RS256", "n": text(&n), "e": text(&e) })
            }
        }
    }

    const fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::Rs256(_) => "RS256",
        }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed =
            format!("{}.{}", text(header.to_string().as_bytes()), text(claims.to_string().as_bytes()));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Es256(key) => key.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{signed}.{}", text(&signature))
    }
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Issuer {
    /// Bound, and not serving yet.
    pub(crate) async fn bind(key: Key) -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let issuing = Issuing {
            address,
            published: vec![key.jwk("k1")],
            key,
            kid: "k1".to_owned(),
            claims: json!({ "sub": "248289761001", "name": "Ada Lovelace", "groups": ["sre"] }),
            spoil: None,
            unsigned: false,
            refuses: false,
            keys_asked: 0,
            codes: HashMap::new(),
        };
        (Self(Arc::new(Mutex::new(issuing))), listener)
    }

    pub(crate) async fn start(key: Key) -> Self {
        let (issuer, listener) = Self::bind(key).await;
        drop(issuer.serve(listener));
        issuer
    }

    pub(crate) fn serve(&self, listener: TcpListener) -> JoinHandle<()> {
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/keys", get(keys))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() })
    }

    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut Issuing) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    pub(crate) fn address(&self) -> String {
        self.with(|issuing| issuing.address.clone())
    }

    /// Who comes next, and what groups that person has.
    pub(crate) fn expects(&self, subject: &str, name: &str, groups: &[&str]) {
        let claims = json!({ "sub": subject, "name": name, "groups": groups });
        self.with(|issuing| issuing.claims = claims);
    }
}

async fn configuration(State(issuer): State<Issuer>) -> Json<Value> {
    let address = issuer.address();
    Json(json!({
        "issuer": address,
        "authorization_endpoint": format!("{address}/authorize"),
        "token_endpoint": format!("{address}/token"),
        "jwks_uri": format!("{address}/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
    }))
}

async fn keys(State(issuer): State<Issuer>) -> Json<Value> {
    issuer.with(|issuing| {
        issuing.keys_asked += 1;
        Json(json!({ "keys": issuing.published }))
    })
}

/// The person needs no password, and comes back at once.
async fn authorize(State(issuer): State<Issuer>, Query(asked): Query<HashMap<String, String>>) -> Response {
    assert_eq!((&*asked["response_type"], &*asked["client_id"]), ("code", CLIENT_ID));
    assert_eq!(asked["code_challenge_method"], "S256");
    assert!(asked["scope"].split(' ').any(|scope| scope == "openid"));
    let (back, state) = (asked["redirect_uri"].clone(), asked["state"].clone());
    issuer.with(|issuing| {
        if issuing.refuses {
            let query = "error=access_denied&error_description=%3Cscript%3Enot%20today";
            return Redirect::to(&format!("{back}?{query}&state={state}")).into_response();
        }
        let code = format!("code-{}", issuing.codes.len());
        issuing.codes.insert(code.clone(), asked);
        Redirect::to(&format!("{back}?code={code}&state={state}&session_state=x")).into_response()
    })
}

async fn token(State(issuer): State<Issuer>, headers: HeaderMap, body: String) -> Response {
    let form: HashMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let basic = STANDARD.encode(format!("{}:{}", encoded(CLIENT_ID), encoded(CLIENT_SECRET)));
    if headers.get("authorization").is_none_or(|value| value != &format!("Basic {basic}")) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" }))).into_response();
    }
    assert_eq!(form["grant_type"], "authorization_code");
    issuer.with(|issuing| {
        let asked = issuing.codes.get_mut(&form["code"]).map(std::mem::take).unwrap_or_default();
        let challenge = text(digest(&SHA256, form["code_verifier"].as_bytes()).as_ref());
        let fits = |name: &str, value: &str| asked.get(name).is_some_and(|said| said == value);
        if !fits("code_challenge", &challenge) || !fits("redirect_uri", &form["redirect_uri"]) {
            let refusal = json!({ "error": "invalid_grant", "error_description": "no such code" });
            return (StatusCode::BAD_REQUEST, Json(refusal)).into_response();
        }
        let now_s = server::now().as_secs();
        let mut header = json!({ "alg": issuing.key.algorithm(), "kid": issuing.kid, "typ": "JWT" });
        let mut claims = issuing.claims.clone();
        let standing = json!({ "iss": issuing.address, "aud": CLIENT_ID, "nonce": asked["nonce"], "iat": now_s, "exp": now_s + 300 });
        claims.as_object_mut().unwrap().extend(standing.as_object().unwrap().clone());
        if let Some(spoil) = &issuing.spoil {
            spoil(&mut header, &mut claims);
        }
        let mut token = issuing.key.sign(&header, &claims);
        if issuing.unsigned {
            token.truncate(token.rfind('.').unwrap() + 1);
        }
        let answer = json!({ "access_token": "a", "token_type": "Bearer", "id_token": token });
        Json(answer).into_response()
    })
}
